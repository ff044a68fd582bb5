//! The Security World as a client sees it: worlds, key files, card sets, loaded keys and their failover. It never knows what is behind the socket.

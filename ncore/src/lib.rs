//! The nCore protocol both ends speak: codes, structures, commands, frames, the client connection. It does no cryptography.

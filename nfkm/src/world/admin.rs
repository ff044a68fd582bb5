//! Making worlds.

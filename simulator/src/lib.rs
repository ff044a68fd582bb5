//! The far side of the socket: the hardserver and the emulated modules. Nothing above the socket links it, harnesses excepted.

pub mod crypto;
pub mod job;
pub mod seed;

//! The far side of the socket: the hardserver and the emulated modules. Nothing above the socket links it, harnesses excepted.

pub mod cards;
pub mod crypto;
pub mod job;
pub mod module;
pub mod record;
pub mod seed;
pub mod store;

//! The far side of the socket: the hardserver and the emulated modules. Nothing above the socket links it, harnesses excepted.

#![forbid(unsafe_code)]

pub mod cards;
pub mod config;
pub mod control;
pub mod crypto;
pub mod environment;
pub mod faults;
mod folders;
pub mod hardserver;
pub mod job;
pub mod logging;
pub mod module;
pub mod options;
mod power;
pub mod profile;
pub mod record;
pub mod seed;
pub mod store;

pub use hardserver::{Endpoints, KnetiHash, Server, StartError, serve};
pub use options::Options;

//! Keys and containers, against a hardserver with two modules of one Security World in this process.

mod containers;
mod discrete;
#[cfg(unix)]
mod processes;
mod rig;

//! Scripts of commands against one module.

mod rig;

mod admission;
mod blobs;
mod certificates;
mod clock;
mod counters;
mod determinism;
mod files;
mod keys;
mod limits;
mod modes;
mod module_state;
mod nvram;
mod operations;
mod robustness;
mod state;
mod support;
mod tickets;
mod tokens;

//! The hardserver over real sockets.

mod bad_input;
mod clients;
mod control;
mod crowd;
mod determinism;
mod enquiry;
mod faults;
mod lifecycle;
mod merged;
mod pace;
mod plugging;
mod pool;
mod raw;
mod remote;
mod rig;
mod routing;

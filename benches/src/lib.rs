//! Throughput and latency measurements of the whole stack.
//!
//! Everything is measured through the functions an application calls and a real socket, against a hardserver in a process
//! of its own. Figures are compared within one run, never with figures of another machine or another day.

pub mod alternate;
pub mod bare;
pub mod counted;
pub mod disk;
pub mod load;
pub mod openssl;
pub mod pooled;
pub mod stack;
#[allow(unsafe_code)]
pub mod sys;

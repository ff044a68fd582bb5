//! The locks of a flow: the standard library's here, loom's where `tests/flow.rs` tries the orders of its threads.

pub(super) use std::sync::{Mutex, MutexGuard};

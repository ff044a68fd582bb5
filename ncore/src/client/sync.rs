//! Locks and time as the connection's threads see them: the standard library's here, loom's in the tests that try the
//! orders of the threads.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::time::Instant;

//! The table's locks: the standard library's here, loom's where `tests/handles.rs` tries the orders of its threads.

pub(super) use std::sync::{Arc, PoisonError, RwLock};

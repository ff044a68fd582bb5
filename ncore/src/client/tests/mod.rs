//! The connection without a hardserver: its slots alone, and its threads in every order.

#[allow(clippy::duplicate_mod)] // The same files again, over other locks.
mod orders;
mod slots;

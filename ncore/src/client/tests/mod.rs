//! The connection without a hardserver: its slots alone, and its threads in every order.

mod orders;
mod slots;

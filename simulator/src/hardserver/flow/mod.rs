//! How the commands of one connection flow: whose turn it is to read them, when reading rests, and when nothing more will
//! come.

mod sync;
mod turns;

pub(super) use turns::{Flow, Limits, Turn};

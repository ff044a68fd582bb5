//! The Security World utilities: enquiry, nfkminfo, new-world. They speak to a module through nfkm and ncore alone.
//!
//! A utility is a module here with a function `main`; the executables only call it. What it prints is made by functions
//! of plain values, so that tests see whole reports.

#![forbid(unsafe_code)]

mod cli;
mod emulator;
pub mod enquiry;
pub mod layout;
pub mod new_world;
pub mod nfkminfo;
mod terminal;
mod time;

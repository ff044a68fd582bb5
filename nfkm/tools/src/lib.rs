//! The Security World utilities: new-world, createocs, nfkminfo, rocs and others. They speak to a module through nfkm and
//! ncore alone.
//!
//! A utility is a module here with a function `main`; the executables only call it. What it prints is made by functions
//! of plain values, so that tests see whole reports.

#![forbid(unsafe_code)]

mod card_files;
pub mod cardpp;
mod cli;
pub mod createocs;
mod emulator;
pub mod enquiry;
pub mod layout;
pub mod new_world;
pub mod nfkminfo;
pub mod ppmk;
pub mod rocs;
pub mod slotinfo;
pub mod slots;
mod terminal;
mod time;
mod values;

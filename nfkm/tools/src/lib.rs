//! The Security World utilities: new-world, createocs, nfkminfo, rocs and others. They speak to a module through nfkm and
//! ncore alone.
//!
//! A utility is a module here with a function `main`; the executables only call it. What it prints is made by functions
//! of plain values, so that tests see whole reports. What all utilities share, [`cli`], [`terminal`], [`values`] and
//! [`card_files`], is public for those of other crates.

#![forbid(unsafe_code)]

pub mod card_files;
pub mod cardpp;
pub mod cli;
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
pub mod terminal;
pub mod time;
pub mod values;

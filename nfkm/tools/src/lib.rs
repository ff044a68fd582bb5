//! The Security World utilities: new-world, createocs, nfkminfo, rocs and others. They speak to a module through nfkm and
//! ncore alone.
//!
//! A utility is a module here with a function `main`; the executables only call it. What it prints is made by functions
//! of plain values, so that tests see whole reports. What all utilities share, [`cli`], [`terminal`], [`progress`],
//! [`values`] and [`card_files`], is public for those of other crates.

#![forbid(unsafe_code)]

mod acl;
pub mod card_files;
pub mod cardpp;
pub mod checkmod;
pub mod cli;
pub mod createocs;
mod emulator;
pub mod enquiry;
pub mod floodtest;
pub mod generatekey;
pub mod initunit;
pub mod layout;
mod load;
mod modules;
pub mod new_world;
pub mod nfkmcheck;
pub mod nfkminfo;
pub mod nfkmverify;
pub mod nopclearfail;
pub mod nvram_sw;
pub mod perfcheck;
pub mod ppmk;
pub mod preload;
pub mod progress;
pub mod racs;
pub mod rocs;
pub mod rtc;
pub mod slotinfo;
pub mod slots;
pub mod stattree;
pub mod terminal;
pub mod time;
pub mod values;

/// The command lines of all utilities, by name.
pub fn commands() -> Vec<clap::Command> {
    vec![
        cardpp::command(),
        checkmod::command(),
        createocs::command(),
        enquiry::command(),
        floodtest::command(),
        generatekey::command(),
        initunit::command(),
        new_world::command(),
        nfkmcheck::command(),
        nfkminfo::command(),
        nfkmverify::command(),
        nopclearfail::command(),
        nvram_sw::command(),
        perfcheck::command(),
        ppmk::command(),
        preload::command(),
        racs::command(),
        rocs::command(),
        rtc::command(),
        slotinfo::command(),
        stattree::command(),
    ]
}

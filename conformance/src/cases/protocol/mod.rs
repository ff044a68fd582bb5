//! The commands of the protocol, one file a family: what one command does by itself and with others, beyond that it
//! succeeds and refuses.

use crate::case::Case;

mod certificates;
mod channels;
mod commands;
mod dsa;
mod kit;
mod lists;
mod rsa;
mod symmetric;
mod words;

/// The tables of the families.
pub(super) const FAMILIES: [&[Case]; 8] = [
    lists::CASES,
    certificates::CASES,
    rsa::CASES,
    symmetric::CASES,
    channels::CASES,
    dsa::CASES,
    commands::CASES,
    words::CASES,
];

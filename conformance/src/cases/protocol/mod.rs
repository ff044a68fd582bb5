//! The commands of the protocol, one file a family: what one command does by itself and with others, beyond that it
//! succeeds and refuses.

use crate::case::Case;

mod arithmetic;
mod certificates;
mod channels;
mod clock;
mod commands;
mod dsa;
mod files;
mod handover;
mod kit;
mod lists;
mod modules;
mod nvram;
mod pool;
mod quorums;
mod readers;
mod rsa;
mod states;
mod strict;
mod symmetric;
mod words;
mod wrapping;

/// The tables of the families.
pub(super) const FAMILIES: [&[Case]; 20] = [
    lists::CASES,
    certificates::CASES,
    rsa::CASES,
    symmetric::CASES,
    channels::CASES,
    dsa::CASES,
    commands::CASES,
    words::CASES,
    modules::CASES,
    wrapping::CASES,
    quorums::CASES,
    readers::CASES,
    handover::CASES,
    arithmetic::CASES,
    nvram::CASES,
    files::CASES,
    states::CASES,
    strict::CASES,
    pool::CASES,
    clock::CASES,
];

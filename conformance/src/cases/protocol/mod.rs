//! The commands of the protocol, one file a family: what one command does by itself and with others, beyond that it
//! succeeds and refuses.

use crate::case::Case;

mod certificates;
mod channels;
mod dsa;
mod kit;
mod lists;
mod rsa;
mod symmetric;

/// The tables of the families.
pub(super) const FAMILIES: [&[Case]; 6] = [
    lists::CASES,
    certificates::CASES,
    rsa::CASES,
    symmetric::CASES,
    channels::CASES,
    dsa::CASES,
];

//! The commands of the protocol, one file a family: what one command does by itself and with others, beyond that it
//! succeeds and refuses.

use crate::case::Case;

mod certificates;
mod kit;
mod lists;

/// The tables of the families.
pub(super) const FAMILIES: [&[Case]; 2] = [lists::CASES, certificates::CASES];

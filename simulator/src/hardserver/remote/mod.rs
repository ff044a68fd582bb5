//! Modules on other hosts: one hardserver imports them from another.
//!
//! An exporter listens (`export`); an importer keeps one link to it for each module that it imports (`link`), and puts the
//! module into its table as one more (`imported`). What goes over the link is not a client's connection but the seam
//! between a hardserver and a module, the job ([`crate::job`]): the importer keeps its clients, chooses their identifiers
//! and their randomness, so that pools and merged keys go across hosts; the exporter has the module, its engines and its
//! clock. `message` has the layout.
//!
//! The transport of genuine hardservers, the impath, is unpublished. Ours is TLS 1.3 with bare public keys (`tls`), each
//! end knowing the other by its key's hash, as genuine hardservers know each other by HKNETI.

mod export;
mod imported;
mod jobs;
mod kneti;
mod link;
mod message;
mod tls;

#[cfg(test)]
mod tests;

pub(super) use self::export::{Exporter, Guests};
pub(crate) use self::imported::Imported;
pub(super) use self::imported::{Outgoing, Parcel};
pub(super) use self::kneti::Kneti;
pub use self::kneti::{KnetiError, KnetiHash, NotAHash};
pub(super) use self::link::Links;
pub(super) use self::message::link_profile;

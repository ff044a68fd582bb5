//! The cases, one file a family, or a few. A file's table comes first, the functions below it in the same order.

use crate::case::Case;

mod acquire;
mod agreement;
mod blobs;
#[cfg(feature = "embedded")]
mod cardsets;
mod cipher;
mod client;
mod containers;
mod contexts;
mod derive;
mod dss;
mod edges;
mod entry;
mod exports;
#[cfg(feature = "embedded")]
mod failover;
mod family;
mod fixed_dh;
#[cfg(feature = "embedded")]
mod frames;
#[cfg(feature = "embedded")]
mod handshake;
mod hash;
mod hash_params;
mod imports;
mod keyblobs;
mod keyed;
mod keys;
mod kit;
mod known_ciphers;
mod known_hashes;
mod known_rsa;
mod lengths;
mod merged;
#[cfg(feature = "embedded")]
mod modes;
mod objects;
mod operations;
mod pair_numbers;
mod pairs;
mod params;
mod pregen;
#[cfg(feature = "embedded")]
mod prompts;
#[cfg(feature = "embedded")]
mod protocol;
mod provider;
mod salts;
mod schannel;
mod server;
mod session_blobs;
mod sign;
mod signatures;
mod tickets;
mod tokens;
mod verification;
mod walks;

/// Every case, family by family.
pub fn all() -> Vec<&'static Case> {
    let families: &[&'static [Case]] = &[
        acquire::CASES,
        keys::CASES,
        sign::CASES,
        hash::CASES,
        cipher::CASES,
        blobs::CASES,
        provider::CASES,
        schannel::CASES,
        fixed_dh::CASES,
        dss::CASES,
        entry::CASES,
        lengths::CASES,
        derive::CASES,
        params::CASES,
        salts::CASES,
        pairs::CASES,
        pair_numbers::CASES,
        hash_params::CASES,
        keyed::CASES,
        contexts::CASES,
        walks::CASES,
        imports::CASES,
        session_blobs::CASES,
        edges::CASES,
        agreement::CASES,
        pregen::CASES,
        exports::CASES,
        signatures::CASES,
        verification::CASES,
        containers::CASES,
        known_ciphers::CASES,
        known_hashes::CASES,
        known_rsa::CASES,
        #[cfg(feature = "embedded")]
        handshake::CASES,
        client::CASES,
        server::CASES,
        #[cfg(feature = "embedded")]
        frames::CASES,
        objects::CASES,
        operations::CASES,
        keyblobs::CASES,
        tokens::CASES,
        #[cfg(feature = "embedded")]
        cardsets::CASES,
        tickets::CASES,
        merged::CASES,
        #[cfg(feature = "embedded")]
        modes::CASES,
        #[cfg(feature = "embedded")]
        failover::CASES,
    ];
    let families = families.iter().copied();
    #[cfg(feature = "embedded")]
    let families = families.chain(prompts::FAMILIES).chain(protocol::FAMILIES);
    families.flatten().collect()
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use std::collections::BTreeSet;

    use simulator::module::support::{Support, table};

    use super::*;
    use crate::coverage::{Subject, gaps};

    #[test]
    fn every_id_is_one_cases_own_and_well_formed() {
        let mut seen = BTreeSet::new();
        for case in all() {
            assert!(seen.insert(case.id), "{} is there twice", case.id);
            let good = |character: char| {
                character.is_ascii_lowercase()
                    || character.is_ascii_digit()
                    || "-.".contains(character)
            };
            assert!(
                case.id.chars().all(good) && case.id.contains('.'),
                "{}",
                case.id
            );
            assert!(
                !case.title.is_empty() && !case.title.ends_with('.'),
                "{}: {}",
                case.id,
                case.title
            );
            assert!(!case.source.is_empty(), "{}", case.id);
        }
    }

    #[test]
    fn every_implemented_command_has_a_success_and_a_refusal() {
        let implemented = table()
            .filter(|(_, support)| !matches!(support, Support::Refused(_)))
            .map(|(cmd, _)| Subject::Command(cmd.0));
        let gaps = gaps(&all(), implemented);
        assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    }
}

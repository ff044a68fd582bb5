//! What a card is to a host: whose shares are on it.

use std::fmt;

use ncore::Status;
use ncore::types::{AdminToken, GetSlotInfoReply, TokenInfo};

use crate::kmdata::{AdminTokenRecord, CardSetRecord};
use crate::world::World;
use crate::{Hash, ZERO_HASH};

/// What a host knows of the cards it may meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The world's module key, to which its operator cards are bound.
    pub hkm: Option<Hash>,
    /// The world's administrator tokens.
    pub tokens: Vec<AdminTokenRecord>,
    /// The world's operator card sets.
    pub sets: Vec<CardSetRecord>,
}

impl Known {
    /// The cards of a world, if there is one, and of these sets.
    pub fn new(world: Option<&World>, sets: Vec<CardSetRecord>) -> Known {
        Known {
            hkm: world.map(World::hkm),
            tokens: world.map_or_else(Vec::new, |world| world.record.tokens.clone()),
            sets,
        }
    }
}

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardContent {
    /// Nothing.
    Empty,
    /// A card that was never formatted.
    Unformatted,
    /// A formatted card with nothing on it.
    Blank,
    /// An administrator card of this world.
    Admin {
        /// Its number in the set, from 1.
        number: u32,
        /// The tokens of which it has a share, and whether that needs the pass phrase.
        shares: Vec<(AdminToken, bool)>,
    },
    /// An operator card of this world.
    Operator {
        /// Its number in the set, from 1.
        number: u32,
        /// The set.
        set: Box<CardSetRecord>,
        /// Whether it has a pass phrase.
        passphrase: bool,
    },
    /// A card bound to a module key that is not this world's, or that this module lacks: only a module of the card's own
    /// world can read or erase it.
    Foreign,
    /// A card with shares or files that nothing is known of, or no card of this kind.
    Unknown,
    /// A card whose content is damaged.
    Damaged,
    /// A card the reader has trouble with.
    Error(Status),
}

impl CardContent {
    /// Judges a slot by its insertion counter and the module's answer to GetSlotInfo; TokenAuthFailed in place of the answer
    /// of a module that cannot see what is on the card ([`is_locked`](super::is_locked)).
    pub fn of(ic: u32, answer: Result<&GetSlotInfoReply, Status>, known: &Known) -> CardContent {
        if ic == 0 {
            return CardContent::Empty;
        }
        match answer {
            Ok(content) => CardContent::of_readable(content, known),
            Err(Status::PhysTokenNotPresent) => CardContent::Empty,
            Err(Status::TokenNotFormatted) => CardContent::Unformatted,
            Err(Status::UnknownTokenType) => CardContent::Unknown,
            Err(Status::BadTokenData) => CardContent::Damaged,
            Err(Status::TokenAuthFailed) => CardContent::Foreign,
            Err(status) => CardContent::Error(status),
        }
    }

    fn of_readable(content: &GetSlotInfoReply, known: &Known) -> CardContent {
        let passphrase = |share: &TokenInfo| share.flags & TokenInfo::PIN_PRESENT != 0;
        // First the operator sets: in a strict FIPS world their cards carry a share of an administrator token too.
        for share in &content.tokens {
            if let Some(set) = known
                .sets
                .iter()
                .find(|set| set.hkltu.starts_with(&share.hkt))
            {
                return CardContent::Operator {
                    number: share.i,
                    set: Box::new(set.clone()),
                    passphrase: passphrase(share),
                };
            }
        }
        let admin = |share: &TokenInfo| {
            let token = known
                .tokens
                .iter()
                .find(|token| token.hkt.starts_with(&share.hkt))?;
            Some((AdminToken(token.role), passphrase(share)))
        };
        let shares: Vec<_> = content.tokens.iter().filter_map(admin).collect();
        match content.tokens.first() {
            // A share of LTFIPS alone is on operator cards too, and on the administrator cards that were replaced.
            Some(first) if shares.iter().any(|(role, _)| *role != AdminToken::FIPS) => {
                CardContent::Admin {
                    number: first.i,
                    shares,
                }
            }
            None if content.auth_key != ZERO_HASH && Some(content.auth_key) != known.hkm => {
                CardContent::Foreign
            }
            None if content.files.is_empty() => CardContent::Blank,
            _ => CardContent::Unknown,
        }
    }

    /// Whether nothing is lost when it is written over.
    pub fn is_blank(&self) -> bool {
        matches!(self, CardContent::Unformatted | CardContent::Blank)
    }
}

/// As the vendor's transcripts have it (UTILITIES section 4.3).
impl fmt::Display for CardContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CardContent::Empty => formatter.write_str("empty"),
            CardContent::Unformatted => formatter.write_str("unformatted card"),
            CardContent::Blank => formatter.write_str("blank card"),
            CardContent::Admin { number, .. } => write!(formatter, "Admin Card #{number}"),
            CardContent::Operator { number, set, .. } => {
                write!(formatter, "`{}' #{number}", set.name)
            }
            CardContent::Foreign => formatter.write_str("foreign card"),
            CardContent::Unknown => formatter.write_str("unknown card"),
            CardContent::Damaged => formatter.write_str("damaged card"),
            CardContent::Error(status) => write!(formatter, "card error: {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let token = |role: AdminToken, byte| AdminTokenRecord {
            role: role.0,
            hkt: [byte; 20],
            hkm: [0; 20],
            flags: 0,
            shares_needed: 1,
            shares_total: 1,
            time_limit: 0,
        };
        let set = CardSetRecord {
            name: "ops".to_owned(),
            hkltu: [7; 20],
            shares_needed: 1,
            shares_total: 2,
            time_limit: 0,
            persistent: true,
            remote: false,
            passphrase_recovery: false,
            card_names: vec![String::new(); 2],
            gentime: 0,
            soft: false,
        };
        Known {
            hkm: Some([5; 20]),
            tokens: vec![token(AdminToken::NSO, 1), token(AdminToken::FIPS, 2)],
            sets: vec![set],
        }
    }

    fn check(auth_key: Hash, shares: &[u8], expected: &str) {
        let tokens = shares
            .iter()
            .map(|byte| TokenInfo {
                flags: 0,
                hkt: [*byte; 10],
                i: 2,
            })
            .collect();
        let answer = GetSlotInfoReply {
            auth_key,
            tokens,
            ..GetSlotInfoReply::default()
        };
        assert_eq!(
            CardContent::of(1, Ok(&answer), &known()).to_string(),
            expected
        );
    }

    #[test]
    fn a_card_is_named_by_its_shares_and_by_the_key_it_is_bound_to() {
        check(ZERO_HASH, &[], "blank card");
        check([5; 20], &[], "blank card");
        check([6; 20], &[], "foreign card");
        check(ZERO_HASH, &[1], "Admin Card #2");
        check([5; 20], &[7], "`ops' #2");
        check([5; 20], &[2, 7], "`ops' #2");
        check([5; 20], &[9], "unknown card");
        check(ZERO_HASH, &[1, 2], "Admin Card #2");
        check(ZERO_HASH, &[9, 2], "unknown card");
    }

    #[test]
    fn a_card_that_cannot_be_read_is_named_by_the_reason() {
        for (status, expected) in [
            (Status::PhysTokenNotPresent, "empty"),
            (Status::TokenNotFormatted, "unformatted card"),
            (Status::UnknownTokenType, "unknown card"),
            (Status::BadTokenData, "damaged card"),
            (Status::TokenAuthFailed, "foreign card"),
            (Status::TokenIOError, "card error: TokenIOError"),
        ] {
            let content = CardContent::of(1, Err(status), &known());
            assert_eq!(content.to_string(), expected);
        }
        assert_eq!(
            CardContent::of(0, Err(Status::TokenIOError), &known()),
            CardContent::Empty
        );
    }
}

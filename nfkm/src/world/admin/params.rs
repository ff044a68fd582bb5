//! What a new world is to be like.

use std::str::FromStr;

use ncore::types::{AdminToken, KMLType, SetNSOPermsArgs};

use super::suite::{SUITES, Suite};
use crate::error::Error;

/// The parameters of a new world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldParams {
    /// What its keys are made of.
    pub suite: Suite,
    /// Cards needed for everything that no feature says less of, K.
    pub needed: u32,
    /// Cards in the administrator card set, N, at most 64.
    pub cards: u32,
    /// What can be done with it, and with how many cards.
    pub features: Features,
    /// Longest life of the administrator's authorisation in seconds; None for the default.
    pub nso_timeout: Option<u32>,
    /// Shortest pass phrase, in characters, that utilities take without a warning.
    pub passphrase_min: u32,
    /// Whether the modules may receive shares from afar.
    pub share_target: bool,
    /// Whether it is a world of FIPS 140 level 3.
    pub strict_fips: bool,
    /// Whether that is level 3 of FIPS 140-3 rather than 140-2. Worlds of both do the same here.
    pub fips_140_3: bool,
    /// How its modules make their own signing keys KML.
    pub kml: KMLType,
    /// Whether its modules refuse the paddings of PKCS#1 v1.5.
    pub disable_pkcs1_padding: bool,
}

/// The features of a world (`m r p nv rtc dsee dseeall fto`). A feature that is on has the number of administrator cards
/// it needs; None there means the world's K.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// `m`: cards needed to add a module. It cannot be off.
    pub module: Option<u32>,
    /// `r`: recovery of keys and replacement of operator card sets.
    pub recovery: Feature,
    /// `p`: replacement of forgotten pass phrases.
    pub passphrase_recovery: Feature,
    /// `nv`: allocation of NVRAM.
    pub nvram: Feature,
    /// `rtc`: setting the clock.
    pub rtc: Feature,
    /// `dsee`: debugging of code inside the module.
    pub debug: Feature,
    /// `dseeall`: the same for everybody.
    pub debug_for_all: bool,
    /// `fto`: opening foreign tokens.
    pub foreign_tokens: Feature,
}

/// A feature that can be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The world cannot do it.
    Off,
    /// It can, with this many cards, or with the world's K.
    On(Option<u32>),
}

impl Default for Features {
    /// Everything but pass phrase recovery and debugging for everybody.
    fn default() -> Features {
        Features {
            module: None,
            recovery: Feature::On(None),
            passphrase_recovery: Feature::Off,
            nvram: Feature::On(None),
            rtc: Feature::On(None),
            debug: Feature::On(None),
            debug_for_all: false,
            foreign_tokens: Feature::On(None),
        }
    }
}

impl Features {
    /// Applies one word of the command line: `FEAT`, `FEAT=K`, `!FEAT` or `no-FEAT`.
    ///
    /// # Errors
    /// [`Error::Parameters`] for an unknown feature, a quorum that is no number or belongs to a disabled feature, and
    /// for `!m`.
    pub fn apply(&mut self, word: &str) -> Result<(), Error> {
        let (name, on) = match word.strip_prefix('!').or_else(|| word.strip_prefix("no-")) {
            Some(name) => (name, false),
            None => (word, true),
        };
        let (name, quorum) = match name.split_once('=') {
            Some((name, quorum)) => (name, Some(quorum)),
            None => (name, None),
        };
        let bad = |what: &str| Err(Error::Parameters(format!("feature `{word}': {what}")));
        let quorum = match quorum.map(u32::from_str) {
            Some(_) if !on => return bad("a disabled feature has no quorum"),
            Some(Ok(0) | Err(_)) => return bad("the quorum is not a number of cards"),
            Some(Ok(quorum)) => Some(quorum),
            None => None,
        };
        let feature = if on {
            Feature::On(quorum)
        } else {
            Feature::Off
        };
        match name {
            "m" if !on => return bad("modules must be able to join"),
            "m" => self.module = quorum,
            "r" => self.recovery = feature,
            "p" => self.passphrase_recovery = feature,
            "nv" => self.nvram = feature,
            "rtc" => self.rtc = feature,
            "dsee" => self.debug = feature,
            "dseeall" if quorum.is_some() => return bad("it needs no cards"),
            "dseeall" => self.debug_for_all = on,
            "fto" => self.foreign_tokens = feature,
            _ => return bad("unknown feature"),
        }
        Ok(())
    }
}

impl WorldParams {
    /// A world with the default suite and features, and K of N cards.
    pub fn new(needed: u32, cards: u32) -> WorldParams {
        WorldParams {
            suite: SUITES[0],
            needed,
            cards,
            features: Features::default(),
            nso_timeout: None,
            passphrase_min: 0,
            share_target: true,
            strict_fips: false,
            fips_140_3: false,
            kml: KMLType::DSAp3072s256,
            disable_pkcs1_padding: false,
        }
    }

    /// The modes of its modules beside FIPS 140 level 3: those of the vendor's default suite (UTILITIES section 3.1), and
    /// what is asked for.
    pub(super) fn modes(&self) -> u32 {
        let padding = match self.disable_pkcs1_padding {
            true => SetNSOPermsArgs::DISABLE_PKCS1_PADDING,
            false => 0,
        };
        SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES
            | SetNSOPermsArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS
            | padding
    }

    /// Refuses parameters that contradict each other.
    ///
    /// # Errors
    /// [`Error::Parameters`].
    pub fn check(&self) -> Result<(), Error> {
        let bad = |text: String| Err(Error::Parameters(text));
        if self.needed == 0 || self.needed > self.cards || self.cards > CARDS_MAX {
            return bad(format!(
                "{}/{} is not a quorum of 1 to {CARDS_MAX} cards",
                self.needed, self.cards
            ));
        }
        for (role, needed) in self.tokens() {
            if needed > self.cards {
                return bad(format!(
                    "{role} would need {needed} of {} cards",
                    self.cards
                ));
            }
        }
        let (min, max) = (180 * self.cards, (600 * self.cards).max(7_200));
        match self.nso_timeout {
            Some(timeout) if timeout < min || timeout > max => bad(format!(
                "an NSO timeout of {timeout} s is not between {min} s and {max} s"
            )),
            _ => Ok(()),
        }
    }

    /// The life of the administrator's authorisation in seconds: by default 6 minutes a card, at least an hour.
    pub fn timeout(&self) -> u32 {
        self.nso_timeout.unwrap_or((360 * self.cards).max(3_600))
    }

    /// The administrator tokens of the world and the cards each needs.
    pub(super) fn tokens(&self) -> Vec<(AdminToken, u32)> {
        let features = &self.features;
        let optional = [
            (AdminToken::R, features.recovery),
            (AdminToken::P, features.passphrase_recovery),
            (AdminToken::NV, features.nvram),
            (AdminToken::RTC, features.rtc),
            (AdminToken::DSEE, features.debug),
            (AdminToken::FTO, features.foreign_tokens),
        ];
        let mut tokens = vec![
            (AdminToken::NSO, self.needed),
            (AdminToken::M, features.module.unwrap_or(self.needed)),
        ];
        tokens.extend(
            optional
                .into_iter()
                .filter_map(|(role, feature)| match feature {
                    Feature::Off => None,
                    Feature::On(needed) => Some((role, needed.unwrap_or(self.needed))),
                }),
        );
        if self.strict_fips {
            // Any single card proves that somebody is there.
            tokens.push((AdminToken::FIPS, 1));
        }
        tokens
    }
}

/// The most cards in an administrator card set.
pub const CARDS_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_words_turn_features_on_and_off() {
        let mut features = Features::default();
        for word in ["m=2", "!r", "p=1", "no-nv", "rtc", "dseeall"] {
            features.apply(word).unwrap();
        }
        let expected = Features {
            module: Some(2),
            recovery: Feature::Off,
            passphrase_recovery: Feature::On(Some(1)),
            nvram: Feature::Off,
            debug_for_all: true,
            ..Features::default()
        };
        assert_eq!(features, expected);
    }

    #[test]
    fn feature_words_that_make_no_sense_are_refused() {
        for word in [
            "",
            "x",
            "!m",
            "!r=1",
            "r=0",
            "r=two",
            "dseeall=1",
            "r=",
            "!",
        ] {
            let refused = Features::default().apply(word);
            assert!(matches!(refused, Err(Error::Parameters(_))), "{word:?}");
        }
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        let check = |needed, cards, word: Option<&str>, timeout, accepted| {
            let mut params = WorldParams {
                nso_timeout: timeout,
                ..WorldParams::new(needed, cards)
            };
            if let Some(word) = word {
                params.features.apply(word).unwrap();
            }
            assert_eq!(params.check().is_ok(), accepted, "{params:?}");
        };
        check(1, 1, None, None, true);
        check(64, 64, None, None, true);
        check(0, 1, None, None, false);
        check(2, 1, None, None, false);
        check(1, 65, None, None, false);
        check(1, 2, Some("r=2"), None, true);
        check(1, 2, Some("r=3"), None, false);
        check(1, 2, None, Some(360), true);
        check(1, 2, None, Some(359), false);
        check(1, 2, None, Some(7_200), true);
        check(1, 2, None, Some(7_201), false);
    }

    #[test]
    fn every_feature_has_its_token_and_quorum() {
        let mut params = WorldParams::new(2, 3);
        for word in ["m=1", "r=3", "!nv", "!rtc", "!dsee", "!fto"] {
            params.features.apply(word).unwrap();
        }
        assert_eq!(
            params.tokens(),
            [(AdminToken::NSO, 2), (AdminToken::M, 1), (AdminToken::R, 3)]
        );
    }
}

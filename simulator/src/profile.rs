//! Hardware profiles: how many things a named unit does at a time, how long each takes, and how much it keeps.
//!
//! The figures are approximate. The rates for RSA of 1024, 2048 and 4096 bits are those that people remember from data
//! sheets; the numbers of engines, the overheads and the bounds of the queue are guesses that fit them. Sizes between are
//! interpolated by a power of the size, and other algorithms are put in proportion to RSA-2048. Of the size of the
//! non-volatile memory no source tells more than that old units have tens of kilobytes (SECURITY-WORLD section 9, recalled):
//! all sizes are guesses, larger for newer units.
//!
//! One profile is no unit: `ci`, the default, goes as fast as this machine does.

use std::time::Duration;

/// A named unit.
#[derive(Debug, PartialEq)]
pub struct Profile {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// What `enquiry` says as `product name`, before the words that tell an emulator; nothing if it is no unit.
    pub product: &'static str,
    /// What `enquiry` says as `module type code` of a unit.
    pub type_code: u32,
    /// Engines: private-key operations at a time. 0 if it is no unit: those of this machine, as fast as they are.
    pub engines: u32,
    /// Private RSA operations a second of a saturated unit, by bits of the modulus, in rising order.
    rates: &'static [(u32, f64)],
    /// Time of a command beside its arithmetic, half before and half after.
    overhead: Duration,
    /// The numbers of jobs worth having outstanding (enquiry, `rec. queue`).
    pub queue: (u32, u32),
    /// Bytes of non-volatile memory.
    pub nvram: usize,
}

/// A profile and how many times faster than the unit everything goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// The unit.
    pub profile: &'static Profile,
    /// Greater than 0; 1 is the unit's own speed.
    pub scale: f64,
    /// Whether cards, changes of mode, areas of NVRAM and new key pairs take their time too: seconds, not milliseconds.
    pub delays: bool,
}

/// What a command has a module compute, as far as its time depends on it. Sizes are in bits of the modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A private RSA operation, or an exponentiation of that size.
    Rsa(u32),
    /// A DSA signature.
    Dsa(u32),
    /// A Diffie-Hellman agreement.
    Dh(u32),
    /// Making an RSA key pair, or whatever else begins with the search for primes.
    KeyPair(u32),
    /// Formatting a card.
    FormatCard,
    /// Writing a share to a card.
    WriteCard,
    /// Reading a share from a card.
    ReadCard,
    /// A reset.
    Reset,
    /// Making an area of non-volatile memory.
    Area,
    /// Trying a pass phrase again after a wrong one.
    Retry,
    /// Everything else: it costs the overhead only.
    Other,
}

/// Seconds that a unit takes over what is no arithmetic of its engines (PERFORMANCE section 2): observed for a change of
/// mode, for a card of `createocs` (12 s together) and for an area; reading a share is a guess, and so is the wait after a
/// wrong pass phrase, of which only that there is one is known (SECURITY-WORLD section 5).
const DELAYS: [(Operation, f64); 6] = [
    (Operation::FormatCard, 8.0),
    (Operation::WriteCard, 4.0),
    (Operation::ReadCard, 1.0),
    (Operation::Reset, 55.0),
    (Operation::Area, 1.0),
    (Operation::Retry, 5.0),
];

/// Seconds that an RSA-2048 key pair takes on the average, and the power of the size with which that grows (same place).
const KEY_PAIR: (f64, f64) = (1.0, 3.3);

/// DSA signatures a second, over RSA operations of the same size (PERFORMANCE section 1, proposed).
const DSA_RATE: f64 = 1.5;

/// Diffie-Hellman agreements a second, over RSA operations of the same size (same place).
const DH_RATE: f64 = 0.8;

/// How the time of an operation grows with the size when a unit's figures do not say: between the 2.6 and 3 that are
/// usual.
const GROWTH: f64 = 2.8;

impl Profile {
    /// The profile of this name.
    pub fn find(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Every name, in order of the product lines.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|profile| profile.name)
    }

    /// Whether it has a unit's pace, and not this machine's.
    pub fn is_unit(&self) -> bool {
        self.engines > 0
    }

    /// Private RSA operations a second of a saturated unit; without end if it is none.
    pub fn rsa_rate(&self, bits: u32) -> f64 {
        let (Some(&first), Some(&last)) = (self.rates.first(), self.rates.last()) else {
            return f64::INFINITY;
        };
        let (near, growth) = match self.rates.windows(2).find(|pair| bits <= pair[1].0) {
            Some(pair) => (pair[0], growth(pair[0], pair[1])),
            None if self.rates.len() > 1 => (last, growth(self.rates[self.rates.len() - 2], last)),
            None => (first, GROWTH),
        };
        near.1 * (f64::from(near.0) / f64::from(bits.max(1))).powf(growth)
    }
}

/// The power of the size with which the time grows from one figure to the next.
fn growth(small: (u32, f64), large: (u32, f64)) -> f64 {
    (small.1 / large.1).ln() / (f64::from(large.0) / f64::from(small.0)).ln()
}

impl Timing {
    /// As fast as possible.
    pub const FASTEST: Timing = Timing {
        profile: &CI,
        scale: 1.0,
        delays: false,
    };

    /// How long an operation keeps one engine.
    pub fn service(&self, operation: Operation) -> Duration {
        let rate = match operation {
            Operation::Rsa(bits) => self.profile.rsa_rate(bits),
            Operation::Dsa(bits) => self.profile.rsa_rate(bits) * DSA_RATE,
            Operation::Dh(bits) => self.profile.rsa_rate(bits) * DH_RATE,
            _ => return Duration::ZERO,
        };
        let seconds = f64::from(self.profile.engines) / rate / self.scale;
        // Sizes and scales are bounded, but a duration may not panic for any of them.
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How long an operation takes beside the engines.
    pub fn delay(&self, operation: Operation) -> Duration {
        let seconds = match operation {
            _ if !self.delays => return Duration::ZERO,
            Operation::KeyPair(bits) => {
                KEY_PAIR.0 * (f64::from(bits) / f64::from(2048)).powf(KEY_PAIR.1)
            }
            _ => match DELAYS.iter().find(|(delayed, _)| *delayed == operation) {
                Some((_, seconds)) => *seconds,
                None => return Duration::ZERO,
            },
        };
        Duration::try_from_secs_f64(seconds / self.scale).unwrap_or(Duration::MAX)
    }

    /// The time of a command beside its arithmetic, half before and half after.
    pub fn overhead(&self) -> Duration {
        self.profile.overhead.div_f64(self.scale)
    }
}

const fn profile(
    name: &'static str,
    (product, type_code): (&'static str, u32),
    engines: u32,
    rates: &'static [(u32, f64)],
    overhead_us: u64,
    queue: (u32, u32),
    nvram_kib: usize,
) -> Profile {
    Profile {
        name,
        product,
        type_code,
        engines,
        rates,
        overhead: Duration::from_micros(overhead_us),
        queue,
        nvram: nvram_kib * 1024,
    }
}

const EDGE: (&str, u32) = ("nC4031U-10", 8);
const SOLO_PLUS: (&str, u32) = ("nC2023E/nC3423E/nC4033E", 7);
const XC: (&str, u32) = ("nC3025E/nC4035E/nC4335N", 12);
const FIVE_S: (&str, u32) = ("NC5536E/NC5536N", 14);

/// PERFORMANCE sections 1 and 3. Product names and type codes: UTILITIES section 3.1; the one of Edge is a guess. Last the KiB of
/// NVRAM, all of them guesses: no source tells.
const PROFILES: [Profile; 11] = [
    profile(
        "edge",
        EDGE,
        1,
        &[(1024, 10.0), (2048, 2.0), (4096, 0.2)],
        5000,
        (1, 4),
        16,
    ),
    profile(
        "solo500",
        SOLO_PLUS,
        4,
        &[(1024, 500.0), (2048, 150.0), (4096, 80.0)],
        1000,
        (16, 40),
        32,
    ),
    profile(
        "solo1500+",
        SOLO_PLUS,
        6,
        &[(1024, 1500.0), (2048, 450.0), (4096, 190.0)],
        1000,
        (20, 80),
        32,
    ),
    profile(
        "solo6000+",
        SOLO_PLUS,
        32,
        &[(1024, 6000.0), (2048, 3000.0), (4096, 500.0)],
        900,
        (35, 150),
        32,
    ),
    profile(
        "xc-base",
        XC,
        8,
        &[(2048, 430.0), (4096, 100.0)],
        800,
        (20, 80),
        64,
    ),
    profile(
        "xc-mid",
        XC,
        32,
        &[(2048, 3500.0), (4096, 850.0)],
        800,
        (40, 160),
        64,
    ),
    profile(
        "xc-high",
        XC,
        64,
        &[(2048, 8600.0), (4096, 2025.0)],
        800,
        (120, 250),
        64,
    ),
    profile(
        "5s-base",
        FIVE_S,
        8,
        &[(2048, 670.0), (4096, 135.0)],
        600,
        (20, 80),
        128,
    ),
    profile(
        "5s-mid",
        FIVE_S,
        32,
        &[(2048, 3949.0), (4096, 814.0)],
        600,
        (40, 160),
        128,
    ),
    profile(
        "5s-high",
        FIVE_S,
        96,
        &[(2048, 13614.0), (4096, 2200.0)],
        600,
        (120, 250),
        128,
    ),
    CI,
];

/// No unit.
const CI: Profile = profile("ci", ("", 0), 0, &[], 0, (1, 64), 64);

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(name: &str, scale: f64) -> Timing {
        Timing {
            profile: Profile::find(name).unwrap(),
            scale,
            delays: false,
        }
    }

    #[test]
    fn every_engine_at_work_gives_the_rates_of_the_table() {
        for profile in &PROFILES {
            for &(bits, rate) in profile.rates {
                let timing = Timing {
                    profile,
                    scale: 1.0,
                    delays: false,
                };
                let service = timing.service(Operation::Rsa(bits)).as_secs_f64();
                let saturated = f64::from(profile.engines) / service;
                assert!(
                    (saturated / rate - 1.0).abs() < 1e-6,
                    "{} {bits}",
                    profile.name
                );
            }
        }
    }

    #[test]
    fn larger_operations_take_longer_and_a_scale_shortens_all() {
        let unit = timing("xc-base", 1.0);
        let sizes =
            [512, 1024, 2048, 3072, 4096, 8192].map(|bits| unit.service(Operation::Rsa(bits)));
        assert!(sizes.is_sorted(), "{sizes:?}");
        // The table of the facts: 18.6 ms and 0.8 ms.
        assert_eq!(sizes[2].as_micros(), 18604);
        assert_eq!(unit.overhead(), Duration::from_micros(800));
        let slow = timing("xc-base", 0.25);
        assert_eq!(slow.service(Operation::Rsa(2048)).as_micros(), 74418);
        assert_eq!(slow.overhead(), Duration::from_micros(3200));
        assert!(unit.service(Operation::Dsa(2048)) < sizes[2]);
        assert!(unit.service(Operation::Dh(2048)) > sizes[2]);
        assert_eq!(unit.service(Operation::Other), Duration::ZERO);
    }

    #[test]
    fn every_name_is_found_once() {
        for name in Profile::names() {
            assert_eq!(Profile::find(name).map(|profile| profile.name), Some(name));
            assert_eq!(Profile::names().filter(|other| *other == name).count(), 1);
        }
        assert_eq!(Profile::find("xc"), None);
    }

    #[test]
    fn what_is_no_unit_takes_no_time() {
        let fastest = Timing::FASTEST;
        assert!(PROFILES.iter().filter(|profile| !profile.is_unit()).count() == 1);
        assert_eq!(Profile::find("ci"), Some(fastest.profile));
        for operation in [Operation::Rsa(2048), Operation::Reset, Operation::Other] {
            assert_eq!(fastest.service(operation), Duration::ZERO);
            assert_eq!(fastest.delay(operation), Duration::ZERO);
        }
        assert_eq!(fastest.overhead(), Duration::ZERO);
    }
}

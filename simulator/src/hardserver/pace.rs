//! The pace of a named unit: when a module's reply may leave (see [`crate::profile`]).
//!
//! The engines of a profile are deadlines, not threads: a command takes the engine that is free first, for its service
//! time, in the order in which commands arrive; the real arithmetic is done at once, and its reply held until the unit
//! would have had it. One thread waits for the earliest of the replies that are held.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ncore::Bignum;
use ncore::message::{Command, Reply};
use ncore::types::{Args, Cmd, FileDevice, FileSpec, KeyType, KeyTypeGenParams};

use super::worker::{Answer, Outstanding};
use crate::module::Module;
use crate::profile::{Operation, Timing};

/// The emulated engines of one module.
#[derive(Debug)]
pub(super) struct Pace {
    timing: Timing,
    /// When each engine is free again, the earliest first.
    free: Mutex<BinaryHeap<Reverse<Instant>>>,
    /// When a pass phrase may be tried again.
    retry: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(timing: Timing, now: Instant) -> Pace {
        let engines = (0..timing.profile.engines).map(|_| Reverse(now));
        Pace {
            timing,
            free: Mutex::new(engines.collect()),
            retry: Mutex::new(now),
        }
    }

    /// The unit that is emulated.
    pub(super) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Takes an engine for a command that arrives now: when its reply may leave.
    pub(super) fn due(&self, arrived: Instant, operation: Operation) -> Instant {
        let half = self.timing.overhead() / 2;
        let ready = arrived + half;
        let service = self.timing.service(operation);
        if service.is_zero() {
            // What is beside the engines keeps none of them.
            let ready = ready.checked_add(self.timing.delay(operation));
            return ready.unwrap_or(arrived) + half;
        }
        let mut free = lock(&self.free);
        // There is at least one engine. A time beyond the clock's range is as good as now.
        let start = free.pop().map_or(ready, |Reverse(free)| free.max(ready));
        let end = start.checked_add(service).unwrap_or(start);
        free.push(Reverse(end));
        end + half
    }

    /// The number of engines that are busy.
    pub(super) fn busy(&self, now: Instant) -> usize {
        let free = lock(&self.free);
        free.iter().filter(|Reverse(free)| *free > now).count()
    }

    /// When the reply to a command that tries a pass phrase may leave, if it were due then otherwise.
    pub(super) fn due_retry(&self, due: Instant) -> Instant {
        due.max(*lock(&self.retry))
    }

    /// Notes that a pass phrase is told to be wrong then.
    pub(super) fn wrong_passphrase(&self, told: Instant) {
        let next = told.checked_add(self.timing.delay(Operation::Retry));
        let mut retry = lock(&self.retry);
        *retry = next.unwrap_or(told).max(*retry);
    }
}

/// Whether a command tries a pass phrase.
pub(super) fn tries_passphrase(cmd: Cmd) -> bool {
    matches!(
        cmd,
        Cmd::ReadShare | Cmd::ReadSoftTokenShare | Cmd::ChangeSharePIN
    )
}

/// What a command has the module compute.
pub(super) fn operation(command: &Command, module: &Module, client: u64) -> Operation {
    match &command.args {
        Args::Sign(args) => with_key(module, client, args.key),
        Args::Decrypt(args) => with_key(module, client, args.key),
        Args::ModExp(args) => Operation::Rsa(bits(&args.n)),
        Args::ModExpCrt(args) => Operation::Rsa(bits(&args.p).saturating_add(bits(&args.q))),
        Args::RSAImmedSignDecrypt(args) => {
            Operation::Rsa(bits(&args.k_p).saturating_add(bits(&args.k_q)))
        }
        Args::GenerateKeyPair(args) => generation(&args.params.params),
        Args::GenerateKey(args) => generation(&args.params.params),
        Args::GeneratePrime(args) => Operation::KeyPair(args.lenbits),
        Args::FormatToken(_) => Operation::FormatCard,
        Args::WriteShare(_) | Args::ChangeSharePIN(_) => Operation::WriteCard,
        Args::WriteFile(_) | Args::EraseFile(_) => Operation::WriteCard,
        Args::ReadShare(_) | Args::ReadFile(_) => Operation::ReadCard,
        Args::FileCreate(args) => new_file(&args.file),
        Args::MakeBlob(args) => match &args.file {
            Some(stored) => new_file(&stored.file),
            None => Operation::Other,
        },
        Args::ClearUnit(_) | Args::ClearUnitEx(_) => Operation::Reset,
        Args::NVMemAlloc(_) => Operation::Area,
        _ => Operation::Other,
    }
}

fn bits(number: &Bignum) -> u32 {
    u32::try_from(number.bits()).unwrap_or(u32::MAX)
}

/// In a given group a pair is one exponentiation; an RSA pair and a group of its own begin with the search for primes.
fn generation(params: &KeyTypeGenParams) -> Operation {
    let in_group = |p: Option<&Bignum>, length| match p {
        Some(p) => Operation::Dh(bits(p)),
        None => Operation::KeyPair(length),
    };
    match params {
        KeyTypeGenParams::RSAPrivate(params) => Operation::KeyPair(params.lenbits),
        KeyTypeGenParams::DSAComm(params) => Operation::KeyPair(params.lenbits),
        KeyTypeGenParams::DSACommVariableSeed(params) => Operation::KeyPair(params.lenbits),
        KeyTypeGenParams::DSAPrivate(params) => {
            in_group(params.dlg.as_ref().map(|group| &group.p), params.lenbits)
        }
        KeyTypeGenParams::DHPrivate(params) => {
            in_group(params.dlg.as_ref().map(|group| &group.p), params.plength)
        }
        KeyTypeGenParams::DHExPrivate(params) => {
            in_group(params.dlg.as_ref().map(|group| &group.p), params.plength)
        }
        _ => Operation::Other,
    }
}

fn new_file(file: &FileSpec) -> Operation {
    match file.dev {
        FileDevice::PhysToken => Operation::WriteCard,
        _ => Operation::Area,
    }
}

fn with_key(module: &Module, client: u64, id: u32) -> Operation {
    match module.key_length(client, id) {
        Some((KeyType::RSAPrivate, bits)) => Operation::Rsa(bits),
        Some((KeyType::DSAPrivate, bits)) => Operation::Dsa(bits),
        Some((KeyType::DHPrivate | KeyType::DHExPrivate, bits)) => Operation::Dh(bits),
        _ => Operation::Other,
    }
}

/// A reply that is held until its time.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) answer: Answer,
    pub(super) reply: Reply,
    pub(super) outstanding: Outstanding,
    /// The module's count of resets when the reply was computed; 0 for one of the hardserver's own.
    pub(super) epoch: u64,
}

/// The replies that are held.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By time, then in the order in which they were computed.
    held: BTreeMap<(Instant, u64), Held>,
    next: u64,
    stopped: bool,
}

impl Waiting {
    /// Holds a reply until `due`.
    pub(super) fn hold(&self, due: Instant, held: Held) {
        let mut state = lock(&self.state);
        let place = (due, state.next);
        state.next += 1;
        state.held.insert(place, held);
        if state
            .held
            .first_key_value()
            .is_some_and(|(first, _)| *first <= place)
        {
            self.changed.notify_one();
        }
    }

    /// Lets those of a module that were computed before its last reset wait no longer: a unit answers what was in work at
    /// once when it is reset.
    pub(super) fn hurry(&self, index: usize, epoch: u64) {
        let mut state = lock(&self.state);
        let stale = |other: &Held| other.answer.index == Some(index) && other.epoch < epoch;
        let late: Vec<_> = state.held.extract_if(.., |_, other| stale(other)).collect();
        let now = Instant::now();
        for ((_, number), other) in late {
            state.held.insert((now, number), other);
        }
        self.changed.notify_one();
    }

    /// Waits for the next reply whose time has come. None when there is no more work at all.
    pub(super) fn next(&self) -> Option<Held> {
        let mut state = lock(&self.state);
        loop {
            if state.stopped {
                return None;
            }
            let now = Instant::now();
            state = match state.held.first_entry() {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(first) if first.key().0 <= now => return Some(first.remove()),
                Some(first) => {
                    let left = first.key().0 - now;
                    let woken = self.changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Gives up what is held.
    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ncore::types::{DiscreteLogGroup, KeyTypeDHPrivateGenParams, KeyTypeDSACommGenParams};
    use proptest::prelude::*;

    use super::*;
    use crate::profile::Profile;

    const SIGN: Operation = Operation::Rsa(2048);

    fn pace(start: Instant) -> Pace {
        let profile = Profile::find("xc-base").unwrap();
        Pace::new(
            Timing {
                profile,
                scale: 1.0,
                delays: false,
            },
            start,
        )
    }

    #[test]
    fn one_command_takes_its_service_and_the_overhead_once() {
        let start = Instant::now();
        let pace = pace(start);
        let (service, overhead) = (pace.timing.service(SIGN), pace.timing.overhead());
        assert_eq!(pace.due(start, SIGN), start + service + overhead);
        assert_eq!(pace.due(start, Operation::Other), start + overhead);
    }

    #[test]
    fn the_search_for_primes_takes_its_time_and_a_key_in_a_given_group_an_exponentiation() {
        let group = || DiscreteLogGroup {
            p: Bignum::from_be(&[0xff; 128]),
            g: Bignum::from_be(&[2]),
        };
        let dh = |dlg| {
            KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
                plength: 1024,
                dlg,
                ..KeyTypeDHPrivateGenParams::default()
            })
        };
        let comm = KeyTypeGenParams::DSAComm(KeyTypeDSACommGenParams {
            lenbits: 512,
            ..KeyTypeDSACommGenParams::default()
        });
        assert_eq!(generation(&comm), Operation::KeyPair(512));
        assert_eq!(generation(&dh(None)), Operation::KeyPair(1024));
        assert_eq!(generation(&dh(Some(group()))), Operation::Dh(1024));
        assert_eq!(generation(&KeyTypeGenParams::Empty), Operation::Other);
    }

    #[test]
    fn what_is_beside_the_engines_takes_its_time_only_when_asked_and_keeps_none() {
        let start = Instant::now();
        let without = pace(start);
        let overhead = without.timing.overhead();
        assert_eq!(without.due(start, Operation::Reset), start + overhead);
        let timing = Timing {
            delays: true,
            ..without.timing
        };
        let with = Pace::new(timing, start);
        for (operation, seconds) in [
            (Operation::Reset, 55),
            (Operation::FormatCard, 8),
            (Operation::KeyPair(2048), 1),
        ] {
            let due = start + Duration::from_secs(seconds) + overhead;
            for _ in 0..20 {
                assert_eq!(with.due(start, operation), due, "{operation:?}");
            }
        }
        assert_eq!(
            with.due(start, SIGN),
            start + timing.service(SIGN) + overhead
        );
    }

    #[test]
    fn a_wrong_pass_phrase_delays_the_next_tries_only_when_asked() {
        let start = Instant::now();
        let without = pace(start);
        without.wrong_passphrase(start);
        assert_eq!(without.due_retry(start), start);
        let timing = Timing {
            delays: true,
            ..without.timing
        };
        let with = Pace::new(timing, start);
        let (soon, late) = (Duration::from_secs(1), Duration::from_secs(9));
        assert_eq!(with.due_retry(start + soon), start + soon);
        with.wrong_passphrase(start);
        let free = start + Duration::from_secs(5);
        assert_eq!(with.due_retry(start + soon), free);
        assert_eq!(with.due_retry(start + late), start + late);
        // Each wrong one counts from when it is told.
        with.wrong_passphrase(free);
        assert_eq!(with.due_retry(start + late), free + Duration::from_secs(5));
    }

    #[test]
    fn commands_beyond_the_engines_wait_in_line() {
        let start = Instant::now();
        let pace = pace(start);
        let (service, overhead) = (pace.timing.service(SIGN), pace.timing.overhead());
        let due: Vec<Instant> = (0..20).map(|_| pace.due(start, SIGN)).collect();
        for (place, due) in due.into_iter().enumerate() {
            let turns = u32::try_from(place / 8 + 1).unwrap();
            assert_eq!(due, start + service * turns + overhead, "{place}");
        }
    }

    proptest! {
        /// Whatever the arrivals, no more than the engines' number of operations overlap, and none ends early.
        #[test]
        fn no_more_operations_overlap_than_there_are_engines(gaps in prop::collection::vec(0u64..9000, 1..80)) {
            let start = Instant::now();
            let pace = pace(start);
            let (service, half) = (pace.timing.service(SIGN), pace.timing.overhead() / 2);
            let mut arrived = start;
            let mut ends = Vec::new();
            for gap in gaps {
                arrived += Duration::from_micros(gap);
                let end = pace.due(arrived, SIGN) - half;
                prop_assert!(end >= arrived + half + service);
                ends.push(end);
            }
            for &end in &ends {
                let during = end - service / 2;
                let busy = ends.iter().filter(|&&other| other > during && other - service <= during).count();
                prop_assert!(busy <= 8, "{busy}");
            }
        }
    }
}

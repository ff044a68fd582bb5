//! Many threads in one process over the provider's C interface: mixed calls on contexts of their own and on shared ones that
//! other threads release under them.
//!
//! Shared contexts stand on a board. Whoever retires one takes it off first and releases it then, so a call on it may fail as
//! for a wrong handle only if by its end the context was off the board. What was released is remembered: every use of it must
//! fail, as long as the run lasts.

mod board;
#[allow(unsafe_code)]
mod ffi;

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use self::board::Board;
use crate::capi::numbers::*;
use crate::capi::{Code, NTE_BAD_HASH, NTE_BAD_KEY, NTE_BAD_UID};

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Threads.
    pub threads: usize,
    /// How long they call.
    pub duration: Duration,
    /// Decides who does what.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Rounds by what was done in them.
    pub rounds: BTreeMap<&'static str, u64>,
    /// Calls that failed because another thread had released what they used, by code.
    pub raced: BTreeMap<String, u64>,
    /// Everything else that went wrong, by what and how.
    pub failures: BTreeMap<String, u64>,
    /// Handles of contexts, keys and hashes that are left when all is released; None where only the provider's library
    /// knows.
    pub left: Option<[usize; 3]>,
}

impl Report {
    /// Rounds of all kinds.
    pub fn total(&self) -> u64 {
        self.rounds.values().sum()
    }

    /// Whether nothing went wrong and nothing was left.
    pub fn holds(&self) -> bool {
        self.failures.is_empty() && self.left.is_none_or(|left| left == [0; 3])
    }

    fn add(&mut self, other: Report) {
        for (name, count) in other.rounds {
            *self.rounds.entry(name).or_default() += count;
        }
        for (code, count) in other.raced {
            *self.raced.entry(code).or_default() += count;
        }
        for (what, count) in other.failures {
            *self.failures.entry(what).or_default() += count;
        }
    }
}

/// Why a round failed.
enum Trouble {
    Refused(&'static str, Code),
    Wrong(&'static str),
}

type Round = Result<(), Trouble>;

/// Names the call that a code came from.
trait Of<T> {
    fn of(self, function: &'static str) -> Result<T, Trouble>;
}

impl<T> Of<T> for Result<T, Code> {
    fn of(self, function: &'static str) -> Result<T, Trouble> {
        self.map_err(|code| Trouble::Refused(function, code))
    }
}

/// The container that all threads use, with an exchange and a signature pair.
const CONTAINER: &CStr = c"threads";

/// Bits of the pairs.
const KEY_BITS: u32 = 1024;

/// Runs the plan against the hardserver that the environment names, which has a Security World. `sample` is called at
/// every tenth of the time.
///
/// # Errors
/// The code with which the provider refuses to make what the threads share.
pub fn run(plan: &Plan, mut sample: impl FnMut()) -> Result<Report, Code> {
    let keeper = ffi::acquire(Some(CONTAINER), CRYPT_NEWKEYSET)?;
    for spec in [AT_KEYEXCHANGE, AT_SIGNATURE] {
        let key = ffi::gen_key(keeper, spec, KEY_BITS << 16)?;
        ffi::destroy_key(keeper, key)?;
    }
    let board = Board::new(CONTAINER)?;
    let over = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for number in 0..plan.threads {
            let (board, over, report) = (&board, &over, &report);
            let seed = plan.seed.wrapping_add(number as u64);
            scope.spawn(move || {
                let mut worker = Worker {
                    board,
                    name: CString::new(format!("thread {number}")).unwrap_or_default(),
                    rng: ChaCha20Rng::seed_from_u64(seed),
                    report: Report::default(),
                };
                while !over.load(Ordering::SeqCst) {
                    worker.round();
                }
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                report.add(worker.report);
            });
        }
        let start = Instant::now();
        for tenth in 1..=10 {
            let at = start + plan.duration * tenth / 10;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            sample();
        }
        over.store(true, Ordering::SeqCst);
    });
    board.clear()?;
    ffi::release(keeper)?;
    ffi::acquire(Some(CONTAINER), CRYPT_DELETEKEYSET)?;
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.left = ffi::live_handles();
    Ok(report)
}

struct Worker<'a> {
    board: &'a Board,
    /// Of its own container.
    name: CString,
    rng: ChaCha20Rng,
    report: Report,
}

impl Worker<'_> {
    fn round(&mut self) {
        // Seldom what takes the module or the disk, so that software is not a matter of waiting for them.
        let (name, round): (_, fn(&mut Self) -> Round) = match self.rng.next_u32() % 64 {
            0 => ("container", Self::own_container),
            1 => ("retire", Self::retire),
            2..6 => ("sign", Self::sign),
            6..8 => ("decrypt", Self::decrypt),
            8..14 => ("random", Self::random),
            14..26 => ("hash", Self::hash),
            26..38 => ("cipher", Self::cipher),
            38..42 => ("released", Self::released),
            _ => ("shared", Self::shared),
        };
        *self.report.rounds.entry(name).or_default() += 1;
        let what = match round(self) {
            Ok(()) => return,
            Err(Trouble::Refused(function, code)) => {
                format!("{name}: {function}: {code}")
            }
            Err(Trouble::Wrong(what)) => format!("{name}: {what}"),
        };
        *self.report.failures.entry(what).or_default() += 1;
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A hash in a context without a container, and its value by another implementation.
    fn hash(&mut self) -> Round {
        let text = self.bytes(64);
        within(None, CRYPT_VERIFYCONTEXT, |context| {
            let hash = hash(context, &text)?;
            let copy = ffi::duplicate_hash(context, hash).of("CPDuplicateHash")?;
            for hash in [hash, copy] {
                let value = ffi::hash_param(context, hash, HP_HASHVAL).of("CPGetHashParam")?;
                if value != Sha256::digest(&text).as_slice() {
                    return Err(Trouble::Wrong("another value"));
                }
            }
            ffi::destroy_hash(context, hash).of("CPDestroyHash")
        })
    }

    /// There and back with a session key and its copy.
    fn cipher(&mut self) -> Round {
        let length = 1 + self.rng.next_u32() as usize % 2048;
        let text = self.bytes(length);
        within(None, CRYPT_VERIFYCONTEXT, |context| {
            let key = ffi::gen_key(context, CALG_AES_256, 0).of("CPGenKey")?;
            let copy = ffi::duplicate_key(context, key).of("CPDuplicateKey")?;
            let mut data = text.clone();
            ffi::encrypt(context, key, &mut data).of("CPEncrypt")?;
            ffi::destroy_key(context, key).of("CPDestroyKey")?;
            ffi::decrypt(context, copy, &mut data).of("CPDecrypt")?;
            same(&data, &text)
        })
    }

    fn random(&mut self) -> Round {
        within(None, CRYPT_VERIFYCONTEXT, |context| {
            let mut bytes = [0; 32];
            ffi::random(context, &mut bytes).of("CPGenRandom")?;
            match bytes {
                ALL_ZERO => Err(Trouble::Wrong("zeros")),
                _ => Ok(()),
            }
        })
    }

    /// A signature by the module, verified with the public key alone.
    fn sign(&mut self) -> Round {
        let text = self.bytes(40);
        within(Some(CONTAINER), 0, |context| {
            let signed = hash(context, &text)?;
            let signature = ffi::sign(context, signed, AT_SIGNATURE).of("CPSignHash")?;
            let pair = ffi::user_key(context, AT_SIGNATURE).of("CPGetUserKey")?;
            let blob = ffi::public_blob(context, pair).of("CPExportKey")?;
            let public = ffi::import(context, &blob).of("CPImportKey")?;
            let again = hash(context, &text)?;
            ffi::verify(context, again, &signature, public).of("CPVerifySignature")
        })
    }

    /// Encrypted in software, decrypted by the module.
    fn decrypt(&mut self) -> Round {
        let text = self.bytes(32);
        within(Some(CONTAINER), 0, |context| {
            let pair = ffi::user_key(context, AT_KEYEXCHANGE).of("CPGetUserKey")?;
            let mut data = text.clone();
            ffi::encrypt(context, pair, &mut data).of("CPEncrypt")?;
            ffi::decrypt(context, pair, &mut data).of("CPDecrypt")?;
            same(&data, &text)
        })
    }

    /// A container of its own from beginning to end.
    fn own_container(&mut self) -> Round {
        let name = self.name.clone();
        within(Some(&name), CRYPT_NEWKEYSET, |context| {
            ffi::gen_key(context, AT_SIGNATURE, 512 << 16).of("CPGenKey")?;
            let hash = hash(context, b"text")?;
            ffi::sign(context, hash, AT_SIGNATURE)
                .of("CPSignHash")
                .map(drop)
        })?;
        ffi::acquire(Some(&name), CRYPT_DELETEKEYSET)
            .of("CPAcquireContext, delete")
            .map(drop)
    }

    /// Calls on a shared context, with its key and its hash, while others do the same or release it.
    fn shared(&mut self) -> Round {
        let pick = self.rng.next_u32();
        let (place, shared) = self.board.look(pick as usize / 8);
        let (context, key, hash) = (shared.context, shared.key, shared.hash);
        let result = match pick % 8 {
            0 => ffi::hash_data(context, hash, b"more").of("CPHashData"),
            1 => ffi::duplicate_hash(context, hash)
                .and_then(|copy| ffi::destroy_hash(context, copy))
                .of("CPDuplicateHash"),
            2 => ffi::hash_param(context, hash, HP_HASHSIZE)
                .of("CPGetHashParam")
                .map(drop),
            3 => ffi::encrypt(context, key, &mut vec![7; 100]).of("CPEncrypt"),
            4 => ffi::duplicate_key(context, key)
                .and_then(|copy| ffi::destroy_key(context, copy))
                .of("CPDuplicateKey"),
            5 => ffi::user_key(context, AT_SIGNATURE)
                .and_then(|pair| ffi::destroy_key(context, pair))
                .of("CPGetUserKey"),
            6 => ffi::duplicate_hash(context, hash)
                .and_then(|copy| {
                    let signature = ffi::sign(context, copy, AT_SIGNATURE);
                    ffi::destroy_hash(context, copy).and(signature)
                })
                .of("CPSignHash")
                .map(drop),
            _ => ffi::prov_param(context, PP_CONTAINER)
                .of("CPGetProvParam")
                .map(drop),
        };
        match result {
            Err(Trouble::Refused(_, code)) if wrong_handle(code) && self.board.gone(place) => {
                *self.report.raced.entry(code.to_string()).or_default() += 1;
                Ok(())
            }
            result => result,
        }
    }

    /// Takes a shared context off the board, puts a new one there, and releases the old one.
    fn retire(&mut self) -> Round {
        let pick = self.rng.next_u32() as usize;
        self.board
            .retire(CONTAINER, pick)
            .of("replacing a shared context")
    }

    /// What another thread released is dead for everyone.
    fn released(&mut self) -> Round {
        let Some(dead) = self.board.released(self.rng.next_u32() as usize) else {
            return Ok(());
        };
        let (context, key, hash) = (dead.context, dead.key, dead.hash);
        let answers = [
            ffi::hash_data(context, hash, b"text"),
            ffi::encrypt(context, key, &mut vec![0; 16]),
            ffi::destroy_key(context, key),
            ffi::user_key(context, AT_SIGNATURE).map(drop),
            ffi::sign(context, hash, AT_SIGNATURE).map(drop),
            ffi::random(context, &mut [0; 8]),
            ffi::release(context),
        ];
        match answers.iter().all(|answer| *answer == Err(NTE_BAD_UID)) {
            true => Ok(()),
            false => Err(Trouble::Wrong("a released handle was of use")),
        }
    }
}

const ALL_ZERO: [u8; 32] = [0; 32];

/// What a handle gives that another thread has released.
fn wrong_handle(code: Code) -> bool {
    [NTE_BAD_UID, NTE_BAD_KEY, NTE_BAD_HASH].contains(&code)
}

/// Does something in a context, which is released whatever came of it.
fn within(name: Option<&CStr>, flags: u32, act: impl FnOnce(usize) -> Round) -> Round {
    let context = ffi::acquire(name, flags).of("CPAcquireContext")?;
    let result = act(context);
    ffi::release(context).of("CPReleaseContext").and(result)
}

fn hash(context: usize, text: &[u8]) -> Result<usize, Trouble> {
    let hash = ffi::create_hash(context, CALG_SHA_256).of("CPCreateHash")?;
    ffi::hash_data(context, hash, text).of("CPHashData")?;
    Ok(hash)
}

fn same(data: &[u8], text: &[u8]) -> Round {
    match data == text {
        true => Ok(()),
        false => Err(Trouble::Wrong("another text came back")),
    }
}

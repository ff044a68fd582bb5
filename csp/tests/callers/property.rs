//! Random calls: any function with any arguments out of pools of good and bad ones, handles of earlier calls among them.
//! Whatever is called, the process lives, the answer is a documented one, and nothing is written outside of what was given.

use std::ffi::CStr;
use std::ptr;

use csp::alg::{PROVIDERS, Provider};
use csp::constants::*;
use csp::ffi::VTableProvStruc;
use proptest::prelude::*;

use crate::functions::{COMMON, FUNCTIONS, Function, Kind, Words};
use crate::stage::{Stage, caller};

/// A call as it is drawn: which function, and for each argument what picks its value.
type Drawn = (usize, [u32; 8]);

/// The calls of one run.
const CALLS: usize = 60;

/// Where structures are, each with room for as much as its bytes, read as any other structure, may ask for.
const STRUCTURES: [usize; 2] = [0, 256 << 10];

/// Where data is, and how much of it a call may use.
const DATA: usize = 512 << 10;
const DATA_LEN: usize = 4096;

const NAMES: [&CStr; 4] = [c"", c"one", c"two", c"no\xffname"];

/// A unit of UTF-16 and the NUL, behind one byte.
static DESCRIPTION: &[u8] = b"\xffd\0\0\0";

/// What calls can use, and what earlier ones made.
struct World {
    provider: &'static Provider,
    stage: Stage,
    memory: Vec<u8>,
    contexts: Vec<usize>,
    keys: Vec<usize>,
    hashes: Vec<usize>,
    callers: [VTableProvStruc; 2],
    place: Box<usize>,
    length: Box<u32>,
}

impl World {
    fn new(provider: &'static Provider) -> World {
        let stage = Stage::of(provider);
        let mut world = World {
            provider,
            memory: vec![0x5b; 640 << 10],
            contexts: vec![stage.context],
            keys: vec![stage.pair, stage.key],
            hashes: vec![stage.hash],
            callers: [caller(provider.prov_type), caller(77)],
            place: Box::default(),
            length: Box::default(),
            stage,
        };
        // As HMAC_INFO: SHA-1 and an inner string of 20 bytes. As a blob: an absurdly long one, and one of 64 bytes.
        let data = world.address(DATA) as u64;
        for (at, first) in STRUCTURES.into_iter().zip([AlgId::CALG_SHA1.0, 64]) {
            let words = [u64::from(first), data, 20, data, 0];
            let bytes = words.map(u64::to_le_bytes).concat();
            world.memory[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        world
    }

    fn address(&self, at: usize) -> usize {
        self.memory.as_ptr() as usize + at
    }

    /// A handle of a kind that this or any other table gave out, or none at all.
    fn handle(&self, own: &[usize], pick: u32) -> usize {
        let strange = [
            0,
            1,
            usize::MAX,
            self.stage.released_context,
            self.stage.destroyed_key,
            self.stage.destroyed_hash,
            self.contexts[0],
            self.address(DATA),
        ];
        match pick % 8 {
            0 => strange[(pick / 8) as usize % strange.len()],
            // The newest most of all, or nothing would ever follow from anything.
            1..5 => *own.last().unwrap_or(&0),
            _ => own
                .get(pick as usize / 8 % own.len().max(1))
                .copied()
                .unwrap_or(0),
        }
    }

    fn word(&mut self, function: &Function, kind: Kind, pick: u32) -> usize {
        let rest = pick / 8;
        let some_length = [0, 1, 7, 8, 16, 20, 64, 96, 512, DATA_LEN][rest as usize % 10];
        match kind {
            Kind::Context => self.handle(&self.contexts, pick),
            Kind::Key => self.handle(&self.keys, pick),
            Kind::Hash => self.handle(&self.hashes, pick),
            Kind::OptionalKey | Kind::OptionalHash if pick.is_multiple_of(2) => 0,
            Kind::OptionalKey => self.handle(&self.keys, rest),
            Kind::OptionalHash => self.handle(&self.hashes, rest),
            Kind::Number => match pick % 4 {
                0 => rest as usize,
                1 | 2 => (rest % 48) as usize,
                _ => {
                    let algorithms = self.provider.algorithms;
                    algorithms[rest as usize % algorithms.len()].id.0 as usize
                }
            },
            Kind::Flags if function.name == "CPAcquireContext" => {
                let flags = [
                    0,
                    CRYPT_NEWKEYSET,
                    CRYPT_DELETEKEYSET,
                    CRYPT_VERIFYCONTEXT,
                    rest,
                ];
                flags[pick as usize % flags.len()] as usize
            }
            Kind::Flags if function.name == "CPGenKey" => {
                let bits = [0, 40, 128, 512, 513, 0xffff][pick as usize % 6];
                // Longer pairs are no stranger and take minutes.
                (bits << 16) | (rest as usize % 256)
            }
            Kind::Flags => match pick % 4 {
                0 => 1 << (rest % 32),
                1 => rest as usize,
                _ => 0,
            },
            Kind::Truth => (pick % 2) as usize,
            Kind::Place => match pick % 16 {
                0 => 0,
                _ => ptr::from_mut(&mut *self.place) as usize,
            },
            Kind::Length => match pick % 16 {
                0 => 0,
                _ => {
                    *self.length = some_length as u32;
                    ptr::from_mut(&mut *self.length) as usize
                }
            },
            Kind::Input if function.name.starts_with("CPSet") => match pick % 8 {
                0 => 0,
                _ => self.address(STRUCTURES[rest as usize % 2]),
            },
            Kind::Input | Kind::Output | Kind::InPlace => match pick % 8 {
                0 => 0,
                _ => self.address(DATA),
            },
            Kind::InputLength | Kind::Room => some_length,
            Kind::Reserved => match pick % 8 {
                0 => self.address(DATA),
                _ => 0,
            },
            Kind::Text => match pick % 8 {
                0 => 0,
                _ => NAMES[rest as usize % NAMES.len()].as_ptr() as usize,
            },
            Kind::Wide => match pick % 8 {
                // At an odd place, which is no matter.
                0 => DESCRIPTION[1..].as_ptr() as usize,
                _ => 0,
            },
            Kind::Caller => {
                ptr::from_ref(&self.callers[usize::from(pick.is_multiple_of(8))]) as usize
            }
        }
    }

    fn call(&mut self, drawn: &Drawn) -> Result<(), TestCaseError> {
        let (which, picks) = drawn;
        let function = &FUNCTIONS[*which];
        let mut words = Words::default();
        for ((word, kind), pick) in words.iter_mut().zip(function.arguments).zip(picks) {
            *word = self.word(function, *kind, *pick);
        }
        if function.name == "CPGenKey" && words[2] >> 16 == 0 {
            // The default length of a pair takes seconds.
            words[2] |= 512 << 16;
        }
        let outside = self.memory[DATA + DATA_LEN..].to_vec();
        *self.place = 0;
        let answer = unsafe { function.call(&words) };
        prop_assert!(
            outside == self.memory[DATA + DATA_LEN..],
            "{} wrote too much",
            function.name
        );
        match answer {
            Ok(()) if *self.place != 0 => match function.name {
                "CPAcquireContext" => self.contexts.push(*self.place),
                "CPCreateHash" | "CPDuplicateHash" => self.hashes.push(*self.place),
                _ => self.keys.push(*self.place),
            },
            Ok(()) => {}
            Err(code) => {
                prop_assert_eq!(*self.place, 0, "{} failed and gave a handle", function.name);
                let documented = COMMON.contains(&code) || function.codes.contains(&code);
                prop_assert!(documented, "{} {:x?}: {}", function.name, words, code);
            }
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for context in &self.contexts {
            let words = [*context, 0, 0, 0, 0, 0, 0, 0];
            // Some were released by the calls.
            let _ = unsafe { Function::named("CPReleaseContext").call(&words) };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_get_documented_answers(
        provider in 0..PROVIDERS.len(),
        calls in proptest::collection::vec((0..FUNCTIONS.len(), any::<[u32; 8]>()), CALLS),
    ) {
        let provider = PROVIDERS[provider];
        let mut world = World::new(provider);
        for drawn in &calls {
            world.call(drawn)?;
        }
        drop(world);
        // It still works as ever.
        let mut stage = Stage::of(provider);
        let words = stage.words("CPGetHashParam").expect("every provider");
        prop_assert_eq!(unsafe { Function::named("CPGetHashParam").call(&words) }, Ok(()));
        // openssl dgst -sha1 of "text".
        let expected = "372ea08cab33e71c02c651dbc83a474d32c676ea";
        let value: String = stage.buffer[..20].iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(value, expected);
    }
}

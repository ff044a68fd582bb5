//! Reading n bytes allocates at most `GROWTH * n + ALLOWANCE` bytes, whatever they are.

mod sampling;

use ncore::bignum::BignumOrder;
use ncore::codec::{ALLOWANCE, DecodeErrorKind, GROWTH, from_bytes};
use ncore::message::{Command, Reply};
use ncore::profile::WireProfile;
use ncore::types::*;
use proptest::prelude::*;
use sampling::{Source, sample_command, sample_reply};
use sys::peak_of;

const PROFILE: WireProfile = WireProfile::DEFAULT;

/// Reads `bytes` as a command and as a reply, in an order of big numbers that needs a change.
fn check(bytes: &[u8]) {
    let bound = GROWTH * bytes.len() + ALLOWANCE;
    let order = BignumOrder {
        ms_bit_first: true,
        ms_word_first: true,
    };
    let command = peak_of(|| drop(Command::decode(bytes, &PROFILE)));
    let reply = peak_of(|| drop(Reply::decode(bytes, order, &PROFILE)));
    assert!(
        command.max(reply) <= bound,
        "{command} and {reply} bytes for {}",
        bytes.len()
    );
}

fn header(cmd: Cmd, status: u32, flags: u32) -> Vec<u8> {
    [1, cmd.0, status, flags].map(u32::to_le_bytes).concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_messages_stay_within_the_bound(
        cmd in 0..250u32,
        flags in prop_oneof![Just(0), any::<u32>()],
        words in prop::collection::vec(prop_oneof![any::<u32>(), 0..300u32, 0..3u32], 0..400),
    ) {
        let bytes = words.into_iter().flat_map(u32::to_le_bytes);
        check(&[header(Cmd(cmd), 0, flags), bytes.collect()].concat());
    }

    #[test]
    fn mutated_messages_stay_within_the_bound(
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..5),
    ) {
        let source = &mut Source::new(seed);
        let (mut command, mut reply) = (Vec::new(), Vec::new());
        sample_command(source).encode(&mut command, &PROFILE).unwrap();
        sample_reply(source).encode(&mut reply, BignumOrder::default(), &PROFILE).unwrap();
        for mut message in [command, reply] {
            for (place, word) in &changes {
                let place = place.index(message.len()) & !3;
                for (old, new) in message[place..].iter_mut().zip(word.to_le_bytes()) {
                    *old = new;
                }
            }
            check(&message);
        }
    }
}

/// Counts as high as the bytes allow, at several places, of the elements that grow most, up to the largest message.
#[test]
fn vectors_of_the_smallest_elements_stay_within_the_bound() {
    let commands = [
        Cmd::SetACL,
        Cmd::GenerateKey,
        Cmd::ImportModule,
        Cmd::BignumOp,
        Cmd::GetModuleState,
        Cmd::ErrorReturn,
    ];
    for (len, fillers) in [
        (100, &[0u32, 1, 2, 3, 4, 12, 99][..]),
        (4_000, &[0, 1, 2, 3, 4, 12, 99]),
        (PROFILE.max_message, &[0, 99]),
    ] {
        for (cmd, count_at) in commands
            .iter()
            .flat_map(|cmd| (0..9).map(move |at| (*cmd, at)))
        {
            for filler in fillers {
                let mut bytes = header(cmd, 0, 0);
                bytes.extend(filler.to_le_bytes().repeat(count_at));
                let words = (len - bytes.len()) / 4 - 1;
                bytes.extend((words as u32).to_le_bytes());
                bytes.extend(filler.to_le_bytes().repeat(words));
                check(&bytes);
            }
        }
    }
}

/// The bound bites, and says so: attributes of unknown kinds, which have no values.
#[test]
fn message_that_would_grow_too_much_is_refused() {
    let attributes = 50_000;
    let mut bytes = Vec::from((attributes as u32).to_le_bytes());
    bytes.extend(0x999u32.to_le_bytes().repeat(attributes));
    let mut outcome = None;
    let peak = peak_of(|| outcome = Some(from_bytes::<ModuleAttribList>(&bytes, &PROFILE)));
    assert!(peak <= GROWTH * bytes.len() + ALLOWANCE, "{peak} bytes");
    let error = outcome.unwrap().map(|_| ()).unwrap_err();
    assert!(
        matches!(error.kind(), DecodeErrorKind::TooMuch { .. }),
        "{error}"
    );
    assert_eq!(error.field(), "ModuleAttribList.attribs");

    // An ACL of a thousand ordinary actions is no such message.
    let action = Action {
        type_: Act::OpPermissions,
        details: ActDetails::OpPermissions(ActOpPermissionsDetails { perms: 1 }),
    };
    let group = PermissionGroup {
        actions: vec![action; 1000],
        ..PermissionGroup::default()
    };
    let mut message = Vec::new();
    let args = SetACLArgs {
        newacl: ACL {
            groups: vec![group; 20],
        },
        ..SetACLArgs::default()
    };
    let command = Command::new(1, args);
    command.encode(&mut message, &PROFILE).unwrap();
    check(&message);
    assert!(Command::decode(&message, &PROFILE).unwrap() == command);
}

mod sys {
    #![allow(unsafe_code)]

    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<isize> = const { Cell::new(0) };
        static PEAK: Cell<isize> = const { Cell::new(0) };
    }

    /// The most bytes that `run` holds at once on this thread.
    pub(super) fn peak_of(run: impl FnOnce()) -> usize {
        HELD.set(0);
        PEAK.set(0);
        run();
        PEAK.get().try_into().unwrap_or(0)
    }

    fn count(bytes: isize) {
        // Both are plain cells without destructors, so they can be used at any time of a thread's life.
        HELD.set(HELD.get() + bytes);
        PEAK.set(PEAK.get().max(HELD.get()));
    }

    struct Counting;

    // SAFETY: every call goes to the system's allocator as it came.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(layout.size() as isize);
            // SAFETY: the caller keeps the contract of this method, which is the same.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            count(-(layout.size() as isize));
            // SAFETY: as above.
            unsafe { System.dealloc(pointer, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;
}

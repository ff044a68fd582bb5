//! Use limits counted in non-volatile memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::module::KeyHash;
use crate::store::{MemoryStore, Store, StoreError};

const FILE: [u8; 11] = *b"uses\0\0\0\0\0\0\0";
const RANGE: NVMemRange = NVMemRange { first: 2, last: 9 };

/// A key that may encrypt so many times.
fn limited(max: u64, prefetch: u32) -> ACL {
    let details = UseLimNonVolatileDetails {
        flags: 0,
        file: FILE,
        range: RANGE,
        maxlo: max as u32,
        maxhi: (max >> 32) as u32,
        prefetch,
    };
    let limit = UseLimit {
        type_: UseLim::NonVolatile,
        details: UseLimDetails::NonVolatile(details),
    };
    ACL {
        groups: vec![PermissionGroup {
            limits: vec![limit],
            ..group(vec![operations(Op::ENCRYPT)])
        }],
    }
}

/// The file, in which these keys may count, and anyone may do the rest.
fn file(hks: Vec<KeyHash>) -> NVMemAllocArgs {
    let counting = Action {
        type_: Act::NVMemUseLimit,
        details: ActDetails::NVMemUseLimit(ActNVMemUseLimitDetails {
            flags: 0,
            range: RANGE,
            hks,
        }),
    };
    let rest = Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(ActNVMemOpPermsDetails {
            perms: ActNVMemOpPermsDetails::KNOWN_PERMS,
            ..Default::default()
        }),
    };
    NVMemAllocArgs {
        module: 1,
        flags: 0,
        info: FileInfo {
            flags: 0,
            length: 10,
            id: FILE,
        },
        acl: acl(vec![counting, rest]),
    }
}

fn use_key(key: u32) -> EncryptArgs {
    EncryptArgs {
        key,
        mech: Mech::RijndaelmCBCi128pPKCS5,
        plain: bytes(b"data"),
        ..Default::default()
    }
}

/// What the file says, the bytes beside the number included.
fn number(rig: &mut Rig) -> u64 {
    let read = NVMemOpArgs {
        module: 1,
        name: FILE,
        op: NVMemOpType::Read,
        ..Default::default()
    };
    match rig.ok(read).res {
        NVMemOpTypeOpRes::Read(read) => {
            assert_eq!(read.data[..2], [0, 0]);
            u64::from_le_bytes(read.data[2..].try_into().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn uses_count_up_to_the_limit() {
    let mut rig = Rig::operational();
    let key = rig.aes(limited(3, 0));
    rig.refused(use_key(key), Status::UseLimitsUnavailable);
    let hash = rig.hash_of(key);
    rig.ok(file(vec![hash]));
    for used in 1..=3 {
        rig.ok(use_key(key));
        assert_eq!(number(&mut rig), used);
    }
    rig.refused(use_key(key), Status::UseLimitExceeded);
    assert_eq!(number(&mut rig), 3);
}

#[test]
fn a_reset_and_a_power_cut_lose_what_was_reserved_and_give_nothing_back() {
    let store = SharedStore::default();
    let mut rig = Rig::with(1, b"counters", Box::new(store.clone()));
    rig.initialise();
    rig.become_operational(EVERYTHING);
    rig.ok(file(vec![]));
    let list = || {
        let mut list = limited(10, 4);
        list.groups
            .push(group(vec![make_blob(ActMakeBlobDetails::ALLOW_KM_ONLY)]));
        list
    };
    let key = rig.aes(list());
    let hkm = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    let blob = rig
        .ok(MakeBlobArgs {
            format: BlobFormat::Module,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
            ..Default::default()
        })
        .blob;
    let load = |rig: &mut Rig| {
        rig.ok(LoadBlobArgs {
            module: 1,
            blob: blob.clone(),
            ..Default::default()
        })
        .idka
    };
    rig.ok(use_key(key));
    assert_eq!(number(&mut rig), 4, "four at a time");
    for _ in 0..3 {
        rig.ok(use_key(key));
    }
    assert_eq!(number(&mut rig), 4);
    rig.ok(use_key(key));
    assert_eq!(number(&mut rig), 8);
    rig.ok(ClearUnitArgs { module: 1 });
    let key = load(&mut rig);
    rig.ok(use_key(key));
    assert_eq!(number(&mut rig), 10, "no more than there are");
    let mut rig = Rig::with(1, b"counters", Box::new(store));
    assert_eq!(number(&mut rig), 10);
    let key = load(&mut rig);
    rig.refused(use_key(key), Status::UseLimitExceeded);
}

#[test]
fn the_file_says_which_keys_count_there() {
    let mut rig = Rig::operational();
    let (one, two) = (rig.aes(limited(9, 1)), rig.aes(limited(9, 1)));
    let hash = rig.hash_of(one);
    rig.ok(file(vec![hash]));
    rig.ok(use_key(one));
    rig.refused(use_key(two), Status::AccessDenied);
}

#[test]
fn who_writes_to_the_file_writes_the_count() {
    let mut rig = Rig::operational();
    rig.ok(file(vec![]));
    let key = rig.aes(limited(5, 4));
    rig.ok(use_key(key));
    let write = |number: u64| NVMemOpArgs {
        module: 1,
        name: FILE,
        op: NVMemOpType::Write,
        val: NVMemOpTypeOpVal::Write(NVMemOpTypeWriteOpVal {
            data: number.to_le_bytes().to_vec(),
        }),
        range: Some(RANGE),
        ..Default::default()
    };
    rig.ok(write(5));
    rig.refused(use_key(key), Status::UseLimitExceeded);
    rig.ok(write(0));
    rig.ok(use_key(key));
    let free = NVMemFreeArgs {
        module: 1,
        flags: 0,
        name: FILE,
    };
    rig.ok(free);
    rig.refused(use_key(key), Status::UseLimitsUnavailable);
}

#[test]
fn a_spent_group_gives_way_to_the_next_and_the_next_counts_nothing() {
    let mut rig = Rig::operational();
    rig.ok(file(vec![]));
    let mut list = limited(1, 1);
    list.groups.push(group(vec![operations(Op::ENCRYPT)]));
    let key = rig.aes(list);
    rig.ok(use_key(key));
    rig.ok(use_key(key));
    assert_eq!(number(&mut rig), 1);
}

#[test]
fn a_limit_that_can_be_no_number_is_refused() {
    let mut rig = Rig::operational();
    let with = |change: &dyn Fn(&mut UseLimNonVolatileDetails)| {
        let mut list = limited(1, 1);
        if let UseLimDetails::NonVolatile(details) = &mut list.groups[0].limits[0].details {
            change(details);
        }
        aes_args(list)
    };
    let backwards = with(&|limit| limit.range = NVMemRange { first: 3, last: 2 });
    rig.refused(backwards, Status::InvalidACL);
    let long = with(&|limit| limit.range = NVMemRange { first: 0, last: 8 });
    rig.refused(long, Status::InvalidACL);
    rig.refused(with(&|limit| limit.flags = 1), Status::UnknownFlag);
}

#[test]
fn a_list_that_belongs_to_no_key_counts_nothing_there() {
    let mut rig = Rig::operational();
    let mut args = file(vec![]);
    args.acl.groups[0].limits = limited(1, 1).groups[0].limits.clone();
    rig.ok(args);
    let read = NVMemOpArgs {
        module: 1,
        name: FILE,
        op: NVMemOpType::Read,
        ..Default::default()
    };
    rig.refused(read, Status::UseLimitsUnavailable);
}

/// A store that is slow, counts its writes, and is full when the switch is on.
#[derive(Clone, Default)]
struct Slow {
    store: Arc<MemoryStore>,
    writes: Arc<AtomicUsize>,
    full: Arc<AtomicBool>,
}

impl Store for Slow {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.load(name)
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            let cause = redb::Error::Io(std::io::ErrorKind::StorageFull.into());
            return Err(StoreError {
                place: "full".into(),
                cause: Box::new(cause),
            });
        }
        std::thread::sleep(Duration::from_millis(3));
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.store.save(records)
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.records()
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.store.replace(records)
    }
}

#[test]
fn a_use_that_cannot_be_written_down_is_not_made() {
    let store = Slow::default();
    let mut rig = Rig::with(1, b"counters", Box::new(store.clone()));
    rig.initialise();
    rig.ok(file(vec![]));
    let key = rig.aes(limited(2, 1));
    store.full.store(true, Ordering::Relaxed);
    rig.refused(use_key(key), Status::Failed);
    store.full.store(false, Ordering::Relaxed);
    assert_eq!(number(&mut rig), 0);
    rig.ok(use_key(key));
    rig.ok(use_key(key));
    rig.refused(use_key(key), Status::UseLimitExceeded);
}

#[test]
fn threads_share_writes_and_none_is_lost() {
    const THREADS: usize = 8;
    const USES: usize = 20;
    let store = Slow::default();
    let mut rig = Rig::with(1, b"counters", Box::new(store.clone()));
    rig.initialise();
    rig.ok(file(vec![]));
    let key = rig.aes(limited(100, 1));
    let before = store.writes.load(Ordering::Relaxed);
    let done: usize = std::thread::scope(|scope| {
        let one = |_| {
            let mut rig = rig.clone();
            scope.spawn(move || {
                let uses = (0..USES).map(|_| rig.send(use_key(key)).status);
                uses.filter(|status| *status == Status::OK).count()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(one).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(done, 100, "exactly as many as there are");
    assert_eq!(number(&mut rig), 100);
    let writes = store.writes.load(Ordering::Relaxed) - before;
    assert!(writes < 100, "{writes} writes for 100 uses");
}

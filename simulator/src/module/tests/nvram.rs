//! Areas of NVRAM through the module: what survives what, and what happens when it cannot be saved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ncore::types::*;

use super::rig::*;
use crate::store::{MemoryStore, RedbStore, Store, StoreError};

const NAME: [u8; 11] = *b"counter\0\0\0\0";
const PERMS: u32 = ActNVMemOpPermsDetails::KNOWN_PERMS;

fn file_list(perms: u32) -> ACL {
    let details = ActNVMemOpPermsDetails {
        perms,
        ..Default::default()
    };
    ACL {
        groups: vec![PermissionGroup {
            actions: vec![Action {
                type_: Act::NVMemOpPerms,
                details: ActDetails::NVMemOpPerms(details),
            }],
            ..Default::default()
        }],
    }
}

fn allocate(length: u32) -> NVMemAllocArgs {
    NVMemAllocArgs {
        module: 1,
        flags: 0,
        info: FileInfo {
            flags: 0,
            length,
            id: NAME,
        },
        acl: file_list(PERMS),
    }
}

fn operate(op: NVMemOpType, val: NVMemOpTypeOpVal) -> NVMemOpArgs {
    NVMemOpArgs {
        module: 1,
        name: NAME,
        op,
        val,
        ..Default::default()
    }
}

fn increase(count: u32) -> NVMemOpArgs {
    operate(
        NVMemOpType::Incr,
        NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count }),
    )
}

fn content(rig: &mut Rig) -> Vec<u8> {
    match rig
        .ok(operate(NVMemOpType::Read, NVMemOpTypeOpVal::Empty))
        .res
    {
        NVMemOpTypeOpRes::Read(read) => read.data,
        other => panic!("{other:?}"),
    }
}

fn list(rig: &mut Rig) -> Vec<FileInfo> {
    let args = NVMemListArgs {
        module: 1,
        flags: 0,
    };
    rig.ok(args).infos
}

#[test]
fn an_area_survives_a_power_cut_and_a_reset_but_no_initialisation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module1.redb");
    let power_on = || Rig::with(1, b"test", Box::new(RedbStore::open(&path).unwrap()));
    let mut rig = power_on();
    rig.initialise();
    rig.ok(allocate(8));
    rig.ok(increase(7));
    rig.become_operational(EVERYTHING);
    rig.ok(increase(1));
    // No orderly end: the reply is the promise.
    drop(rig);
    let mut rig = power_on();
    assert_eq!(content(&mut rig), 8u64.to_le_bytes());
    rig.initialise();
    assert_eq!(list(&mut rig), []);
    drop(rig);
    let mut rig = power_on();
    assert_eq!(list(&mut rig), [], "erased on the disk too");
}

/// A store whose disk is full when the switch is on.
struct Full(Arc<AtomicBool>, MemoryStore);

impl Store for Full {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.load(name)
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        if !self.0.load(Ordering::Relaxed) {
            return self.1.save(records);
        }
        let cause = redb::Error::Io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        Err(StoreError {
            place: "full".into(),
            cause: Box::new(cause),
        })
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.1.records()
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.save(records)
    }
}

#[test]
fn what_cannot_be_saved_does_not_count() {
    let full = Arc::new(AtomicBool::new(false));
    let store = Full(Arc::clone(&full), MemoryStore::default());
    let mut rig = Rig::with(1, b"test", Box::new(store));
    rig.initialise();
    rig.ok(allocate(4));
    rig.ok(increase(5));
    full.store(true, Ordering::Relaxed);
    rig.refused(increase(1), Status::Failed);
    let mut other = allocate(4);
    other.info.id = [1; 11];
    rig.refused(other, Status::Failed);
    full.store(false, Ordering::Relaxed);
    assert_eq!(content(&mut rig), [5, 0, 0, 0]);
    assert_eq!(list(&mut rig).len(), 1);
}

#[test]
fn a_damaged_record_of_nvram_stops_the_module() {
    let store = MemoryStore::default();
    store.save(&[("nvram", b"SSNVxxxx")]).unwrap();
    let error = crate::module::nvram::Nvram::load(&store, 4096)
        .err()
        .unwrap();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn making_and_freeing_areas_is_the_officers() {
    let mut rig = Rig::initialising();
    let mut area = allocate(4);
    area.acl = file_list(ActNVMemOpPermsDetails::READ);
    rig.ok(area);
    rig.become_operational(0);
    let mut other = allocate(4);
    other.info.id = [1; 11];
    rig.refused(other, Status::AccessDenied);
    let free = NVMemFreeArgs {
        module: 1,
        flags: 0,
        name: NAME,
    };
    rig.refused(free, Status::AccessDenied);
    assert_eq!(content(&mut rig), [0; 4]);
}

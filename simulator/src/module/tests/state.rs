//! Modes, initialisation, module keys, and what survives a power cut.

use std::sync::Arc;

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::cards::FileCard;
use crate::job::{Begun, Now};
use crate::module::mode::Mode;
use crate::module::{Module, Setup, Snapshot};
use crate::seed::Seed;
use crate::store::{Store, StoreError};

#[test]
fn initialisation_gives_a_new_first_module_key_each_time() {
    let mut rig = Rig::initialising();
    let first = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    assert_eq!((first.hknso, first.hkms.len()), ([0; 20], 1));
    rig.initialise();
    let second = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    assert_ne!(second.hkms, first.hkms);
}

#[test]
fn initialisation_erases_the_world() {
    let mut rig = Rig::operational();
    assert_eq!(
        rig.ok(GetKMListArgs {
            module: 1,
            flags: 0
        })
        .hknso,
        OFFICER
    );
    rig.initialise();
    let list = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    assert_eq!((list.hknso, list.hkms.len()), ([0; 20], 1));
    // Without an officer it does not come up as operational.
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Operational,
    });
    assert_eq!(rig.module.description().mode, Mode::Uninitialised);
}

#[test]
fn initialise_unit_ex_knows_its_kinds_and_flags() {
    let mut rig = Rig::factory();
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Initialisation,
    });
    let args = InitialiseUnitExArgs {
        flags: 0,
        module: 1,
        kml: KMLType::DSAp3072s256,
    };
    rig.refused(
        InitialiseUnitExArgs {
            kml: KMLType(9),
            ..args.clone()
        },
        Status::UnknownParameter,
    );
    rig.refused(
        InitialiseUnitExArgs {
            flags: 4,
            ..args.clone()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        InitialiseUnitExArgs {
            flags: InitialiseUnitExArgs::AUDIT_LOGGING,
            ..args.clone()
        },
        Status::NotAvailable,
    );
    assert_eq!(rig.module.description().mode, Mode::PreInitialisation);
    rig.ok(args);
    let kml = rig.ok(GetKMLArgs { module: 1 }).idka;
    let info = rig.ok(GetKeyInfoExArgs { flags: 0, key: kml });
    assert_eq!((info.type_, info.length), (KeyType::DSAPublic, 3072));
    rig.refused(InitialiseUnitArgs { module: 1 }, Status::InvalidState);
}

#[test]
fn the_officer_is_named_once() {
    let mut rig = Rig::initialising();
    let args = SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: OFFICER,
        publicperms: NSOPerms { ops: 1 },
    };
    rig.refused(
        SetNSOPermsArgs {
            flags: 64,
            ..args.clone()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        SetNSOPermsArgs {
            flags: SetNSOPermsArgs::COMMON_CRITERIA_CMTS,
            ..args.clone()
        },
        Status::NotAvailable,
    );
    let too_many = NSOPerms { ops: 1 << 19 };
    rig.refused(
        SetNSOPermsArgs {
            publicperms: too_many,
            ..args.clone()
        },
        Status::UnknownFlag,
    );
    rig.ok(args.clone());
    rig.refused(args, Status::InvalidState);
}

#[test]
fn clear_unit_kills_objects_and_keeps_the_world() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    let keys = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    rig.ok(ClearUnitArgs { module: 1 });
    rig.refused(GetKeyInfoArgs { key }, Status::UnknownID);
    assert_eq!(
        rig.ok(GetKMListArgs {
            module: 1,
            flags: 0
        }),
        keys
    );
    assert_eq!(rig.module.description().mode, Mode::Operational);
    rig.refused(
        ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode: ModuleMode(9),
        },
        Status::UnknownParameter,
    );
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Default,
    });
    assert_eq!(rig.module.description().mode, Mode::Operational);
}

#[test]
fn a_failed_module_answers_hardware_failed_until_retried() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    rig.refused(RetryFailedModuleArgs { module: 1 }, Status::InvalidState);
    rig.ok(FailArgs { module: 1 });
    assert!(rig.module.failed() && !rig.module.in_world());
    rig.refused(NoOpArgs { module: 1 }, Status::HardwareFailed);
    rig.refused(GenerateRandomArgs { lenbytes: 1 }, Status::HardwareFailed);
    rig.refused(ClearUnitArgs { module: 1 }, Status::HardwareFailed);
    rig.refused(FailArgs { module: 1 }, Status::HardwareFailed);
    rig.ok(RetryFailedModuleArgs { module: 1 });
    assert!(rig.module.in_world());
    rig.refused(GetKeyInfoArgs { key }, Status::UnknownID);
}

#[test]
fn a_reset_in_the_middle_of_a_command_ends_it() {
    let mut rig = Rig::operational();
    let (key, _) = rig.rsa(512, anything(), anything());
    let sign = rig.begin(ncore::message::Command::new(1, sign_args(key)));
    let generate = rig.begin(ncore::message::Command::new(2, aes_args(anything())));
    assert!(matches!(
        (&sign, &generate),
        (Begun::Work(_), Begun::Work(_))
    ));
    rig.ok(ClearUnitArgs { module: 1 });
    assert_eq!(sign.finish().status, Status::UnitReset);
    assert_eq!(generate.finish().status, Status::UnitReset);

    let (key, _) = rig.rsa(512, anything(), anything());
    let sign = rig.begin(ncore::message::Command::new(1, sign_args(key)));
    rig.ok(FailArgs { module: 1 });
    assert_eq!(sign.finish().status, Status::HardwareFailed);
}

#[test]
fn a_client_that_left_leaves_nothing_behind() {
    let mut rig = Rig::operational();
    let mut other = rig.other_client(2);
    let key = other.aes(anything());
    let late = other.begin(ncore::message::Command::new(1, aes_args(anything())));
    assert!(rig.module.holds(2, key));
    rig.refused(GetKeyInfoArgs { key }, Status::UnknownID);
    rig.module.dismiss(2);
    assert!(!rig.module.holds(2, key));
    assert_eq!(late.finish().status, Status::ClientUnknown);
    rig.aes(anything());
}

#[test]
fn maintenance_is_entered_from_its_own_mode() {
    let mut rig = Rig::operational();
    rig.refused(MaintenanceArgs { module: 1 }, Status::InvalidState);
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Maintenance,
    });
    rig.refused(GenerateRandomArgs { lenbytes: 1 }, Status::InvalidState);
    rig.ok(MaintenanceArgs { module: 1 });
    assert_eq!(rig.module.description().mode, Mode::Maintenance);
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Operational,
    });
    assert!(rig.module.in_world());
}

#[test]
fn a_loaded_key_becomes_a_module_key_and_goes_again() {
    let mut rig = Rig::operational();
    let key = rig.aes(may(Op::USE_AS_KM));
    let hash = rig.hash_of(key);
    rig.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: key,
    });
    rig.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: key,
    });
    let list = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms;
    assert_eq!((list.len(), list[1]), (2, hash));
    rig.refused(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm: list[0],
        },
        Status::InvalidParameter,
    );
    rig.ok(RemoveKMArgs {
        module: 1,
        flags: 0,
        hkm: hash,
    });
    rig.refused(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm: hash,
        },
        Status::UnknownKM,
    );

    let key = rig.aes(may(!Op::USE_AS_KM & Op::KNOWN_PERMS));
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: key,
        },
        Status::AccessDenied,
    );
    let (private, _) = rig.rsa(512, anything(), anything());
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: private,
        },
        Status::TypeMismatch,
    );
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: 5,
        },
        Status::UnknownID,
    );
}

#[test]
fn serial_number_world_and_module_keys_survive_a_power_cut() {
    let store = SharedStore::default();
    let mut rig = Rig::with(1, b"test", Box::new(store.clone()));
    rig.initialise();
    let key = rig.aes(anything());
    rig.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: key,
    });
    rig.become_operational(NSOPerms::OPS_ORIGINATE_KEY);
    let keys = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    let kml = rig.ok(GetKMLArgs { module: 1 }).idka;
    let kml = rig.hash_of(kml);
    let description = rig.module.description();
    drop(rig);

    let mut rig = Rig::with(1, b"another seed", Box::new(store));
    assert_eq!(rig.module.description(), description);
    assert_eq!(
        rig.ok(GetKMListArgs {
            module: 1,
            flags: 0
        }),
        keys
    );
    let again = rig.ok(GetKMLArgs { module: 1 }).idka;
    assert_eq!(rig.hash_of(again), kml);
    // The permissions that are public survive too.
    let key = rig.aes(anything());
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: key,
        },
        Status::AccessDenied,
    );
}

#[test]
fn a_card_is_in_its_reader_until_a_hand_takes_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    std::fs::write(&path, b"").unwrap();
    let store = SharedStore::default();
    let on = || Rig::with(1, b"test", Box::new(store.clone()));
    let card = |rig: &Rig| rig.module.slots_view()[0].card.clone();

    let rig = on();
    rig.module
        .insert_card(0, Box::new(FileCard::new(&path)))
        .unwrap();
    let snapshot = rig.module.snapshot().unwrap();
    drop(rig);
    let rig = on();
    assert_eq!(card(&rig), Some(path.clone()));
    rig.module.power_cycle().unwrap();
    assert_eq!(card(&rig), Some(path.clone()));
    rig.module.remove_card(0).unwrap();
    drop(rig);
    assert_eq!(card(&on()), None);

    // A snapshot is of the unit, not of the cards in it.
    let rig = on();
    let engine = engine::Kind::default().engine();
    let snapshot = Snapshot::read(&snapshot, &*engine).unwrap();
    rig.module.restore(&snapshot).unwrap();
    drop(rig);
    let rig = on();
    assert_eq!(card(&rig), None);
    rig.module
        .insert_card(0, Box::new(FileCard::new(&path)))
        .unwrap();
    rig.module.restore(&snapshot).unwrap();
    drop(rig);
    assert_eq!(card(&on()), Some(path.clone()));

    // Nor is a card there whose file is gone.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(card(&on()), None);
    std::fs::write(&path, b"").unwrap();
    assert_eq!(card(&on()), None);
}

#[test]
fn the_mode_switch_survives_a_power_cut_and_initialisation_does_not() {
    let store = SharedStore::default();
    let mut rig = Rig::with(1, b"test", Box::new(store.clone()));
    rig.initialise();
    assert_eq!(rig.module.description().mode, Mode::Initialisation);
    drop(rig);
    let rig = Rig::with(1, b"test", Box::new(store));
    assert_eq!(rig.module.description().mode, Mode::PreInitialisation);
}

#[test]
fn a_module_does_not_start_on_a_damaged_state() {
    let store = SharedStore::default();
    drop(Rig::with(1, b"test", Box::new(store.clone())));
    let start = |store: SharedStore| {
        Module::power_on(Setup {
            number: 1,
            seed: Seed::from_bytes(b"test"),
            engine: engine::Kind::default().engine(),
            store: Box::new(store),
            slots: Vec::new(),
            nvram: 0,
            now: Now {
                uptime: Default::default(),
                unix: Default::default(),
            },
        })
    };
    let good = store.load("module").unwrap().unwrap();
    let mut damaged = good.clone();
    damaged[20] ^= 1;
    for (record, expected) in [
        (damaged, "module state: damaged record: wrong checksum"),
        (
            good[..8].to_vec(),
            "module state: damaged record: cut short",
        ),
        (
            b"something else".to_vec(),
            "module state: not a SSMS record",
        ),
    ] {
        store.save(&[("module", &record)]).unwrap();
        assert_eq!(start(store.clone()).unwrap_err().to_string(), expected);
    }
    store.save(&[("module", &good)]).unwrap();
    assert!(start(store).is_ok());
}

/// A store whose disk is full.
struct FullStore(Arc<std::sync::atomic::AtomicBool>);

impl Store for FullStore {
    fn load(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn save(&self, _: &[(&str, &[u8])]) -> Result<(), StoreError> {
        if !self.0.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(());
        }
        let cause = redb::Error::Io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        Err(StoreError {
            place: "full".into(),
            cause: Box::new(cause),
        })
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(Vec::new())
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.save(records)
    }
}

#[test]
fn what_cannot_be_saved_is_refused_and_changes_nothing() {
    let full = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut rig = Rig::with(1, b"test", Box::new(FullStore(Arc::clone(&full))));
    rig.initialise();
    let key = rig.aes(anything());
    let before = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    full.store(true, std::sync::atomic::Ordering::Relaxed);
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: key,
        },
        Status::Failed,
    );
    let perms = NSOPerms { ops: 0 };
    rig.refused(
        SetNSOPermsArgs {
            module: 1,
            flags: 0,
            hknso: OFFICER,
            publicperms: perms,
        },
        Status::Failed,
    );
    assert_eq!(
        rig.ok(GetKMListArgs {
            module: 1,
            flags: 0
        }),
        before
    );
    rig.ok(GetKeyInfoArgs { key });
}

#[test]
fn reserved_operations_are_refused_without_the_officer() {
    let mut rig = Rig::initialising();
    let key = rig.aes(anything());
    rig.become_operational(0);
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: key,
        },
        Status::UnknownID,
    );
    rig.refused(aes_args(anything()), Status::AccessDenied);
    rig.refused(rsa_args(512, anything(), anything()), Status::AccessDenied);
    rig.refused(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm: [1; 20],
        },
        Status::AccessDenied,
    );
    rig.refused(GenerateLogicalTokenArgs::default(), Status::AccessDenied);
    rig.refused(LoadLogicalTokenArgs::default(), Status::AccessDenied);
    rig.refused(FormatTokenArgs::default(), Status::AccessDenied);
    rig.refused(WriteShareArgs::default(), Status::AccessDenied);
    rig.refused(EraseShareArgs::default(), Status::AccessDenied);
    rig.refused(ChangeSharePINArgs::default(), Status::AccessDenied);
    rig.refused(
        ImportArgs {
            appdata: [0; 64],
            ..import_nothing()
        },
        Status::AccessDenied,
    );
}

fn import_nothing() -> ImportArgs {
    ImportArgs {
        module: 1,
        data: KeyData::default(),
        acl: ACL::default(),
        appdata: [0; 64],
    }
}

#[test]
fn events_are_counted_for_those_who_watch() {
    let mut rig = Rig::operational();
    let before = rig
        .ok(PollModuleStateArgs {
            flags: 0,
            module: 1,
        })
        .stateevents;
    rig.ok(ClearUnitArgs { module: 1 });
    assert_eq!(
        rig.ok(PollModuleStateArgs {
            flags: 0,
            module: 1
        })
        .stateevents,
        before + 1
    );
    rig.refused(
        PollModuleStateArgs {
            flags: 1,
            module: 1,
        },
        Status::UnknownFlag,
    );
}

#[test]
fn statistics_count_objects_and_commands() {
    let mut rig = Rig::operational();
    let value = |rig: &Rig, id| {
        let statistics = rig.module.statistics(std::time::Duration::from_secs(90));
        statistics
            .into_iter()
            .find(|statistic| statistic.id == id)
            .unwrap()
            .value
    };
    let before = (
        value(&rig, StatID::CmdCount),
        value(&rig, StatID::ObjectCount),
    );
    let key = rig.aes(anything());
    assert_eq!(
        (
            value(&rig, StatID::CmdCount),
            value(&rig, StatID::ObjectCount)
        ),
        (before.0 + 1, before.1 + 1)
    );
    rig.ok(DestroyArgs { key });
    assert_eq!(
        (
            value(&rig, StatID::ObjectCount),
            value(&rig, StatID::ObjectsDestroyed)
        ),
        (before.1, 1)
    );
    assert_eq!(value(&rig, StatID::Uptime), 90);
    assert_eq!(
        value(&rig, StatID::ReplyCount),
        value(&rig, StatID::CmdCount)
    );
}

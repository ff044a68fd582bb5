//! Keys with something in a module's NVRAM: their counters, their blobs, and what is left after an initialisation.

mod common;

use common::{Rig, digest, request};
use ncore::types::{
    AdminKey, Mech, NFKMNKF, NVMemAllocArgs, NVMemListArgs, NVMemOpArgs, NVMemOpType,
    NVMemOpTypeOpVal,
};
use ncore::{Cmd, Status};
use nfkm::cards::{CardSource, Unattended};
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::world::admin::WorldParams;
use nfkm::{
    Area, EntryName, Error, IdentRule, InNvram, LoadedKey, NewKey, NvramAuthority, NvramState,
    Protection, Session,
};

const COUNTED: InNvram = InNvram {
    blob: false,
    counter: true,
};
const STORED: InNvram = InNvram {
    blob: true,
    counter: false,
};
const BOTH: InNvram = InNvram {
    blob: true,
    counter: true,
};

fn name(ident: &str) -> EntryName {
    EntryName::new("mscapi", ident).unwrap()
}

fn fixed(ident: &str) -> NewKey {
    request(IdentRule::Fixed(ident.to_owned()))
}

fn record(session: &Session, ident: &str) -> KeyRecord {
    let world = session.world().unwrap().world;
    match session.folder().entry(&world.hknso, &name(ident)).unwrap() {
        EntryContent::Key(record) => *record,
        EntryContent::Opaque(_) => panic!("{ident} holds data"),
    }
}

fn sign(key: &LoadedKey) -> Result<(), Error> {
    key.sign(Mech::RSAhSHA256pPKCS1, digest(7)).map(drop)
}

fn authority(session: &Session, cards: &CardSource) -> NvramAuthority {
    session
        .open_nvram(1, cards, &mut Unattended::default())
        .unwrap()
}

fn areas(session: &Session, module: u32) -> usize {
    let client = session.client().unwrap();
    let args = NVMemListArgs { module, flags: 0 };
    client.transact(args).unwrap().infos.len()
}

fn counter(session: &Session, ident: &str) -> Option<Area<u64>> {
    session.nvram_state(&name(ident)).unwrap().unwrap().counter
}

/// A world of two modules that delegates NVRAM to one card of three.
fn world() -> Rig {
    let rig = Rig::start(2);
    let mut params = WorldParams::new(2, 3);
    params.features.apply("nv=1").unwrap();
    rig.create(&[1, 2], &params);
    rig
}

#[test]
fn uses_are_counted_one_by_one_on_one_module() {
    let rig = world();
    let session = rig.session();
    let few = authority(&session, &rig.cards(1));
    let key = few.generate_key_pair(&fixed("counted"), COUNTED).unwrap();
    assert_eq!(key.modules(), [1]);
    assert_eq!(counter(&session, "counted"), Some(Area::Present(0)));
    for _ in 0..3 {
        sign(&key).unwrap();
    }
    assert_eq!(counter(&session, "counted"), Some(Area::Present(3)));

    // The blob is on the host; another session counts on.
    let session = rig.session();
    let again = session.load_key("mscapi", "counted").unwrap();
    assert_eq!(again.modules(), [1]);
    sign(&again).unwrap();
    assert_eq!(counter(&session, "counted"), Some(Area::Present(4)));
    let record = record(&session, "counted");
    assert!(!record.blob.is_empty() && record.recovery.is_some());
    assert_eq!(record.flags & NFKMNKF::NVMemBlob.0, 0);

    session.generate_key_pair(&fixed("plain")).unwrap();
    assert_eq!(session.nvram_state(&name("plain")).unwrap(), None);
    assert!(matches!(
        session.nvram_state(&name("none")),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn a_stored_key_leaves_no_blob_of_it_on_the_host() {
    let mut rig = world();
    let session = rig.session();
    let few = authority(&session, &rig.cards(1));
    let key = few.generate_key_pair(&fixed("stored"), STORED).unwrap();
    sign(&key).unwrap();
    let record = record(&session, "stored");
    assert_eq!((record.blob.len(), record.recovery), (0, None));
    assert_ne!(record.flags & NFKMNKF::NVMemBlob.0, 0);
    let file = record.nvram.unwrap().blob.unwrap();

    // Nobody sees the blob, the administrator neither.
    let client = session.client().unwrap();
    let read = client.transact(NVMemOpArgs {
        module: 1,
        name: file,
        op: NVMemOpType::Read,
        val: NVMemOpTypeOpVal::Empty,
        ..NVMemOpArgs::default()
    });
    assert_eq!(
        read.map(drop).unwrap_err().status(),
        Some(Status::AccessDenied)
    );

    // It is there after a power cut, and loaded from there.
    rig.restart();
    let session = rig.session();
    let key = session.load_key("mscapi", "stored").unwrap();
    sign(&key).unwrap();
    assert_eq!(key.modules(), [1]);
    let state = session.nvram_state(&name("stored")).unwrap().unwrap();
    assert_eq!((state.blob, state.counter), (Some(Area::Present(())), None));
}

#[test]
fn a_softcard_protects_a_stored_key_too() {
    let rig = world();
    let session = rig.session();
    let softcard = session.create_softcard(1, "soft", None, false).unwrap();
    let token = session.load_softcard(&softcard, None).unwrap();
    let few = authority(&session, &rig.cards(1));
    let request = NewKey {
        protection: Protection::Token(token.clone()),
        ..fixed("stored")
    };
    few.generate_key_pair(&request, BOTH).unwrap();
    let needs = session.load_key("mscapi", "stored").map(drop);
    assert!(matches!(needs, Err(Error::NeedsToken { .. })), "{needs:?}");
    let key = session.load_key_with("mscapi", "stored", &token).unwrap();
    sign(&key).unwrap();
    assert_eq!(counter(&session, "stored"), Some(Area::Present(1)));
}

#[test]
fn a_world_without_the_delegation_takes_the_quorum_of_the_security_officer() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(2, 2);
    params.features.apply("no-nv").unwrap();
    let world = rig.create(&[1], &params);
    assert_eq!(world.hash(AdminKey::NV), None);
    let session = rig.session();
    let few = session.open_nvram(1, &rig.cards(1), &mut Unattended::default());
    assert!(matches!(few.map(drop), Err(Error::Cards(_))));
    let all = authority(&session, &rig.cards(2));
    let key = all.generate_key_pair(&fixed("counted"), COUNTED).unwrap();
    sign(&key).unwrap();
    assert_eq!(counter(&session, "counted"), Some(Area::Present(1)));
}

#[test]
fn without_the_cards_nobody_makes_an_area() {
    let rig = world();
    let session = rig.session();
    let client = session.client().unwrap();
    let refused = client.transact(NVMemAllocArgs {
        module: 1,
        ..NVMemAllocArgs::default()
    });
    assert!(
        matches!(
            refused,
            Err(Error::Status {
                cmd: Cmd::NVMemAlloc,
                status: Status::AccessDenied
            })
        ),
        "{refused:?}"
    );
    let none = session.open_nvram(
        1,
        &CardSource::Files(Vec::new()),
        &mut Unattended::default(),
    );
    assert!(matches!(none.map(drop), Err(Error::Cards(_))));
    let nowhere = session.open_nvram(7, &rig.cards(1), &mut Unattended::default());
    assert!(matches!(
        nowhere.map(drop),
        Err(Error::NoSuchModule { module: 7 })
    ));
}

#[test]
fn a_name_that_is_taken_leaves_no_area_behind() {
    let rig = world();
    let session = rig.session();
    session.generate_key_pair(&fixed("taken")).unwrap();
    let few = authority(&session, &rig.cards(1));
    let taken = few.generate_key_pair(&fixed("taken"), BOTH).map(drop);
    assert!(matches!(taken, Err(Error::Exists { .. })), "{taken:?}");
    assert_eq!(areas(&session, 1), 0);
}

/// Initialising a module erases its areas (the CAPI guide, section 9).
#[test]
fn after_an_initialisation_counters_are_made_again_and_stored_keys_are_gone() {
    let rig = world();
    let session = rig.session();
    {
        let few = authority(&session, &rig.cards(1));
        few.generate_key_pair(&fixed("counted"), COUNTED).unwrap();
        few.generate_key_pair(&fixed("stored"), STORED).unwrap();
        let alive = few.recreate_counter(&name("counted"));
        assert!(matches!(alive, Err(Error::Parameters(_))), "{alive:?}");
    }
    sign(&session.load_key("mscapi", "counted").unwrap()).unwrap();

    // The module leaves the world, and comes back.
    rig.admin().erase(&[1], &mut Unattended::default()).unwrap();
    let state = session.nvram_state(&name("counted")).unwrap().unwrap();
    assert_eq!(state.counter, Some(Area::Unreachable));
    rig.admin()
        .load(&[1], &rig.cards(2), false, &mut Unattended::default())
        .unwrap();
    let NvramState { blob, counter, .. } = session.nvram_state(&name("counted")).unwrap().unwrap();
    assert_eq!((blob, counter), (None, Some(Area::Erased)));

    let key = session.load_key("mscapi", "counted").unwrap();
    let unavailable = sign(&key).unwrap_err();
    assert_eq!(unavailable.status(), Some(Status::UseLimitsUnavailable));
    let gone = session.load_key("mscapi", "stored").map(drop);
    assert!(matches!(gone, Err(Error::NvramErased { .. })), "{gone:?}");
    let state = session.nvram_state(&name("stored")).unwrap().unwrap();
    assert_eq!(state.blob, Some(Area::Erased));

    let few = authority(&session, &rig.cards(1));
    few.recreate_counter(&name("counted")).unwrap();
    assert_eq!(self::counter(&session, "counted"), Some(Area::Present(0)));
    sign(&key).unwrap();
    assert_eq!(self::counter(&session, "counted"), Some(Area::Present(1)));
    let stored = few.recreate_counter(&name("stored"));
    assert!(matches!(stored, Err(Error::Parameters(_))), "{stored:?}");
    drop(few);

    // The counter may be on another module from then on.
    rig.admin().erase(&[1], &mut Unattended::default()).unwrap();
    let few = session
        .open_nvram(2, &rig.cards(1), &mut Unattended::default())
        .unwrap();
    few.recreate_counter(&name("counted")).unwrap();
    let key = session.load_key("mscapi", "counted").unwrap();
    assert_eq!(key.modules(), [2]);
    sign(&key).unwrap();
    assert_eq!(self::counter(&session, "counted"), Some(Area::Present(1)));
}

//! Keys of lost cards, recovered with the administrator cards.

mod common;

use common::{Person, Rig, digest, request};
use ncore::Status;
use ncore::types::Mech;
use nfkm::cards::{CardSource, Unattended};
use nfkm::kmdata::EntryContent;
use nfkm::world::admin::WorldParams;
use nfkm::{
    EntryName, Error, IdentRule, LoadedKey, LoadedToken, NewCardSet, NewKey, Protection, Session,
};

const READERS: CardSource = CardSource::Readers;

fn name(ident: &str) -> EntryName {
    EntryName::new("mscapi", ident).unwrap()
}

fn signs(key: &LoadedKey) -> bool {
    key.sign(Mech::RSAhSHA256pPKCS1, digest(7)).is_ok()
}

fn make(session: &Session, ident: &str, token: &LoadedToken, recovery: bool) {
    let request = NewKey {
        recovery,
        protection: Protection::Token(token.clone()),
        ..request(IdentRule::Fixed(ident.to_owned()))
    };
    session.generate_key_pair(&request).unwrap();
}

/// A fleeting set of one card in the reader, loaded.
fn loaded_set(rig: &Rig, session: &Session, card: &str) -> LoadedToken {
    rig.hands().remove(1);
    let mut person = Person::new(rig, &[card]);
    let set = session
        .create_card_set(1, &NewCardSet::new(card, 1, 1), &READERS, &mut person)
        .unwrap();
    session
        .load_card_set(&set, &[1], &READERS, &mut person)
        .unwrap()
}

#[test]
fn a_key_of_a_lost_card_set_comes_under_another_one() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(2, 2);
    params.features.apply("r=1").unwrap();
    rig.create(&[1], &params);
    let session = rig.session();
    let lost = loaded_set(&rig, &session, "lost");
    make(&session, "key", &lost, true);
    make(&session, "unrecoverable", &lost, false);
    session
        .generate_key_pair(&request(IdentRule::Fixed("module".to_owned())))
        .unwrap();
    let before = session
        .folder()
        .entry(&session.world().unwrap().world.hknso, &name("key"));
    drop(lost);
    rig.hands().remove(1);
    std::fs::remove_dir_all(rig.folder.path().join("cards")).unwrap();

    let admin = CardSource::Files(vec![rig.card(2)]);
    let recovery = session
        .open_recovery(1, &admin, &mut Unattended::default())
        .unwrap();
    let target = loaded_set(&rig, &session, "new");
    let recovered = recovery.recover(&name("key"), &target).unwrap();
    let early = session.load_key_with("mscapi", "key", &target);
    assert!(matches!(early, Err(Error::NeedsToken { .. })), "{early:?}");
    recovered.save().unwrap();
    assert!(signs(
        &session.load_key_with("mscapi", "key", &target).unwrap()
    ));
    let hknso = session.world().unwrap().world.hknso;
    let EntryContent::Key(record) = session.folder().entry(&hknso, &name("key")).unwrap() else {
        panic!("no key");
    };
    let Ok(EntryContent::Key(before)) = before else {
        panic!("no key");
    };
    assert_eq!(record.cardset, Some(target.hash()));
    assert_eq!(
        (record.hash, &record.recovery),
        (before.hash, &before.recovery)
    );

    // It can be lost again.
    let third = loaded_set(&rig, &session, "third");
    recovery
        .recover(&name("key"), &third)
        .unwrap()
        .save()
        .unwrap();
    assert!(signs(
        &session.load_key_with("mscapi", "key", &third).unwrap()
    ));

    for ident in ["unrecoverable", "module"] {
        let refused = recovery.recover(&name(ident), &third).map(drop);
        assert!(
            matches!(refused, Err(Error::Parameters(_))),
            "{ident}: {refused:?}"
        );
    }
    let softcard = session.create_softcard(1, "soft", None, false).unwrap();
    let softcard = session.load_softcard(&softcard, None).unwrap();
    let refused = recovery.recover(&name("key"), &softcard).map(drop);
    assert!(matches!(refused, Err(Error::Parameters(_))), "{refused:?}");
    assert!(matches!(
        recovery.recover(&name("none"), &third),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn a_key_of_a_lost_softcard_comes_under_another_one() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let load = |name: &str| {
        let softcard = session.create_softcard(1, name, Some(name), false).unwrap();
        session.load_softcard(&softcard, Some(name)).unwrap()
    };
    make(&session, "key", &load("forgotten"), true);
    let target = load("new");
    let recovery = session
        .open_recovery(1, &rig.cards(1), &mut Unattended::default())
        .unwrap();
    recovery
        .recover(&name("key"), &target)
        .unwrap()
        .save()
        .unwrap();
    assert!(signs(
        &session.load_key_with("mscapi", "key", &target).unwrap()
    ));
}

#[test]
fn recovery_needs_its_quorum_of_administrator_cards() {
    let rig = Rig::start(1);
    rig.create(&[1], &WorldParams::new(2, 2));
    let session = rig.session();
    let one = CardSource::Files(vec![rig.card(1)]);
    let refused = session.open_recovery(1, &one, &mut Unattended::default());
    assert!(matches!(refused.err(), Some(Error::Cards(_))));
}

#[test]
fn a_world_without_recovery_recovers_nothing() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(1, 1);
    params.features.apply("!r").unwrap();
    rig.create(&[1], &params);
    let refused = rig
        .session()
        .open_recovery(1, &rig.cards(1), &mut Unattended::default());
    assert!(matches!(refused.err(), Some(Error::Parameters(_))));
}

#[test]
fn a_protected_key_goes_under_no_other_token_without_the_recovery_authority() {
    use ncore::types::{
        BlobFormat, BlobFormatMkBlobParams, BlobFormatTokenMkBlobParams, LoadBlobArgs,
        MakeBlobArgs, TokenParams,
    };
    let rig = Rig::with_world(1);
    let session = rig.session();
    let world = session.world().unwrap().world;
    let client = nfkm::Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
    let softcard = session.create_softcard(1, "soft", None, false).unwrap();
    make(
        &session,
        "key",
        &session.load_softcard(&softcard, None).unwrap(),
        true,
    );
    let EntryContent::Key(record) = session.folder().entry(&world.hknso, &name("key")).unwrap()
    else {
        panic!("no key");
    };
    let params = TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    let own = common::softcard_token(&client, &world, &softcard, &params);
    let key = client
        .transact(LoadBlobArgs {
            module: 1,
            blob: record.blob.clone(),
            idkb: Some(own),
            ..LoadBlobArgs::default()
        })
        .unwrap()
        .idka;
    let other = session.create_softcard(1, "other", None, false).unwrap();
    let other = common::softcard_token(&client, &world, &other, &params);
    let wrap = |idkt| {
        client.transact(MakeBlobArgs {
            format: BlobFormat::Token,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt }),
            ..MakeBlobArgs::default()
        })
    };
    assert!(wrap(own).is_ok());
    assert_eq!(
        wrap(other).unwrap_err().status(),
        Some(Status::AccessDenied)
    );
}

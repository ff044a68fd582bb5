//! Worlds made and loaded on the modules of a running hardserver.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Person, Rig, states, unattended};
use ncore::Status;
use ncore::types::{
    AdminKey, AdminToken, GetKMListArgs, GetSlotListArgs, LoadLogicalTokenArgs, ModuleState,
    ReadShareArgs, RemoveKMArgs, TokenParams,
};
use nfkm::cards::{Card, CardSource, Notice, Operator, Purpose, Unattended};
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::world::{FACTORY_HKNSO, NULL_MODULE_KEY};
use nfkm::{Corruption, Environment, Error, IdentRule, NewCardSet, World};

#[test]
fn a_world_is_made_on_one_module_and_loaded_on_another_in_one_go() {
    let rig = Rig::start(2);
    let mut operator = Unattended::default();
    let params = WorldParams::new(1, 1);
    let world = rig
        .admin()
        .create(&[1, 2], &params, &rig.cards(1), &mut operator)
        .unwrap();

    let info = rig.session().world().unwrap();
    assert_eq!(info.world, world);
    assert!(info.is_usable());
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
    for module in &info.modules {
        assert_eq!(module.hknso, world.hknso);
        assert!(module.hkms.contains(&world.hkm()));
        assert!(
            rig.folder
                .path()
                .join(format!("kmdata/local/module_{}", module.esn))
                .exists()
        );
        assert!(module.record.as_ref().unwrap().kml.is_some());
    }
    let ends: Vec<&Notice> = operator
        .notices
        .iter()
        .filter(|notice| matches!(notice, Notice::Created { .. } | Notice::Loaded { .. }))
        .collect();
    let hknso = world.hknso;
    assert_eq!(
        ends,
        [
            &Notice::Created { module: 1, hknso },
            &Notice::Loaded { module: 2, hknso }
        ]
    );
}

#[test]
fn administrator_tokens_and_keys_are_as_the_vendor_describes() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(2, 3);
    for word in ["m=1", "p=3", "no-fto"] {
        params.features.apply(word).unwrap();
    }
    let world = rig.create(&[1], &params);
    for (role, needed, null) in [
        (AdminToken::NSO, 2, true),
        (AdminToken::M, 1, true),
        (AdminToken::R, 2, false),
        (AdminToken::P, 3, false),
        (AdminToken::NV, 2, false),
    ] {
        let token = world.token(role).unwrap();
        assert_eq!(
            (token.shares_needed, token.shares_total),
            (needed, 3),
            "{role}"
        );
        let hkm = if null { NULL_MODULE_KEY } else { world.hkm() };
        assert_eq!(token.hkm, hkm, "{role}");
    }
    assert_eq!(world.token(AdminToken::FTO), None);
    assert_eq!(world.key(AdminKey::FTO), None);
    for (role, token) in [
        (AdminKey::NSO, AdminToken::NSO),
        (AdminKey::M, AdminToken::M),
        (AdminKey::MC, AdminToken::M),
        (AdminKey::RE, AdminToken::R),
        (AdminKey::RA, AdminToken::R),
        (AdminKey::P, AdminToken::P),
    ] {
        assert_eq!(world.key(role).unwrap().token, token.0, "{role}");
    }
    assert_eq!(world.hash(AdminKey::NSO), Some(world.hknso));
}

#[test]
fn any_quorum_of_cards_with_their_pass_phrases_loads_a_world() {
    let rig = Rig::start(2);
    let phrases = [(1, "one"), (3, "three")];
    let params = WorldParams::new(2, 3);
    let world = rig
        .admin()
        .create(&[1], &params, &rig.cards(3), &mut unattended(&phrases))
        .unwrap();

    let load = |cards: &[u32], phrases: &[(u32, &str)]| {
        let files = cards.iter().map(|number| rig.card(*number)).collect();
        let source = CardSource::Files(files);
        rig.admin()
            .load(&[2], &source, true, &mut unattended(phrases))
    };
    // One card of two, then a wrong pass phrase: the module stays outside.
    assert!(matches!(load(&[3], &phrases), Err(Error::Cards(_))));
    assert!(matches!(
        load(&[2, 3], &[(3, "two")]),
        Err(Error::WrongPassphrase { tries: 1, .. })
    ));
    assert!(load(&[2, 3], &[]).is_err());
    assert_eq!(load(&[3, 2], &phrases).unwrap(), world);
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
}

#[test]
fn administrator_cards_go_through_one_reader_one_by_one() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(2, 3);
    params.features.apply("nv=1").unwrap();
    // One of them twice: it is not taken for the next.
    let mut person = Person::new(&rig, &["a", "a", "b", "c"]).with_passphrases(2, &["bee"]);
    person.overwrites = true;
    let world = rig
        .admin()
        .create(&[1], &params, &CardSource::Readers, &mut person)
        .unwrap();
    assert_eq!(
        person.seen(),
        [
            "unformatted card",
            "Admin Card #1",
            "unformatted card",
            "unformatted card"
        ]
    );
    let load = |cards: &[&str], passphrase| {
        rig.hands().remove(1);
        let mut person = Person::new(&rig, cards).with_passphrases(2, &[passphrase]);
        let loaded = rig
            .admin()
            .load(&[1], &CardSource::Readers, true, &mut person);
        loaded.map(|_| ())
    };
    load(&["c", "b"], "bee").unwrap();
    load(&["a", "c"], "").unwrap();
    assert!(matches!(
        load(&["a", "b"], "wasp"),
        Err(Error::WrongPassphrase { tries: 1, .. })
    ));
    assert!(matches!(load(&["a"], ""), Err(Error::Cards(_))));
    load(&["b", "a"], "bee").unwrap();

    // What is delegated to fewer cards needs no more than those.
    rig.hands().insert(1, "c");
    let client = nfkm::Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
    let token = |role| {
        let token = world.token(role).unwrap();
        let params = TokenParams {
            flags: token.flags,
            sharesneeded: token.shares_needed,
            sharestotal: token.shares_total,
            timelimit: token.time_limit,
        };
        let loaded = client
            .transact(LoadLogicalTokenArgs {
                module: 1,
                hkt: token.hkt,
                hkm: token.hkm,
                params,
            })
            .unwrap();
        let slots = client.transact(GetSlotListArgs { module: 1 }).unwrap();
        let read = ReadShareArgs {
            token: slots.slots[0].token.clone(),
            idkt: loaded.idkt,
            i: 3,
            ..ReadShareArgs::default()
        };
        client.transact(read).unwrap().sharesleft
    };
    assert_eq!(token(AdminToken::NV), 0);
    assert_eq!(token(AdminToken::R), 1);
    assert_eq!(token(AdminToken::NSO), 1);
}

#[test]
fn wrong_cards_and_pass_phrases_leave_the_module_in_its_world() {
    let rig = Rig::start(2);
    let phrases = [(1, "one"), (2, "two")];
    let params = WorldParams::new(2, 2);
    rig.admin()
        .create(&[2], &params, &rig.cards(2), &mut unattended(&phrases))
        .unwrap();
    let other = Rig::with_world(1);
    // Module 1 is in the world too: that is what there is to lose.
    rig.admin()
        .load(&[1], &rig.cards(2), true, &mut unattended(&phrases))
        .unwrap();

    let load = |source: &CardSource, phrases: &[(u32, &str)]| {
        let mut operator = unattended(phrases);
        let loaded = rig.admin().load(&[1], source, true, &mut operator);
        let erased = |notice: &Notice| matches!(notice, Notice::LeftErased { .. });
        assert!(!operator.notices.iter().any(erased), "{loaded:?}");
        assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
        loaded
    };
    for source in [other.cards(1), rig.cards(1), CardSource::Files(Vec::new())] {
        let refused = load(&source, &phrases);
        assert!(matches!(refused, Err(Error::Cards(_))), "{refused:?}");
    }
    let refused = load(&rig.cards(2), &[(1, "one"), (2, "too")]);
    assert!(
        matches!(refused, Err(Error::WrongPassphrase { .. })),
        "{refused:?}"
    );
    // What is read twice is told once.
    let mut operator = unattended(&phrases);
    rig.admin()
        .load(&[1], &rig.cards(2), true, &mut operator)
        .unwrap();
    let read = |notice: &&Notice| matches!(notice, Notice::Card { .. });
    assert_eq!(operator.notices.iter().filter(read).count(), 2);
}

#[test]
fn a_person_who_gives_up_at_the_reader_leaves_the_module_in_its_world() {
    let rig = Rig::start(1);
    let mut person = Person::new(&rig, &["a"]).with_passphrases(1, &["secret"]);
    let readers = CardSource::Readers;
    rig.admin()
        .create(&[1], &WorldParams::new(1, 1), &readers, &mut person)
        .unwrap();
    let load = |cards: &[&str], passphrase| {
        rig.hands().remove(1);
        let mut person = Person::new(&rig, cards).with_passphrases(1, &[passphrase]);
        let loaded = rig.admin().load(&[1], &readers, true, &mut person);
        assert_eq!(states(&rig), [ModuleState::Usable]);
        loaded
    };
    for (cards, passphrase) in [(&["blank"][..], "secret"), (&[], ""), (&["a"], "sacred")] {
        let refused = load(cards, passphrase);
        assert!(refused.is_err(), "{cards:?}");
    }
    load(&["blank", "a"], "secret").unwrap();

    // A module that waits for its initialisation goes on waiting.
    let admin = rig.admin();
    let client = admin.client();
    let wait = ncore::types::ClearUnitExArgs {
        module: 1,
        mode: ncore::types::ModuleMode::Initialisation,
        ..ncore::types::ClearUnitExArgs::default()
    };
    client.transact(wait).unwrap();
    let mut person = Person::new(&rig, &["a"]).with_passphrases(1, &["sacred"]);
    rig.hands().remove(1);
    let refused = admin.load(&[1], &readers, true, &mut person);
    assert!(matches!(refused, Err(Error::WrongPassphrase { .. })));
    assert_eq!(states(&rig), [ModuleState::PreInitMode]);
    let mut person = Person::new(&rig, &["a"]).with_passphrases(1, &["secret"]);
    admin.load(&[1], &readers, true, &mut person).unwrap();
    assert_eq!(states(&rig), [ModuleState::Usable]);
}

#[test]
fn too_few_card_files_are_noticed_before_the_module_is_touched() {
    let rig = Rig::with_world(1);
    let params = WorldParams::new(1, 2);
    let refused = rig
        .admin()
        .create(&[1], &params, &rig.cards(1), &mut Unattended::default());
    assert!(matches!(refused, Err(Error::Cards(_))));
    assert_eq!(states(&rig), [ModuleState::Usable]);
}

#[test]
fn a_card_that_is_not_blank_is_written_over_only_if_the_operator_agrees() {
    struct Bold(Unattended);

    impl Operator for Bold {
        fn notice(&mut self, notice: Notice) {
            self.0.notice(notice);
        }

        fn passphrase(&mut self, purpose: Purpose, card: &Card) -> Result<Option<String>, Error> {
            self.0.passphrase(purpose, card)
        }

        fn wrong_passphrase(&mut self, card: &Card, tries: u32) -> Result<bool, Error> {
            self.0.wrong_passphrase(card, tries)
        }

        fn other_card(&mut self, module: u32, waited: Duration) -> Result<(), Error> {
            self.0.other_card(module, waited)
        }

        fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
            Ok(true)
        }
    }

    let rig = Rig::with_world(1);
    let image = std::fs::read(rig.card(1)).unwrap();
    let params = WorldParams::new(1, 1);
    let refused = rig
        .admin()
        .create(&[1], &params, &rig.cards(1), &mut Unattended::default());
    assert!(
        matches!(&refused, Err(Error::Cards(text)) if text.contains("admin-1 is not a blank card: Admin Card #1")),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(rig.card(1)).unwrap(), image);
    assert_eq!(states(&rig), [ModuleState::Usable]);

    // A card of the old world's operators cannot be written by a module that has left it, whoever agrees.
    let operators = rig.folder.path().join("operators");
    let source = CardSource::Files(vec![operators.clone()]);
    let set = NewCardSet::new("ops", 1, 1);
    rig.session()
        .create_card_set(1, &set, &source, &mut Unattended::default())
        .unwrap();
    let mut bold = Bold(Unattended::default());
    let refused = rig.admin().create(&[1], &params, &source, &mut bold);
    assert!(
        matches!(&refused, Err(Error::Cards(text)) if text.contains("operators is bound to a key")),
        "{refused:?}"
    );
    assert_eq!(states(&rig), [ModuleState::Usable]);

    let world = rig
        .admin()
        .create(&[1], &params, &rig.cards(1), &mut bold)
        .unwrap();
    assert_ne!(std::fs::read(rig.card(1)).unwrap(), image);
    assert_eq!(rig.session().world().unwrap().world, world);
}

#[test]
fn a_card_of_the_old_world_is_not_taken_for_blank_by_the_erased_module() {
    let rig = Rig::with_world(1);
    let mut person = Person::new(&rig, &["ann"]);
    let set = NewCardSet::new("ops", 1, 1);
    rig.session()
        .create_card_set(1, &set, &CardSource::Readers, &mut person)
        .unwrap();
    rig.hands().remove(1);

    let mut person = Person::new(&rig, &["one", "ann", "two"]);
    person.overwrites = true;
    let params = WorldParams::new(1, 2);
    rig.admin()
        .create(&[1], &params, &CardSource::Readers, &mut person)
        .unwrap();
    assert_eq!(
        person.seen(),
        ["unformatted card", "foreign card", "unformatted card"]
    );
}

#[test]
fn files_that_could_not_be_written_are_noticed_before_the_module_is_touched() {
    let rig = Rig::with_world(1);
    // Nothing is ever written below a file, whoever asks.
    let file = rig.folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let params = WorldParams::new(1, 1);
    let create = |environment: &Environment, card: PathBuf| {
        let source = CardSource::Files(vec![card]);
        let admin = Admin::open(environment).unwrap();
        admin.create(&[1], &params, &source, &mut Unattended::default())
    };
    let elsewhere = Environment {
        kmdata: Some(file.join("kmdata")),
        ..rig.environment.clone()
    };
    let fresh = rig.folder.path().join("fresh");
    let refused = create(&elsewhere, fresh.clone());
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
    let refused = create(&rig.environment, file.join("card"));
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
    assert_eq!(states(&rig), [ModuleState::Usable]);
    assert!(!fresh.exists());
}

#[test]
fn a_world_that_fails_half_way_is_said_to_have_erased_its_module() {
    let rig = Rig::with_world(1);
    let mut person = Person::new(&rig, &["a"]);
    let params = WorldParams::new(1, 2);
    let failed = rig
        .admin()
        .create(&[1], &params, &CardSource::Readers, &mut person);
    assert!(matches!(failed, Err(Error::Cards(_))), "{failed:?}");
    let left = Notice::LeftErased {
        module: 1,
        initialisation: true,
        world: true,
    };
    assert_eq!(person.notices.last(), Some(&left));
    assert_eq!(states(&rig), [ModuleState::InitMode]);
    // As it says, the old cards bring the old world back; a card that is missing then is said to do the same.
    let none = CardSource::Files(Vec::new());
    let mut operator = Unattended::default();
    let failed = rig.admin().load(&[1], &none, true, &mut operator);
    assert!(matches!(failed, Err(Error::Cards(_))), "{failed:?}");
    assert_eq!(operator.notices.last(), Some(&left));
    rig.admin()
        .load(&[1], &rig.cards(1), true, &mut operator)
        .unwrap();
    assert_eq!(states(&rig), [ModuleState::Usable]);
}

#[test]
fn a_new_world_moves_the_old_one_aside_and_refuses_its_keys_by_name() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let old = session.world().unwrap().world;
    session
        .generate_key_pair(&common::request(IdentRule::Fixed("old".to_owned())))
        .unwrap();

    let cards = CardSource::Files(vec![rig.folder.path().join("other-card")]);
    let params = WorldParams::new(1, 1);
    let new = rig
        .admin()
        .create(&[1], &params, &cards, &mut Unattended::default())
        .unwrap();
    let kmdata = rig.folder.path().join("kmdata");
    assert!(kmdata.join("local00/key_mscapi_old").exists());
    assert!(matches!(
        session.load_key("mscapi", "old"),
        Err(Error::NotFound { .. })
    ));

    std::fs::copy(
        kmdata.join("local00/key_mscapi_old"),
        kmdata.join("local/key_mscapi_old"),
    )
    .unwrap();
    let text = session.load_key("mscapi", "old").unwrap_err().to_string();
    for part in [
        "key_mscapi_old".to_owned(),
        nfkm::hex(&old.hknso),
        nfkm::hex(&new.hknso),
    ] {
        assert!(text.contains(&part), "{text}");
    }
}

#[test]
fn an_erased_module_is_in_factory_state_and_can_be_loaded_again() {
    let rig = Rig::with_world(2);
    let mut operator = Unattended::default();
    rig.admin().erase(&[2], &mut operator).unwrap();
    assert_eq!(operator.notices, [Notice::Erased { module: 2 }]);
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Factory]);
    let reply = rig
        .admin()
        .client()
        .transact(GetKMListArgs {
            module: 2,
            ..GetKMListArgs::default()
        })
        .unwrap();
    assert_eq!((reply.hknso, reply.hkms.len()), (FACTORY_HKNSO, 1));
    rig.admin()
        .load(&[2], &rig.cards(1), true, &mut operator)
        .unwrap();
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
}

#[test]
fn a_module_without_its_file_is_unchecked() {
    let rig = Rig::with_world(1);
    let module = rig.session().world().unwrap().modules.remove(0);
    let path = rig
        .folder
        .path()
        .join(format!("kmdata/local/module_{}", module.esn));
    std::fs::remove_file(path).unwrap();
    assert_eq!(states(&rig), [ModuleState::Unchecked]);
}

#[test]
fn a_damaged_or_foreign_module_file_is_named_when_nothing_else_works() {
    let rig = Rig::with_world(1);
    let other = Rig::with_world(1);
    let session = rig.session();
    let path = |rig: &Rig, esn: &str| rig.folder.path().join(format!("kmdata/local/module_{esn}"));
    let esn = session.world().unwrap().modules[0].esn.clone();
    let foreign = other.session().world().unwrap().modules[0].esn.clone();

    std::fs::copy(path(&other, &foreign), path(&rig, &esn)).unwrap();
    let error = session
        .generate_key_pair(&common::request(IdentRule::KeyHash))
        .unwrap_err();
    assert!(matches!(&error, Error::NoUsableModule { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&format!("module_{esn}")) && text.contains("belongs to the world"),
        "{text}"
    );
    std::fs::write(path(&rig, &esn), b"junk").unwrap();
    let text = session
        .generate_key_pair(&common::request(IdentRule::KeyHash))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains(&format!("module_{esn}")) && text.contains("corrupt"),
        "{text}"
    );
    assert_eq!(states(&rig), [ModuleState::Unchecked]);
}

#[test]
fn security_officer_operations_need_the_security_officer() {
    let rig = Rig::with_world(1);
    let world = rig.session().world().unwrap().world;
    let admin = rig.admin();
    let remove = RemoveKMArgs {
        module: 1,
        hkm: world.hkm(),
        ..RemoveKMArgs::default()
    };
    let refused = admin.client().transact(remove);
    assert!(
        matches!(
            refused,
            Err(Error::Status {
                status: Status::AccessDenied,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn a_world_file_put_together_from_pieces_is_not_loaded() {
    let rig = Rig::start(2);
    rig.create(&[1], &WorldParams::new(1, 1));
    let other = Rig::start(1);
    let foreign = other.create(&[1], &WorldParams::new(1, 1));

    // The certification key of another world, whose hash the signed message does not have.
    let session = rig.session();
    let World { hknso, mut record } = session.world().unwrap().world;
    let slot = record
        .keys
        .iter_mut()
        .find(|key| key.role == AdminKey::MC.0)
        .unwrap();
    *slot = foreign.key(AdminKey::MC).unwrap().clone();
    session.folder().write_world(&hknso, &record).unwrap();
    let refused = rig
        .admin()
        .load(&[2], &rig.cards(1), true, &mut Unattended::default());
    assert!(
        matches!(refused, Err(Error::Malformed { .. })),
        "{refused:?}"
    );

    // The message changed to suit: its signature is wrong then.
    let hkmc = foreign.hash(AdminKey::MC).unwrap();
    let certificate = &mut record.certificates[0];
    let end = certificate.message.len() - 20;
    certificate.message[end..].copy_from_slice(&hkmc);
    session.folder().write_world(&hknso, &record).unwrap();
    let refused = rig
        .admin()
        .load(&[2], &rig.cards(1), true, &mut Unattended::default());
    assert!(
        matches!(
            refused,
            Err(Error::Status {
                status: Status::VerifyFailed,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn a_damaged_world_file_is_named() {
    let rig = Rig::with_world(1);
    let path = rig.folder.path().join("kmdata/local/world");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = rig.session().world().unwrap_err();
    assert!(
        matches!(&error, Error::Corrupt { path: named, reason: Corruption::Checksum } if *named == path),
        "{error}"
    );
}

#[test]
fn a_world_without_recovery_makes_keys_without_recovery() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(1, 1);
    params.features.apply("!r").unwrap();
    let world = rig.create(&[1], &params);
    assert_eq!(
        (world.key(AdminKey::RE), world.has_recovery()),
        (None, false)
    );
    let session = rig.session();
    let key = session
        .generate_key_pair(&common::request(IdentRule::KeyHash))
        .unwrap();
    let name = nfkm::EntryName::new("mscapi", key.ident().unwrap()).unwrap();
    let content = session.folder().entry(&world.hknso, &name).unwrap();
    let nfkm::kmdata::EntryContent::Key(record) = content else {
        panic!("no key")
    };
    assert_eq!(record.recovery, None);
}

#[test]
fn a_module_that_does_not_exist_is_refused_before_anything_happens() {
    let rig = Rig::with_world(1);
    for modules in [&[2][..], &[0], &[1, 7]] {
        let refused = rig
            .admin()
            .load(modules, &rig.cards(1), true, &mut Unattended::default());
        assert!(
            matches!(refused, Err(Error::NoSuchModule { .. })),
            "{modules:?}"
        );
    }
    assert_eq!(states(&rig), [ModuleState::Usable]);
}

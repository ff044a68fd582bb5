//! Operator card sets on a running hardserver: made, loaded from readers and files, and the keys under them.

mod common;

use std::fs;
use std::thread;
use std::time::Duration;

use common::{Person, Rig, digest, request};
use ncore::types::{Mech, NFKMNKF};
use nfkm::cards::{Card, CardContent, CardSource, Notice, Operator, Purpose, Unattended};
use nfkm::kmdata::{CardSetRecord, EntryContent, KeyRecord};
use nfkm::world::admin::WorldParams;
use nfkm::{EntryName, Error, IdentRule, LoadedKey, NewCardSet, NewKey, Protection, Session};

const READERS: CardSource = CardSource::Readers;

fn files(rig: &Rig, names: &[&str]) -> CardSource {
    let path = |name: &&str| rig.folder.path().join(name);
    CardSource::Files(names.iter().map(path).collect())
}

/// Makes a set without pass phrases on card files.
fn set_on_files(rig: &Rig, request: &NewCardSet, names: &[&str]) -> CardSetRecord {
    rig.session()
        .create_card_set(1, request, &files(rig, names), &mut Unattended::default())
        .unwrap()
}

fn persistent(name: &str, needed: u32, cards: u32) -> NewCardSet {
    NewCardSet {
        persistent: true,
        ..NewCardSet::new(name, needed, cards)
    }
}

fn protected(ident: &str, token: &nfkm::LoadedToken) -> NewKey {
    NewKey {
        protection: Protection::Token(token.clone()),
        ..request(IdentRule::Fixed(ident.to_owned()))
    }
}

fn record(session: &Session, ident: &str) -> KeyRecord {
    let world = session.world().unwrap().world;
    let name = EntryName::new("mscapi", ident).unwrap();
    match session.folder().entry(&world.hknso, &name).unwrap() {
        EntryContent::Key(record) => *record,
        EntryContent::Opaque(_) => panic!("no key"),
    }
}

fn signs(key: &LoadedKey) -> bool {
    key.sign(Mech::RSAhSHA256pPKCS1, digest(7)).is_ok()
}

#[test]
fn any_two_of_three_cards_load_a_key_and_no_single_one_does() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let set = session
        .create_card_set(
            1,
            &persistent("ops", 2, 3),
            &READERS,
            &mut Person::new(&rig, &["one", "two", "three"]),
        )
        .unwrap();
    let load = |cards: &[&str]| {
        rig.hands().remove(1);
        let mut person = Person::new(&rig, cards);
        session.load_card_set(&set, &[1], &READERS, &mut person)
    };
    let token = load(&["one", "two"]).unwrap();
    session
        .generate_key_pair(&protected("key", &token))
        .unwrap();
    drop(token);

    for pair in [["one", "two"], ["three", "one"], ["two", "three"]] {
        let token = load(&pair).unwrap();
        assert!(
            signs(&session.load_key_with("mscapi", "key", &token).unwrap()),
            "{pair:?}"
        );
    }
    for single in ["one", "two", "three"] {
        let refused = load(&[single]);
        assert!(
            matches!(refused, Err(Error::Cards(_))),
            "{single}: {refused:?}"
        );
        // The same card once more is no second card.
        let refused = load(&[single, single]);
        assert!(
            matches!(refused, Err(Error::Cards(_))),
            "{single}: {refused:?}"
        );
    }
    let refused = session.load_key("mscapi", "key");
    assert!(
        matches!(&refused, Err(Error::NeedsToken { hkltu, softcard: false, .. }) if *hkltu == set.hkltu),
        "{refused:?}"
    );
}

#[test]
fn a_card_written_a_moment_ago_is_not_taken_for_the_next_one() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let mut person = Person::new(&rig, &["one", "one", "two"]);
    person.overwrites = true;
    let set = session
        .create_card_set(1, &persistent("ops", 2, 2), &READERS, &mut person)
        .unwrap();
    assert_eq!(
        person.seen(),
        ["unformatted card", "`ops' #1", "unformatted card"]
    );
    rig.hands().remove(1);
    let mut person = Person::new(&rig, &["two", "one"]);
    session
        .load_card_set(&set, &[1], &READERS, &mut person)
        .unwrap();
    // Later, one may be written over if the person agrees; an administrator card never.
    let mut person = Person::new(&rig, &[]);
    person.overwrites = true;
    session
        .create_card_set(1, &persistent("new", 1, 1), &READERS, &mut person)
        .unwrap();
    assert_eq!(person.seen(), ["`ops' #1"]);
    let admin = CardSource::Files(vec![rig.card(1)]);
    let refused = session.create_card_set(1, &persistent("new", 1, 1), &admin, &mut person);
    assert!(matches!(refused, Err(Error::Cards(_))), "{refused:?}");
}

#[test]
fn a_set_is_recorded_as_the_files_of_the_vendor() {
    let rig = Rig::with_world(1);
    let request = NewCardSet {
        card_names: vec!["Ann".to_owned(), "Bob".to_owned()],
        time_limit: 3_600,
        remote: true,
        ..persistent("ops", 1, 2)
    };
    let set = set_on_files(&rig, &request, &["ann", "bob"]);
    let local = rig.folder.path().join("kmdata/local");
    let hash = nfkm::hex(&set.hkltu);
    for file in [
        format!("cards_{hash}"),
        format!("card_{hash}_1"),
        format!("card_{hash}_2"),
    ] {
        assert!(local.join(&file).exists(), "{file}");
    }
    let session = rig.session();
    assert_eq!(
        session.card_sets().unwrap().records,
        std::slice::from_ref(&set)
    );
    assert_eq!(session.card_set("ops").unwrap(), set);
    assert_eq!(session.card_set(&hash).unwrap(), set);
    assert!(matches!(session.card_set("none"), Err(Error::Cards(_))));
    let hknso = session.world().unwrap().world.hknso;
    assert_eq!(
        session.folder().card(&hknso, &set.hkltu, 2).unwrap().name,
        "Bob"
    );
    // A second set of the name is only known by its hash.
    set_on_files(&rig, &request, &["cat", "dan"]);
    assert!(matches!(session.card_set("ops"), Err(Error::Cards(text)) if text.contains("several")));
    assert_eq!(session.card_set(&hash).unwrap(), set);
}

#[test]
fn each_card_has_its_own_pass_phrase_and_wrong_ones_are_counted() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let mut person = Person::new(&rig, &["one", "two"]).with_passphrases(1, &["first"]);
    let set = session
        .create_card_set(1, &persistent("ops", 1, 2), &READERS, &mut person)
        .unwrap();
    let load = |card: &str, passphrases: &[&str], patience| {
        rig.hands().remove(1);
        let mut person = Person::new(&rig, &[card]).with_passphrases(1, passphrases);
        person.patience = patience;
        session.load_card_set(&set, &[1], &READERS, &mut person)
    };
    assert!(load("two", &[], 1).is_ok(), "the second card has none");
    for (passphrases, tries) in [
        (&["second"][..], 1),
        (&["a", "b", "c"][..], 3),
        (&[][..], 2),
    ] {
        let refused = load("one", passphrases, tries);
        match &refused {
            Err(error @ Error::WrongPassphrase { tries: counted, .. }) => {
                assert_eq!(*counted, tries);
                assert!(error.to_string().contains("`ops' #1"), "{error}");
            }
            _ => panic!("{refused:?}"),
        }
    }
    assert!(load("one", &["wrong", "first"], 2).is_ok(), "no lock-out");
}

#[test]
fn keys_of_a_set_that_is_not_persistent_go_with_its_last_card() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let mut keys = Vec::new();
    for request in [
        NewCardSet::new("fleeting", 1, 1),
        persistent("lasting", 1, 1),
    ] {
        rig.hands().remove(1);
        let name = request.name.as_str();
        let set = session
            .create_card_set(1, &request, &READERS, &mut Person::new(&rig, &[name]))
            .unwrap();
        let token = session
            .load_card_set(&set, &[1], &READERS, &mut Person::new(&rig, &[]))
            .unwrap();
        let key = session.generate_key_pair(&protected(name, &token)).unwrap();
        assert!(signs(&key));
        keys.push(key);
        rig.hands().remove(1);
        assert_eq!(signs(keys.last().unwrap()), request.persistent, "{name}");
    }
}

#[test]
fn a_fleeting_set_on_files_keeps_its_last_card_in_the_slot() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let set = set_on_files(&rig, &NewCardSet::new("ops", 2, 2), &["one", "two"]);
    let load = || {
        let source = files(&rig, &["one", "two"]);
        session
            .load_card_set(&set, &[1], &source, &mut Unattended::default())
            .unwrap()
    };
    let token = load();
    let key = session
        .generate_key_pair(&protected("key", &token))
        .unwrap();
    assert!(signs(&key));
    drop((key, token));
    // The slot is free again at once.
    let token = load();
    assert!(signs(
        &session.load_key_with("mscapi", "key", &token).unwrap()
    ));
}

#[test]
fn a_one_card_set_loads_a_key_on_every_module_with_a_card() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let set = session
        .create_card_set(
            1,
            &persistent("ops", 1, 2),
            &READERS,
            &mut Person::new(&rig, &["one", "two"]),
        )
        .unwrap();
    assert_eq!(session.modules_with_card(&set).unwrap(), [1]);
    rig.hands().insert(2, "one");
    let modules = session.modules_with_card(&set).unwrap();
    assert_eq!(modules, [1, 2]);
    let token = session
        .load_card_set(&set, &modules, &READERS, &mut Person::new(&rig, &[]))
        .unwrap();
    assert_eq!(token.modules(), [1, 2]);
    let key = session
        .generate_key_pair(&protected("key", &token))
        .unwrap();
    assert_eq!(key.modules(), [1, 2]);
    assert!(signs(&key));
}

#[test]
fn a_card_is_waited_for() {
    struct Waiting(Unattended);

    impl Operator for Waiting {
        fn notice(&mut self, notice: Notice) {
            self.0.notice(notice);
        }

        fn passphrase(&mut self, _: Purpose, _: &Card) -> Result<Option<String>, Error> {
            Ok(None)
        }

        fn wrong_passphrase(&mut self, _: &Card, _: u32) -> Result<bool, Error> {
            Ok(false)
        }

        fn other_card(&mut self, _: u32, waited: Duration) -> Result<(), Error> {
            match waited < Duration::from_secs(60) {
                true => Ok(()),
                false => Err(Error::Cards("nobody came".to_owned())),
            }
        }

        fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
            Ok(false)
        }
    }

    let rig = Rig::with_world(1);
    let session = rig.session();
    let hands = rig.hands();
    let person = thread::spawn(move || {
        // Long enough that the reader was seen empty.
        thread::sleep(Duration::from_millis(100));
        hands.insert(1, "one");
    });
    let mut operator = Waiting(Unattended::default());
    let made = session.create_card_set(1, &persistent("ops", 1, 1), &READERS, &mut operator);
    person.join().unwrap();
    made.unwrap();
}

#[test]
fn cards_that_do_not_help_are_told_apart() {
    let rig = Rig::with_world(1);
    let other = Rig::with_world(1);
    let session = rig.session();
    set_on_files(&other, &persistent("theirs", 1, 1), &["foreign"]);
    fs::copy(
        other.folder.path().join("foreign"),
        rig.folder.path().join("foreign"),
    )
    .unwrap();
    fs::copy(other.card(1), rig.folder.path().join("their-admin")).unwrap();
    let set = set_on_files(&rig, &persistent("ops", 1, 1), &["good"]);
    set_on_files(&rig, &persistent("more", 1, 1), &["other-set"]);
    let mut damaged = fs::read(rig.folder.path().join("good")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(rig.folder.path().join("damaged"), damaged).unwrap();
    fs::write(rig.folder.path().join("text"), b"no card at all").unwrap();

    let names = [
        "absent",
        "foreign",
        "their-admin",
        "admin-1",
        "other-set",
        "damaged",
        "text",
    ];
    let expected = [
        "unformatted card",
        "foreign card",
        "unknown card",
        "Admin Card #1",
        "`more' #1",
        "damaged card",
        "unknown card",
    ];
    let mut person = Person::new(&rig, &[]);
    let refused = session.load_card_set(&set, &[1], &files(&rig, &names), &mut person);
    assert_eq!(person.seen(), expected);
    let text = refused.unwrap_err().to_string();
    for word in expected {
        assert!(text.contains(word), "{word}: {text}");
    }
    let all: Vec<&str> = names.into_iter().chain(["good"]).collect();
    session
        .load_card_set(&set, &[1], &files(&rig, &all), &mut person)
        .unwrap();

    // None of them is written over; a blank one is.
    for name in ["foreign", "admin-1", "other-set", "damaged", "text"] {
        let before = fs::read(rig.folder.path().join(name)).unwrap();
        let source = files(&rig, &[name]);
        let refused = session.create_card_set(1, &persistent("new", 1, 1), &source, &mut person);
        assert!(
            matches!(refused, Err(Error::Cards(_))),
            "{name}: {refused:?}"
        );
        assert_eq!(
            fs::read(rig.folder.path().join(name)).unwrap(),
            before,
            "{name}"
        );
    }
    set_on_files(&rig, &persistent("new", 1, 1), &["absent"]);
}

#[test]
fn a_card_of_another_world_in_a_reader_is_neither_used_nor_erased() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let set = session
        .create_card_set(
            1,
            &persistent("ops", 1, 1),
            &READERS,
            &mut Person::new(&rig, &["card"]),
        )
        .unwrap();
    // The module leaves the world: the card is now a stranger's to it.
    let admin_card = CardSource::Files(vec![rig.folder.path().join("new-admin")]);
    rig.admin()
        .create(
            &[1],
            &WorldParams::new(1, 1),
            &admin_card,
            &mut Unattended::default(),
        )
        .unwrap();
    let session_now = rig.session();
    let mut person = Person::new(&rig, &[]);
    let refused = session_now.create_card_set(1, &persistent("new", 1, 1), &READERS, &mut person);
    assert!(matches!(refused, Err(Error::Cards(_))), "{refused:?}");
    assert_eq!(person.seen(), ["foreign card"]);
    assert!(
        session
            .card_sets()
            .unwrap()
            .records
            .iter()
            .all(|found| found.hkltu != set.hkltu)
    );
}

#[test]
fn a_key_under_a_set_is_recorded_with_what_opens_it() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let set = set_on_files(&rig, &persistent("ops", 1, 1), &["one"]);
    let source = files(&rig, &["one"]);
    let token = session
        .load_card_set(&set, &[1], &source, &mut Unattended::default())
        .unwrap();
    session
        .generate_key_pair(&protected("with", &token))
        .unwrap();
    session
        .generate_key_pair(&NewKey {
            recovery: false,
            ..protected("without", &token)
        })
        .unwrap();
    for (ident, recoverable) in [("with", true), ("without", false)] {
        let record = record(&session, ident);
        assert_eq!(record.cardset, Some(set.hkltu));
        assert_eq!(
            record.flags & NFKMNKF::Protection_mask.0,
            NFKMNKF::ProtectionCardSet.0
        );
        assert_eq!(record.recovery.is_some(), recoverable);
        // The blob is no module blob: it does not load without the token.
        let client = nfkm::Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
        let args = ncore::types::LoadBlobArgs {
            module: 1,
            blob: record.blob,
            ..Default::default()
        };
        assert!(client.transact(args).is_err());
    }
    let another = set_on_files(&rig, &persistent("more", 1, 1), &["two"]);
    let other = session
        .load_card_set(
            &another,
            &[1],
            &files(&rig, &["two"]),
            &mut Unattended::default(),
        )
        .unwrap();
    let refused = session.load_key_with("mscapi", "with", &other);
    assert!(
        matches!(refused, Err(Error::NeedsToken { .. })),
        "{refused:?}"
    );
}

#[test]
fn parameters_that_make_no_set_are_refused_before_a_card_is_asked_for() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let names = |count: usize| NewCardSet {
        card_names: vec![String::new(); count],
        ..persistent("ops", 1, 1)
    };
    let recoverable = NewCardSet {
        passphrase_recovery: true,
        ..persistent("ops", 1, 1)
    };
    for bad in [
        persistent("ops", 0, 1),
        persistent("ops", 2, 1),
        persistent("ops", 1, 65),
        names(2),
        recoverable,
    ] {
        let mut person = Person::new(&rig, &["one"]);
        let refused = session.create_card_set(1, &bad, &READERS, &mut person);
        assert!(
            matches!(refused, Err(Error::Parameters(_))),
            "{bad:?}: {refused:?}"
        );
        assert!(person.notices.is_empty());
    }
    let refused = session.create_card_set(
        7,
        &persistent("ops", 1, 1),
        &READERS,
        &mut Unattended::default(),
    );
    assert!(matches!(refused, Err(Error::NoSuchModule { module: 7 })));
}

#[test]
fn the_pass_phrase_of_a_card_is_checked_and_changed() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let mut person = Person::new(&rig, &["one"]).with_passphrases(1, &["old"]);
    let set = session
        .create_card_set(1, &persistent("ops", 1, 1), &READERS, &mut person)
        .unwrap();
    let mut seen = Vec::new();
    session
        .each_card(1, &READERS, &mut |card| {
            assert!(card.has_passphrase());
            assert!(matches!(
                card.check_passphrase(Some("new")),
                Err(Error::WrongPassphrase { tries: 1, .. })
            ));
            assert!(matches!(
                card.change_passphrase(Some("new"), None),
                Err(Error::WrongPassphrase { .. })
            ));
            card.check_passphrase(Some("old"))?;
            card.change_passphrase(Some("old"), Some("new"))?;
            seen.push(card.content().clone());
            card.check_passphrase(Some("new"))
        })
        .unwrap();
    assert!(
        matches!(&seen[..], [CardContent::Operator { number: 1, set: found, .. }] if **found == set)
    );
    let mut person = Person::new(&rig, &[]).with_passphrases(1, &["new"]);
    session
        .load_card_set(&set, &[1], &READERS, &mut person)
        .unwrap();

    // The administrator card, from a file: every share has the new one.
    let admin = CardSource::Files(vec![rig.card(1)]);
    session
        .each_card(1, &admin, &mut |card| {
            card.change_passphrase(None, Some("boss"))
        })
        .unwrap();
    let load = |passphrase: &str| {
        let mut operator = Unattended::default();
        operator.passphrases.insert(1, passphrase.to_owned());
        rig.admin().load(&[1], &admin, true, &mut operator)
    };
    assert!(matches!(load("worker"), Err(Error::WrongPassphrase { .. })));
    load("boss").unwrap();
}

#[test]
fn a_forgotten_pass_phrase_is_replaced_with_the_administrator_cards_if_the_world_allows() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(2, 2);
    params.features.apply("p=1").unwrap();
    rig.create(&[1], &params);
    let session = rig.session();
    let request = |recoverable| NewCardSet {
        passphrase_recovery: recoverable,
        ..persistent("ops", 1, 1)
    };
    let admin = CardSource::Files(vec![rig.card(2)]);
    for recoverable in [true, false] {
        rig.hands().remove(1);
        let name = if recoverable { "one" } else { "two" };
        let mut person = Person::new(&rig, &[name]).with_passphrases(1, &["old"]);
        let set = session
            .create_card_set(1, &request(recoverable), &READERS, &mut person)
            .unwrap();
        let recovered =
            session.recovered_passphrase(&set.hkltu, 1, 1, &admin, &mut Unattended::default());
        if !recoverable {
            assert!(matches!(recovered, Err(Error::Parameters(_))));
            continue;
        }
        // Twice: what was replaced can be replaced again.
        let mut recovered = recovered.unwrap();
        for new in ["new", "newer"] {
            session
                .each_card(1, &READERS, &mut |card| {
                    card.replace_passphrase(&recovered, Some(new))?;
                    card.check_passphrase(Some(new))
                })
                .unwrap();
            recovered = session
                .recovered_passphrase(&set.hkltu, 1, 1, &admin, &mut Unattended::default())
                .unwrap();
        }
    }
}

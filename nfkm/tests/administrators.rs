//! The administrator card set replaced by another one.

mod common;

use common::{Person, Rig, states, unattended};
use ncore::types::{AdminToken, ModuleState};
use nfkm::cards::{CardSource, Notice, Unattended};
use nfkm::world::admin::WorldParams;
use nfkm::{Error, World};

/// Card files of a set, by its name and their numbers.
fn files(rig: &Rig, set: &str, numbers: &[u32]) -> CardSource {
    let file = |number: &u32| rig.folder.path().join(format!("{set}-{number}"));
    CardSource::Files(numbers.iter().map(file).collect())
}

#[test]
fn administrator_cards_are_replaced_and_the_keys_stay() {
    let rig = Rig::start(2);
    let mut params = WorldParams::new(2, 3);
    for word in ["nv=1", "r=3", "p"] {
        params.features.apply(word).unwrap();
    }
    params.strict_fips = true;
    let world = rig.create(&[1, 2], &params);
    let session = rig.session();
    let before = common::object_counts(&rig, 2);

    // The most demanding token needs all three.
    let new = files(&rig, "new", &[1, 2, 3]);
    let few = files(&rig, "admin", &[1, 2]);
    let refused = session.replace_administrators(1, &few, &new, &mut Unattended::default());
    assert!(matches!(refused, Err(Error::Cards(_))), "{refused:?}");
    let mut operator = unattended(&[(2, "two")]);
    let replaced = session
        .replace_administrators(1, &rig.cards(3), &new, &mut operator)
        .unwrap();
    assert_eq!(common::object_counts(&rig, 2), before);
    assert_eq!(rig.session().world().unwrap().world, replaced);
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
    let hashes = |world: &World| -> Vec<_> {
        world
            .record
            .keys
            .iter()
            .map(|key| (key.role, key.hash))
            .collect()
    };
    assert_eq!(hashes(&replaced), hashes(&world));
    for (old, new) in world.record.tokens.iter().zip(&replaced.record.tokens) {
        let is_fips = old.role == AdminToken::FIPS.0;
        assert_eq!(old.hkt == new.hkt, is_fips, "{}", AdminToken(old.role));
        assert_eq!(
            (old.shares_needed, old.shares_total, old.time_limit),
            (new.shares_needed, new.shares_total, new.time_limit)
        );
    }

    // The old cards open nothing any more; any quorum of the new ones does.
    let load = |cards: &CardSource, operator: &mut Unattended| {
        rig.admin().load(&[2], cards, true, operator).map(drop)
    };
    let mut met = Unattended::default();
    let failed = load(&rig.cards(3), &mut met);
    assert!(matches!(failed, Err(Error::Cards(_))), "{failed:?}");
    assert!(met.notices.iter().any(|notice| matches!(
        notice,
        Notice::Slot { content, .. } if content == "unknown card"
    )));
    load(&files(&rig, "new", &[3, 2]), &mut operator).unwrap();
    assert_eq!(states(&rig), [ModuleState::Usable, ModuleState::Usable]);
    session
        .open_nvram(2, &files(&rig, "new", &[3]), &mut Unattended::default())
        .unwrap();
    let recovery = session.open_recovery(1, &new, &mut operator);
    assert!(recovery.is_ok());
    drop(recovery);

    // And they are replaced in turn, by cards in a reader.
    let mut person = Person::new(&rig, &["x", "y", "z"]);
    person.passphrases = [(2, vec!["two".to_owned(), String::new()])].into();
    let third = session
        .replace_administrators(1, &new, &CardSource::Readers, &mut person)
        .unwrap();
    assert_eq!(hashes(&third), hashes(&world));
    let mut person = Person::new(&rig, &["x", "z"]);
    rig.admin()
        .load(&[1], &CardSource::Readers, true, &mut person)
        .unwrap();
}

#[test]
fn an_interrupted_replacement_leaves_the_old_cards_good() {
    let rig = Rig::start(1);
    let world = rig.create(&[1], &WorldParams::new(1, 2));
    let session = rig.session();
    // The second new card never comes, and an old one is not taken for it, whoever would agree.
    let old = std::fs::read(rig.card(2)).unwrap();
    std::fs::write(rig.folder.path().join("mixed"), &old).unwrap();
    let mixed = files(&rig, "new", &[1]);
    let CardSource::Files(mut mixed) = mixed else {
        unreachable!("they are files")
    };
    mixed.push(rig.folder.path().join("mixed"));
    let mut person = Person::new(&rig, &[]);
    person.overwrites = true;
    let failed =
        session.replace_administrators(1, &rig.cards(1), &CardSource::Files(mixed), &mut person);
    assert!(
        matches!(&failed, Err(Error::Cards(text)) if text.contains("mixed is not a blank card: Admin Card #2")),
        "{failed:?}"
    );
    let mut person = Person::new(&rig, &["x"]);
    let failed =
        session.replace_administrators(1, &rig.cards(1), &CardSource::Readers, &mut person);
    assert!(matches!(failed, Err(Error::Cards(_))), "{failed:?}");
    assert_eq!(World::required(session.folder()).unwrap(), world);
    let cards = CardSource::Files(vec![rig.card(2)]);
    rig.admin()
        .load(&[1], &cards, true, &mut Unattended::default())
        .unwrap();
}

//! Files written by each version of the format can be read by this one.

use std::path::Path;

use ncore::types::{AdminKey, AdminToken, CipherSuite};
use nfkm::kmdata::{EntryContent, Folder};
use nfkm::{EntryName, World, hex};

#[test]
fn files_of_version_1_are_read() {
    let folder = Folder::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1"));
    let world = World::required(&folder).unwrap();
    assert_eq!(
        hex(&world.hknso),
        "17040a62889226d59095684fb2ab9fc18c4b54f1"
    );
    assert_eq!(
        hex(&world.hkm()),
        "6c7dd0eb2e31e9fbca63f1911e78019939b97005"
    );
    assert_eq!(
        world.cipher_suite(),
        CipherSuite::DLf3072s256mAEScSP800131Ar1
    );
    assert_eq!(world.record.created, 1_795_451_660);
    assert_eq!(world.modes(), 0);
    assert_eq!(world.threshold(AdminToken::M), Some(1));
    assert!(
        world.has_recovery()
            && world.hash(AdminKey::FTO).is_some()
            && world.hash(AdminKey::P).is_none()
    );

    let module = folder
        .module(&world.hknso, "6C4C-E7B5-0859")
        .unwrap()
        .unwrap();
    assert!(module.share_target && module.kml.is_some());

    let entries = folder.entries(Some("mscapi")).unwrap();
    assert_eq!(
        entries.iter().map(EntryName::ident).collect::<Vec<_>>(),
        ["container-1", "contosokey"]
    );
    let data = folder.entry(&world.hknso, &entries[0]).unwrap();
    assert_eq!(
        data,
        EntryContent::Opaque(b"data of an application".to_vec())
    );
    let EntryContent::Key(key) = folder.entry(&world.hknso, &entries[1]).unwrap() else {
        panic!("no key")
    };
    assert_eq!(hex(&key.hash), "e955c471e8f2ef7db69fa635b5f9d97ea6824e18");
    assert_eq!(
        (key.plainname.as_deref(), key.hkm),
        (Some("a key"), world.hkm())
    );
    assert_eq!(
        key.recovery.map(|recovery| recovery.hkre),
        world.hash(AdminKey::RE)
    );
    assert_eq!(key.nvram, None);

    let sets = folder.card_sets(&world.hknso).unwrap().records;
    assert_eq!(
        (sets.len(), sets[0].name.as_str(), sets[0].card_names.len()),
        (1, "ops", 2)
    );
    assert!(!sets[0].soft);
    let card = folder.card(&world.hknso, &sets[0].hkltu, 2).unwrap();
    assert_eq!((card.share, card.pin), (2, None));
}

#[test]
fn key_files_of_version_2_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let world = World::required(&Folder::at(fixtures.join("version-1"))).unwrap();
    let folder = Folder::at(fixtures.join("version-2"));
    let name = EntryName::new("mscapi", "stored").unwrap();
    let EntryContent::Key(key) = folder.entry(&world.hknso, &name).unwrap() else {
        panic!("no key")
    };
    assert_eq!((key.hash, key.blob.len()), ([0x51; 20], 0));
    let nvram = key.nvram.unwrap();
    assert_eq!(nvram.esn, "6C4C-E7B5-0859");
    assert_eq!(nvram.blob, Some(*b"k5151515151"));
    assert_eq!(nvram.counter, Some(*b"c0123456789"));
    let name = EntryName::new("mscapi", "container-2").unwrap();
    let data = folder.entry(&world.hknso, &name).unwrap();
    assert_eq!(
        data,
        EntryContent::Opaque(b"data of an application".to_vec())
    );
}

#[test]
fn card_files_of_version_2_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    // They belong to the world of the other fixtures, whose file has not changed.
    let world = World::required(&Folder::at(fixtures.join("version-1"))).unwrap();
    let folder = Folder::at(fixtures.join("version-2"));
    let sets = folder.card_sets(&world.hknso).unwrap().records;
    let [set] = &sets[..] else {
        panic!("{sets:?}");
    };
    assert_eq!((set.name.as_str(), set.time_limit), ("ops", 3_600));
    assert!(set.persistent && set.remote && set.passphrase_recovery && set.soft);
    let card = folder.card(&world.hknso, &set.hkltu, 2).unwrap();
    assert_eq!(
        (card.name.as_str(), card.pin),
        ("spare", Some(vec![1, 2, 3]))
    );
    let softcards = folder.softcards(&world.hknso).unwrap().records;
    let [softcard] = &softcards[..] else {
        panic!("{softcards:?}");
    };
    assert_eq!(
        (softcard.name.as_str(), &softcard.image[..]),
        ("soft", &[4, 5, 6][..])
    );
    assert!(softcard.passphrase && softcard.pin.is_some());
}

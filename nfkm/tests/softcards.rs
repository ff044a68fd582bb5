//! Softcards on a running hardserver: made, loaded, their pass phrases, and the keys under them.

mod common;

use common::{Rig, digest, request};
use ncore::Status;
use ncore::types::{Mech, NFKMNKF};
use nfkm::cards::Unattended;
use nfkm::kmdata::EntryContent;
use nfkm::world::admin::WorldParams;
use nfkm::{EntryName, Error, IdentRule, LoadedKey, NewKey, Protection};

fn signs(key: &LoadedKey) -> bool {
    key.sign(Mech::RSAhSHA256pPKCS1, digest(7)).is_ok()
}

#[test]
fn a_softcard_protects_keys_on_all_modules_with_its_pass_phrase() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let softcard = session
        .create_softcard(1, "soft", Some("old"), false)
        .unwrap();
    let file = format!("kmdata/local/softcard_{}", nfkm::hex(&softcard.hkltu));
    assert!(rig.folder.path().join(file).exists());
    assert_eq!(
        session.softcards().unwrap().records,
        std::slice::from_ref(&softcard)
    );
    let token = session.load_softcard(&softcard, Some("old")).unwrap();
    assert_eq!(token.modules(), [1, 2]);
    let request = NewKey {
        protection: Protection::Token(token.clone()),
        ..request(IdentRule::Fixed("key".to_owned()))
    };
    let key = session.generate_key_pair(&request).unwrap();
    assert_eq!(key.modules(), [1, 2]);
    let hknso = session.world().unwrap().world.hknso;
    let name = EntryName::new("mscapi", "key").unwrap();
    let Ok(EntryContent::Key(record)) = session.folder().entry(&hknso, &name) else {
        panic!("no key");
    };
    assert_eq!(
        record.flags & NFKMNKF::Protection_mask.0,
        NFKMNKF::ProtectionPassPhrase.0
    );
    assert_eq!(record.cardset, Some(softcard.hkltu));
    drop((request, key, token));

    for wrong in [Some("new"), None] {
        let refused = session.load_softcard(&softcard, wrong);
        assert!(
            matches!(&refused, Err(error @ Error::WrongPassphrase { tries: 1, .. }) if error.to_string().contains("`soft'")),
            "{refused:?}"
        );
        assert!(matches!(
            session.change_softcard(&softcard, wrong, None),
            Err(Error::WrongPassphrase { .. })
        ));
    }
    session
        .change_softcard(&softcard, Some("old"), Some("new"))
        .unwrap();
    let softcard = session.softcard("soft").unwrap();
    assert!(session.load_softcard(&softcard, Some("old")).is_err());
    let token = session.load_softcard(&softcard, Some("new")).unwrap();
    assert!(signs(
        &session.load_key_with("mscapi", "key", &token).unwrap()
    ));
    let refused = session.load_key("mscapi", "key");
    assert!(matches!(
        refused,
        Err(Error::NeedsToken { softcard: true, .. })
    ));

    // A pass phrase can be taken away, and then nothing that is typed is wrong.
    session
        .change_softcard(&softcard, Some("new"), None)
        .unwrap();
    let softcard = session.softcard("soft").unwrap();
    assert!(session.load_softcard(&softcard, None).is_ok());
    assert!(session.load_softcard(&softcard, Some("x")).is_ok());
    session.delete_softcard(&softcard).unwrap();
    assert_eq!(session.softcards().unwrap().records, []);
}

#[test]
fn a_softcard_of_another_world_does_not_load() {
    let rig = Rig::with_world(1);
    let other = Rig::with_world(1);
    let theirs = other
        .session()
        .create_softcard(1, "soft", None, false)
        .unwrap();
    let refused = rig.session().load_softcard(&theirs, None);
    assert_eq!(refused.unwrap_err().status(), Some(Status::TokenAuthFailed));
}

#[test]
fn a_softcards_pass_phrase_is_replaced_with_the_administrator_cards() {
    let rig = Rig::start(1);
    let mut params = WorldParams::new(1, 1);
    params.features.apply("p").unwrap();
    rig.create(&[1], &params);
    let session = rig.session();
    let softcard = session
        .create_softcard(1, "soft", Some("old"), true)
        .unwrap();
    session
        .recover_softcard(
            &softcard,
            Some("new"),
            1,
            &rig.cards(1),
            &mut Unattended::default(),
        )
        .unwrap();
    let softcard = session.softcard("soft").unwrap();
    assert!(session.load_softcard(&softcard, Some("old")).is_err());
    session.load_softcard(&softcard, Some("new")).unwrap();
}

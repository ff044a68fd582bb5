//! Operator card sets of a Security World: quora, pass phrases, lost cards, and cards that do not help.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use ncore::types::{
    KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams, Mech, PlainText,
    PlainTextType, PlainTextTypeData, PlainTextTypeHash32Data,
};
use nfkm::cards::{CardSource, Notice, Unattended};
use nfkm::kmdata::CardSetRecord;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{
    EntryName, Error, IdentRule, LoadedKey, LoadedToken, NewCardSet, NewKey, Protection, Session,
};

use crate::case::{Case, Need, Outcome};
use crate::rig::{Rig, equal};
use crate::spare::Spare;

const CARDS: &str = "PROTOCOL, section 4.5";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "cardsets.quorum.two-of-three",
        "Any two cards of a set of three load its key, and no single one does",
        CARDS,
        two_of_three,
    )
    .needs(&[Need::Control]),
    Case::new(
        "cardsets.passphrase.wrong",
        "A wrong pass phrase is told from a wrong card, and does not lock the right one out",
        CARDS,
        wrong_passphrase,
    )
    .needs(&[Need::Control]),
    Case::new(
        "cardsets.lost.recovered",
        "The key of a lost card set comes under another one with the administrator cards",
        "PROTOCOL, section 4.8",
        recovered,
    )
    .needs(&[Need::Control]),
    Case::new(
        "cardsets.strangers.told-apart",
        "Blank, foreign, damaged and unknown cards are told apart",
        CARDS,
        told_apart,
    )
    .needs(&[Need::Control]),
];

/// A hardserver with a Security World for one case, with cards that are files in its folder.
struct World {
    session: Session,
    // Declared last: the session's connection closes first.
    spare: Spare,
}

impl World {
    fn make(rig: &Rig) -> anyhow::Result<World> {
        let spare = rig.spare()?;
        let environment = spare.environment();
        let admin = CardSource::Files(vec![spare.folder().join("admin")]);
        Admin::open(&environment)?.create(
            &[1],
            &WorldParams::new(1, 1),
            &admin,
            &mut Unattended::default(),
        )?;
        let session = Session::open(&environment)?;
        Ok(World { session, spare })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.spare.folder().join(name)
    }

    fn cards(&self, names: &[&str]) -> CardSource {
        CardSource::Files(names.iter().map(|name| self.path(name)).collect())
    }

    /// Makes a persistent set with a card in each of these files.
    fn set(
        &self,
        name: &str,
        needed: u32,
        cards: &[&str],
        operator: &mut Unattended,
    ) -> anyhow::Result<CardSetRecord> {
        let request = NewCardSet {
            persistent: true,
            ..NewCardSet::new(name, needed, cards.len() as u32)
        };
        let source = self.cards(cards);
        Ok(self
            .session
            .create_card_set(1, &request, &source, operator)?)
    }

    fn load(
        &self,
        set: &CardSetRecord,
        cards: &[&str],
        operator: &mut Unattended,
    ) -> Result<LoadedToken, Error> {
        let source = self.cards(cards);
        self.session.load_card_set(set, &[1], &source, operator)
    }

    /// Generates the key `simple` `key` under a set.
    fn key(&self, token: &LoadedToken) -> anyhow::Result<()> {
        let params = KeyTypeRSAPrivateGenParams {
            lenbits: 1024,
            ..KeyTypeRSAPrivateGenParams::default()
        };
        self.session.generate_key_pair(&NewKey {
            appname: "simple".to_owned(),
            ident: IdentRule::Fixed("key".to_owned()),
            plainname: None,
            params: KeyGenParams {
                type_: KeyType::RSAPrivate,
                params: KeyTypeGenParams::RSAPrivate(params),
            },
            recovery: true,
            protection: Protection::Token(token.clone()),
        })?;
        Ok(())
    }

    /// Loads that key and signs with it.
    fn use_key(&self, token: &LoadedToken) -> anyhow::Result<()> {
        let key: LoadedKey = self.session.load_key_with("simple", "key", token)?;
        let data = PlainTextTypeData::Hash32(PlainTextTypeHash32Data { data: [7; 32] });
        let plain = PlainText {
            type_: PlainTextType::Hash32,
            data,
        };
        key.sign(Mech::RSAhSHA256pPKCS1, plain)?;
        Ok(())
    }
}

fn with_passphrase(text: &str) -> Unattended {
    let mut operator = Unattended::default();
    operator.passphrases.insert(1, text.to_owned());
    operator
}

fn two_of_three(rig: &Rig) -> anyhow::Result<Outcome> {
    let world = World::make(rig)?;
    let nobody = &mut Unattended::default();
    let set = world.set("ops", 2, &["one", "two", "three"], nobody)?;
    world.key(&world.load(&set, &["one", "two"], nobody)?)?;
    for pair in [["one", "two"], ["two", "three"], ["three", "one"]] {
        let token = world.load(&set, &pair, nobody)?;
        world.use_key(&token).with_context(|| format!("{pair:?}"))?;
    }
    for single in ["one", "two", "three"] {
        fs::copy(world.path(single), world.path("copy"))?;
        for cards in [&[single][..], &[single, "copy"]] {
            let refused = world.load(&set, cards, nobody);
            ensure!(
                matches!(refused, Err(Error::Cards(_))),
                "{cards:?}: {refused:?}"
            );
        }
    }
    let without = world.session.load_key("simple", "key");
    ensure!(
        matches!(without, Err(Error::NeedsToken { hkltu, .. }) if hkltu == set.hkltu),
        "{without:?}"
    );
    Ok(Outcome::Passed)
}

fn wrong_passphrase(rig: &Rig) -> anyhow::Result<Outcome> {
    let world = World::make(rig)?;
    let set = world.set("ops", 1, &["one"], &mut with_passphrase("right"))?;
    for wrong in ["wrong", "RIGHT", ""] {
        let refused = world.load(&set, &["one"], &mut with_passphrase(wrong));
        ensure!(
            matches!(refused, Err(Error::WrongPassphrase { tries: 1, .. })),
            "{wrong:?}: {refused:?}"
        );
    }
    world.load(&set, &["one"], &mut with_passphrase("right"))?;
    Ok(Outcome::Passed)
}

fn recovered(rig: &Rig) -> anyhow::Result<Outcome> {
    let world = World::make(rig)?;
    let nobody = &mut Unattended::default();
    let lost = world.set("lost", 1, &["lost"], nobody)?;
    world.key(&world.load(&lost, &["lost"], nobody)?)?;
    fs::remove_file(world.path("lost"))?;

    let new = world.set("new", 1, &["new"], nobody)?;
    let admin = world.cards(&["admin"]);
    let recovery = world.session.open_recovery(1, &admin, nobody)?;
    let token = world.load(&new, &["new"], nobody)?;
    let name = EntryName::new("simple", "key")?;
    recovery.recover(&name, &token)?.save()?;
    world.use_key(&token)?;
    Ok(Outcome::Passed)
}

fn told_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (world, other) = (World::make(rig)?, World::make(rig)?);
    let nobody = &mut Unattended::default();
    let set = world.set("ops", 1, &["good"], nobody)?;
    other.set("theirs", 1, &["foreign"], nobody)?;
    fs::copy(other.path("foreign"), world.path("foreign"))?;
    fs::copy(other.path("admin"), world.path("unknown"))?;
    let mut image = fs::read(world.path("good"))?;
    let Some(last) = image.last_mut() else {
        bail!("the card is empty");
    };
    *last ^= 1;
    fs::write(world.path("damaged"), image)?;

    let cards = ["blank", "foreign", "unknown", "damaged", "admin", "good"];
    let mut operator = Unattended::default();
    world.load(&set, &cards, &mut operator)?;
    let seen: Vec<String> = operator
        .notices
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Slot { content, .. } => Some(content),
            _ => None,
        })
        .collect();
    equal(
        seen,
        [
            "unformatted card",
            "foreign card",
            "unknown card",
            "damaged card",
            "Admin Card #1",
            "`ops' #1",
        ]
        .map(str::to_owned)
        .to_vec(),
        "the cards",
    )?;
    Ok(Outcome::Passed)
}

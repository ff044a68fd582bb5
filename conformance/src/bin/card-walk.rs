//! A 2-of-3 card set from its making to the pulling of a card, unattended. `scripts/card-walk` builds and calls it.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Parser;
use conformance::daemon::Role;
use conformance::walk::{Hands, Person, Site, new_key, sign, step};
use ncore::Status;
use nfkm::cards::CardSource;
use nfkm::kmdata::CardSetRecord;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Error, LoadedKey, LoadedToken, NewCardSet, Protection, Session};

/// Walks a 2-of-3 card set through its life.
#[derive(Debug, Parser)]
#[command(name = "card-walk")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
}

const READERS: CardSource = CardSource::Readers;
const CARDS: [&str; 3] = ["ops-1", "ops-2", "ops-3"];
const PAIRS: [[usize; 2]; 6] = [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]];

fn main() -> ExitCode {
    let result = match Cli::parse().role {
        Some(role) => role.play(),
        None => walk(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("card-walk: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn walk() -> anyhow::Result<()> {
    let start = Instant::now();
    let site = Site::start(&std::env::current_exe()?, 1)?;
    let hands = site.hands()?;
    step(
        "a Security World on an administrator card in the reader",
        || {
            let admin = Admin::open(&site.environment())?;
            let mut person = Person::new(&hands, &["admin"]);
            admin.create(&[1], &WorldParams::new(1, 1), &READERS, &mut person)?;
            Ok(())
        },
    )?;
    let desk = Desk {
        session: Session::open(&site.environment())?,
        hands,
    };
    let set = step("a 2-of-3 card set with pass phrases", || {
        desk.make("ops", CARDS, true)
    })?;
    step("a key under it", || {
        let token = desk.load(&set, &[CARDS[0], CARDS[1]])?;
        let request = new_key("walk", Protection::Token(token));
        desk.session.generate_key_pair(&request)?;
        Ok(())
    })?;
    step("every pair of cards, in both orders, loads the key", || {
        for [one, two] in PAIRS {
            let token = desk.load(&set, &[CARDS[one], CARDS[two]])?;
            sign(&desk.session.load_key_with("simple", "walk", &token)?)?;
        }
        Ok(())
    })?;
    step("no single card does, nor the same card twice", || {
        for card in CARDS {
            for cards in [vec![card], vec![card, card]] {
                match desk.load(&set, &cards) {
                    Err(Error::Cards(_)) => {}
                    other => bail!("{cards:?}: {other:?}"),
                }
            }
        }
        match desk.session.load_key("simple", "walk") {
            Err(Error::NeedsToken { hkltu, .. }) if hkltu == set.hkltu => Ok(()),
            other => bail!("without the set: {other:?}"),
        }
    })?;
    step(
        "a wrong pass phrase is refused, each of three times",
        || {
            let mut person = desk.person(&[CARDS[0], CARDS[1]]);
            person.passphrases.insert(1, "wrong".to_owned());
            match desk.load_by(&set, &mut person) {
                Err(Error::WrongPassphrase { tries: 3, .. }) => Ok(()),
                other => bail!("{other:?}"),
            }
        },
    )?;
    step("a card of another set opens nothing of this one", || {
        let names = ["other-1", "other-2", "other-3"];
        desk.make("other", names, true)?;
        match desk.load(&set, &[names[0], names[1]]) {
            Err(Error::Cards(_)) => Ok(()),
            other => bail!("{other:?}"),
        }
    })?;
    let persistent = step(
        "a persistent set: its key signs on when the card is pulled",
        || {
            let token = desk.load(&set, &[CARDS[0], CARDS[2]])?;
            let key = desk.session.load_key_with("simple", "walk", &token)?;
            let pulled = desk.pull_while_signing(&key)?;
            match pulled.ended {
                None => Ok(pulled),
                Some(error) => bail!("it ended: {error}"),
            }
        },
    )?;
    let set = step("a set that is not persistent, with a key under it", || {
        let set = desk.make("fleeting", ["fl-1", "fl-2", "fl-3"], false)?;
        let token = desk.load(&set, &["fl-1", "fl-2"])?;
        let request = new_key("fleeting", Protection::Token(token));
        desk.session.generate_key_pair(&request)?;
        Ok(set)
    })?;
    let fleeting = step("its key is gone when the last card is pulled", || {
        let token = desk.load(&set, &["fl-2", "fl-3"])?;
        let key = desk.session.load_key_with("simple", "fleeting", &token)?;
        let pulled = desk.pull_while_signing(&key)?;
        match pulled.ended.as_ref().and_then(Error::status) {
            Some(Status::PhysTokenNotPresent) => {}
            _ => bail!("it did not end as it must: {:?}", pulled.ended),
        }
        desk.hands.insert(1, "fl-3")?;
        ensure!(
            sign(&key).is_err(),
            "the card came back, and the key with it"
        );
        let token = desk.load(&set, &["fl-1", "fl-3"])?;
        sign(&desk.session.load_key_with("simple", "fleeting", &token)?)?;
        Ok(pulled)
    })?;
    println!("pairs-that-load\t{}", PAIRS.len());
    println!(
        "signatures-before-the-pull\t{}",
        persistent.before + fleeting.before
    );
    println!("signatures-after-the-pull-persistent\t{}", persistent.after);
    println!("seconds\t{:.1}", start.elapsed().as_secs_f64());
    Ok(())
}

/// What happened to a key whose card was pulled.
struct Pulled {
    before: u64,
    after: u64,
    ended: Option<Error>,
}

struct Desk {
    session: Session,
    hands: Hands,
}

impl Desk {
    fn person(&self, cards: &[&str]) -> Person {
        let mut person = Person::new(&self.hands, cards);
        let phrase = |number: u32| (number, format!("pass phrase {number}"));
        person.passphrases = (1..=3).map(phrase).collect();
        person
    }

    fn make(
        &self,
        name: &str,
        cards: [&str; 3],
        persistent: bool,
    ) -> anyhow::Result<CardSetRecord> {
        let request = NewCardSet {
            persistent,
            ..NewCardSet::new(name, 2, 3)
        };
        self.hands.remove(1)?;
        let mut person = self.person(&cards);
        Ok(self
            .session
            .create_card_set(1, &request, &READERS, &mut person)?)
    }

    fn load(&self, set: &CardSetRecord, cards: &[&str]) -> Result<LoadedToken, Error> {
        self.load_by(set, &mut self.person(cards))
    }

    fn load_by(&self, set: &CardSetRecord, person: &mut Person) -> Result<LoadedToken, Error> {
        let removed = self.hands.remove(1);
        removed.map_err(|error| Error::Cards(format!("hands: {error:#}")))?;
        self.session.load_card_set(set, &[1], &READERS, person)
    }

    /// Signs in four threads, pulls the card, and goes on until a signature fails or a good many succeed.
    fn pull_while_signing(&self, key: &LoadedKey) -> anyhow::Result<Pulled> {
        const ENOUGH: u64 = 200;
        let (before, after) = (AtomicU64::new(0), AtomicU64::new(0));
        let pulled = AtomicBool::new(false);
        let ended = std::thread::scope(|scope| -> anyhow::Result<_> {
            let work = || -> Option<Error> {
                while after.load(Ordering::SeqCst) < ENOUGH {
                    let late = pulled.load(Ordering::SeqCst);
                    if let Err(error) = sign(key) {
                        return Some(error);
                    }
                    let count = if late { &after } else { &before };
                    count.fetch_add(1, Ordering::SeqCst);
                }
                None
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            let patience = Instant::now() + Duration::from_secs(30);
            while before.load(Ordering::SeqCst) < 20 && Instant::now() < patience {
                std::thread::yield_now();
            }
            self.hands.remove(1)?;
            pulled.store(true, Ordering::SeqCst);
            let mut ended = None;
            for thread in threads {
                match thread.join() {
                    Ok(error) => ended = ended.or(error),
                    Err(_) => bail!("a thread panicked"),
                }
            }
            Ok(ended)
        })?;
        Ok(Pulled {
            before: before.into_inner(),
            after: after.into_inner(),
            ended,
        })
    }
}

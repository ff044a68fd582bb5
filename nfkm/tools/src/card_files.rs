//! Where a utility finds cards: in the files that were named, else in the modules' readers. Emulated modules whose readers
//! are all empty use files in the folder `cards` beside the world's.

use std::path::{Path, PathBuf};

use ncore::types::{GetSlotListArgs, SlotType};
use nfkm::cards::CardSource;
use nfkm::kmdata::Folder;
use nfkm::{Client, Enquiry, Error, Session};

use crate::cli::{self, Failure};
use crate::emulator;

/// Where the cards are.
pub enum Choice {
    /// In the readers.
    Readers,
    /// In the files that were named.
    Named(Vec<PathBuf>),
    /// In files of this folder, named by what is on them.
    Emulator(PathBuf),
}

impl Choice {
    /// The source of cards, with the files that `pick` chooses in the emulator's folder.
    pub fn source(self, pick: impl FnOnce(&Path) -> Vec<PathBuf>) -> CardSource {
        match self {
            Choice::Readers => CardSource::Readers,
            Choice::Named(files) => CardSource::Files(files),
            Choice::Emulator(folder) => CardSource::Files(pick(&folder)),
        }
    }
}

/// Chooses, and says so when it is the emulator's folder. `cards` is what they are called there.
pub fn choose(
    tool: &str,
    cards: &str,
    client: &Client,
    folder: &Folder,
    modules: &[u32],
    named: &[PathBuf],
) -> Result<Choice, Failure> {
    if !named.is_empty() {
        return Ok(Choice::Named(named.to_vec()));
    }
    if !all_emulated(client, modules)? || any_card_in_reader(client, modules)? {
        return Ok(Choice::Readers);
    }
    let place = folder.path().with_file_name("cards");
    cli::complain(
        tool,
        &format!(
            "no card in a reader: {cards} are files in {}",
            place.display()
        ),
    );
    Ok(Choice::Emulator(place))
}

/// Where the administrator cards are that a module is to read, with those in the emulator's folder if it comes to that.
pub fn administrators(
    tool: &str,
    client: &Client,
    folder: &Folder,
    module: u32,
    named: &[PathBuf],
) -> Result<CardSource, Failure> {
    let choice = choose(
        tool,
        "administrator cards",
        client,
        folder,
        &[module],
        named,
    )?;
    Ok(choice.source(admins))
}

/// Names the card files that stand behind commands in a world of FIPS 140 level 3, where no reader has a card of it: these,
/// and where the readers of emulated modules are all empty every one in the emulator's folder. Where the authorisation is
/// preloaded on each of the modules no card is looked for.
pub fn authorise(
    tool: &str,
    session: &Session,
    modules: &[u32],
    named: &[PathBuf],
) -> Result<(), Failure> {
    if !session.is_strict_fips()? {
        return Ok(());
    }
    let mut preloaded = !modules.is_empty();
    for module in modules {
        preloaded = preloaded && session.has_preloaded_authorisation(*module)?;
    }
    if preloaded {
        session.authorise_with(named.to_vec());
        return Ok(());
    }
    let client = session.client()?;
    let mut files = named.to_vec();
    if all_emulated(&client, modules)? && !any_card_in_reader(&client, modules)? {
        let folder = session.folder().path().with_file_name("cards");
        let found = [admins(&folder), operators(&folder)].concat();
        if named.is_empty() {
            let folder = folder.display();
            let text = match found.is_empty() {
                true => format!(
                    "no card in a reader, and no card file in {folder}: `softshield card insert' puts a card into a reader"
                ),
                false => format!("no card in a reader: a card file in {folder} authorises this"),
            };
            cli::complain(tool, &text);
        }
        files.extend(found);
    }
    session.authorise_with(files);
    Ok(())
}

/// The emulator's file of an administrator card.
pub fn admin(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("admin-{number}"))
}

/// All administrator cards in the emulator's folder.
pub fn admins(folder: &Path) -> Vec<PathBuf> {
    existing(|number| admin(folder, number))
}

/// All operator cards in the emulator's folder.
pub fn operators(folder: &Path) -> Vec<PathBuf> {
    existing(|number| operator(folder, number))
}

/// Files for so many new operator cards in the emulator's folder.
pub fn new_operators(folder: &Path, cards: u32) -> Vec<PathBuf> {
    free(cards, |number| operator(folder, number))
}

/// The same for administrator cards.
pub fn new_admins(folder: &Path, cards: u32) -> Vec<PathBuf> {
    free(cards, |number| admin(folder, number))
}

fn free(cards: u32, file: impl Fn(u32) -> PathBuf) -> Vec<PathBuf> {
    (1..)
        .map(file)
        .filter(|file| !file.exists())
        .take(cards as usize)
        .collect()
}

fn operator(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("operator-{number}"))
}

fn existing(file: impl Fn(u32) -> PathBuf) -> Vec<PathBuf> {
    (1..=FILES_MAX)
        .map(file)
        .filter(|file| file.exists())
        .collect()
}

/// The most card files of a kind that are looked for.
const FILES_MAX: u32 = 999;

fn all_emulated(client: &Client, modules: &[u32]) -> Result<bool, Failure> {
    for module in modules {
        match Enquiry::of(client, *module) {
            Ok(enquiry) if emulator::warning(&enquiry).is_some() => {}
            // That there is no such module is said by what needs it, and has nothing to do with cards.
            Ok(_) | Err(Error::Status { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn any_card_in_reader(client: &Client, modules: &[u32]) -> Result<bool, Failure> {
    for module in modules {
        match client.transact(GetSlotListArgs { module: *module }) {
            Ok(reply)
                if reply
                    .slots
                    .iter()
                    .any(|slot| slot.type_ == SlotType::SmartCard && slot.token.ic != 0) =>
            {
                return Ok(true);
            }
            Ok(_) | Err(Error::Status { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

//! What the control channel does to the modules and cards.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ncore::Status as Ncore;

use super::api;
use crate::cards::FileCard;
use crate::faults::{Plan, PlanError, Report};
use crate::folders::make_private;
use crate::hardserver::{Hardserver, MOST_AHEAD, ModuleSlot, Unit};
use crate::module::mode::Mode;
use crate::module::{Module, Snapshot, SnapshotError};

/// The front of the machine room: the modules and the box of cards.
#[derive(Debug)]
pub(super) struct Panel {
    server: Arc<Hardserver>,
    cards: PathBuf,
    /// The folder in which the utilities keep the cards of emulated modules with empty readers: the same images, under names
    /// without an ending.
    files: PathBuf,
    /// Held while cards move, so that a card is in one reader at most.
    hand: Mutex<()>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// There is no module of this number.
    #[error("there is no module {0}")]
    NoModule(u32),
    /// The module is another hardserver's.
    #[error("module {module} is imported: hands and eyes for it are at {exporter}")]
    Imported {
        module: u32,
        exporter: std::net::SocketAddr,
    },
    /// The module has no reader of this number.
    #[error("module {module} has no card reader in slot {slot}")]
    NoReader { module: u32, slot: u32 },
    /// The folder holds no such card.
    #[error("there is no card `{0}': `softshield card create' makes one")]
    NoCard(String),
    /// A name that cannot be a card's.
    #[error(
        "`{0}' cannot be a card's name: 1 to 64 letters, digits, `-', `_' and `.', not beginning with `.'"
    )]
    BadName(String),
    /// The card exists.
    #[error("there is a card `{0}' already")]
    CardExists(String),
    /// The card is in a reader.
    #[error("card `{name}' is in slot {slot} of module {module}")]
    CardInUse {
        name: String,
        module: u32,
        slot: u32,
    },
    /// The reader has a card.
    #[error("there is a card in slot {slot} of module {module}")]
    SlotFull { module: u32, slot: u32 },
    /// The reader is empty.
    #[error("there is no card in slot {slot} of module {module}")]
    SlotEmpty { module: u32, slot: u32 },
    /// The module has failed.
    #[error("module {0} has failed: `softshield module retry {0}' brings it back")]
    Failed(u32),
    /// The module is unplugged.
    #[error("module {0} is unplugged: `softshield module plug-in {0}' plugs it in")]
    Unplugged(u32),
    /// The module has not failed.
    #[error("module {0} has not failed: there is nothing to bring back")]
    NotFailed(u32),
    /// The module is not unplugged.
    #[error("module {0} is plugged in already")]
    PluggedIn(u32),
    /// The module does not do that now.
    #[error("module {module} refuses: {status}")]
    Module { module: u32, status: Ncore },
    /// So far from the machine's no clock can be.
    #[error(
        "{0} seconds are too many: the clock can be {MOST_AHEAD} seconds ahead of the machine's at most (100 years), or behind it"
    )]
    Clock(i64),
    /// The clock cannot be saved.
    #[error("the clock is as before, since it cannot be saved: {0}")]
    ClockNotSaved(std::io::Error),
    /// One more module cannot be.
    #[error("no further module: {0}")]
    NotAdded(String),
    /// Another module is that unit.
    #[error("module {module} is the unit {esn} already")]
    SameUnit { module: u32, esn: String },
    /// The snapshot, or the module's own state.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The fault plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The folder of cards.
    #[error("{path}: {cause}")]
    Folder {
        path: PathBuf,
        cause: std::io::Error,
    },
}

/// What a card's file ends in.
const EXTENSION: &str = "card";

/// Most characters of a card's name.
const LONGEST_NAME: usize = 64;

fn folder_error(folder: &Path, cause: std::io::Error) -> Refusal {
    Refusal::Folder {
        path: folder.to_owned(),
        cause,
    }
}

impl Panel {
    pub(super) fn new(server: Arc<Hardserver>, cards: PathBuf, files: PathBuf) -> Panel {
        Panel {
            server,
            cards,
            files,
            hand: Mutex::default(),
        }
    }

    /// Everything at a glance.
    pub(super) fn status(&self) -> api::Status {
        api::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.server.now().uptime.as_secs(),
            connections: self.server.connection_count(),
            in_flight: self.server.in_flight(),
            modules: self.server.modules().map(|slot| self.view(slot)).collect(),
            pool: self
                .server
                .pool_numbers()
                .map(|(number, modules, members)| api::Pool {
                    number,
                    modules,
                    members,
                }),
        }
    }

    /// One module.
    pub(super) fn module(&self, number: u32) -> Result<api::Module, Refusal> {
        self.slot(number).map(|slot| self.view(slot))
    }

    /// Resets a module.
    pub(super) fn clear(&self, number: u32) -> Result<(), Refusal> {
        self.on(number, |module| module.clear())
    }

    /// Lets a module fail.
    pub(super) fn fail(&self, number: u32) -> Result<(), Refusal> {
        self.on(number, |module| module.fail())
    }

    /// Brings a failed module back.
    pub(super) fn retry(&self, number: u32) -> Result<(), Refusal> {
        let done = self.on(number, |module| module.retry());
        done.map_err(|refusal| in_wrong_state(refusal, Refusal::NotFailed(number)))
    }

    /// Switches a module off and on.
    pub(super) fn power_cycle(&self, number: u32) -> Result<(), Refusal> {
        let slot = self.slot(number)?;
        own(slot)?.power_cycle()?;
        self.server.end_what_was_in_work(number);
        Ok(())
    }

    /// Plugs in one more module; it.
    pub(super) fn add(&self) -> Result<api::Module, Refusal> {
        let number = self.server.add_module();
        self.module(number.map_err(|error| Refusal::NotAdded(error.to_string()))?)
    }

    /// Unplugs a module.
    pub(super) fn unplug(&self, number: u32) -> Result<(), Refusal> {
        self.on(number, |_| self.server.unplug(number))
    }

    /// Plugs an unplugged module in again.
    pub(super) fn plug_in(&self, number: u32) -> Result<(), Refusal> {
        let done = self.on(number, |_| self.server.plug_in(number));
        done.map_err(|refusal| in_wrong_state(refusal, Refusal::PluggedIn(number)))
    }

    /// A module as it is: everything that survives a power cut.
    pub(super) fn snapshot(&self, number: u32) -> Result<Vec<u8>, Refusal> {
        Ok(own(self.slot(number)?)?.snapshot()?)
    }

    /// Makes a module what a snapshot says.
    pub(super) fn restore(&self, number: u32, snapshot: &[u8]) -> Result<(), Refusal> {
        let found = self.slot(number)?;
        let snapshot = Snapshot::read(snapshot, self.server.engine())?;
        let mut others = self.server.modules().filter(|slot| slot.number != number);
        if let Some(other) = others.find(|slot| slot.unit.esn() == snapshot.esn()) {
            return Err(Refusal::SameUnit {
                module: other.number,
                esn: snapshot.esn().to_owned(),
            });
        }
        own(found)?.restore(&snapshot)?;
        self.server.end_what_was_in_work(number);
        Ok(())
    }

    /// Begins to play a fault plan.
    pub(super) fn play(&self, plan: Plan) -> Result<Report, Refusal> {
        self.server.play(plan)?;
        Ok(self.server.faults().report())
    }

    /// How the fault plan goes.
    pub(super) fn faults(&self) -> Report {
        self.server.faults().report()
    }

    /// Ends the fault plan.
    pub(super) fn clear_faults(&self) -> Report {
        let report = self.server.faults().report();
        self.server.faults().clear();
        report
    }

    /// Puts the clock ahead of the machine's, or behind it.
    pub(super) fn set_clock(&self, ahead: i64) -> Result<api::Clock, Refusal> {
        if ahead.unsigned_abs() > MOST_AHEAD.unsigned_abs() {
            return Err(Refusal::Clock(ahead));
        }
        match self.server.clock().set(|_| ahead) {
            Ok(()) => Ok(self.clock()),
            Err(cause) => Err(Refusal::ClockNotSaved(cause)),
        }
    }

    /// The clock.
    pub(super) fn clock(&self) -> api::Clock {
        api::Clock {
            ahead: self.server.clock().ahead(),
            unix: Some(self.server.now().unix.as_secs()),
        }
    }

    /// Moves a mode switch.
    pub(super) fn set_switch(&self, number: u32, to: api::NewPosition) -> Result<(), Refusal> {
        self.on(number, |module| {
            module.set_switch(to.position.into(), to.overrides)
        })
    }

    /// Every card, by name.
    pub(super) fn cards(&self) -> Result<Vec<api::Card>, Refusal> {
        let _hand = self.hand();
        let mut cards: Vec<api::Card> = Vec::new();
        for folder in [&self.cards, &self.files] {
            let failed = |cause| folder_error(folder, cause);
            let entries = match std::fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let path = entry.map_err(failed)?.path();
                let Some(name) = self.card_name(&path) else {
                    continue;
                };
                // Of two with one name only the one is to be had that a hand would get.
                if self.find(&name).is_ok_and(|found| found == path) {
                    let inserted = self.inserted(&path);
                    cards.push(api::Card { name, inserted });
                }
            }
        }
        cards.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(cards)
    }

    /// Makes a blank card.
    pub(super) fn create(&self, name: &str) -> Result<(), Refusal> {
        let path = self.card_path(name)?;
        let _hand = self.hand();
        make_private(&self.cards).map_err(|cause| folder_error(&self.cards, cause))?;
        match std::fs::File::create_new(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Refusal::CardExists(name.to_owned()))
            }
            Err(cause) => Err(Refusal::Folder { path, cause }),
        }
    }

    /// Puts a card into a reader.
    pub(super) fn insert(&self, place: api::Place, name: &str) -> Result<(), Refusal> {
        let api::Place { module, slot } = place;
        // A name that cannot be a card's is refused first, whichever module is meant.
        self.card_path(name)?;
        let found = self.slot(module)?;
        let _hand = self.hand();
        let path = self.find(name)?;
        if let Some(api::Place { module, slot }) = self.inserted(&path) {
            let name = name.to_owned();
            return Err(Refusal::CardInUse { name, module, slot });
        }
        let card = Box::new(FileCard::new(path));
        let inserted = own(found)?.insert_card(slot, card);
        inserted.map_err(|status| reader_refusal(status, place))
    }

    /// Takes a card out of a reader; its name, if it has one.
    pub(super) fn remove(&self, place: api::Place) -> Result<Option<String>, Refusal> {
        let found = self.slot(place.module)?;
        let _hand = self.hand();
        let card = own(found)?.remove_card(place.slot);
        let card = card.map_err(|status| reader_refusal(status, place))?;
        Ok(card.place().and_then(|path| self.card_name(path)))
    }

    fn view(&self, slot: &ModuleSlot) -> api::Module {
        let (mode, switch) = slot.unit.mode();
        let view = api::Module {
            number: slot.number,
            esn: slot.unit.esn(),
            imported_from: slot.unit.imported().map(|it| it.address().to_string()),
            mode: mode.into(),
            switch: switch.into(),
            switch_overrides: false,
            slots: Vec::new(),
            objects: 0,
            keys: Vec::new(),
            nvram: Vec::new(),
            nvram_size: 0,
            queue: api::Queue {
                outstanding: slot.outstanding.load(Ordering::Relaxed),
                started: slot.started.load(Ordering::Relaxed),
            },
        };
        match &slot.unit {
            Unit::Own(own) => self.look_inside(&own.module, view),
            Unit::Imported(_) => view,
        }
    }

    fn look_inside(&self, module: &Module, view: api::Module) -> api::Module {
        api::Module {
            switch_overrides: module.switch_overrides(),
            slots: module
                .slots_view()
                .into_iter()
                .map(|slot| api::Slot {
                    number: slot.number,
                    kind: slot.kind.into(),
                    insertions: slot.insertions,
                    card: slot.card.and_then(|path| self.card_name(&path)),
                })
                .collect(),
            objects: module.object_count(),
            keys: module
                .keys_view()
                .into_iter()
                .map(|key| api::Key {
                    hash: key.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
                    key_type: key.key_type.to_string(),
                    bits: key.bits,
                    client: key.client,
                })
                .collect(),
            nvram: module
                .areas_view()
                .into_iter()
                .map(|area| api::Area {
                    name: area.name,
                    bytes: area.bytes,
                })
                .collect(),
            nvram_size: module.nvram_size(),
            ..view
        }
    }

    fn slot(&self, number: u32) -> Result<&ModuleSlot, Refusal> {
        self.server.module(number).ok_or(Refusal::NoModule(number))
    }

    fn on(
        &self,
        number: u32,
        act: impl FnOnce(&Module) -> Result<(), Ncore>,
    ) -> Result<(), Refusal> {
        let slot = self.slot(number)?;
        act(own(slot)?).map_err(|status| match (status, slot.unit.mode().0) {
            (Ncore::HardwareFailed, Mode::Failed) => Refusal::Failed(number),
            (Ncore::HardwareFailed, Mode::Absent) => Refusal::Unplugged(number),
            _ => Refusal::Module {
                module: number,
                status,
            },
        })?;
        self.server.end_what_was_in_work(number);
        Ok(())
    }

    /// Where a card of the folder is put in.
    fn inserted(&self, path: &Path) -> Option<api::Place> {
        self.server.modules().find_map(|found| {
            let slots = found.unit.own()?.module.slots_view();
            let slot = slots
                .iter()
                .find(|slot| slot.card.as_deref() == Some(path))?;
            Some(api::Place {
                module: found.number,
                slot: slot.number,
            })
        })
    }

    fn card_path(&self, name: &str) -> Result<PathBuf, Refusal> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty()
            || name.len() > LONGEST_NAME
            || name.starts_with('.')
            || !name.bytes().all(good)
        {
            return Err(Refusal::BadName(name.to_owned()));
        }
        Ok(self.cards.join(format!("{name}.{EXTENSION}")))
    }

    /// The file of the card with this name: one of the folder of cards, else one that the utilities keep.
    fn find(&self, name: &str) -> Result<PathBuf, Refusal> {
        let own = self.card_path(name)?;
        let files = [own, self.files.join(name)].into_iter();
        let mut found = files.filter(|path| self.card_name(path).is_some() && path.is_file());
        found.next().ok_or_else(|| Refusal::NoCard(name.to_owned()))
    }

    /// The name of a card's file in one of the two folders: without the ending in the folder of cards, and of files that have
    /// none in the utilities'.
    fn card_name(&self, path: &Path) -> Option<String> {
        let folder = path.parent()?;
        let is_card = path.extension().is_some_and(|it| it == EXTENSION);
        let name = match is_card {
            true if folder == self.cards => path.file_stem()?,
            false if folder == self.files => path.file_name()?,
            _ => return None,
        };
        name.to_str().map(str::to_owned)
    }

    fn hand(&self) -> MutexGuard<'_, ()> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The module itself, unless it is another hardserver's.
fn own(slot: &ModuleSlot) -> Result<&Module, Refusal> {
    match &slot.unit {
        Unit::Own(own) => Ok(&own.module),
        Unit::Imported(imported) => Err(Refusal::Imported {
            module: slot.number,
            exporter: imported.address(),
        }),
    }
}

/// A refusal that says what the module is, if that was what stood in the way.
fn in_wrong_state(refusal: Refusal, is: Refusal) -> Refusal {
    match refusal {
        Refusal::Module {
            status: Ncore::InvalidState,
            ..
        } => is,
        refusal => refusal,
    }
}

fn reader_refusal(status: Ncore, place: api::Place) -> Refusal {
    let api::Place { module, slot } = place;
    match status {
        Ncore::UnknownSlot => Refusal::NoReader { module, slot },
        Ncore::SlotFull => Refusal::SlotFull { module, slot },
        Ncore::PhysTokenNotPresent => Refusal::SlotEmpty { module, slot },
        status => Refusal::Module { module, status },
    }
}

//! What the control channel says and is told, in JSON. Server and command line share these types.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::module::SlotKind;
use crate::module::mode::{Mode, Switch};

/// The whole emulator.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The emulator's release.
    pub version: String,
    /// Seconds since it started.
    pub uptime: u64,
    /// Open connections.
    pub connections: usize,
    /// Commands begun and not answered.
    pub in_flight: usize,
    /// Every module, by number.
    pub modules: Vec<Module>,
    /// The pool, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
}

/// Modules that are used as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Its module number.
    pub number: u32,
    /// The numbers of the modules that were put into it.
    pub modules: Vec<u32>,
    /// The numbers of those that are its members now: in operation, in its world.
    pub members: Vec<u32>,
}

/// One module.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Module {
    /// Its number, from 1.
    pub number: u32,
    /// Its electronic serial number.
    pub esn: String,
    /// Where it is imported from, if it is another hardserver's. Of such a one no slots, objects and areas are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// What it is doing.
    pub mode: ModuleMode,
    /// The position of the mode switch, which the next reset enters.
    pub switch: SwitchPosition,
    /// Whether no command moves the switch.
    pub switch_overrides: bool,
    /// Its slots.
    pub slots: Vec<Slot>,
    /// Objects of all kinds in its memory.
    pub objects: usize,
    /// The loaded keys.
    pub keys: Vec<Key>,
    /// The areas of its non-volatile memory.
    pub nvram: Vec<Area>,
    /// Bytes of its non-volatile memory, used and free.
    pub nvram_size: usize,
    /// Its commands.
    pub queue: Queue,
}

/// What a module is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleMode {
    /// Waits for initialisation.
    PreInitialisation,
    /// A world is being set up.
    Initialisation,
    /// Serves a world.
    Operational,
    /// Has no world.
    Uninitialised,
    /// The switch was at maintenance at the last reset.
    PreMaintenance,
    /// In maintenance.
    Maintenance,
    /// Failed.
    Failed,
    /// Unplugged.
    Absent,
}

/// A position of the mode switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchPosition {
    /// O
    Operational,
    /// I
    Initialisation,
    /// M
    Maintenance,
}

/// A slot.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Slot {
    /// Its number, from 0.
    pub number: u32,
    /// What kind it is.
    pub kind: SlotType,
    /// The insertion counter; 0 while the slot is empty.
    pub insertions: u32,
    /// The name of the card that is in, if it is one of the cards folder.
    pub card: Option<String>,
}

/// What kind of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SlotType {
    /// A reader into which a hand puts cards.
    SmartCard,
    /// A reader of another module: only for cards that may be read remotely.
    Remote,
    /// A reader of somebody's own machine.
    Dynamic,
    /// A place into which clients put card images.
    SoftToken,
}

/// A loaded key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// Its type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Its length in bits.
    pub bits: u32,
    /// The ordinal number of the client that owns it.
    pub client: u64,
}

/// An area of the non-volatile memory.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u32,
}

/// A module's commands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Commands it has and has not answered.
    pub outstanding: usize,
    /// Commands it was given since the start.
    pub started: u64,
}

/// A card of the cards folder.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Where it is put in, if it is.
    pub inserted: Option<Place>,
}

/// A slot of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The module's number.
    pub module: u32,
    /// The slot's number.
    pub slot: u32,
}

/// Names a card.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CardName {
    /// Letters, digits, `-`, `_` and `.`; at most 64 of them.
    pub name: String,
}

/// Where the mode switch goes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewPosition {
    /// The position.
    pub position: SwitchPosition,
    /// Whether no command moves it from there.
    #[serde(default)]
    pub overrides: bool,
}

/// The clock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Clock {
    /// By how many seconds it is ahead of the machine's: at most a hundred years of 365.25 days, either way.
    pub ahead: i64,
    /// What it shows: seconds since 1970-01-01 00:00 UTC.
    #[serde(default)]
    pub unix: Option<u64>,
}

/// Why something was not done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// In words.
    pub error: String,
}

impl From<Mode> for ModuleMode {
    fn from(mode: Mode) -> ModuleMode {
        match mode {
            Mode::PreInitialisation => ModuleMode::PreInitialisation,
            Mode::Initialisation => ModuleMode::Initialisation,
            Mode::Operational => ModuleMode::Operational,
            Mode::Uninitialised => ModuleMode::Uninitialised,
            Mode::PreMaintenance => ModuleMode::PreMaintenance,
            Mode::Maintenance => ModuleMode::Maintenance,
            Mode::Failed => ModuleMode::Failed,
            Mode::Absent => ModuleMode::Absent,
        }
    }
}

impl From<Switch> for SwitchPosition {
    fn from(switch: Switch) -> SwitchPosition {
        match switch {
            Switch::Operational => SwitchPosition::Operational,
            Switch::Initialisation => SwitchPosition::Initialisation,
            Switch::Maintenance => SwitchPosition::Maintenance,
        }
    }
}

impl From<SwitchPosition> for Switch {
    fn from(position: SwitchPosition) -> Switch {
        match position {
            SwitchPosition::Operational => Switch::Operational,
            SwitchPosition::Initialisation => Switch::Initialisation,
            SwitchPosition::Maintenance => Switch::Maintenance,
        }
    }
}

impl From<SlotKind> for SlotType {
    fn from(kind: SlotKind) -> SlotType {
        match kind {
            SlotKind::SmartCard => SlotType::SmartCard,
            SlotKind::Remote => SlotType::Remote,
            SlotKind::Dynamic => SlotType::Dynamic,
            SlotKind::SoftToken => SlotType::SoftToken,
        }
    }
}

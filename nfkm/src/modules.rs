//! What the hardserver and its modules say of themselves, and what that means for a Security World.

use std::sync::Arc;

use ncore::Status;
use ncore::types::{
    EnqVer, EnqVerData, EnquiryDataFive, EnquiryDataFour, EnquiryDataOne, EnquiryDataSix,
    EnquiryDataThree, EnquiryDataTwo, GetKMListArgs, ModuleState, ModuleType, NewEnquiryArgs,
};

use crate::client::Client;
use crate::error::Error;
use crate::kmdata::{Folder, ModuleRecord};
use crate::world::{self, World};
use crate::{Hash, ZERO_HASH};

/// The answer to NewEnquiry: one part for each level the far side knows (PROTOCOL section 4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enquiry {
    /// The module's number from 1; 0 is the hardserver.
    pub module: u32,
    /// Flags of the reply.
    pub flags: u32,
    /// The highest level answered.
    pub level: EnqVer,
    /// Level one: versions, serial number, queue, mode.
    pub one: EnquiryDataOne,
    /// Level two: message size.
    pub two: Option<EnquiryDataTwo>,
    /// Level three.
    pub three: Option<EnquiryDataThree>,
    /// Level four: features.
    pub four: Option<EnquiryDataFour>,
    /// Level five: product and device.
    pub five: Option<EnquiryDataFive>,
    /// Level six: network and mode settings.
    pub six: Option<EnquiryDataSix>,
}

impl Enquiry {
    /// Asks the hardserver (`module` 0) or a module.
    ///
    /// # Errors
    /// [`Error::Status`] with InvalidModule when there is no such module, [`Error::Connection`].
    pub fn of(client: &Client, module: u32) -> Result<Enquiry, Error> {
        let reply = client.transact(NewEnquiryArgs {
            module,
            version: EnqVer::Six.0,
            ..NewEnquiryArgs::default()
        })?;
        let mut enquiry = Enquiry {
            module: reply.module,
            flags: reply.flags,
            level: reply.version,
            one: EnquiryDataOne::default(),
            two: None,
            three: None,
            four: None,
            five: None,
            six: None,
        };
        match reply.data {
            EnqVerData::One(data) => enquiry.one = data.one,
            EnqVerData::Two(data) => (enquiry.one, enquiry.two) = (data.one, Some(data.two)),
            EnqVerData::Three(data) => {
                (enquiry.one, enquiry.two, enquiry.three) =
                    (data.one, Some(data.two), Some(data.three));
            }
            EnqVerData::Four(data) => {
                (enquiry.one, enquiry.two, enquiry.three) =
                    (data.one, Some(data.two), Some(data.three));
                enquiry.four = Some(data.four);
            }
            EnqVerData::Five(data) => {
                (enquiry.one, enquiry.two, enquiry.three) =
                    (data.one, Some(data.two), Some(data.three));
                (enquiry.four, enquiry.five) = (Some(data.four), Some(data.five));
            }
            EnqVerData::Six(data) => {
                (enquiry.one, enquiry.two, enquiry.three) =
                    (data.one, Some(data.two), Some(data.three));
                (enquiry.four, enquiry.five, enquiry.six) =
                    (Some(data.four), Some(data.five), Some(data.six));
            }
            EnqVerData::Empty => {
                return Err(Error::Malformed {
                    what: "NewEnquiry reply",
                });
            }
        }
        Ok(enquiry)
    }

    /// Whether this is a pool of modules (HSM Pool mode).
    pub fn is_pool(&self) -> bool {
        let five = self.five.as_ref();
        five.is_some_and(|five| five.moduletype == ModuleType::PoolModule)
    }

    /// The mode the flags of level one tell.
    pub fn mode(&self) -> Mode {
        let flag = |bit| self.one.flags & bit != 0;
        match (
            flag(EnquiryDataOne::MAINTENANCE_MODE),
            flag(EnquiryDataOne::INITIALISATION_MODE),
        ) {
            (true, _) if flag(EnquiryDataOne::PRE_MAINT_INIT_MODE) => Mode::PreMaintenance,
            (true, _) => Mode::Maintenance,
            (false, true) if flag(EnquiryDataOne::PRE_MAINT_INIT_MODE) => Mode::PreInitialisation,
            (false, true) => Mode::Initialisation,
            (false, false) => Mode::Operational,
        }
    }
}

/// What a module is ready for, as its enquiry tells it. A module without a security officer's key also says
/// operational; see [`ModuleState`] for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Ready for work.
    Operational,
    /// Waits for InitialiseUnit.
    PreInitialisation,
    /// Is being set up.
    Initialisation,
    /// Waits for Maintenance.
    PreMaintenance,
    /// Firmware may be written.
    Maintenance,
}

/// A module as seen from a world.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its number, from 1.
    pub number: u32,
    /// Its electronic serial number; empty when it did not answer. A pool tells those of its members.
    pub esn: String,
    /// Where it stands towards the world.
    pub state: ModuleState,
    /// hknso as the module has it; zeros when it has none.
    pub hknso: Hash,
    /// Hashes of its module keys.
    pub hkms: Vec<Hash>,
    /// Its enquiry, when it answered.
    pub enquiry: Option<Enquiry>,
    /// Its `module_<ESN>` file, when there is one for this world and the module does not say that it has left it.
    pub record: Option<ModuleRecord>,
    /// What is wrong with that file: it is damaged, or of another world. The module is then as good as without one.
    pub fault: Option<Arc<Error>>,
}

impl Module {
    /// Whether keys of the world can be loaded on it.
    pub fn is_usable(&self) -> bool {
        self.state == ModuleState::Usable
    }

    /// Why keys of the world cannot be loaded on it, for people; None for a usable one.
    pub fn why_not_usable(&self) -> Option<String> {
        let why = match self.state {
            ModuleState::Usable => return None,
            ModuleState::Failed => "has failed".to_owned(),
            ModuleState::PreInitMode => "is in pre-initialisation mode".to_owned(),
            ModuleState::InitMode => "is in initialisation mode".to_owned(),
            ModuleState::MaintMode => "is in maintenance mode".to_owned(),
            ModuleState::Uninitialized => "is not initialised".to_owned(),
            ModuleState::Factory => "is in factory state, without a Security World".to_owned(),
            ModuleState::Foreign => "is in another Security World".to_owned(),
            ModuleState::Unchecked => match &self.fault {
                Some(fault) => format!("cannot be checked: {fault}"),
                None => format!("has no file module_{} here", self.esn),
            },
            state => format!("is in the state {state}"),
        };
        Some(format!("module #{} {why}", self.number))
    }

    /// Whether it is no unit but a pool of them. Whoever names its number uses every member that is there, under one
    /// identifier; what chooses among the modules by itself leaves it out, since its members are listed too.
    pub fn is_pool(&self) -> bool {
        self.enquiry.as_ref().is_some_and(Enquiry::is_pool)
    }
}

/// Looks at every module of the hardserver, in the order of their numbers.
///
/// # Errors
/// [`Error::Connection`]; a module that fails to answer is listed as failed.
pub fn survey(
    client: &Client,
    folder: &Folder,
    world: Option<&World>,
) -> Result<Vec<Module>, Error> {
    let mut modules = Vec::new();
    for number in 1.. {
        let enquiry = match Enquiry::of(client, number) {
            Ok(enquiry) => Some(enquiry),
            Err(Error::Status {
                status: Status::InvalidModule,
                ..
            }) => break,
            Err(Error::Status { .. }) => None,
            Err(error) => return Err(error),
        };
        modules.push(look(client, folder, world, number, enquiry)?);
        if number == MODULES_MAX {
            break;
        }
    }
    Ok(modules)
}

/// More modules than any hardserver has: a bound on a loop that its answers steer.
const MODULES_MAX: u32 = 256;

fn look(
    client: &Client,
    folder: &Folder,
    world: Option<&World>,
    number: u32,
    enquiry: Option<Enquiry>,
) -> Result<Module, Error> {
    let esn = enquiry
        .as_ref()
        .map(|enquiry| enquiry.one.hardwareserial.clone())
        .unwrap_or_default();
    let pool = enquiry.as_ref().is_some_and(Enquiry::is_pool);
    let read = match world {
        // A pool is no unit: its members have files.
        Some(world) if !esn.is_empty() && !pool => folder.module(&world.hknso, &esn),
        _ => Ok(None),
    };
    // A damaged file of one module must not hide the others.
    let (record, fault) = match read {
        Ok(record) => (record, None),
        Err(error) => (None, Some(Arc::new(error))),
    };
    let keys = match client.transact(GetKMListArgs {
        module: number,
        ..GetKMListArgs::default()
    }) {
        Ok(reply) => Ok((reply.hknso, reply.hkms)),
        Err(Error::Status { status, .. }) => Err(status),
        Err(error) => return Err(error),
    };
    let observed = Observed {
        mode: enquiry.as_ref().map(Enquiry::mode),
        keys: keys
            .as_ref()
            .map(|(hknso, hkms)| (hknso, hkms.as_slice()))
            .map_err(|status| *status),
        world: world.map(|world| (world.hknso, world.hkm())),
        recorded: record.is_some() || pool,
    };
    let state = observed.state();
    let (hknso, hkms) = keys.unwrap_or((ZERO_HASH, Vec::new()));
    // A module that is in no world, or another, has left behind what the file says of it.
    let record = record.filter(|_| {
        !matches!(
            state,
            ModuleState::Factory
                | ModuleState::Foreign
                | ModuleState::Uninitialized
                | ModuleState::InitMode
        )
    });
    Ok(Module {
        number,
        esn,
        state,
        hknso,
        hkms,
        enquiry,
        record,
        fault,
    })
}

/// All that the state of a module depends on.
struct Observed<'a> {
    /// None when the module did not answer an enquiry.
    mode: Option<Mode>,
    /// hknso and the hashes of the module keys, or why the module did not tell.
    keys: Result<(&'a Hash, &'a [Hash]), Status>,
    /// hknso and hkm of the world on this host.
    world: Option<(Hash, Hash)>,
    /// Whether the host has the module's file, or it needs none.
    recorded: bool,
}

impl Observed<'_> {
    /// The words of nfkminfo (SECURITY-WORLD section 4).
    fn state(&self) -> ModuleState {
        match self.mode {
            None => return ModuleState::Failed,
            Some(Mode::PreInitialisation) => return ModuleState::PreInitMode,
            Some(Mode::Initialisation) => return ModuleState::InitMode,
            Some(Mode::Maintenance | Mode::PreMaintenance) => return ModuleState::MaintMode,
            Some(Mode::Operational) => {}
        }
        let (hknso, hkms) = match self.keys {
            Ok(keys) => keys,
            Err(Status::InvalidState) => return ModuleState::Uninitialized,
            Err(Status::HardwareFailed) => return ModuleState::Failed,
            Err(_) => return ModuleState::Unknown,
        };
        match self.world {
            _ if *hknso == ZERO_HASH => ModuleState::Uninitialized,
            _ if *hknso == world::FACTORY_HKNSO => ModuleState::Factory,
            Some((world, hkm)) if *hknso == world && hkms.contains(&hkm) => match self.recorded {
                true => ModuleState::Usable,
                false => ModuleState::Unchecked,
            },
            _ => ModuleState::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NSO: Hash = [1; 20];
    const KM: Hash = [2; 20];

    fn check(
        mode: Option<Mode>,
        keys: Result<(&Hash, &[Hash]), Status>,
        world: Option<(Hash, Hash)>,
        recorded: bool,
        expected: ModuleState,
    ) {
        assert_eq!(
            Observed {
                mode,
                keys,
                world,
                recorded
            }
            .state(),
            expected
        );
    }

    #[test]
    fn a_module_is_usable_only_with_the_keys_and_the_file_of_the_world() {
        let operational = Some(Mode::Operational);
        let world = Some((NSO, KM));
        check(
            operational,
            Ok((&NSO, &[[9; 20], KM])),
            world,
            true,
            ModuleState::Usable,
        );
        check(
            operational,
            Ok((&NSO, &[[9; 20], KM])),
            world,
            false,
            ModuleState::Unchecked,
        );
        check(
            operational,
            Ok((&NSO, &[[9; 20]])),
            world,
            true,
            ModuleState::Foreign,
        );
        check(
            operational,
            Ok((&[8; 20], &[KM])),
            world,
            true,
            ModuleState::Foreign,
        );
        check(
            operational,
            Ok((&NSO, &[KM])),
            None,
            false,
            ModuleState::Foreign,
        );
        check(
            operational,
            Ok((&world::FACTORY_HKNSO, &[[9; 20]])),
            world,
            true,
            ModuleState::Factory,
        );
        check(
            operational,
            Ok((&ZERO_HASH, &[])),
            world,
            true,
            ModuleState::Uninitialized,
        );
        check(
            operational,
            Err(Status::InvalidState),
            world,
            true,
            ModuleState::Uninitialized,
        );
        check(
            operational,
            Err(Status::HardwareFailed),
            world,
            true,
            ModuleState::Failed,
        );
        check(
            None,
            Err(Status::HardwareFailed),
            world,
            true,
            ModuleState::Failed,
        );
        check(
            Some(Mode::PreInitialisation),
            Err(Status::InvalidState),
            world,
            true,
            ModuleState::PreInitMode,
        );
        check(
            Some(Mode::Initialisation),
            Ok((&ZERO_HASH, &[])),
            world,
            true,
            ModuleState::InitMode,
        );
        check(
            Some(Mode::Maintenance),
            Err(Status::InvalidState),
            world,
            true,
            ModuleState::MaintMode,
        );
    }

    #[test]
    fn the_mode_is_read_from_the_flags_of_level_one() {
        let check = |flags, expected| {
            let one = EnquiryDataOne {
                flags,
                ..EnquiryDataOne::default()
            };
            let enquiry = Enquiry {
                module: 1,
                flags: 0,
                level: EnqVer::One,
                one,
                two: None,
                three: None,
                four: None,
                five: None,
                six: None,
            };
            assert_eq!(enquiry.mode(), expected);
        };
        check(EnquiryDataOne::HARDWARE, Mode::Operational);
        check(EnquiryDataOne::INITIALISATION_MODE, Mode::Initialisation);
        check(
            EnquiryDataOne::INITIALISATION_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE,
            Mode::PreInitialisation,
        );
        check(EnquiryDataOne::MAINTENANCE_MODE, Mode::Maintenance);
        check(
            EnquiryDataOne::MAINTENANCE_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE,
            Mode::PreMaintenance,
        );
    }
}

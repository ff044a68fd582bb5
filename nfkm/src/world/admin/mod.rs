//! Making Security Worlds and bringing modules into them and out again, over a privileged connection
//! (UTILITIES section 4.3, PROTOCOL sections 4.2 and 4.8).

pub(crate) mod authority;
pub(crate) mod certificates;
mod create;
mod load;
mod params;
mod replace;
mod suite;
mod verify;

use ncore::Status;
use ncore::types::{
    ClearUnitExArgs, GetKMListArgs, InitialiseUnitExArgs, KMLType, ModuleMode, NSOPerms, NoOpArgs,
    SetNSOPermsArgs,
};

pub use params::{CARDS_MAX, Feature, Features, WorldParams};
pub use suite::{SUITES, Suite};

use crate::Hash;
use crate::acl;
use crate::cards::{Notice, Operator};
use crate::client::Client;
use crate::environment::Environment;
use crate::error::Error;
use crate::kmdata::Folder;
use crate::modules::{Enquiry, Mode};
use crate::world::FACTORY_HKNSO;

/// Operations on worlds. Every one leaves the modules it succeeds with in operational mode.
pub struct Admin {
    client: Client,
    folder: Folder,
}

impl Admin {
    /// Connects to the hardserver's privileged endpoint.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::SymbolicLink`], [`Error::Connection`].
    pub fn open(environment: &Environment) -> Result<Admin, Error> {
        let folder = environment.folder()?;
        let client = Client::connect(&environment.privileged_endpoint()?)?;
        Ok(Admin { client, folder })
    }

    /// The privileged client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The Key Management Data folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Erases modules: no world, the security officer's key of the factory. Files of the host are kept.
    ///
    /// # Errors
    /// [`Error::NoSuchModule`], [`Error::IsPool`], [`Error::ModuleFailed`], [`Error::Status`], [`Error::Connection`].
    pub fn erase(&self, modules: &[u32], operator: &mut dyn Operator) -> Result<(), Error> {
        for unit in self.units(modules)? {
            let module = unit.module;
            unit.initialise(KMLType::DSAp3072s256)?;
            unit.set_officer(FACTORY_HKNSO, acl::ALL_OPERATIONS, 0)?;
            unit.enter(ModuleMode::Operational)?;
            operator.notice(Notice::Erased { module });
        }
        Ok(())
    }

    /// Erases a module that is in pre-initialisation mode, gives it the security officer's key of the factory, and leaves it
    /// in initialisation mode. The hashes of its module keys.
    ///
    /// # Errors
    /// [`Error::NoSuchModule`], [`Error::IsPool`], [`Error::ModuleFailed`]; [`Error::Parameters`] in another mode; [`Error::Status`], [`Error::Connection`].
    pub fn initialise(&self, module: u32, strong_kml: bool) -> Result<Vec<Hash>, Error> {
        let unit = self.unit(module)?;
        if Enquiry::of(&self.client, module)?.mode() != Mode::PreInitialisation {
            return Err(Error::Parameters(format!(
                "module #{module} is not in pre-initialisation mode"
            )));
        }
        unit.erase(match strong_kml {
            true => KMLType::DSAp3072s256,
            false => KMLType::DSAp1024s160,
        })?;
        unit.set_officer(FACTORY_HKNSO, acl::ALL_OPERATIONS, 0)?;
        let list = self.client.transact(GetKMListArgs {
            module,
            ..GetKMListArgs::default()
        })?;
        Ok(list.hkms)
    }

    /// Modules by their numbers. One that has failed says so when it is reset; of several, before the first is touched.
    fn units(&self, modules: &[u32]) -> Result<Vec<Unit<'_>>, Error> {
        let units: Vec<Unit<'_>> = modules
            .iter()
            .map(|module| self.unit(*module))
            .collect::<Result<_, _>>()?;
        if units.len() > 1 {
            for unit in &units {
                unit.wait()?;
            }
        }
        Ok(units)
    }

    /// A module by its number.
    fn unit(&self, module: u32) -> Result<Unit<'_>, Error> {
        match Enquiry::of(&self.client, module) {
            Ok(enquiry) if enquiry.is_pool() => Err(Error::IsPool { module }),
            Ok(enquiry) if module != 0 => Ok(Unit {
                client: &self.client,
                module,
                esn: enquiry.one.hardwareserial,
            }),
            Ok(_)
            | Err(Error::Status {
                status: Status::InvalidModule,
                ..
            }) => Err(Error::NoSuchModule { module }),
            Err(error) => Err(error),
        }
    }
}

/// A module that is being set up.
struct Unit<'a> {
    client: &'a Client,
    module: u32,
    esn: String,
}

impl Unit<'_> {
    /// Resets the module into a mode and waits until it is back: the reset answers at once, a NoOp when it is done.
    fn enter(&self, mode: ModuleMode) -> Result<(), Error> {
        let args = ClearUnitExArgs {
            module: self.module,
            mode,
            ..ClearUnitExArgs::default()
        };
        self.client
            .transact(args)
            .map_err(|error| self.named(error))?;
        self.wait()
    }

    /// Waits until the module has done what it was given.
    fn wait(&self) -> Result<(), Error> {
        let args = NoOpArgs {
            module: self.module,
        };
        let done = self.client.transact(args);
        done.map(drop).map_err(|error| self.named(error))
    }

    /// The answer of a module that has failed, in words.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::Status {
                status: Status::HardwareFailed,
                ..
            } => Error::ModuleFailed {
                module: self.module,
            },
            error => error,
        }
    }

    /// Says, before the error does, what became of the module by an operation that failed after it was erased.
    fn say_erased(&self, world: bool, operator: &mut dyn Operator) {
        let enquiry = Enquiry::of(self.client, self.module);
        operator.notice(Notice::LeftErased {
            module: self.module,
            initialisation: enquiry.is_ok_and(|enquiry| enquiry.mode() == Mode::Initialisation),
            world,
        });
    }

    /// Erases the module and leaves it in initialisation mode, without a world.
    fn initialise(&self, kml: KMLType) -> Result<(), Error> {
        self.enter(ModuleMode::Initialisation)?;
        self.erase(kml)
    }

    /// The same for one that waits for it.
    fn erase(&self, kml: KMLType) -> Result<(), Error> {
        let args = InitialiseUnitExArgs {
            module: self.module,
            kml,
            ..InitialiseUnitExArgs::default()
        };
        self.client.transact(args)?;
        Ok(())
    }

    /// Names the security officer's key, what may be done without it, and the modes of its world (bits of SetNSOPerms'
    /// flags). Once after each initialisation.
    fn set_officer(&self, hknso: Hash, public: u32, modes: u32) -> Result<(), Error> {
        let publicperms = NSOPerms { ops: public };
        let args = SetNSOPermsArgs {
            module: self.module,
            flags: modes,
            hknso,
            publicperms,
        };
        self.client.transact(args)?;
        Ok(())
    }
}

//! Whether a world file is of one piece: every administrator key is the one whose hash KNSO signed.

use ncore::types::{AdminKey, KeyMgmtEntType};

use super::certificates;
use super::suite::Suite;
use crate::acl;
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::public;
use crate::session::Session;
use crate::world::World;

impl Session {
    /// Checks the certificates of the world in a module; what is wrong with them, a sentence each.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`], [`Error::NoUsableModule`], [`Error::NeedsFipsCard`], [`Error::Status`],
    /// [`Error::Connection`].
    pub fn verify_world(&self) -> Result<Vec<String>, Error> {
        let world = World::required(self.folder())?;
        let suite = Suite::of(&world)?;
        let messages = certificates::messages(suite, &|role| world.hash(role))?;
        self.on_some_module(&world, |client, module| {
            let fips = FipsAuthorisation::obtain(self, client, module.number, &world)?;
            let acl = acl::admin_public_key();
            let knso = public::import_admin(&fips, module.number, &world, AdminKey::NSO, acl)?;
            let mut problems = Vec::new();
            for (entry, message) in &messages {
                let checked = certificates::check_signed(client, knso, &world, *entry, message);
                problems.extend(problem(*entry, checked)?);
            }
            client.destroy(knso);
            Ok(problems)
        })
    }
}

/// A certificate that fails is a problem of the world, a module that does one of the operation.
fn problem(entry: KeyMgmtEntType, checked: Result<(), Error>) -> Result<Option<String>, Error> {
    match checked {
        Ok(()) => Ok(None),
        Err(error) if error.is_failover() => Err(error),
        Err(error @ Error::Connection(_)) => Err(error),
        Err(error) => Ok(Some(format!("{entry}: {error}"))),
    }
}

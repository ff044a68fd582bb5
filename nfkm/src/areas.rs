//! The areas of a module's NVRAM as a whole: whose they are, and freeing those that nobody misses.

use ncore::types::NVMemListArgs;

use crate::EntryName;
use crate::error::Error;
use crate::kmdata::{FileId, Listed};
use crate::nvram::NvramAuthority;
use crate::session::Session;
use crate::world::World;

/// An area in a module's NVRAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArea {
    /// Its name, at most 11 bytes, with NULs at the end.
    pub id: FileId,
    /// Its size in bytes.
    pub length: u32,
    /// The key of this host that has its counter or its blob there.
    pub key: Option<EntryName>,
}

impl StoredArea {
    /// Its name as text; what is not printable is escaped.
    pub fn name(&self) -> String {
        let used = self.id.iter().rposition(|byte| *byte != 0);
        let bytes = self.id.iter().take(used.map_or(0, |last| last + 1));
        bytes
            .flat_map(|byte| std::ascii::escape_default(*byte))
            .map(char::from)
            .collect()
    }
}

impl Session {
    /// The areas of a module, in its own order, and the key files that could not be read: one of these may have an area too.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::NoSuchModule`], [`Error::IsPool`], [`Error::NoUsableModule`], [`Error::File`],
    /// [`Error::Status`], [`Error::Connection`].
    pub fn nvram_areas(&self, module: u32) -> Result<Listed<StoredArea>, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let module = self.usable_module(&client, &world, module)?;
        let keys = self.folder().keys(&world.hknso, None)?;
        let mut owners = Vec::new();
        for (name, record) in keys.records {
            if let Some(kept) = record.nvram.filter(|kept| kept.esn == module.esn) {
                let ids = kept.blob.into_iter().chain(kept.counter);
                owners.extend(ids.map(|id| (id, name.clone())));
            }
        }
        let args = NVMemListArgs {
            module: module.number,
            flags: 0,
        };
        let areas = client.transact(args)?.infos.into_iter();
        let records = areas.map(|area| StoredArea {
            id: area.id,
            length: area.length,
            key: owners
                .iter()
                .find(|(id, _)| *id == area.id)
                .map(|(_, name)| name.clone()),
        });
        Ok(Listed {
            records: records.collect(),
            faults: keys.faults,
        })
    }
}

impl NvramAuthority {
    /// Frees an area. What is in it is gone.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Connection`].
    pub fn free(&self, area: &StoredArea) -> Result<(), Error> {
        self.free_area(area.id)
    }
}

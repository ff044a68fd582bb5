//! Keys that have something in a module's non-volatile memory (SECURITY-WORLD section 9; the CAPI guide, sections 9 and 10):
//! a counter of their uses, or their blob. Making such an area takes the administrator cards: KNV, to which KNSO delegated
//! it, or in a world without KNV the quorum of KNSO itself.
//!
//! An area is on one module, and an initialisation erases it. A counter can then be made again; a key whose blob is gone is
//! gone itself.

use std::sync::Arc;

use ncore::codec;
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, AdminKey, AdminToken, BlobFormat, BlobFormatMkBlobParams, BlobFormatModuleMkBlobParams,
    BlobFormatTokenMkBlobParams, FileDevice, FileDeviceDetails, FileDeviceNVMemDetails, FileInfo,
    FileSpec, GenerateRandomArgs, ImportArgs, KeyData, KeyMgmtEntType, KeyType,
    KeyTypeDKTemplateData, KeyTypeData, MakeBlobArgs, MakeBlobFile, NVMemAllocArgs, NVMemFreeArgs,
    NVMemListArgs, NVMemOpArgs, NVMemOpType, NVMemOpTypeOpRes, NVMemOpTypeOpVal,
};

use crate::acl::{self, COUNTER};
use crate::cards::{CardSource, Cards, Operator, SetName};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::kmdata::{EntryContent, FileId, KeyRecord, NvramRecord};
use crate::modules::{self, Module};
use crate::session::Session;
use crate::world::World;
use crate::world::admin::authority::{Authority, Delegate};
use crate::{EntryName, Hash, hex};

/// What of a new key is to be in NVRAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InNvram {
    /// The blob of the private key: the host gets none, nor a recovery copy.
    pub blob: bool,
    /// A counter of its signatures and decryptions, without a limit but its 64 bits.
    pub counter: bool,
}

/// Where the areas of a key are, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvramState {
    /// Electronic serial number of the module that has, or had, them.
    pub esn: String,
    /// The area with the key's blob, if it is in one.
    pub blob: Option<Area<()>>,
    /// The area that counts its uses, with their number, if they are counted.
    pub counter: Option<Area<u64>>,
}

/// What became of an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area<T> {
    /// It is there, with this in it.
    Present(T),
    /// The module is there without it.
    Erased,
    /// The module is not usable.
    Unreachable,
}

/// The right to make areas on one module. It lasts as long as the administrator's authorisation.
pub struct NvramAuthority {
    session: Session,
    authority: Authority,
    module: Module,
    world: World,
}

impl Session {
    /// Takes the right to make areas from the administrator cards, which may leave after that.
    ///
    /// # Errors
    /// [`Error::Cards`], [`Error::WrongPassphrase`], [`Error::NoSuchModule`], [`Error::NoUsableModule`],
    /// [`Error::IsPool`], [`Error::Malformed`] for a world file that lacks what it needs,
    /// [`Error::Status`], [`Error::Connection`].
    pub fn open_nvram(
        &self,
        module: u32,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<NvramAuthority, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let module = self.usable_module(&client, &world, module)?;
        let known = self.known_cards(&world)?;
        let mut cards = Cards::new(source, operator, SetName::Admin, known);
        let authority = Authority::open(&client, module.number, &world, &KNV, &mut cards)?;
        Ok(NvramAuthority {
            session: self.clone(),
            authority,
            module,
            world,
        })
    }

    /// What became of a key's areas; None for a key that has none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongContent`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::Status`],
    /// [`Error::Connection`].
    pub fn nvram_state(&self, name: &EntryName) -> Result<Option<NvramState>, Error> {
        let world = World::required(self.folder())?;
        let record = self.key_record(&world, name)?;
        self.state_of(&world, &record)
    }

    fn state_of(&self, world: &World, record: &KeyRecord) -> Result<Option<NvramState>, Error> {
        let Some(kept) = &record.nvram else {
            return Ok(None);
        };
        let client = self.client()?;
        let survey = modules::survey(&client, self.folder(), Some(world))?;
        let module = survey
            .into_iter()
            .find(|module| module.is_usable() && module.esn == kept.esn)
            .map(|module| module.number);
        let blob = kept.blob.map(|file| state(&client, module, &file));
        let counter = kept.counter.map(|file| state(&client, module, &file));
        let counter = match (counter.transpose()?, module, kept.counter) {
            (Some(Area::Present(())), Some(module), Some(file)) => {
                Some(Area::Present(count(&client, module, &file)?))
            }
            (Some(Area::Unreachable), ..) => Some(Area::Unreachable),
            (Some(_), ..) => Some(Area::Erased),
            (None, ..) => None,
        };
        Ok(Some(NvramState {
            esn: kept.esn.clone(),
            blob: blob.transpose()?,
            counter,
        }))
    }

    pub(crate) fn key_record(&self, world: &World, name: &EntryName) -> Result<KeyRecord, Error> {
        match self.folder().entry(&world.hknso, name)? {
            EntryContent::Key(record) => Ok(*record),
            EntryContent::Opaque(_) => Err(Error::WrongContent {
                path: self.folder().entry_path(name),
                opaque: true,
            }),
        }
    }
}

impl NvramAuthority {
    /// Makes the counter of a key again that was erased with its module's other areas. It begins at zero, and may be on
    /// another module than before, if the key's blob is not in the old one.
    ///
    /// # Errors
    /// [`Error::Parameters`] for a key without a counter, one whose counter is not erased, and one that cannot move;
    /// [`Error::NotFound`], [`Error::WrongContent`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`],
    /// [`Error::Status`], [`Error::Connection`].
    pub fn recreate_counter(&self, name: &EntryName) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Parameters(format!("{name}: {text}")));
        let mut record = self.session.key_record(&self.world, name)?;
        let state = self.session.state_of(&self.world, &record)?;
        let (Some(kept), Some(state)) = (&mut record.nvram, state) else {
            return refuse("the key has nothing in NVRAM");
        };
        let Some(file) = kept.counter else {
            return refuse("the uses of the key are not counted");
        };
        if let Some(Area::Present(_)) = state.counter {
            return refuse("the counter is not erased");
        }
        if kept.blob.is_some() && kept.esn != self.module.esn {
            return refuse("the key's blob is on another module");
        }
        self.allocate_counter(&file, &record.hash)?;
        kept.esn.clone_from(&self.module.esn);
        let content = EntryContent::Key(Box::new(record));
        let folder = self.session.folder();
        folder.replace_entry(&self.world.hknso, name, content)
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The client that the authorisation belongs to.
    pub(crate) fn client(&self) -> &Arc<Client> {
        self.authority.client()
    }

    /// The session it was opened in.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Makes up a name for a counter, which must be known before the key is.
    pub(crate) fn counter_name(&self) -> Result<FileId, Error> {
        let random = self
            .client()
            .transact(GenerateRandomArgs { lenbytes: 5 })?
            .data;
        Ok(file_name(b'c', &random))
    }

    /// Makes the counter of a key.
    pub(crate) fn allocate_counter(&self, file: &FileId, key: &Hash) -> Result<(), Error> {
        let args = NVMemAllocArgs {
            module: self.module.number,
            info: FileInfo {
                length: COUNTER.last + 1,
                id: *file,
                ..FileInfo::default()
            },
            acl: acl::counter_file(*key),
            ..NVMemAllocArgs::default()
        };
        self.authority.transact(args)?;
        Ok(())
    }

    /// Frees an area.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Connection`].
    pub(crate) fn free_area(&self, name: FileId) -> Result<(), Error> {
        let args = NVMemFreeArgs {
            module: self.module.number,
            name,
            ..NVMemFreeArgs::default()
        };
        self.authority.transact(args).map(drop)
    }

    /// Frees the areas of a key that did not come about after all. Nothing can be done if that fails too.
    pub(crate) fn free_all(&self, areas: &NvramRecord) {
        for name in areas.blob.into_iter().chain(areas.counter) {
            let _ = self.free_area(name);
        }
    }

    /// Brings the list for areas with blobs into the module: a template key and its hash, which the new key's own list
    /// names.
    pub(crate) fn blob_list(&self, fips: &FipsAuthorisation<'_>) -> Result<(KeyId, Hash), Error> {
        let nested_acl = codec::to_bytes(&acl::blob_file(), &WireProfile::DEFAULT);
        let template = KeyTypeDKTemplateData {
            appdata: Vec::new(),
            nested_acl: nested_acl.map_err(|_| Error::Malformed { what: "list" })?,
        };
        let key = fips
            .transact(ImportArgs {
                module: self.module.number,
                data: KeyData {
                    type_: KeyType::DKTemplate,
                    data: KeyTypeData::DKTemplate(template),
                },
                acl: ACL::default(),
                ..ImportArgs::default()
            })?
            .key;
        Ok((key, self.client().key_info(key)?.hash))
    }

    /// Wraps a key in a blob that stays in the module; the area's name.
    pub(crate) fn store_blob(
        &self,
        key: KeyId,
        hash: &Hash,
        list: KeyId,
        under: Option<KeyId>,
    ) -> Result<FileId, Error> {
        let (format, blobkey) = match under {
            None => {
                let hkm = self.world.hkm();
                let params = BlobFormatModuleMkBlobParams { hkm };
                (BlobFormat::Module, BlobFormatMkBlobParams::Module(params))
            }
            Some(idkt) => {
                let params = BlobFormatTokenMkBlobParams { idkt };
                (BlobFormat::Token, BlobFormatMkBlobParams::Token(params))
            }
        };
        let file = file_name(b'k', hash);
        let args = MakeBlobArgs {
            format,
            idka: key,
            blobkey,
            file: Some(MakeBlobFile {
                flags: 0,
                kacl: list,
                file: file_spec(self.module.number, &file),
            }),
            ..MakeBlobArgs::default()
        };
        self.authority.transact(args)?;
        Ok(file)
    }
}

/// Who makes and frees areas in KNSO's name.
const KNV: Delegate = Delegate {
    token: AdminToken::NV,
    key: AdminKey::NV,
    entry: KeyMgmtEntType::CertDelgNVbNSO,
};

/// How a command names an area.
pub(crate) fn file_spec(module: u32, file: &FileId) -> FileSpec {
    FileSpec {
        flags: 0,
        dev: FileDevice::NVMem,
        details: FileDeviceDetails::NVMem(FileDeviceNVMemDetails { module }),
        file: FileInfo {
            id: *file,
            ..FileInfo::default()
        },
    }
}

/// Whether a module has an area. The list is anyone's to see.
pub(crate) fn has_area(client: &Client, module: u32, file: &FileId) -> Result<bool, Error> {
    let areas = client.transact(NVMemListArgs { module, flags: 0 })?.infos;
    Ok(areas.iter().any(|area| area.id == *file))
}

fn state(client: &Client, module: Option<u32>, file: &FileId) -> Result<Area<()>, Error> {
    let Some(module) = module else {
        return Ok(Area::Unreachable);
    };
    Ok(match has_area(client, module, file)? {
        true => Area::Present(()),
        false => Area::Erased,
    })
}

fn count(client: &Client, module: u32, file: &FileId) -> Result<u64, Error> {
    let malformed = Error::Malformed {
        what: "counter of a key",
    };
    let reply = client.transact(NVMemOpArgs {
        module,
        name: *file,
        range: Some(COUNTER),
        op: NVMemOpType::Read,
        val: NVMemOpTypeOpVal::Empty,
        ..NVMemOpArgs::default()
    })?;
    match reply.res {
        NVMemOpTypeOpRes::Read(read) => match <[u8; 8]>::try_from(read.data) {
            Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
            Err(_) => Err(malformed),
        },
        _ => Err(malformed),
    }
}

/// A letter and ten hex digits: a name is ASCII and has eleven bytes at most.
fn file_name(letter: u8, bytes: &[u8]) -> FileId {
    let mut name = [letter; 11];
    let digits = hex(bytes);
    for (place, digit) in name.iter_mut().skip(1).zip(digits.bytes()) {
        *place = digit;
    }
    name
}

/// The error for an area that is gone.
pub(crate) fn erased(esn: &str, file: &FileId) -> Error {
    let name = String::from_utf8_lossy(file);
    Error::NvramErased {
        esn: esn.to_owned(),
        area: name.trim_end_matches('\0').to_owned(),
    }
}

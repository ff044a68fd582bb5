//! Files by their device (M_FileSpec): Cmd_FileCreate, Cmd_FileErase, Cmd_FileOp; and the older Cmd_ReadFile,
//! Cmd_WriteFile, Cmd_EraseFile, which know cards alone (PROTOCOL section 4.5).
//!
//! Each file has a list, whichever device it is on: the same operations under the same permissions. A card is in other
//! hands than the module, so the security officer may besides reserve that files on cards are read, written or erased. One
//! written by Cmd_WriteFile gets no list, and is anyone's. Only the module's own NVRAM is there, none that would outlast an
//! initialisation.

use std::sync::Arc;

use ncore::Status;
use ncore::codec::{from_bytes, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, ActNVMemOpPermsDetails as Perms, EraseFileArgs, FileCreateArgs, FileDevice,
    FileDeviceDetails, FileEraseArgs, FileInfo, FileOpArgs, FileOpReply, FileSpec,
    MakeBlobFilePerms, NSOPerms, NVMemOpTypeOpRes, NVMemRange, PhysToken, ReadFileArgs,
    ReadFileReply, ReplyBody, WriteFileArgs,
};

use super::acl::{Wanted, admit};
use super::area::{Area, Asked, FileId, NO_SUCH_FILE, check_length, for_anyone};
use super::call::{Call, Outcome, check_flags, later};
use super::card::{CAPACITY, Content, StoredFile};
use super::nvmem;
use super::slot::SlotKind;
use super::slots::{change_card, read_card, slot};

/// A device of this module that has files.
#[derive(Clone, Debug)]
pub(super) enum Device {
    /// The non-volatile memory.
    Nvram,
    /// The card in a slot, which may be an image in a soft slot.
    Card { token: PhysToken, soft: bool },
}

impl Device {
    /// The device that a command names: UnknownFileDevice if there is none such, CrossModule if it is another module's.
    pub(super) fn of(call: &Call, spec: &FileSpec) -> Result<Device, Status> {
        check_flags(spec.flags, 0)?;
        check_flags(spec.file.flags, 0)?;
        let (device, module) = match (spec.dev, &spec.details) {
            (FileDevice::NVMem, FileDeviceDetails::NVMem(named)) => (Device::Nvram, named.module),
            (FileDevice::PhysToken, FileDeviceDetails::PhysToken(named)) => {
                let token = &named.token;
                let soft = slot(call, token.slot)?.kind() == SlotKind::SoftToken;
                let token = token.clone();
                let module = token.module;
                (Device::Card { token, soft }, module)
            }
            _ => return Err(Status::UnknownFileDevice),
        };
        // An imported module is known by another number here.
        if module == call.number {
            Ok(device)
        } else {
            Err(Status::CrossModule)
        }
    }

    /// Its bit of MakeBlobFilePerms' devs.
    pub(super) fn bit(&self) -> u32 {
        match self {
            Device::Nvram => MakeBlobFilePerms::DEVS_NV_MEM,
            Device::Card { soft: false, .. } => MakeBlobFilePerms::DEVS_PHYS_TOKEN,
            Device::Card { soft: true, .. } => MakeBlobFilePerms::DEVS_SOFT_TOKEN,
        }
    }

    /// Asks the security officer for the making of a file.
    pub(super) fn permit_making(&self, call: &Call) -> Result<(), Status> {
        call.permit_module_operation(match self {
            Device::Nvram => NSOPerms::OPS_NV_MEM_ALLOC,
            Device::Card { .. } => NSOPerms::OPS_WRITE_FILE,
        })
    }

    /// Makes a file: AlreadyExists if the name is taken, NoModuleMemory or NoSpaceOnToken if it does not fit.
    pub(super) fn make(
        &self,
        call: &Call,
        id: FileId,
        data: Vec<u8>,
        acl: ACL,
    ) -> Result<(), Status> {
        match self {
            Device::Nvram => call.change_nvram(|nvram| nvram.store(id, data, acl)),
            Device::Card { token, .. } => {
                let acl = to_bytes(&acl, &WireProfile::DEFAULT).map_err(|_| Status::InvalidACL)?;
                let acl = Some(acl);
                change_card(call, token, |content| match position(content, &id) {
                    Ok(_) => Err(Status::AlreadyExists),
                    Err(_) => {
                        content.files.push(StoredFile { id, acl, data });
                        Ok(())
                    }
                })?;
                call.still_valid()
            }
        }
    }

    /// The blob in a file, if its list lets it be loaded.
    pub(super) fn blob(&self, call: &Call, file: &FileInfo) -> Result<Vec<u8>, Status> {
        let (acl, data) = match self {
            Device::Nvram => {
                let nvram = call.module.nvram();
                (nvram.acl(&file.id)?, nvram.data(&file.id)?.to_vec())
            }
            Device::Card { token, .. } => {
                call.permit_module_operation(NSOPerms::OPS_READ_FILE)?;
                let stored = stored(call, token, &file.id)?;
                (Arc::new(list_of(&stored)?), stored.data)
            }
        };
        call.permit_by(&acl, &whole(Perms::LOAD_BLOB))?;
        check_length(file, data.len())?;
        Ok(data)
    }
}

/// Cmd_FileCreate: a file of zeros.
pub(super) fn create(call: Call, mut args: FileCreateArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let device = Device::of(&call, &args.file)?;
    admit(&mut args.acl, &mut call.stream("limit names"))?;
    device.permit_making(&call)?;
    later(move || {
        let FileInfo { id, length, .. } = args.file.file;
        match device {
            Device::Nvram => call.change_nvram(|nvram| nvram.allocate(id, length, args.acl))?,
            Device::Card { .. } if length == 0 => return Err(Status::InvalidParameter),
            Device::Card { .. } if length as usize > CAPACITY => {
                return Err(Status::NoSpaceOnToken);
            }
            Device::Card { .. } => device.make(&call, id, vec![0; length as usize], args.acl)?,
        }
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_FileErase.
pub(super) fn erase(call: Call, args: FileEraseArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let device = Device::of(&call, &args.file)?;
    later(move || {
        let id = &args.file.file.id;
        match &device {
            Device::Nvram => nvmem::erase(&call, id)?,
            Device::Card { token, .. } => {
                operation(&call, token, id, &Asked::Free, None)?;
            }
        }
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_FileOp: what Cmd_NVMemOp does, on either device.
pub(super) fn operate(call: Call, args: FileOpArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let device = Device::of(&call, &args.file)?;
    later(move || {
        let asked = Asked::of(args.op, &args.val)?;
        let id = &args.file.file.id;
        let res = match &device {
            Device::Nvram => nvmem::operation(&call, id, &asked, args.range)?,
            Device::Card { token, .. } => operation(&call, token, id, &asked, args.range)?,
        };
        Ok(FileOpReply { op: args.op, res }.into())
    })
}

/// Cmd_ReadFile.
pub(super) fn read_file(call: Call, args: ReadFileArgs) -> Outcome {
    check_flags(args.flags | args.file.flags, 0)?;
    slot(&call, args.token.slot)?;
    later(
        move || match operation(&call, &args.token, &args.file.id, &Asked::Read, None)? {
            NVMemOpTypeOpRes::Read(read) => {
                check_length(&args.file, read.data.len())?;
                Ok(ReadFileReply { data: read.data }.into())
            }
            _ => Err(Status::SoftwareFailed),
        },
    )
}

/// Cmd_WriteFile: makes a file, or replaces what is in one.
pub(super) fn write_file(call: Call, args: WriteFileArgs) -> Outcome {
    check_flags(args.flags | args.file.flags, 0)?;
    check_length(&args.file, args.data.len())?;
    call.permit_module_operation(NSOPerms::OPS_WRITE_FILE)?;
    slot(&call, args.token.slot)?;
    if args.data.is_empty() {
        return Err(Status::InvalidParameter);
    }
    later(move || {
        change_card(&call, &args.token, |content| {
            let Ok(place) = position(content, &args.file.id) else {
                content.files.push(StoredFile {
                    id: args.file.id,
                    acl: None,
                    data: args.data,
                });
                return Ok(());
            };
            let file = &mut content.files[place];
            let resized = file.data.len() != args.data.len();
            let perms = Perms::WRITE | if resized { Perms::RESIZE } else { 0 };
            call.permit_by(&list_of(file)?, &whole(perms))?;
            file.data = args.data;
            Ok(())
        })?;
        call.still_valid()?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_EraseFile.
pub(super) fn erase_file(call: Call, args: EraseFileArgs) -> Outcome {
    check_flags(args.flags | args.file.flags, 0)?;
    slot(&call, args.token.slot)?;
    later(move || {
        operation(&call, &args.token, &args.file.id, &Asked::Free, None)?;
        Ok(ReplyBody::Empty)
    })
}

/// Does what is asked of a file on a card.
fn operation(
    call: &Call,
    token: &PhysToken,
    id: &FileId,
    asked: &Asked<'_>,
    range: Option<NVMemRange>,
) -> Result<NVMemOpTypeOpRes, Status> {
    call.permit_module_operation(match asked {
        Asked::Acl | Asked::Read => NSOPerms::OPS_READ_FILE,
        Asked::Free => NSOPerms::OPS_ERASE_FILE,
        Asked::Resize(_) | Asked::Change { .. } => NSOPerms::OPS_WRITE_FILE,
    })?;
    let done = |file: &mut StoredFile| {
        let area = Area {
            acl: &list_of(file)?,
            data: &mut file.data,
            most: CAPACITY,
            full: Status::NoSpaceOnToken,
        };
        area.operate(call, asked, range)
    };
    if asked.only_looks() {
        return done(&mut stored(call, token, id)?);
    }
    let (_, res) = change_card(call, token, |content| {
        let place = position(content, id)?;
        let res = done(&mut content.files[place])?;
        if let Asked::Free = asked {
            content.files.remove(place);
        }
        Ok(res)
    })?;
    call.still_valid()?;
    Ok(res)
}

/// A file as it is on a card.
fn stored(call: &Call, token: &PhysToken, id: &FileId) -> Result<StoredFile, Status> {
    let mut content = read_card(call, token)?;
    let place = position(&content, id)?;
    Ok(content.files.swap_remove(place))
}

/// Where on the card a file is: UnknownID if it is not there.
fn position(content: &Content, id: &FileId) -> Result<usize, Status> {
    let mut files = content.files.iter();
    files.position(|file| file.id == *id).ok_or(NO_SUCH_FILE)
}

fn list_of(file: &StoredFile) -> Result<ACL, Status> {
    match &file.acl {
        None => Ok(for_anyone()),
        Some(acl) => from_bytes(acl, &WireProfile::DEFAULT).map_err(|_| Status::BadTokenData),
    }
}

/// Something with a file as a whole.
fn whole(perms: u32) -> Wanted<'static> {
    Wanted::NvMem {
        perms,
        part: None,
        step: None,
    }
}

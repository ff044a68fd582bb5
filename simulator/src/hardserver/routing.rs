//! Which module a command is for.
//!
//! A command names modules in three ways: by number, by the objects it uses, and by the keys of its certificates. They
//! must agree (PROTOCOL section 4.9). Number 0 leaves the choice to the hardserver; a merged key leaves it among the
//! modules that hold a copy.

use ncore::Status;
use ncore::message::Command;
use ncore::types::{
    Args, BlobFormatMkBlobParams, CertTypeCertBody, CrossModReason, CrossModReasonInfo,
    CrossModReasonKeyInfo, CrossModuleReason, FileDeviceDetails, FileSpec, SignerTypeSignerInfo,
    StatusCrossModuleErrorInfo, StatusInfo,
};

use super::clients::{Client, Location};
use super::modules::Modules;

/// Why a command goes nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) info: StatusInfo,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal {
            status,
            info: StatusInfo::Empty,
        }
    }
}

/// Chooses the module for a command, and puts the members that live there in place of merged keys. The result is the
/// module's place in the table.
pub(super) fn route(
    command: &mut Command,
    client: &Client,
    modules: &Modules,
) -> Result<usize, Refusal> {
    let named = named_module(&command.args);
    let fixed = match named {
        Named::Module(0) => return Err(Status::InvalidModule.into()),
        Named::Module(number) => Some(modules.index_of(number)?),
        Named::Any(0) | Named::Nothing => None,
        Named::Any(number) => Some(modules.index_of(number)?),
    };
    let mut keys = Vec::new();
    visit_keys(command, &mut |key| keys.push(*key));
    let mut located = Vec::with_capacity(keys.len());
    for &key in &keys {
        located.push((key, Where::of(client.locate(key)?, client)?));
    }

    let index = match located.as_slice() {
        [] => fixed.unwrap_or_else(|| modules.least_loaded(client, modules.able())),
        // The way of nearly every command: one key, and no module named.
        [(_, Where::One(index))] if fixed.is_none() => *index,
        _ => common(fixed, &located, client, modules)?,
    };
    let mut next = located.into_iter();
    visit_keys(command, &mut |key| {
        if let Some((_, Where::Copies(copies))) = next.next()
            && let Some(&(_, member)) = copies.iter().find(|(at, _)| *at == index)
        {
            *key = member;
        }
    });
    Ok(index)
}

/// Where an object can be used.
enum Where {
    One(usize),
    /// The modules that hold a copy, with the copy's identifier.
    Copies(Vec<(usize, u32)>),
}

impl Where {
    fn of(location: Location, client: &Client) -> Result<Where, Status> {
        match location {
            Location::Module { index, .. } => Ok(Where::One(index)),
            Location::Merged(merged) => merged.alive(client).map(Where::Copies),
            // Commands for the pool do not come here, so there is none any more.
            Location::Pool(_) => Err(Status::UnknownID),
        }
    }

    fn includes(&self, index: usize) -> bool {
        match self {
            Where::One(at) => *at == index,
            Where::Copies(copies) => copies.iter().any(|(at, _)| *at == index),
        }
    }
}

/// The least loaded module that everything agrees on: CrossModule, with what was asked for, if there is none.
fn common(
    fixed: Option<usize>,
    located: &[(u32, Where)],
    client: &Client,
    modules: &Modules,
) -> Result<usize, Refusal> {
    let agreed = |index: &usize| {
        fixed.is_none_or(|fixed| fixed == *index)
            && located.iter().all(|(_, place)| place.includes(*index))
    };
    let candidates: Vec<usize> = (0..modules.len()).filter(agreed).collect();
    if !candidates.is_empty() {
        return Ok(modules.least_loaded(client, candidates));
    }
    let request = fixed.map(|_| CrossModuleReason {
        type_: CrossModReason::ExplicitRequest,
        info: CrossModReasonInfo::Empty,
    });
    let keys = located.iter().map(|&(key, _)| CrossModuleReason {
        type_: CrossModReason::Key,
        info: CrossModReasonInfo::Key(CrossModReasonKeyInfo { key }),
    });
    let reasons = request.into_iter().chain(keys).collect();
    Err(Refusal {
        status: Status::CrossModule,
        info: StatusInfo::CrossModule(StatusCrossModuleErrorInfo { reasons }),
    })
}

/// The module number in a command's arguments.
enum Named {
    /// The command has none.
    Nothing,
    /// A number that may be 0, which means any module.
    Any(u32),
    /// A number that must be a module's.
    Module(u32),
}

/// The number of the module that a command names, 0 included.
pub(super) fn named_number(args: &Args) -> Option<u32> {
    match named_module(args) {
        Named::Nothing => None,
        Named::Any(number) | Named::Module(number) => Some(number),
    }
}

fn named_module(args: &Args) -> Named {
    match args {
        Args::GenerateKey(args) => Named::Any(args.module),
        Args::GenerateKeyPair(args) => Named::Any(args.module),
        Args::Import(args) => Named::Any(args.module),
        Args::LoadBlob(args) => match &args.file {
            Some(file) if args.module == 0 => Named::Any(device_module(file)),
            _ => Named::Any(args.module),
        },
        Args::MakeBlob(args) => match &args.file {
            Some(stored) => Named::Any(device_module(&stored.file)),
            None => Named::Nothing,
        },
        Args::GenerateLogicalToken(args) => Named::Any(args.module),
        Args::LoadLogicalToken(args) => Named::Any(args.module),
        Args::ChannelOpen(args) => Named::Any(args.module),

        Args::NoOp(args) => Named::Module(args.module),
        Args::ModuleInfo(args) => Named::Module(args.module),
        Args::ClearUnit(args) => Named::Module(args.module),
        Args::ClearUnitEx(args) => Named::Module(args.module),
        Args::InitialiseUnit(args) => Named::Module(args.module),
        Args::InitialiseUnitEx(args) => Named::Module(args.module),
        Args::Maintenance(args) => Named::Module(args.module),
        Args::Fail(args) => Named::Module(args.module),
        Args::RetryFailedModule(args) => Named::Module(args.module),
        Args::SetNSOPerms(args) => Named::Module(args.module),
        Args::SetKM(args) => Named::Module(args.module),
        Args::RemoveKM(args) => Named::Module(args.module),
        Args::GetKMList(args) => Named::Module(args.module),
        Args::GetKML(args) => Named::Module(args.module),
        Args::GetSlotList(args) => Named::Module(args.module),
        Args::GetSlotInfo(args) => Named::Module(args.module),
        Args::PollSlotList(args) => Named::Module(args.module),
        Args::PollModuleState(args) => Named::Module(args.module),
        Args::GetChallenge(args) => Named::Module(args.module),
        Args::RedeemTicket(args) => Named::Module(args.module),
        Args::NVMemAlloc(args) => Named::Module(args.module),
        Args::NVMemList(args) => Named::Module(args.module),
        Args::NVMemOp(args) => Named::Module(args.module),
        Args::NVMemFree(args) => Named::Module(args.module),
        Args::GetRTC(args) => Named::Module(args.module),
        Args::SetRTC(args) => Named::Module(args.module),
        Args::SignModuleState(args) => Named::Module(args.module),
        Args::VerifyCertificate(args) => Named::Module(args.module),
        Args::StaticFeatureEnable(args) => Named::Module(args.module),
        Args::GetModuleState(args) => Named::Module(args.module),

        Args::FormatToken(args) => Named::Module(args.token.module),
        Args::WriteShare(args) => Named::Module(args.token.module),
        Args::ReadShare(args) => Named::Module(args.token.module),
        Args::EraseShare(args) => Named::Module(args.token.module),
        Args::ChangeSharePIN(args) => Named::Module(args.token.module),
        Args::GetShareACL(args) => Named::Module(args.token.module),
        Args::ReadFile(args) => Named::Module(args.token.module),
        Args::WriteFile(args) => Named::Module(args.token.module),
        Args::EraseFile(args) => Named::Module(args.token.module),
        Args::FileCreate(args) => Named::Module(device_module(&args.file)),
        Args::FileErase(args) => Named::Module(device_module(&args.file)),
        Args::FileOp(args) => Named::Module(device_module(&args.file)),
        Args::InsertSoftToken(args) => Named::Module(args.token.module),
        Args::RemoveSoftToken(args) => Named::Module(args.token.module),
        Args::ReadSoftTokenShare(args) => Named::Module(args.token.module),
        _ => Named::Nothing,
    }
}

/// The module whose device has a file; 0, which is none, if the device is unknown.
fn device_module(file: &FileSpec) -> u32 {
    match &file.details {
        FileDeviceDetails::NVMem(named) => named.module,
        FileDeviceDetails::NVMemPersist(named) => named.module,
        FileDeviceDetails::PhysToken(named) => named.token.module,
        FileDeviceDetails::Empty => 0,
    }
}

/// Shows every identifier of an object that the command uses, always in the same order. The identifier of an object that
/// it makes is not in a command.
pub(super) fn visit_keys(command: &mut Command, visit: &mut dyn FnMut(&mut u32)) {
    match &mut command.args {
        Args::SetKM(args) => visit(&mut args.idka),
        Args::Export(args) => visit(&mut args.key),
        Args::Duplicate(args) => visit(&mut args.key),
        Args::Destroy(args) => visit(&mut args.key),
        Args::GetKeyInfo(args) => visit(&mut args.key),
        Args::GetKeyInfoEx(args) => visit(&mut args.key),
        Args::GetACL(args) => visit(&mut args.key),
        Args::SetACL(args) => visit(&mut args.key),
        Args::GetAppData(args) => visit(&mut args.key),
        Args::SetAppData(args) => visit(&mut args.key),
        Args::Encrypt(args) => visit(&mut args.key),
        Args::Decrypt(args) => visit(&mut args.key),
        Args::Sign(args) => visit(&mut args.key),
        Args::Verify(args) => visit(&mut args.key),
        Args::MakeBlob(args) => {
            visit(&mut args.idka);
            match &mut args.blobkey {
                BlobFormatMkBlobParams::Direct(key) => visit(&mut key.idki),
                BlobFormatMkBlobParams::Indirect(key) => visit(&mut key.idkr),
                BlobFormatMkBlobParams::Token(token) => visit(&mut token.idkt),
                BlobFormatMkBlobParams::UserKey(key) => visit(&mut key.idkr),
                BlobFormatMkBlobParams::Module(_) | BlobFormatMkBlobParams::Empty => {}
            }
            args.file.iter_mut().for_each(|file| visit(&mut file.kacl));
        }
        Args::LoadBlob(args) => args.idkb.iter_mut().for_each(&mut *visit),
        Args::DeriveKey(args) => args.keys.iter_mut().for_each(&mut *visit),
        Args::ChannelOpen(args) => args.key.iter_mut().for_each(&mut *visit),
        Args::ChannelUpdate(args) => visit(&mut args.idch),
        Args::WriteShare(args) => visit(&mut args.idkt),
        Args::ReadShare(args) => visit(&mut args.idkt),
        Args::ReadSoftTokenShare(args) => visit(&mut args.idkt),
        Args::GetLogicalTokenInfo(args) => visit(&mut args.idkt),
        Args::GetLogicalTokenInfoEx(args) => visit(&mut args.idkt),
        Args::GetTicket(args) => visit(&mut args.obj),
        Args::CheckUserAction(args) => visit(&mut args.key),
        Args::SignModuleState(args) => {
            if let SignerTypeSignerInfo::AppKey(named) = &mut args.siginfo {
                visit(&mut named.key);
            }
        }
        _ => {}
    }
    let certificates = command.certs.iter_mut().flat_map(|list| &mut list.certs);
    for certificate in certificates {
        if let CertTypeCertBody::SigningKey(body) = &mut certificate.body {
            visit(&mut body.key);
        }
    }
}

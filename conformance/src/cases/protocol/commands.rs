//! The commands that no module and no hardserver here carries out: each is answered with the status that says why.

use anyhow::{Context as _, ensure};
use ncore::message::{Header, Reply};
use ncore::profile::WireProfile;
use ncore::types::*;

use super::kit::is;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{Answer, Cover, Subject, denies};
use crate::rig::Rig;
use crate::wire::{RawStream, raw, read_frame, write_frame};

const ANSWERS: &str = "PROTOCOL, sections 4.9 and 6, F4 and F6; nCore API: M_Cmd";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "commands.absent.status",
        "Every command that is not carried out is answered with its own status",
        ANSWERS,
        absent,
    )
    .covers(&[
        denies(Cmd::DeriveKey, Status::NotYetImplemented),
        denies(Cmd::LoadRaw, Status::NotYetImplemented),
        denies(Cmd::BignumOp, Status::NotYetImplemented),
        denies(Cmd::CreateSEEWorld, Status::NotAvailable),
        denies(Cmd::ImpathKXBegin, Status::NotAvailable),
        denies(Cmd::FRAGMENT, Status::FragmentationError),
        denies(Cmd::ANModuleReset, Status::UnknownCommand),
        denies(Cmd::ErrorReturn, Status::UnknownCommand),
    ]),
    Case::new(
        "commands.absent.privileged",
        "Privileged commands that are not carried out are refused for their privilege first",
        ANSWERS,
        absent_privileged,
    )
    .needs(&[Need::Privileged])
    .covers(&[
        denies(Cmd::ProgrammingBegin, Status::PrivilegedCommand),
        denies(Cmd::ProgrammingBegin, Status::NotAvailable),
    ]),
    Case::new(
        "commands.privilege.every",
        "Every privileged command is refused on the ordinary endpoint, and does nothing",
        "PROTOCOL, section 4.9",
        every_privileged,
    )
    .covers(&[
        denies(Cmd::ClearUnit, Status::PrivilegedCommand),
        denies(Cmd::ClearUnitEx, Status::PrivilegedCommand),
        denies(Cmd::InitialiseUnit, Status::PrivilegedCommand),
        denies(Cmd::InitialiseUnitEx, Status::PrivilegedCommand),
        denies(Cmd::SetNSOPerms, Status::PrivilegedCommand),
        denies(Cmd::Maintenance, Status::PrivilegedCommand),
        denies(Cmd::Fail, Status::PrivilegedCommand),
        denies(Cmd::RetryFailedModule, Status::PrivilegedCommand),
    ]),
    Case::new(
        "commands.number.without-name",
        "A number without a name is an unknown command",
        ANSWERS,
        without_name,
    ),
    Case::new(
        "commands.module.nowhere",
        "A module that is not there is InvalidModule to every command that names one",
        "PROTOCOL, section 4.9",
        module_nowhere,
    )
    .covers(&[
        denies(Cmd::NoOp, Status::InvalidModule),
        denies(Cmd::GenerateKey, Status::InvalidModule),
        denies(Cmd::GenerateKeyPair, Status::InvalidModule),
        denies(Cmd::Import, Status::InvalidModule),
        denies(Cmd::LoadBlob, Status::InvalidModule),
        denies(Cmd::GenerateLogicalToken, Status::InvalidModule),
        denies(Cmd::LoadLogicalToken, Status::InvalidModule),
        denies(Cmd::ChannelOpen, Status::InvalidModule),
        denies(Cmd::GetKMList, Status::InvalidModule),
        denies(Cmd::GetKML, Status::InvalidModule),
        denies(Cmd::GetSlotList, Status::InvalidModule),
        denies(Cmd::GetSlotInfo, Status::InvalidModule),
        denies(Cmd::PollSlotList, Status::InvalidModule),
        denies(Cmd::PollModuleState, Status::InvalidModule),
        denies(Cmd::RedeemTicket, Status::InvalidModule),
        denies(Cmd::RemoveKM, Status::InvalidModule),
    ]),
    Case::new(
        "commands.flags.unknown",
        "Unknown bits of a command's own flags are refused",
        ANSWERS,
        unknown_flags,
    )
    .covers(&[
        denies(Cmd::Sign, Status::UnknownFlag),
        denies(Cmd::Verify, Status::UnknownFlag),
        denies(Cmd::Encrypt, Status::UnknownFlag),
        denies(Cmd::Decrypt, Status::UnknownFlag),
        denies(Cmd::Hash, Status::UnknownFlag),
        denies(Cmd::GetACL, Status::UnknownFlag),
        denies(Cmd::GetKeyInfoEx, Status::UnknownFlag),
        denies(Cmd::GetKMList, Status::UnknownFlag),
        denies(Cmd::GetTicket, Status::UnknownFlag),
        denies(Cmd::RedeemTicket, Status::UnknownFlag),
        denies(Cmd::StatGetValues, Status::UnknownFlag),
        denies(Cmd::StatEnumTree, Status::UnknownFlag),
        denies(Cmd::NewEnquiry, Status::UnknownFlag),
        denies(Cmd::UpdateMergedKey, Status::UnknownFlag),
    ]),
];

/// Answered NotAvailable: there is no such device. Those that are privileged are in [`PRIVILEGED`].
const NOT_AVAILABLE: [Cmd; 33] = [
    Cmd::CreateSEEWorld,
    Cmd::SEEJob,
    Cmd::SetSEEMachine,
    Cmd::TraceSEEWorld,
    Cmd::FastSEEJob,
    Cmd::MakeSEEWill,
    Cmd::ExecuteSEEWill,
    Cmd::CreateSEEConnection,
    Cmd::ImpathKXBegin,
    Cmd::ImpathKXFinish,
    Cmd::ImpathGetInfo,
    Cmd::ImpathSend,
    Cmd::ImpathReceive,
    Cmd::ImportSlot,
    Cmd::UnimportSlot,
    Cmd::ExportSlot,
    Cmd::ForeignTokenOpen,
    Cmd::ForeignTokenCmd,
    Cmd::FirmwareAuthenticate,
    Cmd::ExportModule,
    Cmd::RemoteSlots,
    Cmd::GetKnetiPub,
    Cmd::AnonymousKnetiHash,
    Cmd::IOBoardReprogram,
    Cmd::GetMonitorLoaderState,
    Cmd::LoadMonitor,
    Cmd::DynamicSlotExchangeAPDUs,
    Cmd::DynamicSlotsConfigure,
    Cmd::DynamicSlotCreateAssociation,
    Cmd::DynamicSlotsConfigureQuery,
    Cmd::GetApplianceVersion,
    Cmd::RemoteReboot,
    Cmd::UpgradeApplianceFirmware,
];

/// Answered NotAvailable as well: the appliance around a module.
const NO_APPLIANCE: [Cmd; 4] = [
    Cmd::SetApplianceUpgradeStatus,
    Cmd::GetApplianceUpgradeStatus,
    Cmd::GetApplianceTime,
    Cmd::SetApplianceTime,
];

/// Answered NotYetImplemented: a module could, and this one does not.
const NOT_YET: [Cmd; 51] = [
    Cmd::ModuleInfo,
    Cmd::PauseForNotifications,
    Cmd::DeriveKey,
    Cmd::BignumOp,
    Cmd::LoadRaw,
    Cmd::CreateBuffer,
    Cmd::LoadBuffer,
    Cmd::SendShare,
    Cmd::ReceiveShare,
    Cmd::ServerSendShare,
    Cmd::GenerateKLF,
    Cmd::GetKLF,
    Cmd::AddRemoteServerPermission,
    Cmd::RemoveRemoteServerPermission,
    Cmd::ListRemoteServerPermission,
    Cmd::StaticFeatureEnable,
    Cmd::FileCopy,
    Cmd::SetMaxNumClients,
    Cmd::ServerNoOp,
    Cmd::FTSessionOpen,
    Cmd::FTStartRead,
    Cmd::FTRead,
    Cmd::FTStartWrite,
    Cmd::FTWrite,
    Cmd::FTStartListDir,
    Cmd::FTListDir,
    Cmd::SetPublishedObject,
    Cmd::RemovePublishedObject,
    Cmd::GetPublishedObject,
    Cmd::ReReadConfig,
    Cmd::FTStat,
    Cmd::GetServerConfig,
    Cmd::QueryLongJobs,
    Cmd::FTDelete,
    Cmd::FTChecksum,
    Cmd::ProductionSetup,
    Cmd::StartUpdateWorld,
    Cmd::CheckWorld,
    Cmd::ReportWorldState,
    Cmd::GetHardwareError,
    Cmd::SetPrimarySlot,
    Cmd::FailDriver,
    Cmd::ApplyFeatureFile,
    Cmd::SendKey,
    Cmd::ReceiveKey,
    Cmd::EraseWorld,
    Cmd::GetKLF2,
    Cmd::ChangeShareGroupPIN,
    Cmd::HotReset,
    Cmd::DevTest,
    Cmd::ListRemoteServerPermissionEx,
];

/// Answered NotYetImplemented too: sessions of the audit log.
const NO_SESSIONS: [Cmd; 2] = [Cmd::SessionCreate, Cmd::SessionDestroy];

/// Messages that a module sends by itself, and the number of a refusal: nobody sends them as commands.
const NOT_COMMANDS: [Cmd; 11] = [
    Cmd::ErrorReturn,
    Cmd::ANModuleReset,
    Cmd::ANReadTerminated,
    Cmd::ANPleaseClearUnitSoon,
    Cmd::ANPleaseClearUnitNow,
    Cmd::ANModuleChangeEvent,
    Cmd::ANSlotChangeEvent,
    Cmd::ANRemoteSlotDisconnected,
    Cmd::ANRemoteModuleDisconnected,
    Cmd::ANSlotsConfigurationChangeEvent,
    Cmd::ANLogEvent,
];

/// One more of them, of a later release.
const AUDIT: Cmd = Cmd::ANSendAuditLogEvent;

/// Privileged commands that are not carried out, with what they are answered on the privileged endpoint.
const PRIVILEGED: [(Cmd, Status); 8] = [
    (Cmd::ProgrammingBegin, Status::NotAvailable),
    (Cmd::ProgrammingBeginChunk, Status::NotAvailable),
    (Cmd::ProgrammingLoadBlock, Status::NotAvailable),
    (Cmd::ProgrammingEndChunk, Status::NotAvailable),
    (Cmd::ProgrammingEnd, Status::NotAvailable),
    (Cmd::ProgrammingGetKeyList, Status::NotAvailable),
    (Cmd::ImportModule, Status::NotAvailable),
    (Cmd::UnimportModule, Status::NotAvailable),
];

/// Every command that is not carried out and needs no privilege, with its answer.
fn answers() -> Vec<(Cmd, Status)> {
    let all = |cmds: &[Cmd], status| cmds.iter().map(|cmd| (*cmd, status)).collect::<Vec<_>>();
    [
        all(&NOT_AVAILABLE, Status::NotAvailable),
        all(&NO_APPLIANCE, Status::NotAvailable),
        all(&NOT_YET, Status::NotYetImplemented),
        all(&NO_SESSIONS, Status::NotYetImplemented),
        all(&[Cmd::GetClientHash], Status::NotYetImplemented),
        all(&NOT_COMMANDS, Status::UnknownCommand),
        all(&[AUDIT], Status::UnknownCommand),
        all(&[Cmd::FRAGMENT], Status::FragmentationError),
    ]
    .concat()
}

/// Sends a command whose body is these bytes: how it is answered. The connection must live.
fn ask(
    rig: &Rig,
    stream: &mut RawStream,
    tag: u32,
    cmd: Cmd,
    body: &[u8],
) -> anyhow::Result<Status> {
    let words = [tag, cmd.0, 0, 0].map(u32::to_le_bytes).concat();
    write_frame(stream, &[&words[..], body].concat())?;
    let reply = read_frame(stream)?.with_context(|| format!("{cmd}: the connection was closed"))?;
    let header = Header::peek(&reply)?;
    is(header.tag, tag, &format!("the tag of the reply to {cmd}"))?;
    if header.status != Status::OK {
        is(
            header.cmd,
            Cmd::ErrorReturn,
            &format!("the command of the refusal of {cmd}"),
        )?;
        let whole = Reply::decode(&reply, Default::default(), &WireProfile::DEFAULT)?;
        is(
            whole.body,
            ReplyBody::Empty,
            &format!("the body of the refusal of {cmd}"),
        )?;
    }
    rig.note(Cover {
        subject: Subject::Command(cmd.0),
        answer: match header.status {
            Status::OK => Answer::Success,
            status => Answer::Refusal(status.0),
        },
    });
    Ok(header.status)
}

fn absent(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for (number, (cmd, expected)) in (1..).zip(answers()) {
        // Whatever its body: nothing, what might be words of it, and what cannot be.
        for body in [&[][..], &[0; 16], &[0xff; 8]] {
            let found = ask(rig, &mut stream, number, cmd, body)?;
            is(found, expected, &format!("{cmd} with {} bytes", body.len()))?;
        }
    }
    Ok(Outcome::Passed)
}

fn absent_privileged(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut ordinary = raw(rig.target().ordinary())?;
    let mut privileged = raw(rig
        .target()
        .privileged()
        .context("the privileged endpoint")?)?;
    for (number, (cmd, expected)) in (1..).zip(PRIVILEGED) {
        let found = ask(rig, &mut ordinary, number, cmd, &[])?;
        is(
            found,
            Status::PrivilegedCommand,
            &format!("{cmd} on the ordinary endpoint"),
        )?;
        let found = ask(rig, &mut privileged, number, cmd, &[])?;
        is(
            found,
            expected,
            &format!("{cmd} on the privileged endpoint"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn every_privileged(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = super::kit::Bench::open(rig)?;
    let module = bench.module;
    let key = bench.aes(super::kit::may(super::kit::Op::SIGN))?;
    let keys = bench.module_keys()?;
    let mut stream = raw(rig.target().ordinary())?;
    let number = module.to_le_bytes();
    let flags = [[0; 4], number].concat();
    let with_mode = [[0; 4], number, ModuleMode::Initialisation.0.to_le_bytes()].concat();
    let officer = [&number[..], &[0; 28]].concat();
    for (cmd, body) in [
        (Cmd::ClearUnit, &number[..]),
        (Cmd::ClearUnitEx, &with_mode),
        (Cmd::InitialiseUnit, &number),
        (Cmd::InitialiseUnitEx, &with_mode),
        (Cmd::SetNSOPerms, &officer),
        (Cmd::Maintenance, &number),
        (Cmd::Fail, &number),
        (Cmd::RetryFailedModule, &number),
        // Refused before its body is looked at.
        (Cmd::Fail, &flags),
    ] {
        is(
            ask(rig, &mut stream, 1, cmd, body)?,
            Status::PrivilegedCommand,
            &format!("{cmd}"),
        )?;
    }
    bench.send(super::kit::sign_something(key))?;
    is(bench.module_keys()?, keys, "the module keys")?;
    Ok(Outcome::Passed)
}

fn without_name(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for number in (0..400).chain([0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX]) {
        let cmd = Cmd(number);
        if cmd.name().is_none() {
            let found = ask(rig, &mut stream, number, cmd, &[1, 2, 3])?;
            is(found, Status::UnknownCommand, &format!("number {number}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn module_nowhere(rig: &Rig) -> anyhow::Result<Outcome> {
    use super::kit::{NULL_DES3, anything, raw_key, rsa_params, status};

    let mut bench = super::kit::Bench::open(rig)?;
    for module in [999, u32::MAX] {
        bench.module = module;
        let params = TokenParams {
            flags: 0,
            sharesneeded: 1,
            sharestotal: 1,
            timelimit: 0,
        };
        let data = raw_key(KeyType::Rijndael, &[1; 16])?;
        let answers = [
            status(bench.send(NoOpArgs { module })),
            status(bench.send(bench.aes_args(anything()))),
            status(bench.send(bench.pair_args(rsa_params(512), anything(), anything()))),
            status(bench.send(bench.import_args(data, anything()))),
            status(bench.send(LoadBlobArgs {
                module,
                blob: vec![1],
                ..LoadBlobArgs::default()
            })),
            status(bench.send(GenerateLogicalTokenArgs {
                module,
                hkm: NULL_DES3,
                params: params.clone(),
            })),
            status(bench.send(LoadLogicalTokenArgs {
                module,
                hkt: [1; 20],
                hkm: NULL_DES3,
                params,
            })),
            status(bench.send(ChannelOpenArgs {
                module,
                ..ChannelOpenArgs::default()
            })),
            status(bench.send(GetKMListArgs { module, flags: 0 })),
            status(bench.send(GetKMLArgs { module })),
            status(bench.send(GetSlotListArgs { module })),
            status(bench.send(GetSlotInfoArgs { module, slot: 0 })),
            status(bench.send(PollSlotListArgs { module, flags: 0 })),
            status(bench.send(PollModuleStateArgs {
                module,
                ..PollModuleStateArgs::default()
            })),
            status(bench.send(RedeemTicketArgs {
                flags: 0,
                module,
                ticket: vec![0; 24],
            })),
            status(bench.send(RemoveKMArgs {
                module,
                flags: 0,
                hkm: [1; 20],
            })),
        ];
        is(
            answers,
            [Status::InvalidModule; 16],
            &format!("module {module}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn unknown_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    use super::kit::{
        Bench, anything, bytes, decrypt_args, encrypt_args, sign_something, status, verify_args,
    };

    let bench = Bench::open(rig)?;
    let key = bench.aes(anything())?;
    let cipher = bench
        .send(encrypt_args(key, Mech::Any, bytes(b"x")))?
        .cipher;
    let sig = bench.send(sign_something(key))?.sig;
    let module = bench.module;
    for bit in [3, 17, 31] {
        let flags = 1 << bit;
        let sign = SignArgs {
            flags,
            ..sign_something(key)
        };
        let verify = VerifyArgs {
            flags,
            ..verify_args(key, bytes(b"message"), sig.clone())
        };
        let encrypt = EncryptArgs {
            flags,
            ..encrypt_args(key, Mech::Any, bytes(b"x"))
        };
        let decrypt = DecryptArgs {
            flags,
            ..decrypt_args(key, cipher.clone())
        };
        let answers = [
            status(bench.send(sign)),
            status(bench.send(verify)),
            status(bench.send(encrypt)),
            status(bench.send(decrypt)),
            status(bench.send(HashArgs {
                flags,
                mech: Mech::SHA1Hash,
                plain: bytes(b"x"),
            })),
            status(bench.send(GetACLArgs { flags, key })),
            status(bench.send(GetKeyInfoExArgs { flags, key })),
            status(bench.send(GetKMListArgs { flags, module })),
            status(bench.send(GetTicketArgs {
                flags,
                obj: key,
                ..GetTicketArgs::default()
            })),
            status(bench.send(RedeemTicketArgs {
                flags,
                module,
                ticket: vec![0; 24],
            })),
            status(bench.send(StatGetValuesArgs {
                flags,
                path_tags: vec![],
            })),
            status(bench.send(StatEnumTreeArgs {
                flags,
                path_tags: vec![],
            })),
            status(bench.send(NewEnquiryArgs {
                flags,
                version: 6,
                module: 0,
            })),
            status(bench.send(UpdateMergedKeyArgs {
                flags,
                mkey: key,
                ..UpdateMergedKeyArgs::default()
            })),
        ];
        ensure!(
            answers == [Status::UnknownFlag; 14],
            "bit {bit}: {answers:?}"
        );
    }
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use simulator::module::support::{Support, table};

    use super::*;

    #[test]
    fn every_command_by_name_is_carried_out_or_has_its_answer_here() {
        let mut listed = BTreeSet::new();
        for (cmd, _) in answers().into_iter().chain(PRIVILEGED) {
            assert!(listed.insert(cmd), "{cmd} is there twice");
        }
        for (cmd, support) in table() {
            let carried_out = matches!(support, Support::Module(_) | Support::Hardserver);
            assert_ne!(carried_out, listed.contains(&cmd), "{cmd}");
        }
    }
}

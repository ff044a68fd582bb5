//! What becomes of each command: one table, by which the module dispatches and from which the support matrix is made.

use ncore::Status;
use ncore::message::{Command, command_flags};
use ncore::types::{Cmd, Mech};

use super::mode::Class;
use crate::crypto;

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// A module carries it out.
    Module(Needs),
    /// The hardserver carries it out.
    Hardserver,
    /// It is known by name and answered with this status.
    Refused(Status),
}

/// What a command needs before the module looks at its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The modes in which it runs.
    pub class: Class,
    /// Whether the connection must be privileged.
    pub privileged: bool,
    /// How many objects it makes, and so how many identifiers it takes of its client.
    pub objects: u8,
}

/// What becomes of this command. Numbers without a name are UnknownCommand.
pub fn support(cmd: Cmd) -> Support {
    use Class::{Accelerate, Inform, Mode, SetUp, Work};
    match cmd {
        Cmd::NoOp | Cmd::GetKMList | Cmd::GetSlotList | Cmd::GetSlotInfo => module(Inform),
        Cmd::PollModuleState | Cmd::PollSlotList | Cmd::NVMemList => module(Inform),
        Cmd::GetModuleState | Cmd::GetWorldSigners => module(Inform),

        Cmd::ClearUnit | Cmd::ClearUnitEx | Cmd::InitialiseUnit | Cmd::InitialiseUnitEx => {
            privileged(Mode)
        }
        Cmd::Maintenance | Cmd::Fail | Cmd::RetryFailedModule => privileged(Mode),
        Cmd::SetNSOPerms => privileged(SetUp),

        Cmd::ModExp | Cmd::ModExpCrt | Cmd::RSAImmedSignDecrypt | Cmd::RSAImmedVerifyEncrypt => {
            module(Accelerate)
        }
        Cmd::GeneratePrime | Cmd::GenerateRandom | Cmd::Hash => module(Accelerate),
        Cmd::VerifyCertificate => module(Accelerate),

        Cmd::SetKM | Cmd::RemoveKM | Cmd::SignModuleState => module(Work),
        Cmd::GenerateKey | Cmd::Import | Cmd::Duplicate | Cmd::LoadBlob | Cmd::GetKML => making(1),
        Cmd::GenerateKeyPair => making(2),
        Cmd::GenerateLogicalToken
        | Cmd::LoadLogicalToken
        | Cmd::ChannelOpen
        | Cmd::RedeemTicket => making(1),
        Cmd::Export | Cmd::Destroy | Cmd::GetKeyInfo | Cmd::GetKeyInfoEx => module(Work),
        Cmd::GetACL | Cmd::SetACL | Cmd::GetAppData | Cmd::SetAppData => module(Work),
        Cmd::Sign | Cmd::Verify | Cmd::Encrypt | Cmd::Decrypt | Cmd::ChannelUpdate => module(Work),
        Cmd::MakeBlob | Cmd::GetTicket | Cmd::CheckUserAction | Cmd::GetChallenge => module(Work),
        Cmd::FormatToken
        | Cmd::WriteShare
        | Cmd::ReadShare
        | Cmd::EraseShare
        | Cmd::ChangeSharePIN => module(Work),
        Cmd::GetShareACL | Cmd::ReadSoftTokenShare => module(Work),
        Cmd::InsertSoftToken | Cmd::RemoveSoftToken => module(Work),
        Cmd::NVMemAlloc | Cmd::NVMemFree | Cmd::NVMemOp => module(Work),
        Cmd::FileCreate | Cmd::FileErase | Cmd::FileOp => module(Work),
        Cmd::ReadFile | Cmd::WriteFile | Cmd::EraseFile => module(Work),
        Cmd::GetRTC | Cmd::SetRTC => module(Work),
        Cmd::GetLogicalTokenInfo | Cmd::GetLogicalTokenInfoEx => module(Work),

        Cmd::NewClient | Cmd::ExistingClient | Cmd::CreateClient => Support::Hardserver,
        Cmd::NewEnquiry | Cmd::GetWhichModule | Cmd::MergeKeyIDs | Cmd::UpdateMergedKey => {
            Support::Hardserver
        }
        Cmd::StatEnumTree | Cmd::StatGetValues => Support::Hardserver,
        Cmd::ConfigurePoolModule | Cmd::GetPoolInfo => Support::Hardserver,

        _ if cmd.name().is_none() => Support::Refused(Status::UnknownCommand),
        Cmd::ErrorReturn => Support::Refused(Status::UnknownCommand),
        Cmd::FRAGMENT => Support::Refused(Status::FragmentationError),
        _ if is_notification(cmd) => Support::Refused(Status::UnknownCommand),
        _ if needs_absent_hardware(cmd) => Support::Refused(Status::NotAvailable),
        _ => Support::Refused(Status::NotYetImplemented),
    }
}

/// Every command known by name, and what becomes of it.
pub fn table() -> impl Iterator<Item = (Cmd, Support)> {
    Cmd::ALL.iter().map(|&cmd| (cmd, support(cmd)))
}

/// Every mechanism that an operation, a channel or Cmd_Hash of a module knows.
pub fn mechanisms() -> impl Iterator<Item = Mech> {
    Mech::ALL
        .iter()
        .copied()
        .filter(|&mech| crypto::has_mechanism(mech))
}

/// Checks the parts of a command's header that no command uses here.
///
/// Key state that travels with commands belongs to pools (CommandCannotHaveState), the pool flag too (NotPoolModule);
/// other unknown bits are UnknownFlag. LongJob and Resubmit are hints to a real server's queues and change no answer.
pub fn check_header(command: &Command) -> Result<(), Status> {
    if command.flags & !command_flags::KNOWN != 0 {
        return Err(Status::UnknownFlag);
    }
    if command.flags & command_flags::POOL_MODULE != 0 {
        return Err(Status::NotPoolModule);
    }
    if command.state.is_some()
        || command.extract_state.is_some()
        || command.flags & command_flags::RETAIN_STATE != 0
    {
        return Err(Status::CommandCannotHaveState);
    }
    if command.session_id.is_some() {
        return Err(Status::NotAvailable);
    }
    Ok(())
}

/// Messages that modules send to the server by themselves: nobody may send them to a module.
fn is_notification(cmd: Cmd) -> bool {
    cmd.name()
        .is_some_and(|name| name.starts_with("AN") && name != "AnonymousKnetiHash")
}

/// Commands for devices that this module does not have: code running inside the module, replaceable firmware, network
/// connections between modules, remote slots, an appliance around the module.
fn needs_absent_hardware(cmd: Cmd) -> bool {
    const PARTS: [&str; 18] = [
        "SEE",
        "Programming",
        "Impath",
        "Firmware",
        "Monitor",
        "DynamicSlot",
        "RemoteSlots",
        "ForeignToken",
        "Appliance",
        "ImportSlot",
        "ExportSlot",
        "UnimportSlot",
        "ExportModule",
        "ImportModule",
        "UnimportModule",
        "IOBoard",
        "RemoteReboot",
        "Kneti",
    ];
    cmd.name()
        .is_some_and(|name| PARTS.iter().any(|part| name.contains(part)))
}

const fn module(class: Class) -> Support {
    Support::Module(Needs {
        class,
        privileged: false,
        objects: 0,
    })
}

const fn privileged(class: Class) -> Support {
    Support::Module(Needs {
        class,
        privileged: true,
        objects: 0,
    })
}

const fn making(objects: u8) -> Support {
    Support::Module(Needs {
        class: Class::Work,
        privileged: false,
        objects,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_are_listed_once_and_only_those_that_work() {
        let listed: Vec<Mech> = mechanisms().collect();
        for mech in [Mech::RSApPKCS1, Mech::DSA, Mech::SHA256Hash, Mech::HMACMD5] {
            let times = listed.iter().filter(|&&other| other == mech).count();
            assert_eq!(times, 1, "{mech}");
        }
        for mech in [Mech::Any, Mech::ECDSA, Mech::ElGamal] {
            assert!(!listed.contains(&mech), "{mech}");
        }
    }

    #[test]
    fn numbers_without_a_name_are_unknown() {
        assert_eq!(support(Cmd(3)), Support::Refused(Status::UnknownCommand));
        assert_eq!(support(Cmd(9999)), Support::Refused(Status::UnknownCommand));
    }

    #[test]
    fn known_commands_are_refused_for_a_reason_of_their_kind() {
        for (cmd, status) in [
            (Cmd::CreateSEEWorld, Status::NotAvailable),
            (Cmd::ProgrammingBegin, Status::NotAvailable),
            (Cmd::DynamicSlotsConfigure, Status::NotAvailable),
            (Cmd::ANSlotChangeEvent, Status::UnknownCommand),
            (Cmd::AnonymousKnetiHash, Status::NotAvailable),
            (Cmd::FRAGMENT, Status::FragmentationError),
            (Cmd::DeriveKey, Status::NotYetImplemented),
            (Cmd::BignumOp, Status::NotYetImplemented),
            // Nothing public tells the layout of its reply.
            (Cmd::GetClientHash, Status::NotYetImplemented),
        ] {
            assert_eq!(support(cmd), Support::Refused(status), "{cmd}");
        }
    }
}

//! What is checked before a command is looked at: privilege, mode, header, client.

use ncore::Status;
use ncore::message::{Command, command_flags};
use ncore::types::*;

use super::rig::*;
use crate::module::mode::Mode;

#[test]
fn a_module_from_the_factory_accelerates_and_nothing_more() {
    let mut rig = Rig::factory();
    assert_eq!(rig.module.description().mode, Mode::Uninitialised);
    rig.ok(NoOpArgs { module: 1 });
    assert_eq!(rig.ok(GenerateRandomArgs { lenbytes: 20 }).data.len(), 20);
    let power = ModExpArgs {
        a: 4.into(),
        p: 13.into(),
        n: 497.into(),
    };
    assert_eq!(rig.ok(power).r, 445.into());
    rig.refused(aes_args(anything()), Status::InvalidState);
    rig.refused(InitialiseUnitArgs { module: 1 }, Status::InvalidState);
    let perms = NSOPerms { ops: 0 };
    rig.refused(
        SetNSOPermsArgs {
            module: 1,
            flags: 0,
            hknso: OFFICER,
            publicperms: perms,
        },
        Status::InvalidState,
    );
    let list = rig.ok(GetKMListArgs {
        module: 1,
        flags: 0,
    });
    assert_eq!((list.hknso, list.hkms.len()), ([0; 20], 0));
}

#[test]
fn commands_that_change_the_mode_need_privilege() {
    let mut rig = Rig::factory();
    rig.client.privileged = false;
    rig.refused(ClearUnitArgs { module: 1 }, Status::PrivilegedCommand);
    let reset = ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Initialisation,
    };
    rig.refused(reset, Status::PrivilegedCommand);
    rig.refused(InitialiseUnitArgs { module: 1 }, Status::PrivilegedCommand);
    rig.refused(
        InitialiseUnitExArgs {
            flags: 0,
            module: 1,
            kml: KMLType::DSAp1024s160,
        },
        Status::PrivilegedCommand,
    );
    rig.refused(SetNSOPermsArgs::default(), Status::PrivilegedCommand);
    rig.refused(MaintenanceArgs { module: 1 }, Status::PrivilegedCommand);
    rig.refused(FailArgs { module: 1 }, Status::PrivilegedCommand);
    rig.refused(
        RetryFailedModuleArgs { module: 1 },
        Status::PrivilegedCommand,
    );
}

#[test]
fn a_connection_without_a_client_makes_no_objects() {
    let mut rig = Rig::operational();
    rig.client.hash = None;
    rig.ok(GenerateRandomArgs { lenbytes: 1 });
    rig.refused(aes_args(anything()), Status::ClientUnknown);
    rig.refused(rsa_args(512, anything(), anything()), Status::ClientUnknown);
    rig.refused(GetChallengeArgs { module: 1 }, Status::ClientUnknown);
}

#[test]
fn unknown_header_flags_and_parts_are_refused() {
    let mut rig = Rig::operational();
    let mut status = |change: &dyn Fn(&mut Command)| {
        let mut command = Command::new(1, NoOpArgs { module: 1 });
        change(&mut command);
        rig.begin(command).finish().status
    };
    assert_eq!(status(&|_| {}), Status::OK);
    assert_eq!(status(&|command| command.flags = 8), Status::UnknownFlag);
    assert_eq!(
        status(&|command| command.flags = 1 << 20),
        Status::UnknownFlag
    );
    assert_eq!(
        status(&|command| command.flags = command_flags::LONG_JOB),
        Status::OK
    );
    assert_eq!(
        status(&|command| command.flags = command_flags::POOL_MODULE),
        Status::NotPoolModule
    );
    assert_eq!(
        status(&|command| command.flags = command_flags::RETAIN_STATE),
        Status::CommandCannotHaveState
    );
    assert_eq!(
        status(&|command| command.state = Some(StateList::default())),
        Status::CommandCannotHaveState
    );
    assert_eq!(
        status(&|command| command.session_id = Some(1)),
        Status::NotAvailable
    );
}

#[test]
fn unknown_flags_of_commands_are_refused() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    rig.refused(
        GenerateKeyArgs {
            flags: 8,
            ..aes_args(anything())
        },
        Status::UnknownFlag,
    );
    let pair = rsa_args(512, anything(), anything());
    rig.refused(
        GenerateKeyPairArgs { flags: 16, ..pair },
        Status::UnknownFlag,
    );
    rig.refused(
        SignArgs {
            flags: 2,
            ..sign_args(key)
        },
        Status::UnknownFlag,
    );
    rig.refused(
        VerifyArgs {
            flags: 1,
            key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        EncryptArgs {
            flags: 2,
            key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        DecryptArgs {
            flags: 1,
            key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        HashArgs {
            flags: 1,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(GetACLArgs { flags: 1, key }, Status::UnknownFlag);
    rig.refused(
        SetACLArgs {
            flags: 1,
            key,
            newacl: anything(),
        },
        Status::UnknownFlag,
    );
    rig.refused(GetKeyInfoExArgs { flags: 1, key }, Status::UnknownFlag);
    rig.refused(
        GetKMListArgs {
            module: 1,
            flags: 1,
        },
        Status::UnknownFlag,
    );
    rig.refused(
        SetKMArgs {
            module: 1,
            flags: 1,
            idka: key,
        },
        Status::UnknownFlag,
    );
    rig.refused(
        RemoveKMArgs {
            module: 1,
            flags: 1,
            hkm: [0; 20],
        },
        Status::UnknownFlag,
    );
    rig.refused(
        MakeBlobArgs {
            flags: 4,
            idka: key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        LoadBlobArgs {
            flags: 4,
            module: 1,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        ChannelOpenArgs {
            flags: 4,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        ChannelUpdateArgs {
            flags: 2,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        GetTicketArgs {
            flags: 1,
            obj: key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        RedeemTicketArgs {
            flags: 1,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        CheckUserActionArgs {
            flags: 1,
            key,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        ClearUnitExArgs {
            flags: 1,
            module: 1,
            mode: ModuleMode::Default,
        },
        Status::UnknownFlag,
    );
    rig.refused(
        FormatTokenArgs {
            flags: 2,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        WriteShareArgs {
            flags: 4,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
    rig.refused(
        ReadShareArgs {
            flags: 2,
            ..Default::default()
        },
        Status::UnknownFlag,
    );
}

#[test]
fn random_bytes_stop_at_the_largest_reply() {
    let mut rig = Rig::factory();
    assert_eq!(rig.ok(GenerateRandomArgs { lenbytes: 0 }).data.len(), 0);
    assert_eq!(
        rig.ok(GenerateRandomArgs { lenbytes: 262_128 }).data.len(),
        262_128
    );
    rig.refused(GenerateRandomArgs { lenbytes: 262_129 }, Status::OutOfRange);
    rig.refused(
        GenerateRandomArgs { lenbytes: u32::MAX },
        Status::OutOfRange,
    );
    assert_ne!(
        rig.ok(GenerateRandomArgs { lenbytes: 20 }),
        rig.ok(GenerateRandomArgs { lenbytes: 20 })
    );
}

#[test]
fn acceleration_commands_agree_with_each_other() {
    let mut rig = Rig::factory();
    // The RSA example of Rivest, Shamir and Adleman: p = 47, q = 59, d = 157, e = 17.
    let (p, q, dmp1, dmq1, iqmp) = (
        59.into(),
        47.into(),
        (157 % 58).into(),
        (157 % 46).into(),
        54.into(),
    );
    let private = ModExpCrtArgs {
        a: 920.into(),
        p,
        q,
        dmp1,
        dmq1,
        iqmp,
    };
    let mut decrypted = |args: ModExpCrtArgs| rig.send(args);
    let reply = decrypted(private.clone());
    assert_eq!(reply.status, Status::OK);
    // "IT" is enciphered as 948, so 948^157 = 920 and back.
    let expected = ModExpArgs {
        a: 920.into(),
        p: 157.into(),
        n: 2773.into(),
    };
    let plain = rig.ok(expected).r;
    assert_eq!(
        reply.body,
        ReplyBody::ModExp(ModExpReply { r: plain.clone() })
    );
    let ModExpCrtArgs {
        a,
        p,
        q,
        dmp1,
        dmq1,
        iqmp,
    } = private.clone();
    let immediate = RSAImmedSignDecryptArgs {
        m: a,
        k_p: p,
        k_q: q,
        k_dmp1: dmp1,
        k_dmq1: dmq1,
        k_iqmp: iqmp,
    };
    assert_eq!(rig.ok(immediate).r, plain);
    rig.refused(
        ModExpCrtArgs {
            p: 0.into(),
            ..private
        },
        Status::InvalidParameter,
    );
    let zero = ModExpArgs {
        a: 1.into(),
        p: 1.into(),
        n: 0.into(),
    };
    rig.refused(zero, Status::InvalidParameter);
    let small = RSAImmedVerifyEncryptArgs {
        m: 920.into(),
        k_e: 17.into(),
        k_n: 2773.into(),
    };
    rig.refused(small, Status::InvalidParameter);
    let prime = rig.ok(GeneratePrimeArgs { lenbits: 64 }).r;
    assert_eq!(prime.bits(), 64);
    rig.refused(GeneratePrimeArgs { lenbits: 1 }, Status::InvalidParameter);
}

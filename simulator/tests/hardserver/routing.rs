//! Which module a command reaches, and who may send it.

use ncore::client::ClientError;
use ncore::message::command_flags;
use ncore::types::*;

use crate::rig::{Rig, encrypt, generate_rsa, hash32, import_aes, refusal, sign};

#[test]
fn a_key_is_made_blobbed_loaded_and_signs() {
    let rig = Rig::ready(1);
    let client = rig.client();
    let pair = client.transact(generate_rsa(1, 1024)).unwrap();
    let signature = client.transact(sign(pair.keypriv)).unwrap().sig;

    let km0 = client
        .transact(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .unwrap()
        .hkms[0];
    let make = MakeBlobArgs {
        format: BlobFormat::Module,
        idka: pair.keypriv,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm: km0 }),
        ..Default::default()
    };
    let blob = client.transact(make).unwrap().blob;
    let other = rig.client();
    let loaded = other
        .transact(LoadBlobArgs {
            module: 1,
            blob,
            ..Default::default()
        })
        .unwrap()
        .idka;
    assert_eq!(other.transact(sign(loaded)).unwrap().sig, signature);
    let verify = VerifyArgs {
        key: pair.keypub,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: hash32(),
        sig: signature,
        ..Default::default()
    };
    client.transact(verify).unwrap();
}

#[test]
fn privileged_commands_need_the_privileged_socket() {
    let rig = Rig::new(1);
    let ordinary = rig.connect();
    assert_eq!(
        refusal(&ordinary, ClearUnitArgs { module: 1 }),
        Status::PrivilegedCommand
    );
    assert_eq!(
        refusal(&ordinary, FailArgs { module: 1 }),
        Status::PrivilegedCommand
    );
    assert_eq!(
        refusal(&ordinary, RetryFailedModuleArgs { module: 1 }),
        Status::PrivilegedCommand
    );
    assert_eq!(
        refusal(&ordinary, ConfigurePoolModuleArgs::default()),
        Status::PrivilegedCommand
    );
    assert_eq!(
        refusal(&ordinary, UnimportModuleArgs::default()),
        Status::PrivilegedCommand
    );
    let privileged = rig.privileged();
    privileged.transact(ClearUnitArgs { module: 1 }).unwrap();
    privileged
        .transact(ConfigurePoolModuleArgs::default())
        .unwrap();
}

#[test]
fn module_0_is_any_module_where_that_makes_sense() {
    let rig = Rig::ready(2);
    let client = rig.client();
    let mut modules = Vec::new();
    for byte in 0..4 {
        let key = client.transact(import_aes(0, byte)).unwrap().key;
        modules.extend(client.transact(GetWhichModuleArgs { key }).unwrap().module);
    }
    modules.sort_unstable();
    assert_eq!(modules, [1, 1, 2, 2], "the client's keys are spread");
    client.transact(NoOpArgs { module: 0 }).unwrap();
    assert_eq!(
        refusal(&client, GetSlotListArgs { module: 0 }),
        Status::InvalidModule
    );
    assert_eq!(
        refusal(&client, GetKMListArgs::default()),
        Status::InvalidModule
    );
}

#[test]
fn a_module_that_cannot_work_is_not_chosen() {
    let rig = Rig::ready(2);
    rig.privileged().transact(FailArgs { module: 1 }).unwrap();
    let client = rig.client();
    for byte in 0..3 {
        let key = client.transact(import_aes(0, byte)).unwrap().key;
        assert_eq!(
            client.transact(GetWhichModuleArgs { key }).unwrap().module,
            [2]
        );
        client.transact(GenerateRandomArgs { lenbytes: 1 }).unwrap();
    }
    assert_eq!(refusal(&client, import_aes(1, 9)), Status::HardwareFailed);
}

#[test]
fn keys_of_different_modules_do_not_mix() {
    let rig = Rig::ready(2);
    let client = rig.client();
    let [one, two] = [1, 2].map(|module| client.transact(import_aes(module, 1)).unwrap().key);
    let direct = BlobFormatMkBlobParams::Direct(BlobFormatDirectMkBlobParams { idki: two });
    let make = MakeBlobArgs {
        format: BlobFormat::Direct,
        idka: one,
        blobkey: direct,
        ..Default::default()
    };
    let key = |key| CrossModuleReason {
        type_: CrossModReason::Key,
        info: CrossModReasonInfo::Key(CrossModReasonKeyInfo { key }),
    };
    assert_eq!(cross_module(client.transact(make)), [key(one), key(two)]);

    let load = LoadBlobArgs {
        module: 2,
        idkb: Some(one),
        ..Default::default()
    };
    let request = CrossModuleReason {
        type_: CrossModReason::ExplicitRequest,
        info: CrossModReasonInfo::Empty,
    };
    assert_eq!(cross_module(client.transact(load)), [request, key(one)]);
}

fn cross_module<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> Vec<CrossModuleReason> {
    match outcome {
        Err(ClientError::Status {
            status: Status::CrossModule,
            info,
            ..
        }) => match *info {
            StatusInfo::CrossModule(info) => info.reasons,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn identifiers_die_with_a_reset_and_are_destroyed_once() {
    let rig = Rig::ready(1);
    let client = rig.client();
    let key = client.transact(import_aes(1, 1)).unwrap().key;
    client.transact(DestroyArgs { key }).unwrap();
    assert_eq!(refusal(&client, DestroyArgs { key }), Status::UnknownID);
    assert_eq!(
        refusal(&client, GetWhichModuleArgs { key }),
        Status::UnknownID
    );

    let key = client.transact(import_aes(1, 1)).unwrap().key;
    rig.privileged()
        .transact(ClearUnitArgs { module: 1 })
        .unwrap();
    assert_eq!(refusal(&client, encrypt(key)), Status::UnknownID);
    assert_eq!(
        refusal(&client, GetWhichModuleArgs { key }),
        Status::UnknownID
    );
}

#[test]
fn big_numbers_come_in_the_order_the_command_asks_for() {
    let rig = Rig::new(1);
    let connection = rig.connect();
    let number = |bytes: &[u8]| Bignum::from_be(bytes);
    // 3^5 mod 2^64 - 59, shifted up so that the order of bytes and of words shows.
    let modulus = number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc5]);
    let args = ModExpArgs {
        a: number(&[1, 2, 3, 4, 5, 6, 7, 8]),
        p: number(&[1]),
        n: modulus,
    };
    for flags in 0..4 {
        assert_eq!(
            command_flags::BIGNUM_MS_BIT_FIRST | command_flags::BIGNUM_MS_WORD_FIRST,
            3
        );
        let reply = connection.transact_with(args.clone(), flags, None).unwrap();
        assert_eq!(reply.r, number(&[1, 2, 3, 4, 5, 6, 7, 8]), "flags {flags}");
    }
}

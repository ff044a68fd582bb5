//! The worked examples of PROTOCOL section 1: bytes in wire order, built from the vendor's published rules.

use std::fmt::Debug;

use ncore::bignum::BignumOrder;
use ncore::codec::{Decode, Encode, from_bytes, to_bytes};
use ncore::frame;
use ncore::message::{Command, Reply};
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::*;

const PROFILE: WireProfile = WireProfile::DEFAULT;

/// Hexadecimal digits, spaces between groups.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn check_command(command: Command, digits: &str) {
    let mut message = Vec::new();
    command.encode(&mut message, &PROFILE).unwrap();
    assert_eq!(message, hex(digits), "{command:?}");
    assert_eq!(Command::decode(&message, &PROFILE).unwrap(), command);
}

fn check_reply(reply: Reply, digits: &str) {
    let mut message = Vec::new();
    reply
        .encode(&mut message, BignumOrder::default(), &PROFILE)
        .unwrap();
    assert_eq!(message, hex(digits), "{reply:?}");
    assert_eq!(
        Reply::decode(&message, BignumOrder::default(), &PROFILE).unwrap(),
        reply
    );
}

fn check_value<T: Encode + Decode + PartialEq + Debug>(value: T, digits: &str) {
    assert_eq!(
        to_bytes(&value, &PROFILE).unwrap(),
        hex(digits),
        "{value:?}"
    );
    assert_eq!(from_bytes::<T>(&hex(digits), &PROFILE).unwrap(), value);
}

#[test]
fn new_client() {
    let command = Command::new(1, NewClientArgs::default());
    check_command(command, "01000000 15000000 00000000 00000000 00000000");
}

#[test]
fn new_enquiry() {
    let args = NewEnquiryArgs {
        flags: 0,
        version: 6,
        module: 1,
    };
    check_command(
        Command::new(2, args),
        "02000000 35000000 00000000 00000000 00000000 06000000 01000000",
    );
}

#[test]
fn generate_random() {
    check_command(
        Command::new(3, GenerateRandomArgs { lenbytes: 5 }),
        "03000000 08000000 00000000 00000000 05000000",
    );
    let body = GenerateRandomReply {
        data: vec![1, 2, 3, 4, 5],
    };
    check_reply(
        Reply::ok(3, Cmd::GenerateRandom, body.into()),
        "03000000 08000000 00000000 00000000 05000000 01020304 05000000",
    );
}

#[test]
fn error_return() {
    check_reply(
        Reply::error(7, Status::AccessDenied),
        "07000000 00000000 05000000 00000000",
    );
}

#[test]
fn rsa_public_key() {
    let key = KeyTypeRSAPublicData {
        e: Bignum::from(65_537),
        n: Bignum::from_be(&hex("c0ffee00112233445566")),
    };
    let value = KeyData {
        type_: KeyType::RSAPublic,
        data: KeyTypeData::RSAPublic(key),
    };
    check_value(
        value,
        "01000000 04000000 01000100 0c000000 66554433 221100ee ffc00000",
    );
}

#[test]
fn access_control_list() {
    let perms = ActOpPermissionsDetails::SIGN | ActOpPermissionsDetails::DECRYPT;
    let action = Action {
        type_: Act::OpPermissions,
        details: ActDetails::OpPermissions(ActOpPermissionsDetails { perms }),
    };
    let group = PermissionGroup {
        actions: vec![action],
        ..PermissionGroup::default()
    };
    check_value(
        ACL {
            groups: vec![group],
        },
        "01000000 00000000 00000000 01000000 01000000 00110000",
    );
}

#[test]
fn string() {
    check_value(
        "ABCD-1234".to_owned(),
        "0a000000 41424344 2d313233 34000000",
    );
}

#[test]
fn file_info() {
    let mut id = [0; 11];
    id[..5].copy_from_slice(b"state");
    let value = FileInfo {
        flags: 0,
        length: 4096,
        id,
    };
    check_value(value, "00000000 00100000 73746174 65000000 000000");
}

/// Section 6, row F1: the length word excludes itself.
#[test]
fn frame_counts_the_message_alone() {
    let bytes = hex("14000000 01000000 15000000 00000000 00000000 00000000");
    let (message, taken) = frame::split(&bytes, FrameLen::Exclusive, &PROFILE)
        .unwrap()
        .unwrap();
    assert_eq!(taken, bytes.len());
    let command = Command::decode(message, &PROFILE).unwrap();
    assert_eq!(command, Command::new(1, NewClientArgs::default()));
}

/// Section 1.13: a presence bit announces each optional part, and certificates follow the arguments.
#[test]
fn certificates_follow_the_arguments() {
    let certs = CertificateList {
        certs: vec![Certificate {
            keyhash: [0xaa; 20],
            type_: CertType::SigningKey,
            body: CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key: 9 }),
        }],
    };
    let command = Command::new(4, DestroyArgs { key: 8 }).with_certs(certs);
    let hash = "aa".repeat(20);
    check_command(
        command,
        &format!("04000000 0e000000 00000000 04000000 08000000 01000000 {hash} 01000000 09000000"),
    );
}

//! Using keys: one-shot commands and channels. The mechanisms themselves have their own tests beside them.

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::module::UPDATE_FINAL;

#[test]
fn a_signature_verifies_and_a_changed_message_does_not() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(512, may(Op::SIGN), may(Op::VERIFY));
    let sig = rig
        .ok(SignArgs {
            mech: Mech::RSAhSHA1pPKCS1,
            ..sign_args(private)
        })
        .sig;
    let verify = VerifyArgs {
        flags: 0,
        key: public,
        mech: Mech::Any,
        plain: bytes(b"message"),
        sig,
    };
    rig.ok(verify.clone());
    rig.refused(
        VerifyArgs {
            plain: bytes(b"massage"),
            ..verify
        },
        Status::VerifyFailed,
    );
}

#[test]
fn encryption_comes_back() {
    let mut rig = Rig::operational();
    let key = rig.aes(may(Op::ENCRYPT | Op::DECRYPT));
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let cipher = rig
        .ok(EncryptArgs {
            key,
            mech,
            plain: bytes(b"secret"),
            ..Default::default()
        })
        .cipher;
    let decrypt = DecryptArgs {
        flags: 0,
        key,
        mech,
        cipher,
        reply_type: PlainTextType::Bytes,
    };
    assert_eq!(rig.ok(decrypt.clone()).plain, bytes(b"secret"));
    let other = rig.aes(may(Op::DECRYPT));
    let reply = rig.send(DecryptArgs {
        key: other,
        ..decrypt
    });
    // A wrong key gives wrong padding nearly always, and never the message.
    assert!(reply.status == Status::DecryptFailed || reply.body != bytes_reply(b"secret"));
}

fn bytes_reply(data: &[u8]) -> ReplyBody {
    DecryptReply { plain: bytes(data) }.into()
}

#[test]
fn hash_needs_no_key() {
    let mut rig = Rig::factory();
    let reply = rig.ok(HashArgs {
        flags: 0,
        mech: Mech::SHA256Hash,
        plain: bytes(b"abc"),
    });
    let MechCipher::SHA256Hash(hash) = reply.sig.data else {
        panic!("no SHA-256")
    };
    // FIPS 180-2, appendix B.1.
    assert_eq!(hash.h[..4], [0xba, 0x78, 0x16, 0xbf]);
    rig.refused(
        HashArgs {
            flags: 0,
            mech: Mech::TigerHash,
            plain: bytes(b"abc"),
        },
        Status::UnknownMechanism,
    );
}

#[test]
fn a_destroyed_key_does_nothing_more() {
    let mut rig = Rig::operational();
    let (key, _) = rig.rsa(512, anything(), anything());
    rig.ok(SignArgs {
        mech: Mech::RSAhSHA1pPKCS1,
        ..sign_args(key)
    });
    rig.ok(DestroyArgs { key });
    rig.refused(sign_args(key), Status::UnknownID);
}

fn channel(key: Option<u32>, mode: ChannelMode, mech: Mech) -> ChannelOpenArgs {
    ChannelOpenArgs {
        module: 1,
        type_: ChannelType::Simple,
        mode,
        mech,
        key,
        ..Default::default()
    }
}

fn update(idch: u32, input: &[u8], flags: u32) -> ChannelUpdateArgs {
    ChannelUpdateArgs {
        flags,
        idch,
        input: input.to_vec(),
    }
}

#[test]
fn channels_give_what_the_one_shot_commands_give() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let data = [7; 100];
    let opened = rig.ok(channel(Some(key), ChannelMode::Encrypt, mech));
    let iv = opened.new_iv.clone().expect("the module draws the vector");
    let mut output = rig.ok(update(opened.idch, &data[..33], 0)).output;
    output.extend(
        rig.ok(update(opened.idch, &data[33..], UPDATE_FINAL))
            .output,
    );
    let given_iv = Some(iv.clone());
    let one_shot = rig
        .ok(EncryptArgs {
            flags: 0,
            key,
            mech,
            plain: bytes(&data),
            given_iv,
        })
        .cipher;
    assert_eq!(
        one_shot.data,
        MechCipher::Generic128(MechGeneric128Cipher {
            cipher: output.clone()
        })
    );

    let back = ChannelOpenArgs {
        given_iv: Some(iv),
        ..channel(Some(key), ChannelMode::Decrypt, mech)
    };
    let opened = rig.ok(back);
    assert_eq!(opened.new_iv, None);
    assert_eq!(
        rig.ok(update(opened.idch, &output, UPDATE_FINAL)).output,
        data
    );
    rig.refused(update(opened.idch, &[], 0), Status::InvalidState);
    rig.ok(DestroyArgs { key: opened.idch });
    rig.refused(update(opened.idch, &[], 0), Status::UnknownID);
}

#[test]
fn a_hash_channel_needs_no_key() {
    let mut rig = Rig::operational();
    let opened = rig.ok(channel(None, ChannelMode::Sign, Mech::SHA1Hash));
    rig.ok(update(opened.idch, b"a", 0));
    let hash = rig.ok(update(opened.idch, b"bc", UPDATE_FINAL)).output;
    // FIPS 180-2, appendix A.1.
    assert_eq!(hash[..4], [0xa9, 0x99, 0x3e, 0x36]);
}

#[test]
fn a_verifying_channel_takes_the_value_at_its_end() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    let mech = Mech::RijndaelmCBCMACi0pPKCS5;
    let sign = rig.ok(channel(Some(key), ChannelMode::Sign, mech)).idch;
    let mac = rig.ok(update(sign, b"message", UPDATE_FINAL)).output;
    for (message, status) in [
        (&b"message"[..], Status::OK),
        (b"massage", Status::VerifyFailed),
    ] {
        let verify = rig.ok(channel(Some(key), ChannelMode::Verify, mech)).idch;
        rig.ok(update(verify, message, 0));
        assert_eq!(rig.send(update(verify, &mac, UPDATE_FINAL)).status, status);
    }
}

#[test]
fn channels_need_the_permission_of_their_mode() {
    let mut rig = Rig::operational();
    let modes = [
        (
            ChannelMode::Encrypt,
            Op::ENCRYPT,
            Mech::RijndaelmCBCi128pPKCS5,
        ),
        (ChannelMode::Decrypt, Op::DECRYPT, Mech::RijndaelmECBpPKCS5),
        (ChannelMode::Sign, Op::SIGN, Mech::RijndaelmCBCMACi0pPKCS5),
        (
            ChannelMode::Verify,
            Op::VERIFY,
            Mech::RijndaelmCBCMACi0pPKCS5,
        ),
    ];
    for (mode, bit, mech) in modes {
        let with = rig.aes(may(bit));
        rig.ok(channel(Some(with), mode, mech));
        let without = rig.aes(may(Op::KNOWN_PERMS & !bit));
        rig.refused(channel(Some(without), mode, mech), Status::AccessDenied);
    }
    let key = rig.aes(anything());
    let open = channel(Some(key), ChannelMode::Sign, Mech::RijndaelmCBCMACi0pPKCS5);
    rig.refused(
        ChannelOpenArgs {
            type_: ChannelType(5),
            ..open.clone()
        },
        Status::UnsupportedChannelType,
    );
    rig.refused(
        ChannelOpenArgs {
            mode: ChannelMode(9),
            ..open.clone()
        },
        Status::InvalidParameter,
    );
    rig.refused(ChannelOpenArgs { key: None, ..open }, Status::TypeMismatch);
}

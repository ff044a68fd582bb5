//! Channels against the one-shot commands and against OpenSSL.

use ncore::Status;
use ncore::types::{ChannelMode, IV, KeyType, Mech, MechIV};
use proptest::prelude::*;

use super::super::Channel;
use super::super::testing::{bytes, hex, rng, rsa_1024};
use super::super::{decrypt, hash};
use super::symmetric::{encryption_iv, key, vectors};

/// Feeds `input` in pieces of the given length and gives all output.
fn feed(channel: &mut Channel, input: &[u8], piece: usize) -> Result<Vec<u8>, Status> {
    let mut output = Vec::new();
    for part in input.chunks(piece) {
        output.extend(channel.update(part, false)?);
    }
    output.extend(channel.update(&[], true)?);
    Ok(output)
}

#[test]
fn pieces_of_every_length_give_what_openssl_gives() {
    for vector in vectors() {
        let given = IV {
            mech: vector.mech,
            iv: encryption_iv(&vector.iv),
        };
        for piece in [1, 3, 8, 15, 16, 17, 100] {
            for (mode, input, expected) in [
                (ChannelMode::Encrypt, &vector.plain, &vector.result),
                (ChannelMode::Decrypt, &vector.result, &vector.plain),
            ] {
                let opened = Channel::open(
                    &mut rng(1),
                    Some(&vector.key),
                    mode,
                    vector.mech,
                    Some(&given),
                );
                let (mut channel, new_iv) = opened.expect("opens");
                assert_eq!(new_iv, None);
                assert_eq!(
                    feed(&mut channel, input, piece).as_ref(),
                    Ok(expected),
                    "{} {piece}",
                    vector.mech
                );
                assert_eq!(channel.update(&[], true), Err(Status::InvalidState));
            }
        }
    }
}

#[test]
fn drawn_initialisation_vector_is_handed_back() {
    let key = key(KeyType::Rijndael, &[3; 32]);
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let opened = Channel::open(
        &mut rng(1),
        Some(&key),
        ChannelMode::Encrypt,
        Mech::Any,
        None,
    );
    let (mut channel, new_iv) = opened.expect("opens");
    let new_iv = new_iv.expect("was drawn");
    assert_eq!(new_iv.mech, mech);
    let cipher = channel.update(b"some text", true).expect("encrypts");
    let opened = Channel::open(
        &mut rng(2),
        Some(&key),
        ChannelMode::Decrypt,
        mech,
        Some(&new_iv),
    );
    let (mut channel, none) = opened.expect("opens");
    assert_eq!(none, None);
    assert_eq!(channel.update(&cipher, true), Ok(b"some text".to_vec()));
}

#[test]
fn hash_channel_needs_no_key() {
    let opened = Channel::open(&mut rng(1), None, ChannelMode::Sign, Mech::SHA1Hash, None);
    let (mut channel, new_iv) = opened.expect("opens");
    assert_eq!(new_iv, None);
    assert_eq!(channel.update(b"a", false), Ok(Vec::new()));
    let expected = hex("a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(channel.update(b"bc", true), Ok(expected.clone()));
    assert!(hash(Mech::SHA1Hash, &bytes(b"abc")).is_ok());

    let verify = |value: &[u8]| {
        let opened = Channel::open(&mut rng(1), None, ChannelMode::Verify, Mech::SHA1Hash, None);
        let (mut channel, _) = opened.expect("opens");
        channel.update(b"abc", false)?;
        channel.update(value, true)
    };
    assert_eq!(verify(&expected), Ok(Vec::new()));
    assert_eq!(verify(&expected[1..]), Err(Status::VerifyFailed));
    assert_eq!(verify(&[0; 20]), Err(Status::VerifyFailed));
}

/// RFC 2202, test case 2.
#[test]
fn mac_channels_give_the_mac() {
    let hmac = key(KeyType::HMACMD5, b"Jefe");
    let opened = Channel::open(&mut rng(1), Some(&hmac), ChannelMode::Sign, Mech::Any, None);
    let (mut channel, _) = opened.expect("opens");
    let made = feed(&mut channel, b"what do ya want for nothing?", 5);
    assert_eq!(made, Ok(hex("750c783e6ab0b503eaa86e310a5db738")));

    // The data authentication algorithm of FIPS 113, in pieces.
    let des = key(KeyType::DES, &hex("0123456789abcdef"));
    let open = |mode| {
        Channel::open(&mut rng(1), Some(&des), mode, Mech::DESmCBCMACi0pNONE, None)
            .expect("opens")
            .0
    };
    let data = b"7654321 Now is the time for \0\0\0\0";
    let made = feed(&mut open(ChannelMode::Sign), data, 7);
    assert_eq!(made, Ok(hex("f1d30f6849312ca4")));
    let mut channel = open(ChannelMode::Verify);
    assert_eq!(channel.update(data, false), Ok(Vec::new()));
    assert_eq!(
        channel.update(&hex("f1d30f6849312ca4"), true),
        Ok(Vec::new())
    );
    assert_eq!(
        open(ChannelMode::Sign).update(b"half", true),
        Err(Status::InvalidData)
    );

    let opened = Channel::open(
        &mut rng(1),
        Some(&des),
        ChannelMode::Sign,
        Mech::DESmCBCMACi64pPKCS5,
        None,
    );
    let (_, new_iv) = opened.expect("opens");
    assert!(matches!(
        new_iv,
        Some(IV {
            iv: MechIV::Generic64MAC(_),
            ..
        })
    ));
}

#[test]
fn what_has_no_streaming_form_is_refused() {
    let aes = key(KeyType::Rijndael, &[3; 16]);
    let open = |key, mode, mech| Channel::open(&mut rng(1), key, mode, mech, None).err();
    let sign = ChannelMode::Sign;
    assert_eq!(
        open(Some(rsa_1024()), sign, Mech::Any),
        Some(Status::UnsupportedChannelType)
    );
    assert_eq!(
        open(Some(&aes), sign, Mech::SHA1Hash),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        open(None, ChannelMode::Encrypt, Mech::SHA1Hash),
        Some(Status::TypeMismatch)
    );
    assert_eq!(open(None, sign, Mech::HMACSHA1), Some(Status::TypeMismatch));
    assert_eq!(
        open(Some(&aes), sign, Mech::RijndaelmECBpNONE),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        open(Some(&aes), ChannelMode::Encrypt, Mech::HMACSHA1),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        open(Some(&aes), ChannelMode::Encrypt, Mech::DESmECBpNONE),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        open(Some(&aes), ChannelMode::Encrypt, Mech(9999)),
        Some(Status::UnknownMechanism)
    );
    assert_eq!(
        open(Some(&aes), ChannelMode(0), Mech::Any),
        Some(Status::InvalidParameter)
    );
}

#[test]
fn bad_end_of_a_stream_ends_the_channel() {
    let aes = key(KeyType::Rijndael, &[3; 16]);
    let open = |mode, mech| {
        Channel::open(&mut rng(1), Some(&aes), mode, mech, None)
            .expect("opens")
            .0
    };
    let mut channel = open(ChannelMode::Encrypt, Mech::RijndaelmECBpNONE);
    assert_eq!(channel.update(&[1; 5], true), Err(Status::EncryptFailed));
    assert_eq!(channel.update(&[1; 16], true), Err(Status::InvalidState));
    let mut channel = open(ChannelMode::Decrypt, Mech::RijndaelmECBpPKCS5);
    assert_eq!(channel.update(&[1; 5], true), Err(Status::DecryptFailed));
    let mut channel = open(ChannelMode::Decrypt, Mech::RijndaelmECBpPKCS5);
    assert_eq!(channel.update(&[1; 32], true), Err(Status::DecryptFailed));
}

proptest! {
    #[test]
    fn channel_gives_what_the_one_shot_command_takes(
        data in proptest::collection::vec(any::<u8>(), 0..200),
        piece in 1usize..50,
    ) {
        let key = key(KeyType::DES3, &hex("0123456789abcdef23456789abcdef01456789abcdef0123"));
        let opened = Channel::open(&mut rng(1), Some(&key), ChannelMode::Encrypt, Mech::Any, None);
        let (mut channel, iv) = opened.expect("opens");
        let iv = iv.expect("was drawn");
        let cipher = feed(&mut channel, &data, piece).expect("encrypts");
        let body = ncore::types::MechGeneric64Cipher { cipher };
        let data_of = ncore::types::MechCipher::Generic64(body);
        let cipher = ncore::types::CipherText { mech: iv.mech, data: data_of, iv: iv.iv };
        let plain = decrypt(&engine::Fast, &key, Mech::Any, &cipher, ncore::types::PlainTextType::Bytes);
        prop_assert_eq!(plain, Ok(bytes(&data)));
    }
}

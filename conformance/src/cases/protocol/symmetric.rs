//! Symmetric keys, ciphers and MACs: every type and mode against the oracle and known answers.

use anyhow::{Context as _, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::ciphers::{BlockCipher, rc4};
use crate::oracle::hashes::Hash;
use crate::rig::Rig;
use crate::vectors;
use crate::wire::denied;

const ENCRYPT: &str = "nCore API: Cmd_Encrypt, Cmd_Decrypt";
const MACS: &str = "nCore API: Cmd_Sign, Cmd_Verify";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "symmetric.known.standards",
        "The standards' own examples come out",
        "NIST SP 800-38A, FIPS 81, NIST SP 800-67, RFC 6229",
        known,
    )
    .covers(&[replies(Cmd::Import), replies(Cmd::Encrypt), replies(Cmd::Decrypt)]),
    Case::new(
        "symmetric.modes.every",
        "Every block cipher in every mode encrypts as the oracle does, at every length around a block",
        ENCRYPT,
        modes,
    )
    .covers(&[
        replies(Cmd::Encrypt),
        replies(Cmd::Decrypt),
        denies(Cmd::Encrypt, Status::EncryptFailed),
        denies(Cmd::Decrypt, Status::DecryptFailed),
    ]),
    Case::new(
        "symmetric.padding.wycheproof",
        "Known ciphertexts decrypt, and those with bad padding do not",
        "Wycheproof, aes_cbc_pkcs5",
        padding,
    )
    .covers(&[replies(Cmd::Decrypt), denies(Cmd::Decrypt, Status::DecryptFailed)]),
    Case::new(
        "symmetric.iv.drawn",
        "An initialisation vector that is not given is drawn anew each time",
        ENCRYPT,
        iv_drawn,
    )
    .covers(&[replies(Cmd::Encrypt)]),
    Case::new(
        "symmetric.iv.wrong",
        "An initialisation vector of another mechanism is refused",
        ENCRYPT,
        iv_wrong,
    )
    .covers(&[
        denies(Cmd::Encrypt, Status::MechanismNotExpected),
        denies(Cmd::Sign, Status::MechanismNotExpected),
    ]),
    Case::new(
        "symmetric.rc4.stream",
        "RC4 takes keys of 1 to 256 bytes and starts anew with every command",
        ENCRYPT,
        arc_four,
    )
    .covers(&[replies(Cmd::Encrypt), denies(Cmd::Import, Status::InvalidParameter)]),
    Case::new(
        "symmetric.mac.every",
        "Every CBC-MAC is the last block of the oracle's",
        MACS,
        macs,
    )
    .covers(&[
        replies(Cmd::Sign),
        replies(Cmd::Verify),
        denies(Cmd::Sign, Status::InvalidData),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "symmetric.mac.standard",
        "The data authentication code of the standard comes out",
        "FIPS 113, appendix 2",
        mac_standard,
    )
    .covers(&[replies(Cmd::Sign)]),
    Case::new(
        "symmetric.hmac.known",
        "The RFCs' HMACs come out, and changed ones do not verify",
        "RFC 2202, RFC 4231",
        hmac_known,
    )
    .covers(&[
        replies(Cmd::Sign),
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "symmetric.hmac.wycheproof",
        "Wycheproof's tags verify where they are valid",
        "Wycheproof, hmac",
        hmac_wycheproof,
    )
    .covers(&[replies(Cmd::Verify), denies(Cmd::Verify, Status::VerifyFailed)]),
    Case::new(
        "symmetric.hash.known",
        "The module hashes as the standards say, without a key",
        "FIPS 180-4, RFC 1321",
        hashes,
    )
    .covers(&[replies(Cmd::Hash), denies(Cmd::Hash, Status::UnknownMechanism)]),
    Case::new(
        "symmetric.types.apart",
        "A key does not do another type's mechanisms",
        ENCRYPT,
        types_apart,
    )
    .covers(&[
        denies(Cmd::Encrypt, Status::TypeMismatch),
        denies(Cmd::Sign, Status::TypeMismatch),
        denies(Cmd::Encrypt, Status::UnknownDefault),
    ]),
    Case::new(
        "symmetric.keys.lengths",
        "Keys of every type have the lengths of their type and no others, generated and imported",
        "nCore API: Cmd_GenerateKey, Cmd_Import",
        lengths,
    )
    .covers(&[
        replies(Cmd::GenerateKey),
        replies(Cmd::GetKeyInfoEx),
        denies(Cmd::GenerateKey, Status::InvalidParameter),
        denies(Cmd::Import, Status::InvalidParameter),
    ]),
    Case::new(
        "symmetric.keys.parity",
        "Generated DES keys have odd parity and unequal parts",
        "FIPS 46-3",
        parity,
    )
    .covers(&[replies(Cmd::GenerateKey), replies(Cmd::Export)]),
];

/// A block cipher's key type and length, and its mechanisms: ECB and CBC without and with padding, MACs from an
/// initialisation vector, from zeros with padding, from zeros over whole blocks.
struct Suite {
    type_: KeyType,
    length: usize,
    ecb: Mech,
    ecb_padded: Mech,
    cbc: Mech,
    cbc_padded: Mech,
    mac_iv: Mech,
    mac_padded: Mech,
    mac: Mech,
}

const fn aes(length: usize) -> Suite {
    Suite {
        type_: KeyType::Rijndael,
        length,
        ecb: Mech::RijndaelmECBpNONE,
        ecb_padded: Mech::RijndaelmECBpPKCS5,
        cbc: Mech::RijndaelmCBCpNONE,
        cbc_padded: Mech::RijndaelmCBCi128pPKCS5,
        mac_iv: Mech::RijndaelmCBCMACi128pPKCS5,
        mac_padded: Mech::RijndaelmCBCMACi0pPKCS5,
        mac: Mech::RijndaelmCBCMACi0pNONE,
    }
}

const SUITES: [Suite; 6] = [
    Suite {
        type_: KeyType::DES,
        length: 8,
        ecb: Mech::DESmECBpNONE,
        ecb_padded: Mech::DESmECBpPKCS5,
        cbc: Mech::DESmCBCpNONE,
        cbc_padded: Mech::DESmCBCi64pPKCS5,
        mac_iv: Mech::DESmCBCMACi64pPKCS5,
        mac_padded: Mech::DESmCBCMACi0pPKCS5,
        mac: Mech::DESmCBCMACi0pNONE,
    },
    Suite {
        type_: KeyType::DES2,
        length: 16,
        ecb: Mech::DES2mECBpNONE,
        ecb_padded: Mech::DES2mECBpPKCS5,
        cbc: Mech::DES2mCBCpNONE,
        cbc_padded: Mech::DES2mCBCi64pPKCS5,
        mac_iv: Mech::DES2mCBCMACi64pPKCS5,
        mac_padded: Mech::DES2mCBCMACi0pPKCS5,
        mac: Mech::DES2mCBCMACi0pNONE,
    },
    Suite {
        type_: KeyType::DES3,
        length: 24,
        ecb: Mech::DES3mECBpNONE,
        ecb_padded: Mech::DES3mECBpPKCS5,
        cbc: Mech::DES3mCBCpNONE,
        cbc_padded: Mech::DES3mCBCi64pPKCS5,
        mac_iv: Mech::DES3mCBCMACi64pPKCS5,
        mac_padded: Mech::DES3mCBCMACi0pPKCS5,
        mac: Mech::DES3mCBCMACi0pNONE,
    },
    aes(16),
    aes(24),
    aes(32),
];

impl Suite {
    /// A generated key with every permission, and the oracle's cipher with the same bytes.
    fn key(&self, bench: &Bench) -> anyhow::Result<(u32, BlockCipher)> {
        let args = bench.key_args(self.params(), may(Op::KNOWN_PERMS));
        let key = bench.send(args)?.key;
        let bytes = key_bytes(&bench.export(key)?)?;
        is(bytes.len(), self.length, "bytes of the key")?;
        Ok((key, BlockCipher::new(self.type_, &bytes)))
    }

    fn params(&self) -> KeyGenParams {
        params_of(self.type_, self.length)
    }

    fn name(&self) -> String {
        format!("{} with {} bytes", self.type_, self.length)
    }
}

/// How a key of this type and length is made: DES keys have one length, the others say it.
fn params_of(type_: KeyType, length: usize) -> KeyGenParams {
    if [KeyType::DES, KeyType::DES2, KeyType::DES3].contains(&type_) {
        KeyGenParams {
            type_,
            params: KeyTypeGenParams::Empty,
        }
    } else {
        random_params(type_, length as u32)
    }
}

/// An initialisation vector for a cipher, in the form of its block length.
pub(super) fn cipher_iv(iv: &[u8]) -> anyhow::Result<MechIV> {
    Ok(match iv.len() {
        0 => MechIV::Empty,
        8 => MechIV::Generic64(MechGeneric64IV { iv: iv.try_into()? }),
        _ => MechIV::Generic128(MechGeneric128IV { iv: iv.try_into()? }),
    })
}

/// An initialisation vector for a MAC.
pub(super) fn mac_iv(iv: &[u8]) -> anyhow::Result<MechIV> {
    Ok(match iv.len() {
        0 => MechIV::Empty,
        8 => MechIV::Generic64MAC(MechGeneric64MACIV { iv: iv.try_into()? }),
        _ => MechIV::Generic128MAC(MechGeneric128MACIV { iv: iv.try_into()? }),
    })
}

/// The bytes of a block or stream ciphertext.
fn cipher_bytes(cipher: &CipherText) -> anyhow::Result<&[u8]> {
    Ok(match &cipher.data {
        MechCipher::Generic64(body) => &body.cipher,
        MechCipher::Generic128(body) => &body.cipher,
        MechCipher::ArcFourpNONE(body) => &body.cipher,
        other => anyhow::bail!("a ciphertext was expected, not {other:?}"),
    })
}

fn mac_bytes(cipher: &CipherText) -> anyhow::Result<&[u8]> {
    Ok(match &cipher.data {
        MechCipher::Generic64MAC(body) => &body.mac,
        MechCipher::Generic128MAC(body) => &body.mac,
        other => anyhow::bail!("a MAC was expected, not {other:?}"),
    })
}

fn block_cipher(mech: Mech, block: usize, cipher: Vec<u8>, iv: MechIV) -> CipherText {
    let data = if block == 8 {
        MechCipher::Generic64(MechGeneric64Cipher { cipher })
    } else {
        MechCipher::Generic128(MechGeneric128Cipher { cipher })
    };
    CipherText { mech, data, iv }
}

fn known(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for vector in vectors::parse(include_str!("../../../../vectors/ciphers.txt"))? {
        let type_ = KeyType::from_name(vector.text("type")).context("the key type")?;
        let (key, iv, msg) = (vector.bytes("key"), vector.bytes("iv"), vector.bytes("msg"));
        let suite = SUITES.iter().find(|suite| suite.type_ == type_);
        let mech = match (vector.text("mode"), suite) {
            ("ECB", Some(suite)) => suite.ecb,
            ("CBC", Some(suite)) => suite.cbc,
            _ => Mech::ArcFourpNONE,
        };
        let id = bench.import(raw_key(type_, &key)?, may(Op::ENCRYPT | Op::DECRYPT))?;
        let given_iv = if iv.is_empty() {
            None
        } else {
            Some(IV {
                mech,
                iv: cipher_iv(&iv)?,
            })
        };
        let args = EncryptArgs {
            given_iv,
            ..encrypt_args(id, mech, bytes(&msg))
        };
        let cipher = bench.send(args)?.cipher;
        is(
            cipher_bytes(&cipher)?,
            &vector.bytes("ct")[..],
            vector.text("id"),
        )?;
        let plain = bench.send(decrypt_args(id, cipher))?.plain;
        is(plain_bytes(&plain)?, &msg[..], vector.text("id"))?;
    }
    Ok(Outcome::Passed)
}

fn modes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for suite in &SUITES {
        let (key, oracle) = suite.key(&bench)?;
        let block = oracle.block_len();
        let iv: Vec<u8> = (0..block as u8).map(|byte| byte ^ 0xa5).collect();
        for length in [
            0,
            1,
            block - 1,
            block,
            block + 1,
            2 * block,
            3 * block - 1,
            100 * block,
        ] {
            let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let padded = oracle.pad(&data);
            for (mech, chained, pads) in [
                (suite.ecb, false, false),
                (suite.ecb_padded, false, true),
                (suite.cbc, true, false),
                (suite.cbc_padded, true, true),
            ] {
                let what = format!("{}, {mech}, {length} bytes", suite.name());
                let given_iv = if chained {
                    Some(IV {
                        mech,
                        iv: cipher_iv(&iv)?,
                    })
                } else {
                    None
                };
                let args = EncryptArgs {
                    given_iv,
                    ..encrypt_args(key, mech, bytes(&data))
                };
                let answer = bench.send(args);
                if !pads && length % block != 0 {
                    is(status(answer), Status::EncryptFailed, &what)?;
                    let iv = if chained {
                        cipher_iv(&iv)?
                    } else {
                        MechIV::Empty
                    };
                    let cut = block_cipher(mech, block, data.clone(), iv);
                    is(
                        status(bench.send(decrypt_args(key, cut))),
                        Status::DecryptFailed,
                        &what,
                    )?;
                    continue;
                }
                let input = if pads { &padded } else { &data };
                let expected = if chained {
                    oracle.cbc(&iv, input)?
                } else {
                    oracle.ecb(input)?
                };
                let cipher = answer.with_context(|| what.clone())?.cipher;
                is(cipher_bytes(&cipher)?, &expected[..], &what)?;
                let plain = bench.send(decrypt_args(key, cipher))?.plain;
                is(plain_bytes(&plain)?, &data[..], &what)?;
            }
        }
    }
    Ok(Outcome::Passed)
}

fn padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mut tried = 0;
    for vector in vectors::parse(include_str!(
        "../../../../vectors/wycheproof-aes-cbc-pkcs5.txt"
    ))? {
        let mech = Mech::RijndaelmCBCi128pPKCS5;
        let key = bench.import(
            raw_key(KeyType::Rijndael, &vector.bytes("key"))?,
            may(Op::DECRYPT | Op::ENCRYPT),
        )?;
        let iv = cipher_iv(&vector.bytes("iv"))?;
        let cipher = block_cipher(mech, 16, vector.bytes("ct"), iv.clone());
        let answer = bench.send(decrypt_args(key, cipher.clone()));
        let what = format!("{}, {}", vector.text("id"), vector.text("comment"));
        if vector.text("result") == "valid" {
            is(
                plain_bytes(&answer?.plain)?,
                &vector.bytes("msg")[..],
                &what,
            )?;
            let args = EncryptArgs {
                given_iv: Some(IV { mech, iv }),
                ..encrypt_args(key, mech, bytes(&vector.bytes("msg")))
            };
            is(bench.send(args)?.cipher, cipher, &what)?;
        } else {
            is(status(answer), Status::DecryptFailed, &what)?;
        }
        tried += 1;
    }
    ensure!(tried >= 30, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn iv_drawn(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for suite in &SUITES {
        let (key, oracle) = suite.key(&bench)?;
        let encrypt = || bench.send(encrypt_args(key, suite.cbc_padded, bytes(b"the same")));
        let (one, two) = (encrypt()?.cipher, encrypt()?.cipher);
        ensure!(
            one.iv != two.iv && one.data != two.data,
            "{}: the same twice",
            suite.name()
        );
        for cipher in [one, two] {
            let iv = match &cipher.iv {
                MechIV::Generic64(iv) => iv.iv.to_vec(),
                MechIV::Generic128(iv) => iv.iv.to_vec(),
                other => anyhow::bail!("no initialisation vector but {other:?}"),
            };
            let expected = oracle.cbc(&iv, &oracle.pad(b"the same"))?;
            is(cipher_bytes(&cipher)?, &expected[..], &suite.name())?;
        }
    }
    Ok(Outcome::Passed)
}

fn iv_wrong(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = bench.aes(may(Op::KNOWN_PERMS))?;
    let iv = || IV {
        mech: Mech::DESmCBCi64pPKCS5,
        iv: MechIV::Generic64(MechGeneric64IV::default()),
    };
    let encrypt = EncryptArgs {
        given_iv: Some(iv()),
        ..encrypt_args(key, Mech::RijndaelmCBCi128pPKCS5, bytes(b"x"))
    };
    denied(bench.send(encrypt), Status::MechanismNotExpected)?;
    let sign = SignArgs {
        given_iv: Some(iv()),
        ..sign_args(key, Mech::RijndaelmCBCMACi128pPKCS5, bytes(b"x"))
    };
    denied(bench.send(sign), Status::MechanismNotExpected)?;
    Ok(Outcome::Passed)
}

fn arc_four(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for length in [1, 5, 16, 255, 256] {
        let key: Vec<u8> = (0..length).map(|at| (at * 7 + 3) as u8).collect();
        let id = bench.import(
            raw_key(KeyType::ArcFour, &key)?,
            may(Op::ENCRYPT | Op::DECRYPT),
        )?;
        for data in [&b""[..], b"a", &[0; 1000]] {
            for mech in [Mech::ArcFourpNONE, Mech::Any] {
                let cipher = bench.send(encrypt_args(id, mech, bytes(data)))?.cipher;
                is(
                    cipher_bytes(&cipher)?,
                    &rc4(&key, data)[..],
                    &format!("{length} bytes of key"),
                )?;
                let plain = bench.send(decrypt_args(id, cipher))?.plain;
                is(plain_bytes(&plain)?, data, "decrypted")?;
            }
        }
    }
    for length in [0, 257] {
        let data = raw_key(KeyType::ArcFour, &vec![1; length])?;
        denied(
            bench.send(bench.import_args(data, anything())),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn macs(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for suite in &SUITES {
        let (key, oracle) = suite.key(&bench)?;
        let block = oracle.block_len();
        let iv: Vec<u8> = (0..block as u8).map(|byte| byte.wrapping_mul(31)).collect();
        let zeros = vec![0; block];
        for length in [0, 1, block, 2 * block + 3] {
            let data: Vec<u8> = (0..length).map(|at| at as u8 ^ 0x5c).collect();
            for (mech, start, pads) in [
                (suite.mac_iv, &iv, true),
                (suite.mac_padded, &zeros, true),
                (suite.mac, &zeros, false),
            ] {
                let what = format!("{}, {mech}, {length} bytes", suite.name());
                let given_iv = if mech == suite.mac_iv {
                    Some(IV {
                        mech,
                        iv: mac_iv(&iv)?,
                    })
                } else {
                    None
                };
                let answer = bench.send(SignArgs {
                    given_iv,
                    ..sign_args(key, mech, bytes(&data))
                });
                if !pads && (length % block != 0 || length == 0) {
                    is(status(answer), Status::InvalidData, &what)?;
                    continue;
                }
                let input = if pads {
                    oracle.pad(&data)
                } else {
                    data.clone()
                };
                let sig = answer.with_context(|| what.clone())?.sig;
                is(mac_bytes(&sig)?, &oracle.cbc_mac(start, &input)?[..], &what)?;
                bench.send(verify_args(key, bytes(&data), sig.clone()))?;
                let longer = [&data[..], &[1; 16]].concat();
                is(
                    status(bench.send(verify_args(key, bytes(&longer), sig.clone()))),
                    Status::VerifyFailed,
                    &what,
                )?;
                let mut changed = sig;
                match &mut changed.data {
                    MechCipher::Generic64MAC(body) => body.mac[7] ^= 1,
                    MechCipher::Generic128MAC(body) => body.mac[15] ^= 1,
                    other => anyhow::bail!("no MAC but {other:?}"),
                }
                is(
                    status(bench.send(verify_args(key, bytes(&data), changed))),
                    Status::VerifyFailed,
                    &what,
                )?;
            }
        }
    }
    Ok(Outcome::Passed)
}

fn mac_standard(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = raw_key(
        KeyType::DES,
        &[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
    )?;
    let key = bench.import(key, may(Op::SIGN))?;
    let data = b"7654321 Now is the time for \0\0\0\0";
    let sig = bench.sign(key, Mech::DESmCBCMACi0pNONE, bytes(data))?;
    is(
        mac_bytes(&sig)?,
        &[0xf1, 0xd3, 0x0f, 0x68, 0x49, 0x31, 0x2c, 0xa4][..],
        "the code",
    )?;
    Ok(Outcome::Passed)
}

/// The output of an HMAC mechanism in the form in which it travels.
fn hmac_output(hash: Hash, tag: &[u8]) -> anyhow::Result<CipherText> {
    let data = match hash {
        Hash::Md5 => MechCipher::MD5Hash(MechMD5HashCipher { h: tag.try_into()? }),
        Hash::Sha1 => MechCipher::SHA1Hash(MechSHA1HashCipher { h: tag.try_into()? }),
        Hash::Sha224 => MechCipher::SHA224Hash(MechSHA224HashCipher { h: tag.try_into()? }),
        Hash::Sha256 => MechCipher::SHA256Hash(MechSHA256HashCipher { h: tag.try_into()? }),
        Hash::Sha384 => MechCipher::SHA384Hash(MechSHA384HashCipher { h: tag.try_into()? }),
        Hash::Sha512 => MechCipher::SHA512Hash(MechSHA512HashCipher { h: tag.try_into()? }),
    };
    Ok(CipherText {
        mech: hmac_type(hash).1,
        data,
        iv: MechIV::Empty,
    })
}

fn hmac_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for vector in vectors::parse(include_str!("../../../../vectors/hmac.txt"))? {
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let (type_, mech) = hmac_type(hash);
        let key = bench.import(
            raw_key(type_, &vector.bytes("key"))?,
            may(Op::SIGN | Op::VERIFY),
        )?;
        let msg = vector.bytes("msg");
        for mech in [mech, Mech::Any] {
            let sig = bench.sign(key, mech, bytes(&msg))?;
            is(hash_output(&sig)?, vector.bytes("tag"), vector.text("id"))?;
            bench.send(verify_args(key, bytes(&msg), sig))?;
        }
        for bit in [0, 7, vector.bytes("tag").len() * 8 - 1] {
            let mut tag = vector.bytes("tag");
            tag[bit / 8] ^= 1 << (bit % 8);
            let sig = hmac_output(hash, &tag)?;
            denied(
                bench.send(verify_args(key, bytes(&msg), sig)),
                Status::VerifyFailed,
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn hmac_wycheproof(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mut tried = 0;
    for vector in vectors::parse(include_str!("../../../../vectors/wycheproof-hmac.txt"))? {
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let key = raw_key(hmac_type(hash).0, &vector.bytes("key"))?;
        let key = bench.import(key, may(Op::VERIFY))?;
        let sig = hmac_output(hash, &vector.bytes("tag"))?;
        let found = status(bench.send(verify_args(key, bytes(&vector.bytes("msg")), sig)));
        let expected = if vector.text("result") == "valid" {
            Status::OK
        } else {
            Status::VerifyFailed
        };
        is(
            found,
            expected,
            &format!("{}, {}", vector.text("id"), vector.text("comment")),
        )?;
        tried += 1;
    }
    ensure!(tried >= 30, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn hashes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hash = |mech, data: &[u8]| {
        bench.send(HashArgs {
            flags: 0,
            mech,
            plain: bytes(data),
        })
    };
    for vector in vectors::parse(include_str!("../../../../vectors/hashes.txt"))? {
        let name = Hash::named(vector.text("hash")).context("the hash")?;
        let sig = hash(hash_mech(name), &vector.bytes("msg"))?.sig;
        is(
            hash_output(&sig)?,
            vector.bytes("digest"),
            vector.text("hash"),
        )?;
    }
    for name in Hash::ALL {
        // Around the blocks of 64 and 128 bytes, where the padding needs another one.
        for length in [0, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 5000] {
            let data = vec![0xc3; length];
            let sig = hash(hash_mech(name), &data)?.sig;
            is(
                hash_output(&sig)?,
                name.digest(&data),
                &format!("{name:?}, {length} bytes"),
            )?;
        }
    }
    for mech in [Mech::RSApPKCS1, Mech::HMACSHA1, Mech::Any, Mech(0xfff_ffff)] {
        denied(hash(mech, b"x"), Status::UnknownMechanism)?;
    }
    Ok(Outcome::Passed)
}

fn types_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let suites: Vec<_> = SUITES
        .iter()
        .map(|suite| Ok((suite, suite.key(&bench)?.0)))
        .collect::<anyhow::Result<_>>()?;
    for (suite, key) in &suites {
        for other in SUITES.iter().filter(|other| other.type_ != suite.type_) {
            let what = format!("{} by {}", suite.name(), other.name());
            for mech in [other.ecb, other.cbc_padded] {
                let data = bytes(&[0; 16]);
                is(
                    status(bench.send(encrypt_args(*key, mech, data))),
                    Status::TypeMismatch,
                    &what,
                )?;
            }
            is(
                status(bench.send(sign_args(*key, other.mac_padded, bytes(b"x")))),
                Status::TypeMismatch,
                &what,
            )?;
        }
    }
    let hmac = bench
        .send(bench.key_args(random_params(KeyType::HMACSHA1, 20), may(Op::KNOWN_PERMS)))?
        .key;
    denied(
        bench.send(sign_args(hmac, Mech::HMACSHA256, bytes(b"x"))),
        Status::TypeMismatch,
    )?;
    denied(
        bench.send(encrypt_args(hmac, Mech::Any, bytes(b"x"))),
        Status::UnknownDefault,
    )?;
    let random = bench
        .send(bench.key_args(random_params(KeyType::Random, 20), may(Op::KNOWN_PERMS)))?
        .key;
    denied(
        bench.send(sign_args(random, Mech::Any, bytes(b"x"))),
        Status::UnknownDefault,
    )?;
    denied(
        bench.send(sign_args(random, Mech::HMACSHA1, bytes(b"x"))),
        Status::TypeMismatch,
    )?;
    Ok(Outcome::Passed)
}

fn lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for suite in &SUITES {
        let (key, _) = suite.key(&bench)?;
        let info = bench.send(GetKeyInfoExArgs { flags: 0, key })?;
        is(
            (info.type_, info.length as usize),
            (suite.type_, suite.length * 8),
            "type and bits",
        )?;
    }
    for length in [0, 1, 15, 17, 23, 31, 33, 64] {
        let params = random_params(KeyType::Rijndael, length as u32);
        denied(
            bench.send(bench.key_args(params, anything())),
            Status::InvalidParameter,
        )?;
        let data = raw_key(KeyType::Rijndael, &vec![1; length])?;
        denied(
            bench.send(bench.import_args(data, anything())),
            Status::InvalidParameter,
        )?;
    }
    for type_ in [
        KeyType::HMACMD5,
        KeyType::HMACSHA512,
        KeyType::Random,
        KeyType::ArcFour,
    ] {
        let key = bench
            .send(bench.key_args(random_params(type_, 40), may(Op::EXPORT_AS_PLAIN)))?
            .key;
        is(
            key_bytes(&bench.export(key)?)?.len(),
            40,
            &format!("bytes of {type_}"),
        )?;
        denied(
            bench.send(bench.key_args(random_params(type_, 0), anything())),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn parity(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (type_, length) in [(KeyType::DES, 8), (KeyType::DES2, 16), (KeyType::DES3, 24)] {
        let mut seen = Vec::new();
        for _ in 0..8 {
            let key = bench
                .send(bench.key_args(params_of(type_, length), may(Op::EXPORT_AS_PLAIN)))?
                .key;
            let bytes = key_bytes(&bench.export(key)?)?;
            ensure!(
                bytes.iter().all(|byte| byte.count_ones() % 2 == 1),
                "{type_}: even parity"
            );
            let mut parts: Vec<&[u8]> = bytes.chunks(8).collect();
            parts.sort_unstable();
            parts.dedup();
            is(parts.len(), length / 8, "different parts")?;
            ensure!(!seen.contains(&bytes), "{type_}: the same key twice");
            seen.push(bytes);
        }
    }
    Ok(Outcome::Passed)
}

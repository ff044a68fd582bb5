//! Using keys, and arithmetic without keys: Sign, Verify, Encrypt, Decrypt, Hash, channels, ModExp and its kin, random
//! numbers and primes.

use anyhow::{Context as _, bail, ensure};
use ncore::Bignum;
use ncore::types::*;
use num_bigint::BigUint;

use super::kit::*;
use crate::capi::numbers::{CALG_SHA_256, CALG_SHA1};
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::{digest, hex};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "operations.sign.verifies",
        "A signature of the module verifies elsewhere and in the module",
        "nCore API: Cmd_Sign, Cmd_Verify; RFC 8017",
        sign_verifies,
    )
    .covers(&[
        replies(Cmd::Sign),
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "operations.sign.in-flight",
        "Signatures under way at once on one connection each belong to their own text",
        "nCore wire format: commands and replies",
        sign_in_flight,
    )
    .covers(&[replies(Cmd::Sign)]),
    Case::new(
        "operations.sign.dsa",
        "A DSA signature of the module verifies elsewhere",
        "FIPS 186-4, section 4.7",
        sign_dsa,
    )
    .covers(&[replies(Cmd::Sign)]),
    Case::new(
        "operations.sign.mechanism",
        "A mechanism that does not suit the key is refused",
        "nCore API: Cmd_Sign",
        sign_mechanism,
    )
    .covers(&[denies(Cmd::Sign, Status::UnknownMechanism)]),
    Case::new(
        "operations.encrypt.known",
        "AES in CBC gives the standard's cipher text",
        "NIST SP 800-38A, appendix F.2",
        encrypt_known,
    )
    .covers(&[replies(Cmd::Encrypt), replies(Cmd::Decrypt)]),
    Case::new(
        "operations.decrypt.rsa",
        "The module decrypts what was encrypted elsewhere",
        "RFC 8017, section 7.2",
        decrypt_rsa,
    )
    .covers(&[
        replies(Cmd::Decrypt),
        denies(Cmd::Decrypt, Status::DecryptFailed),
    ]),
    Case::new(
        "operations.hash.known",
        "The module hashes as the standard says",
        "FIPS 180-4",
        hash_known,
    )
    .covers(&[
        replies(Cmd::Hash),
        denies(Cmd::Hash, Status::UnknownMechanism),
    ]),
    Case::new(
        "operations.channel.one-shot",
        "A channel gives what the single command gives",
        "nCore API: Cmd_ChannelOpen, Cmd_ChannelUpdate",
        channel_one_shot,
    )
    .covers(&[
        replies(Cmd::ChannelOpen),
        replies(Cmd::ChannelUpdate),
        denies(Cmd::ChannelUpdate, Status::InvalidState),
        denies(Cmd::ChannelOpen, Status::AccessDenied),
    ]),
    Case::new(
        "operations.channel.destroyed",
        "A channel ends by Destroy",
        "nCore API: Cmd_ChannelUpdate",
        channel_destroyed,
    )
    .covers(&[denies(Cmd::ChannelUpdate, Status::UnknownID)]),
    Case::new(
        "operations.modexp.any",
        "Modular exponentiation takes any modulus but zero",
        "nCore API: Cmd_ModExp",
        modexp_any,
    )
    .covers(&[
        replies(Cmd::ModExp),
        denies(Cmd::ModExp, Status::InvalidParameter),
    ]),
    Case::new(
        "operations.modexp.crt",
        "Exponentiation by the Chinese remainder theorem is exponentiation",
        "nCore API: Cmd_ModExpCrt, Cmd_RSAImmedSignDecrypt, Cmd_RSAImmedVerifyEncrypt",
        modexp_crt,
    )
    .covers(&[
        replies(Cmd::ModExpCrt),
        replies(Cmd::RSAImmedSignDecrypt),
        replies(Cmd::RSAImmedVerifyEncrypt),
        denies(Cmd::ModExpCrt, Status::OutOfRange),
        denies(Cmd::RSAImmedSignDecrypt, Status::OutOfRange),
        denies(Cmd::RSAImmedVerifyEncrypt, Status::OutOfRange),
    ]),
    Case::new(
        "operations.prime.is-prime",
        "A generated prime is one, of the length asked for",
        "nCore API: Cmd_GeneratePrime",
        prime,
    )
    .covers(&[
        replies(Cmd::GeneratePrime),
        denies(Cmd::GeneratePrime, Status::InvalidParameter),
    ]),
    Case::new(
        "operations.random.length",
        "Random bytes have the length asked for",
        "nCore API: Cmd_GenerateRandom",
        random_length,
    )
    .covers(&[
        replies(Cmd::GenerateRandom),
        denies(Cmd::GenerateRandom, Status::OutOfRange),
    ]),
];

fn big(number: &Bignum) -> BigUint {
    BigUint::from_bytes_le(number.le_bytes())
}

fn bignum(number: &BigUint) -> Bignum {
    Bignum::from_le(&number.to_bytes_le())
}

fn sign_verifies(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(
        &wire,
        module,
        1024,
        may(Op::SIGN),
        may(Op::VERIFY | Op::EXPORT_AS_PLAIN),
    )?;
    let key = exported(&wire, public)?;
    for (mech, algid) in [
        (Mech::RSAhSHA1pPKCS1, CALG_SHA1),
        (Mech::RSAhSHA256pPKCS1, CALG_SHA_256),
    ] {
        let sig = wire
            .send(SignArgs {
                mech,
                ..sign_args(private, b"message")
            })?
            .sig;
        key.verify(
            algid,
            &digest(algid, b"message")?,
            &signature(&sig, key.length)?,
        )?;
        let verify = |plain| {
            wire.send(VerifyArgs {
                key: public,
                mech,
                plain,
                sig: sig.clone(),
                ..VerifyArgs::default()
            })
        };
        verify(bytes(b"message"))?;
        denied(verify(bytes(b"massage")), Status::VerifyFailed)?;
    }
    Ok(Outcome::Passed)
}

fn sign_in_flight(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(&wire, module, 1024, may(Op::SIGN), may(Op::EXPORT_AS_PLAIN))?;
    let key = exported(&wire, public)?;
    let sign = |text: &[u8]| SignArgs {
        mech: Mech::RSAhSHA256pPKCS1,
        ..sign_args(private, text)
    };
    let connection = wire.connection();
    let texts: Vec<String> = (0..64).map(|number| format!("text {number}")).collect();
    let pending = texts
        .iter()
        .map(|text| connection.submit(sign(text.as_bytes()), None))
        .collect::<Result<Vec<_>, _>>()?;
    for (text, pending) in texts.iter().zip(pending) {
        let sig = connection.wait(pending)?.sig;
        let digest = digest(CALG_SHA_256, text.as_bytes())?;
        key.verify(CALG_SHA_256, &digest, &signature(&sig, key.length)?)
            .with_context(|| text.clone())?;
    }
    rig.note(replies(Cmd::Sign));
    Ok(Outcome::Passed)
}

fn sign_dsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let params = KeyTypeDSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeDSAPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::DSAPrivate,
        params: KeyTypeGenParams::DSAPrivate(params),
    };
    let pair = wire.send(GenerateKeyPairArgs {
        params,
        ..rsa_args(module, 0, anything(), anything())
    })?;
    let args = SignArgs {
        mech: Mech::DSA,
        ..sign_args(pair.keypriv, b"message")
    };
    let MechCipher::DSA(rs) = wire.send(args)?.sig.data else {
        bail!("no DSA signature")
    };
    let KeyTypeData::DSAPublic(key) = wire.send(ExportArgs { key: pair.keypub })?.data.data else {
        bail!("no DSA public key");
    };
    // FIPS 186-4, section 4.7, by plain arithmetic.
    let (p, q, g, y) = (
        big(&key.dlg.p),
        big(&key.dlg.q),
        big(&key.dlg.g),
        big(&key.y),
    );
    let (r, s) = (big(&rs.r), big(&rs.s));
    ensure!(
        r > BigUint::ZERO && r < q && s > BigUint::ZERO && s < q,
        "r or s is out of range"
    );
    let z = BigUint::from_bytes_be(&digest(CALG_SHA1, b"message")?);
    let w = s.modpow(&(&q - 2_u32), &q);
    let v = g.modpow(&(&z * &w % &q), &p) * y.modpow(&(&r * &w % &q), &p) % &p % &q;
    equal(v, r, "v and r")?;
    Ok(Outcome::Passed)
}

fn sign_mechanism(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, _) = rsa(&wire, module, 512, anything(), anything())?;
    let sign = |mech| {
        wire.send(SignArgs {
            mech,
            ..sign_args(private, b"message")
        })
    };
    denied(sign(Mech(0x7fff_ffff)), Status::UnknownMechanism)?;
    Ok(Outcome::Passed)
}

/// Encrypts with a given vector.
fn encrypt_cbc(wire: &Wire, key: u32, iv: &IV, plain: &[u8]) -> anyhow::Result<CipherText> {
    let given_iv = Some(iv.clone());
    Ok(wire
        .send(EncryptArgs {
            key,
            mech: iv.mech,
            plain: bytes(plain),
            given_iv,
            ..EncryptArgs::default()
        })?
        .cipher)
}

fn encrypt_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
    let key = wire
        .send(import_args(module, KeyType::Rijndael, &key, anything()))?
        .key;
    let vector: [u8; 16] = std::array::from_fn(|index| index as u8);
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let iv = IV {
        mech,
        iv: MechIV::Generic128(MechGeneric128IV { iv: vector }),
    };
    let plain = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51");
    let cipher = encrypt_cbc(&wire, key, &iv, &plain)?;
    let MechCipher::Generic128(body) = &cipher.data else {
        bail!("no AES cipher text but {}", cipher.mech)
    };
    equal(
        body.cipher[..32].to_vec(),
        hex("7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"),
        "the cipher text",
    )?;
    equal(body.cipher.len(), 48, "the length with padding")?;
    let args = DecryptArgs {
        key,
        mech,
        cipher,
        reply_type: PlainTextType::Bytes,
        ..DecryptArgs::default()
    };
    equal(wire.send(args)?.plain, bytes(&plain), "the plain text")?;
    Ok(Outcome::Passed)
}

fn decrypt_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(
        &wire,
        module,
        1024,
        may(Op::DECRYPT),
        may(Op::EXPORT_AS_PLAIN),
    )?;
    let key = exported(&wire, public)?;
    let decrypt = |m: &[u8]| {
        let data = MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_le(m),
        });
        let cipher = CipherText {
            mech: Mech::RSApPKCS1,
            data,
            ..CipherText::default()
        };
        let mech = Mech::RSApPKCS1;
        wire.send(DecryptArgs {
            key: private,
            mech,
            cipher,
            reply_type: PlainTextType::Bytes,
            ..DecryptArgs::default()
        })
    };
    equal(
        decrypt(&key.encrypt(b"message")?)?.plain,
        bytes(b"message"),
        "the plain text",
    )?;
    // A block of all ones but for the first byte is no padding of type 2.
    let spoiled = key.raise(&[&[0xff; 127][..], &[0]].concat());
    denied(decrypt(&spoiled), Status::DecryptFailed)?;
    Ok(Outcome::Passed)
}

fn hash_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let sig = wire
        .send(HashArgs {
            flags: 0,
            mech: Mech::SHA256Hash,
            plain: bytes(b"abc"),
        })?
        .sig;
    let MechCipher::SHA256Hash(hash) = sig.data else {
        bail!("no SHA-256 but {}", sig.mech)
    };
    equal(
        hash.h.to_vec(),
        digest(CALG_SHA_256, b"abc")?,
        "SHA-256 of abc",
    )?;
    let sig = wire
        .send(HashArgs {
            flags: 0,
            mech: Mech::SHA1Hash,
            plain: bytes(b"abc"),
        })?
        .sig;
    let MechCipher::SHA1Hash(hash) = sig.data else {
        bail!("no SHA-1 but {}", sig.mech)
    };
    equal(
        hash.h.to_vec(),
        hex("a9993e364706816aba3e25717850c26c9cd0d89d"),
        "SHA-1 of abc",
    )?;
    let unknown = HashArgs {
        flags: 0,
        mech: Mech::TigerHash,
        plain: bytes(b"abc"),
    };
    denied(wire.send(unknown), Status::UnknownMechanism)?;
    Ok(Outcome::Passed)
}

fn channel(module: u32, key: Option<u32>, mode: ChannelMode, mech: Mech) -> ChannelOpenArgs {
    ChannelOpenArgs {
        module,
        type_: ChannelType::Simple,
        mode,
        mech,
        key,
        ..ChannelOpenArgs::default()
    }
}

/// The flag of ChannelUpdate that marks the last part.
const UPDATE_FINAL: u32 = 1;

fn update(
    wire: &Wire,
    idch: u32,
    input: &[u8],
    last: bool,
) -> Result<Vec<u8>, ncore::client::ClientError> {
    let flags = if last { UPDATE_FINAL } else { 0 };
    Ok(wire
        .send(ChannelUpdateArgs {
            flags,
            idch,
            input: input.to_vec(),
        })?
        .output)
}

fn channel_one_shot(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let key = aes(&wire, module, anything())?;
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let data: Vec<u8> = (0..100).collect();
    let opened = wire.send(channel(module, Some(key), ChannelMode::Encrypt, mech))?;
    let iv = opened.new_iv.context("the module draws no vector")?;
    let mut output = update(&wire, opened.idch, &data[..33], false)?;
    output.extend(update(&wire, opened.idch, &data[33..], true)?);
    denied(update(&wire, opened.idch, &[], false), Status::InvalidState)?;
    let MechCipher::Generic128(whole) = encrypt_cbc(&wire, key, &iv, &data)?.data else {
        bail!("no AES cipher text")
    };
    equal(output.clone(), whole.cipher, "the cipher text")?;
    let back = ChannelOpenArgs {
        given_iv: Some(iv),
        ..channel(module, Some(key), ChannelMode::Decrypt, mech)
    };
    let opened = wire.send(back)?;
    equal(
        update(&wire, opened.idch, &output, true)?,
        data,
        "the plain text",
    )?;
    let without = aes(&wire, module, may(Op::KNOWN_PERMS & !Op::ENCRYPT))?;
    denied(
        wire.send(channel(module, Some(without), ChannelMode::Encrypt, mech)),
        Status::AccessDenied,
    )?;
    Ok(Outcome::Passed)
}

fn channel_destroyed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let opened = wire
        .send(channel(module, None, ChannelMode::Sign, Mech::SHA1Hash))?
        .idch;
    update(&wire, opened, b"abc", false)?;
    wire.send(DestroyArgs { key: opened })?;
    denied(update(&wire, opened, b"d", true), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn modexp_any(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for bits in [1_u64, 8, 64, 512, 1024, 2048] {
        let modulus = (BigUint::from(1_u32) << bits) - 1_u32;
        let modulus = if bits == 1 {
            BigUint::from(3_u32)
        } else {
            modulus
        };
        let (base, exponent) = (&modulus - 2_u32, BigUint::from(0x1234_5677_u32));
        let args = ModExpArgs {
            a: bignum(&base),
            p: bignum(&exponent),
            n: bignum(&modulus),
        };
        equal(
            big(&wire.send(args)?.r),
            base.modpow(&exponent, &modulus),
            &format!("with {bits} bits"),
        )?;
    }
    let even = ModExpArgs {
        a: 3.into(),
        p: 3.into(),
        n: 10.into(),
    };
    equal(wire.send(even.clone())?.r, 7.into(), "27 modulo 10")?;
    let nothing = ModExpArgs {
        n: 0.into(),
        ..even
    };
    denied(wire.send(nothing), Status::InvalidParameter)?;
    Ok(Outcome::Passed)
}

fn modexp_crt(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, _) = rsa(&wire, module, 1024, anything(), anything())?;
    let KeyTypeData::RSAPrivate(key) = wire.send(ExportArgs { key: private })?.data.data else {
        bail!("no RSA private key");
    };
    let n = big(&key.p) * big(&key.q);
    let m = BigUint::from(0x00c0_ffee_u32).pow(30);
    ensure!(m < n, "the number is less than the modulus");
    let crt = |a: &BigUint| ModExpCrtArgs {
        a: bignum(a),
        p: key.p.clone(),
        q: key.q.clone(),
        dmp1: key.dmp1.clone(),
        dmq1: key.dmq1.clone(),
        iqmp: key.iqmp.clone(),
    };
    let immediate = |m: &BigUint| RSAImmedSignDecryptArgs {
        m: bignum(m),
        k_p: key.p.clone(),
        k_q: key.q.clone(),
        k_dmp1: key.dmp1.clone(),
        k_dmq1: key.dmq1.clone(),
        k_iqmp: key.iqmp.clone(),
    };
    let public = |m: &BigUint| RSAImmedVerifyEncryptArgs {
        m: bignum(m),
        k_e: key.e.clone(),
        k_n: bignum(&n),
    };

    let result = big(&wire.send(crt(&m))?.r);
    equal(
        result.modpow(&big(&key.e), &n),
        m.clone(),
        "the result, raised to e elsewhere",
    )?;
    equal(
        big(&wire.send(immediate(&m))?.r),
        result.clone(),
        "by RSAImmedSignDecrypt",
    )?;
    equal(
        big(&wire.send(public(&result))?.r),
        m,
        "by RSAImmedVerifyEncrypt",
    )?;
    denied(wire.send(crt(&n)), Status::OutOfRange)?;
    denied(wire.send(immediate(&n)), Status::OutOfRange)?;
    denied(wire.send(public(&n)), Status::OutOfRange)?;
    Ok(Outcome::Passed)
}

fn prime(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for bits in [64, 256, 512] {
        let prime = big(&wire.send(GeneratePrimeArgs { lenbits: bits })?.r);
        equal(prime.bits(), u64::from(bits), "the bits")?;
        ensure!(is_probably_prime(&prime), "{prime} is not prime");
    }
    denied(
        wire.send(GeneratePrimeArgs { lenbits: 0 }),
        Status::InvalidParameter,
    )?;
    Ok(Outcome::Passed)
}

/// Miller and Rabin's test with the first twelve primes as bases.
fn is_probably_prime(n: &BigUint) -> bool {
    let one = BigUint::from(1_u32);
    let below = n - &one;
    let twos = below.trailing_zeros().unwrap_or(0);
    let odd = &below >> twos;
    [2_u32, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]
        .iter()
        .all(|base| {
            let mut x = BigUint::from(*base).modpow(&odd, n);
            if x == one || x == below {
                return true;
            }
            (1..twos).any(|_| {
                x = &x * &x % n;
                x == below
            })
        })
}

fn random_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for lenbytes in [0, 1, 20, 8000] {
        equal(
            wire.send(GenerateRandomArgs { lenbytes })?.data.len(),
            lenbytes as usize,
            "the number of bytes",
        )?;
    }
    denied(
        wire.send(GenerateRandomArgs { lenbytes: u32::MAX }),
        Status::OutOfRange,
    )?;
    Ok(Outcome::Passed)
}

//! Channels: whatever the pieces, the same as the one-shot command.

use anyhow::ensure;
use ncore::types::*;

use super::kit::*;
use super::symmetric::cipher_iv;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::ciphers::{BlockCipher, rc4};
use crate::oracle::hashes::Hash;
use crate::rig::Rig;
use crate::wire::denied;

const CHANNELS: &str = "nCore API: Cmd_ChannelOpen, Cmd_ChannelUpdate";

/// The flag of the last update.
const FINAL: u32 = 0x1;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "channels.cipher.pieces",
        "A cipher channel gives what the oracle gives, however the data are cut",
        CHANNELS,
        cipher_pieces,
    )
    .covers(&[replies(Cmd::ChannelOpen), replies(Cmd::ChannelUpdate)]),
    Case::new(
        "channels.stream.pieces",
        "An RC4 channel goes on where it stopped",
        CHANNELS,
        stream_pieces,
    )
    .covers(&[replies(Cmd::ChannelUpdate)]),
    Case::new(
        "channels.hash.pieces",
        "A hash channel needs no key and gives its value with the last update",
        CHANNELS,
        hash_pieces,
    )
    .covers(&[
        replies(Cmd::ChannelOpen),
        denies(Cmd::ChannelOpen, Status::TypeMismatch),
    ]),
    Case::new(
        "channels.mac.pieces",
        "A MAC channel signs and verifies as the one-shot commands do",
        CHANNELS,
        mac_pieces,
    )
    .covers(&[
        replies(Cmd::ChannelUpdate),
        denies(Cmd::ChannelUpdate, Status::VerifyFailed),
    ]),
    Case::new(
        "channels.iv.drawn",
        "A channel tells the initialisation vector that it drew",
        CHANNELS,
        iv_drawn,
    )
    .covers(&[replies(Cmd::ChannelOpen)]),
    Case::new(
        "channels.end.nothing-more",
        "A channel that has ended takes nothing more",
        CHANNELS,
        nothing_more,
    )
    .covers(&[
        denies(Cmd::ChannelUpdate, Status::InvalidState),
        denies(Cmd::ChannelUpdate, Status::UnknownFlag),
        denies(Cmd::ChannelUpdate, Status::TypeMismatch),
        denies(Cmd::ChannelUpdate, Status::EncryptFailed),
        denies(Cmd::ChannelUpdate, Status::DecryptFailed),
    ]),
    Case::new(
        "channels.open.refused",
        "There are no channels of other kinds, modes and mechanisms",
        CHANNELS,
        open_refused,
    )
    .covers(&[
        denies(Cmd::ChannelOpen, Status::UnsupportedChannelType),
        denies(Cmd::ChannelOpen, Status::InvalidParameter),
        denies(Cmd::ChannelOpen, Status::MechanismNotExpected),
        denies(Cmd::ChannelOpen, Status::UnknownMechanism),
    ]),
];

/// Ways to cut data of this length: the ends of the pieces.
fn cuts(length: usize) -> Vec<Vec<usize>> {
    let mut cuts = vec![vec![], vec![0], vec![length], (1..length).collect()];
    for step in [3, 7, 16, 17] {
        cuts.push((step..length).step_by(step).collect());
    }
    cuts.push(vec![1, 1, 2, length / 2, length / 2]);
    cuts.retain(|cut| cut.iter().all(|end| *end <= length));
    cuts
}

/// Sends data through a channel in pieces, and what comes out.
fn through(
    bench: &Bench,
    open: &ChannelOpenArgs,
    data: &[u8],
    cut: &[usize],
) -> anyhow::Result<Vec<u8>> {
    let idch = bench.send(open.clone())?.idch;
    let (mut out, mut from) = (Vec::new(), 0);
    for end in cut {
        out.extend(
            bench
                .send(ChannelUpdateArgs {
                    flags: 0,
                    idch,
                    input: data[from..*end].to_vec(),
                })?
                .output,
        );
        from = *end;
    }
    let last = ChannelUpdateArgs {
        flags: FINAL,
        idch,
        input: data[from..].to_vec(),
    };
    out.extend(bench.send(last)?.output);
    bench.send(DestroyArgs { key: idch })?;
    Ok(out)
}

fn open(bench: &Bench, mode: ChannelMode, mech: Mech, key: Option<u32>) -> ChannelOpenArgs {
    ChannelOpenArgs {
        module: bench.module,
        mode,
        mech,
        key,
        ..ChannelOpenArgs::default()
    }
}

fn cipher_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (type_, key, ecb, cbc) in [
        (
            KeyType::Rijndael,
            vec![0x11; 16],
            Mech::RijndaelmECBpPKCS5,
            Mech::RijndaelmCBCi128pPKCS5,
        ),
        (
            KeyType::DES3,
            (1..=24).map(|at| at * 10 + 1).collect(),
            Mech::DES3mECBpPKCS5,
            Mech::DES3mCBCi64pPKCS5,
        ),
    ] {
        let oracle = BlockCipher::new(type_, &key);
        let id = bench.import(raw_key(type_, &key)?, may(Op::ENCRYPT | Op::DECRYPT))?;
        let iv = vec![0x77; oracle.block_len()];
        for length in [0, 1, 15, 16, 17, 48] {
            let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
            for mech in [ecb, cbc] {
                let given_iv = if mech == cbc {
                    Some(IV {
                        mech,
                        iv: cipher_iv(&iv)?,
                    })
                } else {
                    None
                };
                let expected = if mech == cbc {
                    oracle.cbc(&iv, &oracle.pad(&data))?
                } else {
                    oracle.ecb(&oracle.pad(&data))?
                };
                let with_iv = |mode| ChannelOpenArgs {
                    given_iv: given_iv.clone(),
                    ..open(&bench, mode, mech, Some(id))
                };
                for cut in cuts(length) {
                    let found = through(&bench, &with_iv(ChannelMode::Encrypt), &data, &cut)?;
                    is(
                        found,
                        expected.clone(),
                        &format!("{mech}, {length} bytes, cut at {cut:?}"),
                    )?;
                }
                for cut in cuts(expected.len()) {
                    let found = through(&bench, &with_iv(ChannelMode::Decrypt), &expected, &cut)?;
                    is(
                        found,
                        data.clone(),
                        &format!("{mech} back, {length} bytes, cut at {cut:?}"),
                    )?;
                }
            }
        }
    }
    Ok(Outcome::Passed)
}

fn stream_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = b"a key of RC4";
    let id = bench.import(
        raw_key(KeyType::ArcFour, key)?,
        may(Op::ENCRYPT | Op::DECRYPT),
    )?;
    let data = vec![0x3c; 90];
    for mode in [ChannelMode::Encrypt, ChannelMode::Decrypt] {
        for cut in cuts(data.len()) {
            let found = through(
                &bench,
                &open(&bench, mode, Mech::ArcFourpNONE, Some(id)),
                &data,
                &cut,
            )?;
            is(found, rc4(key, &data), &format!("cut at {cut:?}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn hash_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let data: Vec<u8> = (0..150).collect();
    for hash in Hash::ALL {
        let sign = open(&bench, ChannelMode::Sign, hash_mech(hash), None);
        for cut in cuts(data.len()) {
            let found = through(&bench, &sign, &data, &cut)?;
            is(
                found,
                hash.digest(&data),
                &format!("{hash:?}, cut at {cut:?}"),
            )?;
        }
        is(
            through(&bench, &sign, b"", &[])?,
            hash.digest(b""),
            "of nothing",
        )?;
    }
    let key = bench.aes(anything())?;
    let with_key = open(&bench, ChannelMode::Sign, Mech::SHA1Hash, Some(key));
    denied(bench.send(with_key), Status::TypeMismatch)?;
    let encrypting = open(&bench, ChannelMode::Encrypt, Mech::SHA1Hash, None);
    denied(bench.send(encrypting), Status::TypeMismatch)?;
    let without_key = open(&bench, ChannelMode::Sign, Mech::HMACSHA1, None);
    denied(bench.send(without_key), Status::TypeMismatch)?;
    Ok(Outcome::Passed)
}

fn mac_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let data: Vec<u8> = (0..100).collect();
    for hash in Hash::ALL {
        let (type_, mech) = hmac_type(hash);
        let id = bench.import(raw_key(type_, b"a key")?, may(Op::SIGN | Op::VERIFY))?;
        let tag = hash.hmac(b"a key", &data);
        for cut in cuts(data.len()) {
            let found = through(
                &bench,
                &open(&bench, ChannelMode::Sign, mech, Some(id)),
                &data,
                &cut,
            )?;
            is(found, tag.clone(), &format!("{mech}, cut at {cut:?}"))?;
        }
        let verify = |tag: &[u8]| -> anyhow::Result<Status> {
            let idch = bench
                .send(open(&bench, ChannelMode::Verify, mech, Some(id)))?
                .idch;
            bench.send(ChannelUpdateArgs {
                flags: 0,
                idch,
                input: data[..60].to_vec(),
            })?;
            bench.send(ChannelUpdateArgs {
                flags: 0,
                idch,
                input: data[60..].to_vec(),
            })?;
            Ok(status(bench.send(ChannelUpdateArgs {
                flags: FINAL,
                idch,
                input: tag.to_vec(),
            })))
        };
        is(verify(&tag)?, Status::OK, &format!("{mech} verifies"))?;
        let mut changed = tag.clone();
        changed[0] ^= 1;
        is(verify(&changed)?, Status::VerifyFailed, "a changed tag")?;
        is(verify(&tag[1..])?, Status::VerifyFailed, "a short tag")?;
        is(verify(b"")?, Status::VerifyFailed, "no tag")?;
    }
    let id = bench.import(raw_key(KeyType::Rijndael, &[5; 32])?, may(Op::SIGN))?;
    let oracle = BlockCipher::new(KeyType::Rijndael, &[5; 32]);
    for cut in cuts(data.len()) {
        let sign = open(
            &bench,
            ChannelMode::Sign,
            Mech::RijndaelmCBCMACi0pPKCS5,
            Some(id),
        );
        let expected = oracle.cbc_mac(&[0; 16], &oracle.pad(&data))?;
        is(
            through(&bench, &sign, &data, &cut)?,
            expected,
            &format!("CBC-MAC, cut at {cut:?}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn iv_drawn(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mech = Mech::RijndaelmCBCi128pPKCS5;
    let id = bench.import(raw_key(KeyType::Rijndael, &[6; 16])?, may(Op::ENCRYPT))?;
    let oracle = BlockCipher::new(KeyType::Rijndael, &[6; 16]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let opened = bench.send(open(&bench, ChannelMode::Encrypt, mech, Some(id)))?;
        let iv = match opened.new_iv {
            Some(IV {
                mech: of,
                iv: MechIV::Generic128(iv),
            }) if of == mech => iv.iv,
            other => anyhow::bail!("no initialisation vector but {other:?}"),
        };
        ensure!(!seen.contains(&iv), "the same one twice");
        seen.push(iv);
        let last = ChannelUpdateArgs {
            flags: FINAL,
            idch: opened.idch,
            input: b"data".to_vec(),
        };
        is(
            bench.send(last)?.output,
            oracle.cbc(&iv, &oracle.pad(b"data"))?,
            "the output",
        )?;
    }
    let given = ChannelOpenArgs {
        given_iv: Some(IV {
            mech,
            iv: cipher_iv(&[0; 16])?,
        }),
        ..open(&bench, ChannelMode::Encrypt, mech, Some(id))
    };
    is(
        bench.send(given)?.new_iv,
        None,
        "a new one beside the given",
    )?;
    Ok(Outcome::Passed)
}

fn nothing_more(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let update = |idch, flags, input: &[u8]| {
        status(bench.send(ChannelUpdateArgs {
            flags,
            idch,
            input: input.to_vec(),
        }))
    };
    let id = bench.aes(may(Op::ENCRYPT | Op::DECRYPT))?;
    let begin = |mode, mech| anyhow::Ok(bench.send(open(&bench, mode, mech, Some(id)))?.idch);
    let hash = bench
        .send(open(&bench, ChannelMode::Sign, Mech::SHA1Hash, None))?
        .idch;
    is(update(hash, FINAL, b"x"), Status::OK, "the last update")?;
    is(update(hash, 0, b"x"), Status::InvalidState, "one more")?;
    is(
        update(hash, FINAL, b"x"),
        Status::InvalidState,
        "another last one",
    )?;
    is(
        update(id, 0, b"x"),
        Status::TypeMismatch,
        "a key for a channel",
    )?;
    let channel = begin(ChannelMode::Encrypt, Mech::RijndaelmECBpNONE)?;
    is(
        update(channel, 0x10, b"x"),
        Status::UnknownFlag,
        "an unknown flag",
    )?;
    is(
        update(channel, 0, b"part of a block"),
        Status::OK,
        "a part of a block",
    )?;
    is(
        update(channel, FINAL, b""),
        Status::EncryptFailed,
        "the end in a block",
    )?;
    is(
        update(channel, FINAL, b""),
        Status::InvalidState,
        "after the failure",
    )?;
    let channel = begin(ChannelMode::Decrypt, Mech::RijndaelmECBpPKCS5)?;
    is(
        update(channel, FINAL, &[0; 15]),
        Status::DecryptFailed,
        "a cut ciphertext",
    )?;
    Ok(Outcome::Passed)
}

fn open_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let id = bench.aes(may(Op::KNOWN_PERMS))?;
    let pair = bench.rsa(512, may(Op::KNOWN_PERMS), may(Op::KNOWN_PERMS))?;
    let good = open(
        &bench,
        ChannelMode::Encrypt,
        Mech::RijndaelmCBCi128pPKCS5,
        Some(id),
    );
    let iv = IV {
        mech: Mech::DESmCBCi64pPKCS5,
        iv: MechIV::Generic64(MechGeneric64IV::default()),
    };
    for (args, expected, what) in [
        (
            ChannelOpenArgs {
                type_: ChannelType(9),
                ..good.clone()
            },
            Status::UnsupportedChannelType,
            "an unknown kind",
        ),
        (
            ChannelOpenArgs {
                mode: ChannelMode(9),
                ..good.clone()
            },
            Status::InvalidParameter,
            "an unknown mode",
        ),
        (
            ChannelOpenArgs {
                flags: 0x8000,
                ..good.clone()
            },
            Status::UnknownFlag,
            "an unknown flag",
        ),
        (
            ChannelOpenArgs {
                given_iv: Some(iv),
                ..good.clone()
            },
            Status::MechanismNotExpected,
            "another mechanism's initialisation vector",
        ),
        (
            ChannelOpenArgs {
                mech: Mech(0x7777),
                ..good.clone()
            },
            Status::UnknownMechanism,
            "an unknown mechanism",
        ),
        (
            ChannelOpenArgs {
                mech: Mech::DES3mCBCi64pPKCS5,
                ..good.clone()
            },
            Status::TypeMismatch,
            "another type's mechanism",
        ),
        (
            ChannelOpenArgs {
                mech: Mech::RijndaelmCBCMACi0pPKCS5,
                ..good.clone()
            },
            Status::TypeMismatch,
            "a MAC for a cipher",
        ),
        (
            open(
                &bench,
                ChannelMode::Sign,
                Mech::RSAhSHA1pPKCS1,
                Some(pair.private),
            ),
            Status::UnsupportedChannelType,
            "RSA",
        ),
    ] {
        is(status(bench.send(args)), expected, what)?;
    }
    bench.send(good)?;
    Ok(Outcome::Passed)
}

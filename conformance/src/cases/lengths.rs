//! CPGenKey: the lengths and the flags of each algorithm.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Code, ERROR_INVALID_PARAMETER, Function, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_NO_KEY,
    NTE_SILENT_CONTEXT,
};
use crate::case::{Case, Outcome, RSA};
use crate::coverage::{Cover, refuses, works};
use crate::rig::{Rig, equal, refused};

use super::family::{AES, CIPHERS, DH, DSS, block_cipher};

const GEN: &str = "CryptoAPI reference: CryptGenKey";
const LENGTHS: &str = "CRYPTSPI, section 5; CRYPTSPI, section 3.3";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

/// What Windows answers to a DSS length off the step: an NTSTATUS.
const STATUS_INVALID_PARAMETER: Code = Code(0xc000_000d);

const OUTSIDE: &[Cover] = &[
    works(Function::GenKey),
    works(Function::GetKeyParam),
    refuses(Function::GenKey, ERROR_INVALID_PARAMETER),
];
const FLAGGED: &[Cover] = &[
    works(Function::GenKey),
    refuses(Function::GenKey, NTE_BAD_FLAGS),
];

const DES_FAMILY: &[Cover] = &[
    works(Function::GenKey),
    refuses(Function::GenKey, ERROR_INVALID_PARAMETER),
    refuses(Function::GenKey, NTE_BAD_FLAGS),
];

pub(super) const CASES: &[Case] = &[
    length(
        "lengths.rsa-exchange",
        RSA,
        &[
            works(Function::GenKey),
            refuses(Function::GenKey, ERROR_INVALID_PARAMETER),
            refuses(Function::GenKey, NTE_BAD_DATA),
        ],
        |rig| {
            lengths(
                rig,
                CALG_RSA_KEYX,
                &[(384, 384), (392, 392), (1024, 1024)],
                &[
                    (376, ERROR_INVALID_PARAMETER),
                    (16_392, ERROR_INVALID_PARAMETER),
                    (385, NTE_BAD_DATA),
                    (1023, NTE_BAD_DATA),
                ],
            )
        },
    ),
    length("lengths.dss", DSS, FLAGGED, |rig| {
        lengths(
            rig,
            CALG_DSS_SIGN,
            &[(512, 512), (576, 576)],
            &[
                (448, NTE_BAD_FLAGS),
                (1088, NTE_BAD_FLAGS),
                (513, STATUS_INVALID_PARAMETER),
                (520, STATUS_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.dh-stored", DH, FLAGGED, |rig| {
        lengths(
            rig,
            CALG_DH_SF,
            &[(512, 512), (576, 576), (0, 1024)],
            &[
                (448, NTE_BAD_FLAGS),
                (4160, NTE_BAD_FLAGS),
                (513, NTE_BAD_FLAGS),
                (1032, NTE_BAD_FLAGS),
                (1040, NTE_BAD_FLAGS),
            ],
        )
    }),
    length("lengths.dh-ephemeral", DH, FLAGGED, |rig| {
        lengths(
            rig,
            CALG_DH_EPHEM,
            &[(512, 512), (768, 768)],
            &[
                (448, NTE_BAD_FLAGS),
                (4160, NTE_BAD_FLAGS),
                (1032, NTE_BAD_FLAGS),
            ],
        )
    }),
    length("lengths.rc2", CIPHERS, OUTSIDE, |rig| {
        lengths(
            rig,
            CALG_RC2,
            &[(40, 40), (48, 48), (64, 64), (128, 128), (0, 128)],
            &[
                (32, ERROR_INVALID_PARAMETER),
                (136, ERROR_INVALID_PARAMETER),
                (41, NTE_BAD_DATA),
            ],
        )
    }),
    length("lengths.rc4", CIPHERS, OUTSIDE, |rig| {
        lengths(
            rig,
            CALG_RC4,
            &[(40, 40), (56, 56), (120, 120), (128, 128), (0, 128)],
            &[
                (8, ERROR_INVALID_PARAMETER),
                (256, ERROR_INVALID_PARAMETER),
                (127, NTE_BAD_DATA),
            ],
        )
    }),
    length("lengths.des", CIPHERS, DES_FAMILY, |rig| {
        lengths(
            rig,
            CALG_DES,
            &[(56, 64), (64, 64), (0, 64)],
            &[
                (40, ERROR_INVALID_PARAMETER),
                (63, NTE_BAD_FLAGS),
                (128, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.3des-112", CIPHERS, DES_FAMILY, |rig| {
        lengths(
            rig,
            CALG_3DES_112,
            &[(112, 128), (128, 128), (0, 128)],
            &[
                (56, ERROR_INVALID_PARAMETER),
                (120, NTE_BAD_FLAGS),
                (168, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.3des", CIPHERS, DES_FAMILY, |rig| {
        lengths(
            rig,
            CALG_3DES,
            &[(168, 192), (192, 192), (0, 192)],
            &[
                (112, ERROR_INVALID_PARAMETER),
                (176, NTE_BAD_FLAGS),
                (256, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.aes-128", AES, OUTSIDE, |rig| {
        lengths(
            rig,
            CALG_AES_128,
            &[(128, 128), (0, 128)],
            &[
                (120, ERROR_INVALID_PARAMETER),
                (192, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.aes-192", AES, OUTSIDE, |rig| {
        lengths(
            rig,
            CALG_AES_192,
            &[(192, 192), (0, 192)],
            &[
                (128, ERROR_INVALID_PARAMETER),
                (256, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    length("lengths.aes-256", AES, OUTSIDE, |rig| {
        lengths(
            rig,
            CALG_AES_256,
            &[(256, 256), (0, 256)],
            &[
                (192, ERROR_INVALID_PARAMETER),
                (264, ERROR_INVALID_PARAMETER),
            ],
        )
    }),
    Case::any(
        "flags.generate.pair-ignored",
        "The flags that are defined without a use make a pair like any other",
        GEN,
        pair_ignored,
    )
    .covers(&[works(Function::GenKey)]),
    Case::new(
        "flags.generate.session-ignored",
        "The flags that are defined without a use make a session key like any other",
        GEN,
        session_ignored,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GenKey)]),
    Case::new(
        "flags.generate.pregen-rsa",
        "An RSA pair has no values to be set one by one",
        GEN,
        pregen_rsa,
    )
    .covers(&[refuses(Function::GenKey, NTE_BAD_FLAGS)]),
    Case::any(
        "flags.generate.unknown",
        "A flag that means nothing to a pair makes none",
        GEN,
        unknown,
    )
    .covers(&[
        refuses(Function::GenKey, NTE_BAD_FLAGS),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "flags.generate.force-ephemeral",
        "Protection by a password cannot be forced where no container keeps the key",
        GEN,
        force_ephemeral,
    )
    .covers(&[refuses(Function::GenKey, NTE_SILENT_CONTEXT)]),
    Case::any(
        "flags.generate.force-silent",
        "Protection by a password cannot be forced in silence",
        GEN,
        force_silent,
    )
    .covers(&[
        works(Function::GenKey),
        refuses(Function::GenKey, NTE_SILENT_CONTEXT),
    ]),
    Case::any(
        "flags.generate.archivable-pair",
        "An archivable pair does not leave the module either",
        "CAPI guide, section 7",
        archivable_pair,
    )
    .covers(&[
        works(Function::GenKey),
        refuses(Function::ExportKey, crate::capi::NTE_BAD_KEY_STATE),
    ]),
    Case::new(
        "flags.generate.archivable-session",
        "An archivable session key is exported while its first handle lives",
        GEN,
        archivable_session,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GenKey), works(Function::ExportKey)]),
];

const fn length(
    id: &'static str,
    types: &'static [u32],
    covers: &'static [Cover],
    run: Run,
) -> Case {
    Case::new(
        id,
        "Keys have the lengths of their algorithm, and others are refused",
        LENGTHS,
        run,
    )
    .on(types)
    .covers(covers)
}

/// Makes a key of each length, which then says that it has the second, and is refused the others.
fn lengths(
    rig: &Rig,
    algid: u32,
    good: &[(u32, u32)],
    bad: &[(u32, Code)],
) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (asked, told) in good {
        let key = context
            .gen_key(algid, asked << 16)
            .with_context(|| format!("{asked} bits"))?;
        equal(key.param_word(KP_KEYLEN)?, *told, "KP_KEYLEN")?;
        equal(key.param_word(KP_ALGID)?, algid, "KP_ALGID")?;
    }
    for (bits, code) in bad {
        refused(context.gen_key(algid, bits << 16), *code)
            .with_context(|| format!("{bits} bits"))?;
    }
    Ok(Outcome::Passed)
}

const UNUSED: [u32; 7] = [
    CRYPT_ONLINE,
    CRYPT_SF,
    CRYPT_CREATE_IV,
    CRYPT_KEK,
    CRYPT_DATA_KEY,
    CRYPT_VOLATILE,
    CRYPT_SGCKEY,
];

fn pair_ignored(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let all = UNUSED.iter().fold(0, |all, flag| all | flag);
    for flags in [all, CRYPT_CREATE_SALT | CRYPT_NO_SALT] {
        let key = context.gen_key(AT_SIGNATURE, 512 << 16 | flags)?;
        equal(key.param_word(KP_KEYLEN)?, 512, "KP_KEYLEN")?;
        equal(key.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    }
    Ok(Outcome::Passed)
}

fn session_ignored(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, length) = block_cipher(rig);
    for flag in UNUSED {
        let key = context.gen_key(cipher, flag)?;
        equal(key.param_word(KP_KEYLEN)? as usize, length * 8, "KP_KEYLEN")?;
        equal(key.param(KP_IV)?, vec![0; block], "KP_IV")?;
        equal(key.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    }
    Ok(Outcome::Passed)
}

fn pregen_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for spec in [AT_SIGNATURE, AT_KEYEXCHANGE] {
        refused(
            context.gen_key(spec, 512 << 16 | CRYPT_PREGEN),
            NTE_BAD_FLAGS,
        )?;
    }
    Ok(Outcome::Passed)
}

fn unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for flag in [0x8, 0x20] {
        refused(
            context.gen_key(AT_SIGNATURE, 512 << 16 | flag),
            NTE_BAD_FLAGS,
        )
        .with_context(|| format!("flag {flag:#x}"))?;
    }
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn force_ephemeral(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let flags = 512 << 16 | CRYPT_FORCE_KEY_PROTECTION_HIGH;
    refused(context.gen_key(AT_SIGNATURE, flags), NTE_SILENT_CONTEXT)?;
    // Without force a prompt may be asked for, and there is none to show.
    context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_USER_PROTECTED)?;
    Ok(Outcome::Passed)
}

fn force_silent(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.name();
    let flags = 512 << 16 | CRYPT_FORCE_KEY_PROTECTION_HIGH;
    let silent = rig
        .capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_SILENT)?;
    refused(silent.gen_key(AT_SIGNATURE, flags), NTE_SILENT_CONTEXT)?;
    let open = rig.capi().acquire(Some(&name), 0)?;
    open.gen_key(AT_SIGNATURE, flags)?;
    Ok(Outcome::Passed)
}

fn archivable_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_ARCHIVABLE)?;
    equal(key.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    refused(
        key.export(PRIVATEKEYBLOB, None, 0),
        crate::capi::NTE_BAD_KEY_STATE,
    )?;
    Ok(Outcome::Passed)
}

fn archivable_session(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, CRYPT_ARCHIVABLE)?;
    let permissions = key.param_word(KP_PERMISSIONS)?;
    ensure!(
        permissions & CRYPT_ARCHIVE != 0,
        "no CRYPT_ARCHIVE in {permissions:#x}"
    );
    equal(permissions & CRYPT_EXPORT, 0, "CRYPT_EXPORT")?;
    key.export(PLAINTEXTKEYBLOB, None, 0)?;
    Ok(Outcome::Passed)
}

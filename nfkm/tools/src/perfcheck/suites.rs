//! The tests of `perfcheck`.

use std::time::Duration;

use ncore::Mech;
use ncore::message::Request;
use ncore::types::{
    ACL, Act, ActDetails, ActOpPermissionsDetails, Action, Bignum, CipherText, DecryptArgs,
    DestroyArgs, ExportArgs, GenerateKeyPairArgs, GenerateRandomArgs, KeyGenParams, KeyType,
    KeyTypeDHPrivateGenParams, KeyTypeDSAPrivateGenParams, KeyTypeData, KeyTypeGenParams,
    KeyTypeRSAPrivateGenParams, MechCipher, MechDHKeyExchangeCipher, ModExpArgs, NoOpArgs,
    PermissionGroup, PlainText, PlainTextType, PlainTextTypeBytesData, PlainTextTypeData, SignArgs,
};
use nfkm::{Client, Error};

use crate::load::{self, Figures, Watch};

/// One test.
pub(super) struct Test {
    /// Its suite.
    pub(super) suite: &'static str,
    /// Its number in the suite, from 1.
    pub(super) number: u32,
    /// What it does.
    pub(super) name: &'static str,
    /// Runs it on a module, with so many jobs outstanding, for so long.
    pub(super) run: Run,
}

type Run = fn(&Client, u32, usize, Duration, &mut dyn Watch) -> Result<Figures, Error>;

impl Test {
    /// `signing:1`
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.suite, self.number)
    }

    /// Whether it is meant by SUITE, SUITE:NUMBER, SUITE:NAME or SUITE:PREFIX*.
    pub(super) fn is(&self, word: &str) -> bool {
        let (suite, test) = word.split_once(':').unwrap_or((word, "*"));
        suite == self.suite
            && match test.strip_suffix('*') {
                Some(prefix) => self.name.starts_with(prefix),
                None => test == self.name || test == self.number.to_string(),
            }
    }
}

/// What the suites measure.
pub(super) const DESCRIPTIONS: [(&str, &str); 4] = [
    ("kx", "Key agreement by keys of each length."),
    ("signing", "Signatures by keys of each type and length."),
    (
        "modexp",
        "Modular exponentiations, on whichever module is free.",
    ),
    (
        "misc",
        "What costs no arithmetic: empty commands, random bytes.",
    ),
];

/// All tests, by suite and number.
pub(super) const SUITES: &[Test] = &[
    Test {
        suite: "kx",
        number: 1,
        name: "DH using DHKeyExchange with 1024-bit p.",
        run: |client, module, queue, time, watch| dh(client, module, 1_024, queue, time, watch),
    },
    Test {
        suite: "kx",
        number: 2,
        name: "DH using DHKeyExchange with 2048-bit p.",
        run: |client, module, queue, time, watch| dh(client, module, 2_048, queue, time, watch),
    },
    Test {
        suite: "signing",
        number: 1,
        name: "RSA using RSApPKCS1 with 1024-bit n.",
        run: |client, module, queue, time, watch| rsa(client, module, 1_024, queue, time, watch),
    },
    Test {
        suite: "signing",
        number: 2,
        name: "RSA using RSApPKCS1 with 2048-bit n.",
        run: |client, module, queue, time, watch| rsa(client, module, 2_048, queue, time, watch),
    },
    Test {
        suite: "signing",
        number: 3,
        name: "RSA using RSApPKCS1 with 3072-bit n.",
        run: |client, module, queue, time, watch| rsa(client, module, 3_072, queue, time, watch),
    },
    Test {
        suite: "signing",
        number: 4,
        name: "RSA using RSApPKCS1 with 4096-bit n.",
        run: |client, module, queue, time, watch| rsa(client, module, 4_096, queue, time, watch),
    },
    Test {
        suite: "signing",
        number: 5,
        name: "DSA with 1024-bit p.",
        run: |client, module, queue, time, watch| dsa(client, module, 1_024, queue, time, watch),
    },
    Test {
        suite: "modexp",
        number: 1,
        name: "Modular exponentiation with 1024 bits.",
        run: |client, _, queue, time, watch| modexp(client, 1_024, queue, time, watch),
    },
    Test {
        suite: "modexp",
        number: 2,
        name: "Modular exponentiation with 2048 bits.",
        run: |client, _, queue, time, watch| modexp(client, 2_048, queue, time, watch),
    },
    Test {
        suite: "misc",
        number: 1,
        name: "No operation.",
        run: |client, module, queue, time, watch| {
            load::run(client, &NoOpArgs { module }, queue, Some(time), watch)
        },
    },
    Test {
        suite: "misc",
        number: 2,
        name: "1024 random bytes.",
        run: |client, _, queue, time, watch| {
            let args = GenerateRandomArgs { lenbytes: 1_024 };
            load::run(client, &args, queue, Some(time), watch)
        },
    },
];

/// Agrees on a secret with a peer whose public value is the key's own, which takes as long as with any other.
fn dh(
    client: &Client,
    module: u32,
    plength: u32,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let params = KeyTypeDHPrivateGenParams {
        plength,
        ..KeyTypeDHPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::DHPrivate,
        params: KeyTypeGenParams::DHPrivate(params),
    };
    let perms = [
        ActOpPermissionsDetails::DECRYPT,
        ActOpPermissionsDetails::EXPORT_AS_PLAIN,
    ];
    with_pair(client, module, params, perms, |key, peer| {
        agree(client, key, peer, queue, time, watch)
    })
}

fn agree(
    client: &Client,
    key: u32,
    peer: u32,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let KeyTypeData::DHPublic(peer) = client.transact(ExportArgs { key: peer })?.data.data else {
        return Err(Error::Malformed {
            what: "the module's public key",
        });
    };
    let mech = Mech::DHKeyExchange;
    let args = DecryptArgs {
        key,
        mech,
        cipher: CipherText {
            mech,
            data: MechCipher::DHKeyExchange(MechDHKeyExchangeCipher { gx: peer.gx }),
            ..CipherText::default()
        },
        reply_type: PlainTextType::Bytes,
        ..DecryptArgs::default()
    };
    load::run(client, &args, queue, Some(time), watch)
}

fn rsa(
    client: &Client,
    module: u32,
    lenbits: u32,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::RSAPrivate,
        params: KeyTypeGenParams::RSAPrivate(params),
    };
    sign(client, module, params, Mech::RSApPKCS1, queue, time, watch)
}

fn dsa(
    client: &Client,
    module: u32,
    lenbits: u32,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let params = KeyTypeDSAPrivateGenParams {
        lenbits,
        ..KeyTypeDSAPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::DSAPrivate,
        params: KeyTypeGenParams::DSAPrivate(params),
    };
    sign(client, module, params, Mech::DSA, queue, time, watch)
}

/// Signs with a key made for it.
fn sign(
    client: &Client,
    module: u32,
    params: KeyGenParams,
    mech: Mech,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let perms = [
        ActOpPermissionsDetails::SIGN,
        ActOpPermissionsDetails::VERIFY,
    ];
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: vec![0x5a; 32],
    });
    let plain = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    with_pair(client, module, params, perms, |key, _| {
        let args = SignArgs {
            key,
            mech,
            plain,
            ..SignArgs::default()
        };
        load::run(client, &args, queue, Some(time), watch)
    })
}

/// Makes a pair for a test, with the permissions of its private half and of its public one, and drops it afterwards.
fn with_pair(
    client: &Client,
    module: u32,
    params: KeyGenParams,
    [private, public]: [u32; 2],
    test: impl FnOnce(u32, u32) -> Result<Figures, Error>,
) -> Result<Figures, Error> {
    let pair = client.transact(GenerateKeyPairArgs {
        module,
        params,
        aclpriv: may(private),
        aclpub: may(public),
        ..GenerateKeyPairArgs::default()
    })?;
    let figures = test(pair.keypriv, pair.keypub);
    for key in [pair.keypriv, pair.keypub] {
        discard(client, DestroyArgs { key });
    }
    figures
}

/// What is not dropped now goes with the client.
fn discard<R: Request>(client: &Client, args: R) {
    let _ = client.transact(args);
}

fn modexp(
    client: &Client,
    bits: usize,
    queue: usize,
    time: Duration,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    // Any odd modulus takes the same time.
    let full = Bignum::from_be(&vec![0xff; bits / 8]);
    let args = ModExpArgs {
        a: Bignum::from_be(&vec![0x5a; bits / 8]),
        p: full.clone(),
        n: full,
    };
    load::run(client, &args, queue, Some(time), watch)
}

fn may(perms: u32) -> ACL {
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails { perms });
    let actions = vec![Action {
        type_: Act::OpPermissions,
        details,
    }];
    ACL {
        groups: vec![PermissionGroup {
            actions,
            ..PermissionGroup::default()
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_meant_by_suite_number_name_and_prefix() {
        let meant = |word: &str| -> Vec<String> {
            SUITES
                .iter()
                .filter(|test| test.is(word))
                .map(Test::id)
                .collect()
        };
        assert_eq!(meant("signing:2"), ["signing:2"]);
        assert_eq!(
            meant("signing:RSA using RSApPKCS1 with 2048-bit n."),
            ["signing:2"]
        );
        assert_eq!(meant("signing:RSA*").len(), 4);
        assert_eq!(meant("modexp"), ["modexp:1", "modexp:2"]);
        for word in ["signing:9", "signing:", "sign", "signing:RSA"] {
            assert_eq!(meant(word).len(), 0, "{word}");
        }
    }

    #[test]
    fn every_suite_is_described() {
        let mut suites: Vec<&str> = SUITES.iter().map(|test| test.suite).collect();
        suites.dedup();
        assert_eq!(suites, DESCRIPTIONS.map(|(suite, _)| suite));
    }

    #[test]
    fn tests_are_numbered_within_their_suites() {
        for (place, test) in SUITES.iter().enumerate() {
            let before = SUITES[..place]
                .iter()
                .filter(|other| other.suite == test.suite);
            assert_eq!(test.number as usize, before.count() + 1, "{}", test.id());
        }
    }
}

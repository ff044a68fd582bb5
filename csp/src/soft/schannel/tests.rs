use std::collections::BTreeMap;

use super::kdf::{Protocol, Randoms, Side, prf};
use super::*;
use crate::alg::{DH_SCHANNEL, DSS_DH, RSA_SCHANNEL};
use crate::blob::opaque::{self, OpaqueKey};
use crate::constants::*;
use crate::error::{CspError, Result};
use crate::soft::testing::{Counting, hex};
use crate::soft::{HashState, ParamForm, SymKey};

/// What tlslite-ng and Scapy computed; see there.
const VECTORS: &str = include_str!("../../../../vectors/schannel.txt");

/// The vectors whose `id` begins with a word.
fn vectors(kind: &str, count: usize) -> Vec<BTreeMap<&str, &str>> {
    let blocks: Vec<BTreeMap<_, _>> = VECTORS
        .split("\n\n")
        .map(|block| {
            let fields = block.lines().filter_map(|line| line.split_once(" = "));
            fields.collect()
        })
        .filter(|block: &BTreeMap<_, &str>| block.get("id").is_some_and(|id| id.starts_with(kind)))
        .collect();
    assert_eq!(blocks.len(), count);
    blocks
}

fn structure(usage: u32, algorithm: AlgId, bits: u32, flags: u32) -> Vec<u8> {
    [usage, algorithm.0, bits, flags, 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

fn choose(master: &mut Master, usage: u32, algorithm: AlgId, bits: u32, flags: u32) -> Result<()> {
    master.set_param(KP_SCHANNEL_ALG, &structure(usage, algorithm, bits, flags))
}

fn hello(master: &mut Master, client: &[u8], server: &[u8]) {
    master.set_param(KP_CLIENT_RANDOM, client).unwrap();
    master.set_param(KP_SERVER_RANDOM, server).unwrap();
}

fn received(algorithm: AlgId, premaster: Option<&[u8]>) -> Master {
    let random = &mut Counting(100);
    Master::receive(
        &RSA_SCHANNEL,
        algorithm,
        premaster,
        CRYPT_EXPORTABLE,
        random,
    )
    .unwrap()
}

fn master_hash(master: &mut Master) -> HashState {
    HashState::of_master(&RSA_SCHANNEL, AlgId::CALG_SCHANNEL_MASTER_HASH, master).unwrap()
}

fn derive(hash: &HashState, algorithm: AlgId, flags: u32) -> Result<SymKey> {
    hash.master()?.derive(algorithm, flags)
}

/// The four keys' bytes and the two IVs, in the order of the key block.
fn derive_all(hash: &HashState) -> Vec<u8> {
    let keys = |algorithm| {
        [0, CRYPT_SERVER].map(|flags| derive(hash, algorithm, flags | CRYPT_EXPORTABLE).unwrap())
    };
    let macs = keys(AlgId::CALG_SCHANNEL_MAC_KEY);
    let ciphers = keys(AlgId::CALG_SCHANNEL_ENC_KEY);
    let bytes = macs
        .iter()
        .chain(&ciphers)
        .map(|key| key.key_bytes().to_vec());
    let ivs = ciphers.iter().map(|key| key.param(KP_IV).unwrap());
    bytes.chain(ivs).flatten().collect()
}

/// NIST CAVP, SP 800-135 TLS (TLS 1.0/1.1): premaster, randoms of the hellos, randoms of the key expansion, master, key
/// block. The second pair of randoms is what a reconnect has.
const CAVP: [[&str; 7]; 2] = [
    [
        "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d9844b2f1db02a96453513568d0",
        "e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693",
        "135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2",
        "d58a7b1cd4fedaa232159df652ce188f9d997e061b9bf48e83b62990440931f6",
        "67267e650eb32444119d222a368c191af3082888dc35afe8368e638c828874be",
        "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e1e998f62",
        "3088825988e77fce68d19f756e18e43eb7fe672433504feaf99b3c503d9091b164f166db301d70c9fc0870b4a94563907bee1a61fb786cb7\
         17576890bcc51cb9ead97e01d0a2fea99c953377b195205ff07b369589178796edc963fd80fdbe518a2fc1c35c18ae8d",
    ],
    [
        "d671cdfae1e2dda3a01e80d76d897517c37a60d62e89312060c422dca1922fd8ec0f70d8bcf12f413e9e086481561d43",
        "3572440795426af5927b811a452a06388464b231858f5631f406048b106a6896",
        "dbd90af84002dd924acf80f270c04a5a1c900f43689a6572f47c0808351ad755",
        "57b58338bac41e526c8b9d5eaab9da368637eee18d0469b69889c231dd772a2d",
        "cd12ae6a6496f4932a93431f0d6ffcbfaf20132aebf07ad429cc6862c378c826",
        "c5753fafd0f3344cde9eabec621189f444b15dd46cbc744b551f51195437fb32200cb3ac08145dc97b09ac4943cfc74e",
        "6b8ae7bf624b5f3ea88fe7e56784d437c49404419223060f5ced0bc8e03acf656e5fe59adc800830700e9a80bb733bd3d4a2284d5f20e69c\
         72babff47a44e7191b650cb3e3df05184675c4053e2cd1d0e0d45f87cebeda1a7acd059e99d9fcf58daa9d79f87e0e61",
    ],
];

#[test]
fn tls_1_0_agrees_with_nist() {
    for vector in CAVP {
        let [
            premaster,
            client,
            server,
            later_client,
            later_server,
            expected,
            block,
        ] = vector.map(hex);
        let mut secret = premaster.clone();
        secret.reverse();
        let tls1 = AlgId::CALG_TLS1_MASTER;
        // An agreed secret, because these premasters carry no version.
        let mut master =
            Master::from_secret(&DH_SCHANNEL, tls1, &secret, CRYPT_EXPORTABLE).unwrap();
        hello(&mut master, &client, &server);
        master_hash(&mut master);
        assert_eq!(master.bytes(), Ok(&expected[..]));

        hello(&mut master, &later_client, &later_server);
        choose(&mut master, SCHANNEL_ENC_KEY, AlgId::CALG_AES_128, 128, 0).unwrap();
        choose(&mut master, SCHANNEL_MAC_KEY, AlgId::CALG_SHA1, 160, 0).unwrap();
        assert_eq!(derive_all(&master_hash(&mut master)), block);

        let mut again = vec![0; 104];
        let prf = HashState::of_master(&RSA_SCHANNEL, AlgId::CALG_TLS1PRF, &mut master);
        let mut prf = prf.unwrap();
        let prf = prf.prf().unwrap();
        prf.set_param(HP_TLS1PRF_LABEL, b"key expansion").unwrap();
        let seed = [later_server, later_client].concat();
        prf.set_param(HP_TLS1PRF_SEED, &seed).unwrap();
        prf.fill(&mut again).unwrap();
        assert_eq!(again, block);
        let mut shorter = [0; 33];
        prf.fill(&mut shorter).unwrap();
        assert_eq!(shorter, block[..33]);
    }
}

/// The client's Finished message: RFC 6101 section 5.6.9, RFC 2246 section 7.4.9.
fn finished(master: &mut Master, messages: &[u8]) -> Vec<u8> {
    let new = |algorithm| HashState::new(&RSA_SCHANNEL, algorithm, None).unwrap();
    let mut value = Vec::new();
    for (algorithm, pad) in [(AlgId::CALG_MD5, 48), (AlgId::CALG_SHA1, 40)] {
        let mut inner = new(algorithm);
        inner.update(messages, 0).unwrap();
        if master.algorithm() == AlgId::CALG_TLS1_MASTER {
            value.extend(inner.value().unwrap());
            continue;
        }
        let key = master.bytes().unwrap();
        inner.update(b"CLNT", 0).unwrap();
        inner.update_key(key, CRYPT_LITTLE_ENDIAN).unwrap();
        inner.update(&vec![0x36; pad], 0).unwrap();
        let mut outer = new(algorithm);
        outer.update_key(key, CRYPT_LITTLE_ENDIAN).unwrap();
        outer.update(&vec![0x5c; pad], 0).unwrap();
        outer.update(&inner.value().unwrap(), 0).unwrap();
        value.extend(outer.value().unwrap());
    }
    if let Ok(mut hash) = HashState::of_master(&RSA_SCHANNEL, AlgId::CALG_TLS1PRF, master) {
        let prf = hash.prf().unwrap();
        prf.set_param(HP_TLS1PRF_LABEL, b"client finished").unwrap();
        prf.set_param(HP_TLS1PRF_SEED, &value).unwrap();
        value = vec![0; 12];
        prf.fill(&mut value).unwrap();
    }
    value
}

#[test]
fn sessions_agree_with_tlslite() {
    for (id, kind) in [
        (AlgId::CALG_SSL3_MASTER, "ssl3"),
        (AlgId::CALG_TLS1_MASTER, "tls1"),
    ] {
        for vector in vectors(kind, 5) {
            let bytes = |name: &str| hex(vector[name]);
            let (cipher, bits) = match vector["cipher"] {
                "rc4" => (AlgId::CALG_RC4, 128),
                "3des" => (AlgId::CALG_3DES, 168),
                "aes128" => (AlgId::CALG_AES_128, 128),
                _ => (AlgId::CALG_AES_256, 256),
            };
            let (mac, mac_bits) = match vector["mac"] {
                "md5" => (AlgId::CALG_MD5, 128),
                _ => (AlgId::CALG_SHA1, 160),
            };
            let mut master = received(id, Some(&bytes("premaster")));
            hello(
                &mut master,
                &bytes("client_random"),
                &bytes("server_random"),
            );
            choose(&mut master, SCHANNEL_ENC_KEY, cipher, bits, 0).unwrap();
            choose(&mut master, SCHANNEL_MAC_KEY, mac, mac_bits, 0).unwrap();
            let hash = master_hash(&mut master);
            assert_eq!(master.bytes(), Ok(&bytes("master")[..]));
            assert_eq!(derive_all(&hash), bytes("key_block"));
            let found = finished(&mut master, &bytes("messages"));
            assert_eq!(found, bytes("client_finished"));
        }
    }
}

#[test]
fn export_suites_agree_with_scapy() {
    for vector in vectors("export", 10) {
        let protocol = match vector["version"] {
            "0300" => Protocol::Ssl3,
            _ => Protocol::Tls1,
        };
        let randoms = Randoms {
            client: hex(vector["client_random"]),
            server: hex(vector["server_random"]),
        };
        for (side, key, iv) in [
            (Side::Client, "client_key", "client_iv"),
            (Side::Server, "server_key", "server_iv"),
        ] {
            let expected = hex(vector[key]);
            let part = hex(vector["part"]);
            let found = protocol.export_key(&part, &randoms, side, expected.len());
            assert_eq!(found.unwrap().to_vec(), expected);
            if let Some(iv) = vector.get(iv).map(|iv| hex(iv)) {
                assert_eq!(protocol.export_iv(&randoms, side, iv.len()), Ok(iv));
            }
        }
    }
}

/// An export suite takes its short parts of the key block and makes whole keys of them; its IVs are not secret.
#[test]
fn keys_of_export_suites_are_made_of_their_parts() {
    for (cipher, bits, part, len, iv_len) in [
        (AlgId::CALG_RC4, 40, 5, 16, 0),
        (AlgId::CALG_RC4, 56, 7, 16, 0),
        (AlgId::CALG_RC2, 40, 5, 16, 8),
        (AlgId::CALG_DES, 40, 5, 8, 8),
        (AlgId::CALG_DES, 64, 8, 8, 8),
        (AlgId::CALG_DES, 56, 8, 8, 8),
    ] {
        for id in [AlgId::CALG_SSL3_MASTER, AlgId::CALG_TLS1_MASTER] {
            let protocol = Protocol::of(id).unwrap();
            let mut master = received(id, None);
            let randoms = Randoms {
                client: vec![1; 32],
                server: vec![2; 32],
            };
            hello(&mut master, &randoms.client, &randoms.server);
            let export = INTERNATIONAL_USAGE;
            choose(&mut master, SCHANNEL_ENC_KEY, cipher, bits, export).unwrap();
            choose(&mut master, SCHANNEL_MAC_KEY, AlgId::CALG_MD5, 128, export).unwrap();
            let hash = master_hash(&mut master);
            let secret = master.bytes().unwrap();
            let block = protocol.key_block(secret, &randoms, 32 + 2 * part).unwrap();
            for (side, flags) in [(Side::Client, 0), (Side::Server, CRYPT_SERVER)] {
                let key = derive(&hash, AlgId::CALG_SCHANNEL_ENC_KEY, flags).unwrap();
                let own = &block[32 + side as usize * part..][..part];
                let expected = protocol.export_key(own, &randoms, side, len).unwrap();
                assert_eq!(key.key_bytes(), &expected[..]);
                assert_eq!(key.param(KP_IV), protocol.export_iv(&randoms, side, iv_len));
                assert_eq!(key.param(KP_SALT).unwrap_or_default(), []);
            }
        }
    }
}

#[test]
fn halves_of_an_odd_secret_overlap() {
    // RFC 2246 section 5: S1 and S2 share the middle byte, so a secret of one byte is both.
    let fill = |secret: &[u8]| {
        let mut out = [0; 40];
        prf(secret, b"label", b"seed", &mut out).unwrap();
        out
    };
    assert_eq!(fill(b"a"), fill(b"aa"));
    assert_eq!(fill(b"abc"), fill(b"abbc"));
    assert_ne!(fill(b"abc"), fill(b"abc\0"));
}

#[test]
fn a_premaster_carries_the_version_and_is_random_otherwise() {
    for (id, version) in [
        (AlgId::CALG_SSL3_MASTER, [3, 0]),
        (AlgId::CALG_TLS1_MASTER, [3, 1]),
    ] {
        let mut master =
            Master::generate(&RSA_SCHANNEL, id, CRYPT_EXPORTABLE, &mut Counting(0)).unwrap();
        let premaster = master.premaster().unwrap();
        assert_eq!(premaster[..2], version);
        assert_eq!(premaster[2..], (3..=48).collect::<Vec<u8>>());
        let set = |master: &mut Master, version: u32| {
            master.set_param(KP_HIGHEST_VERSION, &version.to_le_bytes())
        };
        assert_eq!(set(&mut master, 0x0303), Ok(()));
        assert_eq!(master.premaster().unwrap()[..2], [3, 3]);
        for wrong in [0, 0x02ff, 0x0400, 0x1_0301] {
            assert_eq!(set(&mut master, wrong), Err(CspError::NTE_BAD_DATA));
        }
        hello(&mut master, b"client", b"server");
        master_hash(&mut master);
        assert_eq!(set(&mut master, 0x0303), Err(CspError::NTE_BAD_KEY_STATE));
        assert_eq!(master.premaster(), Err(CspError::NTE_BAD_KEY_STATE));
    }
}

#[test]
fn a_wrong_premaster_goes_unnoticed_and_becomes_a_random_master() {
    let tls1 = AlgId::CALG_TLS1_MASTER;
    let with_version = |version: [u8; 2]| {
        let mut premaster = vec![7; 48];
        premaster[..2].copy_from_slice(&version);
        premaster
    };
    let become_master = |premaster: Option<&[u8]>, highest: Option<u32>| {
        let mut master = received(tls1, premaster);
        if let Some(highest) = highest {
            let highest = highest.to_le_bytes();
            master.set_param(KP_HIGHEST_VERSION, &highest).unwrap();
        }
        hello(&mut master, b"client", b"server");
        master_hash(&mut master);
        master.bytes().unwrap().to_vec()
    };
    let substituted = become_master(None, None);
    let good = with_version([3, 1]);
    assert_ne!(become_master(Some(&good), None), substituted);
    for (premaster, highest) in [
        (with_version([2, 0]), None),
        (with_version([3, 0]), None),
        (with_version([4, 0]), None),
        (with_version([3, 1]), Some(0x0303)),
        (with_version([3, 3]), Some(0x0301)),
        (good[..47].to_vec(), None),
        ([&good[..], &[0]].concat(), None),
        (vec![], None),
    ] {
        assert_eq!(become_master(Some(&premaster), highest), substituted);
    }
    let newer = with_version([3, 3]);
    let expected = become_master(Some(&newer), None);
    assert_ne!(expected, substituted);
    assert_eq!(become_master(Some(&newer), Some(0x0303)), expected);
}

#[test]
fn an_agreed_premaster_is_the_number_without_its_zeros() {
    let tls1 = AlgId::CALG_TLS1_MASTER;
    let secret = |bytes: &[u8]| {
        let mut master = Master::from_secret(&DH_SCHANNEL, tls1, bytes, 0).unwrap();
        hello(&mut master, b"client", b"server");
        master_hash(&mut master);
        master.bytes().unwrap().to_vec()
    };
    let mut expected = vec![0; 48];
    prf(&[3, 2, 1], b"master secret", b"clientserver", &mut expected).unwrap();
    assert_eq!(secret(&[1, 2, 3, 0, 0]), expected);
    let other = Master::from_secret(&DSS_DH, tls1, &[1], 0);
    assert_eq!(other.map(drop), Err(CspError::NTE_BAD_ALGID));
}

#[test]
fn only_masters_of_the_provider_are_made() {
    let make = |id, flags| Master::generate(&RSA_SCHANNEL, id, flags, &mut Counting(0)).map(drop);
    let tls1 = AlgId::CALG_TLS1_MASTER;
    assert_eq!(make(tls1, 384 << 16), Ok(()));
    let wrong_length = Err(CspError::ERROR_INVALID_PARAMETER);
    assert_eq!(make(tls1, 128 << 16), wrong_length);
    assert_eq!(make(tls1, 0x8), Err(CspError::NTE_BAD_FLAGS));
    for id in [
        AlgId::CALG_SSL2_MASTER,
        AlgId::CALG_PCT1_MASTER,
        AlgId::CALG_SCHANNEL_ENC_KEY,
        AlgId::CALG_SCHANNEL_MAC_KEY,
        AlgId::CALG_SCHANNEL_MASTER_HASH,
    ] {
        assert_eq!(make(id, 0), Err(CspError::NTE_BAD_ALGID), "{id}");
    }
}

#[test]
fn keys_wait_for_randoms_and_algorithms() {
    let mut master = received(AlgId::CALG_TLS1_MASTER, None);
    assert_eq!(master.param_form(KP_SCHANNEL_ALG), Ok(ParamForm::Bytes(20)));
    assert_eq!(master.param(KP_KEYLEN), Ok(384u32.to_le_bytes().to_vec()));
    for unknown in [KP_CLEAR_KEY, KP_IV, KP_KEYVAL, 99] {
        assert_eq!(master.param_form(unknown), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(master.param(unknown), Err(CspError::NTE_BAD_TYPE));
    }
    let hash = |master: &mut Master, id| HashState::of_master(&RSA_SCHANNEL, id, master).map(drop);
    let prf_id = AlgId::CALG_TLS1PRF;
    let hash_id = AlgId::CALG_SCHANNEL_MASTER_HASH;
    let missing = Err(CspError::ERROR_INVALID_PARAMETER);
    assert_eq!(hash(&mut master, hash_id), missing);
    assert_eq!(hash(&mut master, prf_id), Err(CspError::NTE_BAD_KEY_STATE));
    master.set_param(KP_CLIENT_RANDOM, &[1; 33]).unwrap();
    assert_eq!(hash(&mut master, hash_id), missing);
    let too_long = master.set_param(KP_SERVER_RANDOM, &[0; 4097]);
    assert_eq!(too_long, Err(CspError::NTE_BAD_DATA));
    assert_eq!(hash(&mut master, hash_id), missing);
    master.set_param(KP_SERVER_RANDOM, &[]).unwrap();
    assert_eq!(master.bytes(), Err(CspError::NTE_BAD_KEY_STATE));
    assert_eq!(hash(&mut master, hash_id), Ok(()));
    assert_eq!(hash(&mut master, prf_id), Ok(()));
    assert_eq!(
        hash(&mut master, AlgId::CALG_MD5),
        Err(CspError::NTE_BAD_ALGID)
    );
    let mut ssl3 = received(AlgId::CALG_SSL3_MASTER, None);
    assert_eq!(hash(&mut ssl3, prf_id), Err(CspError::NTE_BAD_KEY));

    let too_early = Err(CspError::NTE_BAD_FLAGS);
    let (enc, mac) = (AlgId::CALG_SCHANNEL_ENC_KEY, AlgId::CALG_SCHANNEL_MAC_KEY);
    let derive = |hash: &HashState, id, flags| derive(hash, id, flags).map(drop);
    let nothing = master_hash(&mut master);
    assert_eq!(derive(&nothing, enc, 0), too_early);
    assert_eq!(derive(&nothing, mac, 0), too_early);
    choose(&mut master, SCHANNEL_ENC_KEY, AlgId::CALG_DES, 64, 0).unwrap();
    assert_eq!(derive(&master_hash(&mut master), enc, 0), too_early);
    choose(&mut master, SCHANNEL_MAC_KEY, AlgId::CALG_MD5, 128, 0).unwrap();
    let whole = master_hash(&mut master);
    assert_eq!(derive(&whole, enc, CRYPT_SERVER), Ok(()));
    assert_eq!(derive(&whole, enc, 64 << 16), too_early);
    assert_eq!(derive(&whole, enc, 0x2_0000), too_early);
    assert_eq!(
        derive(&whole, AlgId::CALG_DES, 0),
        Err(CspError::NTE_BAD_ALGID)
    );
    // A hash is a copy: the first one still lacks everything.
    assert_eq!(derive(&nothing, enc, 0), too_early);
}

#[test]
fn algorithms_of_no_suite_are_refused() {
    let mut master = received(AlgId::CALG_TLS1_MASTER, None);
    let (enc, mac, export) = (SCHANNEL_ENC_KEY, SCHANNEL_MAC_KEY, INTERNATIONAL_USAGE);
    for (usage, id, bits, flags) in [
        (enc, AlgId::CALG_RC4, 128, 0),
        (enc, AlgId::CALG_RC4, 40, 0),
        (enc, AlgId::CALG_RC2, 128, 0),
        (enc, AlgId::CALG_DES, 56, 0),
        (enc, AlgId::CALG_DES, 64, 0),
        (enc, AlgId::CALG_3DES, 168, 0),
        (enc, AlgId::CALG_3DES, 192, 0),
        (enc, AlgId::CALG_AES_256, 256, 0),
        (mac, AlgId::CALG_SHA1, 160, 0),
    ] {
        assert_eq!(
            choose(&mut master, usage, id, bits, flags),
            Ok(()),
            "{id} {bits}"
        );
    }
    for (usage, id, bits, flags) in [
        (enc, AlgId::CALG_RC4, 0, 0),
        (enc, AlgId::CALG_RC4, 136, 0),
        (enc, AlgId::CALG_RC4, 41, 0),
        (enc, AlgId::CALG_RC4, 128, export),
        (enc, AlgId::CALG_RC4, 40, 2),
        (enc, AlgId::CALG_DES, 40, 0),
        (enc, AlgId::CALG_3DES, 168, export),
        (enc, AlgId::CALG_AES_128, 256, 0),
        (enc, AlgId::CALG_AES, 128, 0),
        (enc, AlgId::CALG_MD5, 128, 0),
        (enc, AlgId::CALG_TLS1_MASTER, 384, 0),
        (mac, AlgId::CALG_MD5, 160, 0),
        (mac, AlgId::CALG_SHA_256, 256, 0),
        (mac, AlgId::CALG_RC4, 128, 0),
        (mac, AlgId::CALG_MD5, 128, 2),
        (2, AlgId::CALG_MD5, 128, 0),
    ] {
        let refused = Err(CspError::NTE_BAD_DATA);
        assert_eq!(
            choose(&mut master, usage, id, bits, flags),
            refused,
            "{id} {bits}"
        );
    }
    let mut reserved = structure(enc, AlgId::CALG_RC4, 128, 0);
    reserved[16] = 1;
    let refused = Err(CspError::NTE_BAD_DATA);
    assert_eq!(master.set_param(KP_SCHANNEL_ALG, &reserved), refused);
    assert_eq!(master.set_param(KP_SCHANNEL_ALG, &reserved[..19]), refused);
}

#[test]
fn hashes_of_a_master_take_no_data_and_tell_no_value() {
    let mut master = received(AlgId::CALG_TLS1_MASTER, None);
    hello(&mut master, b"client", b"server");
    let mut hash = master_hash(&mut master);
    let mut prf = HashState::of_master(&RSA_SCHANNEL, AlgId::CALG_TLS1PRF, &mut master).unwrap();
    for hash in [&mut hash, &mut prf] {
        assert_eq!(hash.update(b"data", 0), Err(CspError::NTE_BAD_ALGID));
        assert_eq!(hash.param_len(HP_HASHVAL), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(hash.param(HP_HASHSIZE), Ok(vec![0; 4]));
        assert_eq!(hash.param_form(HP_HASHVAL), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(hash.set_value(&[]), Err(CspError::NTE_BAD_TYPE));
        let key = SymKey::derive(&RSA_SCHANNEL, AlgId::CALG_RC4, hash, 0);
        assert_eq!(key.map(drop), Err(CspError::NTE_BAD_HASH));
    }
    assert_eq!(
        hash.param_form(HP_TLS1PRF_SEED),
        Err(CspError::NTE_BAD_TYPE)
    );
    assert_eq!(prf.param_form(HP_TLS1PRF_SEED), Ok(ParamForm::Blob));
    let copy = prf.clone();
    let prf = prf.prf().unwrap();
    prf.set_param(HP_TLS1PRF_SEED, b"seed").unwrap();
    let value = |prf: &Prf| {
        let mut value = [0; 16];
        prf.fill(&mut value).unwrap();
        value
    };
    assert_ne!(value(prf), value(copy.clone().prf().unwrap()));
    assert_eq!(
        prf.set_param(HP_TLS1PRF_LABEL, &[0; 0x1_0001]),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(prf.set_param(HP_HASHVAL, b""), Err(CspError::NTE_BAD_TYPE));
}

fn session(key: OpaqueKey) -> SymKey {
    match key {
        OpaqueKey::Session(key) => key,
        OpaqueKey::Master(_) => panic!("a master"),
    }
}

fn reopen(blob: &[u8], flags: u32) -> Result<OpaqueKey> {
    let (header, body) = crate::blob::parse(blob).unwrap();
    assert_eq!(header.blob_type, OPAQUEKEYBLOB);
    opaque::parse(&RSA_SCHANNEL, header.algorithm, body, flags)
}

#[test]
fn an_opaque_key_goes_on_where_it_stood() {
    for (cipher, bits, iv_len) in [
        (AlgId::CALG_RC4, 128, 0),
        (AlgId::CALG_RC4, 40, 0),
        (AlgId::CALG_RC2, 128, 8),
        (AlgId::CALG_3DES, 192, 8),
        (AlgId::CALG_AES_128, 128, 16),
    ] {
        let mut master = received(AlgId::CALG_TLS1_MASTER, None);
        hello(&mut master, b"client", b"server");
        choose(&mut master, SCHANNEL_ENC_KEY, cipher, bits, 0).unwrap();
        choose(&mut master, SCHANNEL_MAC_KEY, AlgId::CALG_MD5, 128, 0).unwrap();
        let hash = master_hash(&mut master);
        let (enc, mac) = (AlgId::CALG_SCHANNEL_ENC_KEY, AlgId::CALG_SCHANNEL_MAC_KEY);
        let mut key = derive(&hash, enc, CRYPT_EXPORTABLE).unwrap();
        let fresh = opaque::build(&key).unwrap();
        let mut data = [0x55; 32];
        key.encrypt(&mut data, 32, false).unwrap();
        let mut copy = session(reopen(&opaque::build(&key).unwrap(), 0).unwrap());
        assert_eq!(copy.param(KP_IV).unwrap().len(), iv_len);
        assert_eq!(copy.algorithm(), cipher);
        assert!(!copy.is_exportable());
        let (mut one, mut other) = ([7; 48], [7; 48]);
        key.encrypt(&mut one, 48, false).unwrap();
        copy.encrypt(&mut other, 48, false).unwrap();
        assert_eq!(one, other);
        assert_eq!(
            opaque::build(&copy).map(drop),
            Err(CspError::NTE_BAD_KEY_STATE)
        );
        let first = reopen(&fresh, CRYPT_EXPORTABLE).unwrap();
        let mut again = [0x55; 32];
        let mut first = session(first);
        assert!(first.is_exportable());
        first.encrypt(&mut again, 32, false).unwrap();
        assert_eq!(again, data);

        let mac = derive(&hash, mac, CRYPT_EXPORTABLE).unwrap();
        let copy = session(reopen(&opaque::build(&mac).unwrap(), 0).unwrap());
        assert_eq!(copy.key_bytes(), mac.key_bytes());
        assert_eq!(copy.algorithm(), AlgId::CALG_SCHANNEL_MAC_KEY);
        assert_eq!(copy.encrypted_len(8, true), Err(CspError::NTE_BAD_KEY));
    }
}

#[test]
fn an_opaque_master_goes_on_where_it_stood() {
    let tls1 = AlgId::CALG_TLS1_MASTER;
    let random = &mut Counting(9);
    let masters = [
        Master::generate(&RSA_SCHANNEL, tls1, CRYPT_EXPORTABLE, random).unwrap(),
        received(tls1, Some(&[3; 48])),
        Master::from_secret(&DH_SCHANNEL, tls1, &[1, 2, 3], CRYPT_EXPORTABLE).unwrap(),
    ];
    for mut master in masters {
        for _ in 0..2 {
            let blob = opaque::build_master(&master).unwrap();
            let OpaqueKey::Master(mut copy) = reopen(&blob, 0).unwrap() else {
                panic!("a session key");
            };
            let denied = Err(CspError::NTE_BAD_KEY_STATE);
            assert_eq!(opaque::build_master(&copy).map(drop), denied);
            for key in [&mut master, &mut copy] {
                hello(key, b"client", b"server");
                choose(key, SCHANNEL_ENC_KEY, AlgId::CALG_DES, 64, 0).unwrap();
                choose(key, SCHANNEL_MAC_KEY, AlgId::CALG_MD5, 128, 0).unwrap();
            }
            let found = derive_all(&master_hash(&mut copy));
            assert_eq!(found, derive_all(&master_hash(&mut master)));
        }
        // Randoms and algorithms are part of it.
        let blob = opaque::build_master(&master).unwrap();
        let OpaqueKey::Master(mut copy) = reopen(&blob, 0).unwrap() else {
            panic!("a session key");
        };
        let found = derive_all(&master_hash(&mut copy));
        assert_eq!(found, derive_all(&master_hash(&mut master)));
    }
}

#[test]
fn an_opaque_blob_that_was_cut_or_changed_makes_no_key_or_another() {
    let mut master = received(AlgId::CALG_TLS1_MASTER, None);
    hello(&mut master, b"client", b"server");
    choose(&mut master, SCHANNEL_ENC_KEY, AlgId::CALG_RC4, 128, 0).unwrap();
    choose(&mut master, SCHANNEL_MAC_KEY, AlgId::CALG_MD5, 128, 0).unwrap();
    let hash = master_hash(&mut master);
    let enc = AlgId::CALG_SCHANNEL_ENC_KEY;
    let mut key = derive(&hash, enc, CRYPT_EXPORTABLE).unwrap();
    key.encrypt(&mut [0; 8], 8, false).unwrap();
    for blob in [
        opaque::build(&key).unwrap(),
        opaque::build_master(&master).unwrap(),
    ] {
        for len in 8..blob.len() {
            let cut = reopen(&blob[..len], 0).map(drop);
            assert_eq!(cut, Err(CspError::NTE_BAD_DATA), "{len}");
        }
        for at in 8..blob.len() {
            for bit in 0..8 {
                let mut changed = blob.to_vec();
                changed[at] ^= 1 << bit;
                // Whatever comes of it must be usable without harm.
                match reopen(&changed, 0) {
                    Ok(OpaqueKey::Session(mut key)) => {
                        let _ = key.encrypt(&mut [0; 64], 32, true);
                    }
                    Ok(OpaqueKey::Master(mut master)) => {
                        let _ = master.hash();
                    }
                    Err(_) => {}
                }
            }
        }
        for id in [AlgId::CALG_SHA1, AlgId::CALG_RSA_KEYX, AlgId::CALG_AES_128] {
            let mut other = blob.to_vec();
            other[4..8].copy_from_slice(&id.0.to_le_bytes());
            assert!(reopen(&other, 0).is_err(), "{id}");
        }
    }
}

//! Known answers and the rules of CPCreateHash, CPHashData, CPHashSessionKey and the HP_
//! parameters. Values marked "Windows" are PyCryptodome's; the unit tests of Wine's rsaenh assert
//! the same ones of Windows.

use proptest::prelude::*;

use super::*;
use crate::alg::RSA_AES;
use crate::constants::*;
use crate::soft::testing::{encrypt, hash, hex, key};

const PLAIN: [AlgId; 7] = [
    AlgId::CALG_MD2,
    AlgId::CALG_MD4,
    AlgId::CALG_MD5,
    AlgId::CALG_SHA1,
    AlgId::CALG_SHA_256,
    AlgId::CALG_SHA_384,
    AlgId::CALG_SHA_512,
];

fn new(algorithm: AlgId, key: Option<&SymKey>) -> Result<HashState> {
    HashState::new(&RSA_AES, algorithm, key)
}

/// The key of the Windows values: MD2 of 2000 counting bytes.
fn windows_key(algorithm: AlgId, bits: u32) -> SymKey {
    let data: Vec<u8> = (0..2000u32).map(|i| i as u8).collect();
    let mut base = hash(AlgId::CALG_MD2, &data);
    SymKey::derive(&RSA_AES, algorithm, &mut base, bits << 16).expect("the key is made")
}

fn hmac(key: &[u8], info: &HmacInfo) -> HashState {
    let key = crate::soft::testing::key(AlgId::CALG_RC2, key, CRYPT_IPSEC_HMAC_KEY);
    let mut hash = new(AlgId::CALG_HMAC, Some(&key)).expect("the key may be used");
    hash.set_hmac_info(info).expect("the hash exists");
    hash
}

fn usual(algorithm: AlgId) -> HmacInfo {
    HmacInfo {
        algorithm,
        inner: vec![],
        outer: vec![],
    }
}

/// "abc" from RFC 1319, RFC 1320, RFC 1321 and FIPS 180.
#[test]
fn plain_hashes_agree_with_their_standards() {
    for (algorithm, expected) in PLAIN.into_iter().zip([
        "da853b0d3f88d99b30283a69e6ded6bb",
        "a448017aaf21d8525fc10ae87aa6729d",
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ]) {
        let mut hash = new(algorithm, None).expect("the provider lists it");
        assert_eq!(hash.size() * 2, expected.len(), "{algorithm} before any data");
        hash.update(b"ab", 0).expect("the hash is open");
        hash.update(b"c", CRYPT_USERDATA).expect("CRYPT_USERDATA is ignored");
        assert_eq!(hash.value(), Ok(hex(expected)), "{algorithm}");
    }
}

#[test]
fn an_empty_hash_has_a_value_that_stays() {
    let mut hash = new(AlgId::CALG_MD5, None).expect("the provider lists it");
    let empty = hex("d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(hash.param_len(HP_HASHVAL), Ok(16));
    assert_eq!(hash.update(b"", 0), Ok(()), "a size query does not finish");
    assert_eq!(hash.param(HP_HASHVAL), Ok(empty.clone()));
    assert_eq!(hash.update(b"", 0), Err(CspError::NTE_BAD_HASH_STATE));
    let mut copy = hash.clone();
    assert_eq!(
        copy.update(b"", 0),
        Err(CspError::NTE_BAD_HASH_STATE),
        "a copy is finished too"
    );
    assert_eq!(copy.value(), Ok(empty.clone()));
    assert_eq!(hash.value(), Ok(empty));
}

#[test]
fn parameters_and_flags_are_checked() {
    let mut hash = new(AlgId::CALG_SHA1, None).expect("the provider lists it");
    assert_eq!(hash.update(b"x", 2), Err(CspError::NTE_BAD_FLAGS));
    assert_eq!(
        hash.param(HP_ALGID),
        Ok(AlgId::CALG_SHA1.0.to_le_bytes().to_vec())
    );
    assert_eq!(hash.param(HP_HASHSIZE), Ok(vec![20, 0, 0, 0]));
    assert_eq!(hash.param_len(HP_HASHSIZE), Ok(4));
    for unknown in [0, 3, HP_HMAC_INFO, HP_TLS1PRF_LABEL, 99] {
        assert_eq!(hash.param(unknown), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(hash.param_len(unknown), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(hash.param_form(unknown), Err(CspError::NTE_BAD_TYPE));
    }
    assert_eq!(hash.param_form(HP_HASHVAL), Ok(ParamForm::Bytes(20)));
    assert_eq!(
        hash.set_hmac_info(&usual(AlgId::CALG_MD5)),
        Err(CspError::NTE_BAD_TYPE)
    );
    for unknown in [
        AlgId::CALG_TLS1PRF,
        AlgId::CALG_DES,
        AlgId::CALG_RSA_SIGN,
        AlgId(0),
    ] {
        assert_eq!(new(unknown, None).err(), Some(CspError::NTE_BAD_ALGID));
    }
}

#[test]
fn a_value_can_be_set() {
    let mut hash = new(AlgId::CALG_SHA_256, None).expect("the provider lists it");
    hash.update(b"forgotten", 0).expect("the hash is open");
    assert_eq!(hash.set_value(&[7; 31]), Err(CspError::NTE_BAD_FLAGS));
    assert_eq!(hash.set_value(&[7; 32]), Ok(()));
    assert_eq!(hash.update(b"x", 0), Err(CspError::NTE_BAD_HASH_STATE));
    assert_eq!(hash.value(), Ok(vec![7; 32]));
}

#[test]
fn ssl3_shamd5_can_only_be_set() {
    let mut hash = new(AlgId::CALG_SSL3_SHAMD5, None).expect("the provider lists it");
    assert_eq!(hash.size(), 36);
    assert_eq!(hash.update(b"x", 0), Err(CspError::NTE_BAD_ALGID));
    assert_eq!(hash.value(), Err(CspError::NTE_BAD_HASH_STATE));
    hash.set_value(&[9; 36]).expect("thirty-six bytes");
    assert_eq!(hash.value(), Ok(vec![9; 36]));
    assert_eq!(hash.update(b"x", 0), Err(CspError::NTE_BAD_ALGID));
}

/// The expected values are MD5 of the bytes in the stated order.
#[test]
fn session_keys_are_hashed_reversed_unless_little_endian() {
    let key = key(AlgId::CALG_RC4, b"abcde", 0);
    let md5 = |data: &[u8]| hash(AlgId::CALG_MD5, data).value();
    for (flags, order) in [(0, b"edcba"), (CRYPT_LITTLE_ENDIAN, b"abcde")] {
        let mut found = new(AlgId::CALG_MD5, None).expect("the provider lists it");
        found
            .update_key(key.key_bytes(), flags)
            .expect("the hash is open");
        assert_eq!(
            found.value(),
            md5(order),
            "and without the 40-bit key's salt"
        );
    }
    let mut hash = new(AlgId::CALG_MD5, None).expect("the provider lists it");
    assert_eq!(
        hash.update_key(key.key_bytes(), 2),
        Err(CspError::NTE_BAD_FLAGS)
    );
    hash.value().expect("a plain hash has a value");
    assert_eq!(
        hash.update_key(key.key_bytes(), 0),
        Err(CspError::NTE_BAD_HASH_STATE)
    );
}

/// Windows: RC2 of 40 bits, in any pieces, whatever else the key is used for.
#[test]
fn a_mac_is_the_last_block_of_the_padded_data() {
    let mut key = windows_key(AlgId::CALG_RC2, 40);
    let data: Vec<u8> = (0..=255).collect();
    for (data, expected) in [
        (&data[..], "b7a246e91131e0ad"),
        (&data[..17], "ef220a3bd0ab4849"),
    ] {
        key.encrypt(&mut [0; 8], 8, false)
            .expect("the key's chain moves");
        let mut mac = new(AlgId::CALG_MAC, Some(&key)).expect("a block cipher's key");
        assert_eq!(mac.size(), 8);
        for piece in data.chunks(7) {
            mac.update(piece, 0).expect("the MAC is open");
            encrypt(&mut key, b"something else").expect("the key encrypts");
        }
        assert_eq!(mac.value(), Ok(hex(expected)));
        assert_eq!(mac.update(b"x", 0), Err(CspError::NTE_BAD_HASH_STATE));
    }
}

/// Windows: RC2 keys over the provider's maximum; one zero byte.
#[test]
fn long_rc2_keys_make_macs() {
    for (len, expected) in [
        (17, "cf5036c1fb3ee9a3"),
        (32, "48e27b6fb2384b44"),
        (64, "d234352c0ca1fc29"),
    ] {
        let key = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &vec![0xcc; len], 0)
            .expect("wrapped RC2 keys may be long");
        let mut mac = new(AlgId::CALG_MAC, Some(&key)).expect("a block cipher's key");
        mac.update(&[0], 0).expect("the MAC is open");
        assert_eq!(mac.value(), Ok(hex(expected)));
    }
}

/// `openssl enc -aes-128-cbc`, last block: key 00..0f, IV a0..af, the bytes 00..24.
#[test]
fn a_mac_starts_from_the_keys_iv() {
    let bytes: Vec<u8> = (0x10..0x20).collect();
    let mut key = key(AlgId::CALG_AES_128, &bytes, 0);
    let iv: Vec<u8> = (0xa0..0xb0).collect();
    key.set_param(KP_IV, &iv).expect("one block");
    let mut mac = new(AlgId::CALG_MAC, Some(&key)).expect("a block cipher's key");
    let data: Vec<u8> = (0..37).collect();
    mac.update(&data, 0).expect("the MAC is open");
    assert_eq!(mac.size(), 16);
    assert_eq!(mac.value(), Ok(hex("3f788d72a9e66f3d7c4822927d8b8c69")));
}

#[test]
fn keyed_hashes_need_a_suitable_key() {
    assert_eq!(
        new(AlgId::CALG_MAC, None).err(),
        Some(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        new(AlgId::CALG_HMAC, None).err(),
        Some(CspError::NTE_BAD_KEY)
    );
    let stream = windows_key(AlgId::CALG_RC4, 56);
    assert_eq!(
        new(AlgId::CALG_MAC, Some(&stream)).err(),
        Some(CspError::NTE_BAD_KEY)
    );
    assert!(new(AlgId::CALG_HMAC, Some(&stream)).is_ok());
    for mode in [CRYPT_MODE_ECB, CRYPT_MODE_CFB] {
        let mut key = windows_key(AlgId::CALG_DES, 0);
        key.set_param(KP_MODE, &mode.to_le_bytes())
            .expect("the mode exists");
        assert_eq!(
            new(AlgId::CALG_MAC, Some(&key)).err(),
            Some(CspError::NTE_BAD_KEY)
        );
    }
}

/// RFC 2202, sections 2 and 3, and RFC 4231 for SHA-2: cases with short and with long keys.
#[test]
fn hmac_agrees_with_its_rfcs() {
    const LONG: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
    for (algorithm, key, data, expected) in [
        (
            AlgId::CALG_MD5,
            vec![0x0b; 16],
            &b"Hi There"[..],
            "9294727a3638bb1c13f48ef8158bfc9d",
        ),
        (
            AlgId::CALG_MD5,
            vec![0xaa; 80],
            LONG,
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
        ),
        (
            AlgId::CALG_SHA1,
            vec![0x0b; 20],
            b"Hi There",
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            AlgId::CALG_SHA1,
            b"Jefe".to_vec(),
            b"what do ya want for nothing?",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            AlgId::CALG_SHA1,
            vec![0xaa; 80],
            LONG,
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
        (
            AlgId::CALG_SHA_256,
            vec![0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            AlgId::CALG_SHA_256,
            vec![0xaa; 131],
            LONG,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            AlgId::CALG_SHA_384,
            vec![0x0b; 20],
            b"Hi There",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            AlgId::CALG_SHA_512,
            vec![0xaa; 131],
            LONG,
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ] {
        let mut hash = hmac(&key, &usual(algorithm));
        assert_eq!(hash.size() * 2, expected.len());
        hash.update(data, 0).expect("the HMAC is open");
        assert_eq!(hash.value(), Ok(hex(expected)), "{algorithm}");
    }
}

/// Windows: HMAC-MD5 under an RC2 key of 56 bits.
#[test]
fn hmac_takes_the_bytes_of_any_key() {
    let key = windows_key(AlgId::CALG_RC2, 56);
    let mut hash = new(AlgId::CALG_HMAC, Some(&key)).expect("any key will do");
    hash.set_hmac_info(&usual(AlgId::CALG_MD5))
        .expect("MD5 goes into an HMAC");
    let data: Vec<u8> = (0..=255).collect();
    hash.update(&data, 0).expect("the HMAC is open");
    assert_eq!(hash.value(), Ok(hex("1a7d49c59b2d0b9ccf106bb67d0f1332")));
}

/// Windows: strings of zeros in place of both pads, longer than a block, over one zero byte.
/// Computed as MD5(pad ‖ MD5(pad ‖ 00)) with Python's hashlib.
#[test]
fn given_strings_replace_the_pads_at_their_own_length() {
    for (key_len, string_len, expected) in [
        (17, 136, "6d58442f9f4cd07603fce8dabd70e827"),
        (32, 256, "8631debcd52c89d9f5898c57e5a8cbc2"),
        (64, 512, "ccf12bad1f2c4eae679a59d102d86701"),
        (64, 1024, "6859e76ef5efa052850d34756249b687"),
    ] {
        let string = vec![0; string_len];
        let info = HmacInfo {
            algorithm: AlgId::CALG_MD5,
            inner: string.clone(),
            outer: string,
        };
        let mut hash = hmac(&vec![0xcc; key_len], &info);
        hash.update(&[0], 0).expect("the HMAC is open");
        assert_eq!(hash.value(), Ok(hex(expected)), "{key_len} {string_len}");
    }
}

/// A string shorter than the key cuts the key: pad = string XOR the key's first bytes.
#[test]
fn short_strings_cut_the_key() {
    let info = HmacInfo {
        algorithm: AlgId::CALG_MD5,
        inner: vec![1; 3],
        outer: vec![2; 2],
    };
    let mut found = hmac(b"abcdef", &info);
    found.update(b"data", 0).expect("the HMAC is open");
    let inner = hash(AlgId::CALG_MD5, b"`cbdata")
        .value()
        .expect("a plain hash");
    let outer = [b"c`", &inner[..]].concat();
    assert_eq!(found.value(), hash(AlgId::CALG_MD5, &outer).value());
}

#[test]
fn an_hmac_without_info_cannot_be_used() {
    let key = key(AlgId::CALG_RC2, b"key", CRYPT_IPSEC_HMAC_KEY);
    let mut hash = new(AlgId::CALG_HMAC, Some(&key)).expect("any key will do");
    assert_eq!(hash.param_form(HP_HMAC_INFO), Ok(ParamForm::HmacInfo));
    assert_eq!(hash.size(), 0);
    assert_eq!(hash.update(b"x", 0), Err(CspError::NTE_BAD_ALGID));
    assert_eq!(hash.value(), Err(CspError::NTE_BAD_ALGID));
    assert_eq!(hash.set_value(&[]), Err(CspError::NTE_BAD_ALGID));
    for bad in [
        AlgId::CALG_HMAC,
        AlgId::CALG_MAC,
        AlgId::CALG_SSL3_SHAMD5,
        AlgId::CALG_DES,
    ] {
        assert_eq!(
            hash.set_hmac_info(&usual(bad)),
            Err(CspError::NTE_BAD_ALGID)
        );
    }
    hash.set_hmac_info(&usual(AlgId::CALG_MD5))
        .expect("MD5 goes into an HMAC");
    hash.set_hmac_info(&usual(AlgId::CALG_SHA1))
        .expect("it may change before any data");
    assert_eq!(hash.size(), 20);
    hash.update(b"x", 0).expect("the HMAC is open");
    let late = hash.set_hmac_info(&usual(AlgId::CALG_MD5));
    assert_eq!(late, Err(CspError::NTE_BAD_HASH_STATE));
}

/// One of each kind of hash that takes data.
fn any_hash() -> impl Strategy<Value = HashState> {
    let mut hashes: Vec<HashState> = PLAIN
        .iter()
        .map(|id| new(*id, None).expect("the provider lists it"))
        .collect();
    hashes.push(hmac(b"key", &usual(AlgId::CALG_SHA_384)));
    let key = windows_key(AlgId::CALG_3DES, 0);
    hashes.push(new(AlgId::CALG_MAC, Some(&key)).expect("a block cipher's key"));
    prop::sample::select(hashes)
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_value(
        hash in any_hash(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..6),
    ) {
        let (mut whole, mut chunked) = (hash.clone(), hash);
        whole.update(&pieces.concat(), 0).expect("the hash is open");
        for piece in &pieces {
            chunked.update(piece, 0).expect("the hash is open");
        }
        let size = chunked.size();
        let value = chunked.value().expect("the hash has a value");
        prop_assert_eq!(value.len(), size);
        prop_assert_eq!(whole.value(), Ok(value));
    }

    #[test]
    fn duplicates_go_separate_ways(
        hash in any_hash(),
        start in prop::collection::vec(any::<u8>(), 0..70),
        end in prop::collection::vec(any::<u8>(), 0..70),
        disturbance in prop::collection::vec(any::<u8>(), 1..70),
    ) {
        let mut expected = hash.clone();
        expected.update(&[&start[..], &end].concat(), 0).expect("the hash is open");
        let mut original = hash;
        original.update(&start, 0).expect("the hash is open");
        let mut duplicate = original.clone();
        original.update(&disturbance, 0).expect("the hash is open");
        original.value().expect("the hash has a value");
        duplicate.update(&end, 0).expect("the duplicate is open still");
        prop_assert_eq!(duplicate.value(), expected.value());
    }
}

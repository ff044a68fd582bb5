//! DSS and Diffie-Hellman: pairs made at once and in two steps, signatures, agreement, blobs of both versions. The oracle
//! is `num-bigint`.

use csp::constants::*;
use csp::csp::Csp;
use csp::error::{CspError, Result};
use csp::output::Output;
use csp::soft::CmsDhKeyInfo;
use csp::{Caller, InPlace, Signature};
use num_bigint::BigUint;
use sha1::{Digest, Sha1};

use crate::rig::{Rig, hash, public_blob, value};

fn open(csp: &Csp, prov_type: u32, name: &str, flags: u32) -> Result<usize> {
    let caller = Caller {
        prov_type: Some(prov_type),
        ..Caller::default()
    };
    csp.acquire_context(Some(name.as_bytes()), flags, &caller)
}

fn le(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_le(bytes)
}

/// p, q, g and y of a DSS PUBLICKEYBLOB.
fn dss_numbers(blob: &[u8]) -> [BigUint; 4] {
    assert_eq!(&blob[8..12], b"DSS1");
    let len = u32::from_le_bytes(blob[12..16].try_into().unwrap()) as usize / 8;
    assert_eq!(blob.len(), 16 + 3 * len + 20 + 24);
    let p = &blob[16..16 + len];
    let q = &blob[16 + len..36 + len];
    let g = &blob[36 + len..36 + 2 * len];
    let y = &blob[36 + 2 * len..36 + 3 * len];
    [le(p), le(q), le(g), le(y)]
}

/// FIPS 186-2 section 6.
fn dss_verifies(blob: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let [p, q, g, y] = dss_numbers(blob);
    let (r, s) = (le(&signature[..20]), le(&signature[20..]));
    let one = BigUint::from(1u8);
    assert!(r >= one && r < q && s >= one && s < q);
    let digest = BigUint::from_bytes_be(&Sha1::digest(text));
    let w = s.modpow(&(&q - 2u8), &q);
    let (u1, u2) = (digest * &w % &q, &r * &w % &q);
    g.modpow(&u1, &p) * y.modpow(&u2, &p) % &p % &q == r
}

fn sign(csp: &Csp, context: usize, text: &[u8]) -> Result<Vec<u8>> {
    let hash = hash(csp, context, AlgId::CALG_SHA1, text);
    value(|output| csp.sign_hash(context, hash, AT_SIGNATURE, &[], 0, output))
}

fn verify(csp: &Csp, context: usize, key: usize, text: &[u8], signature: &[u8]) -> Result<()> {
    let hash = hash(csp, context, AlgId::CALG_SHA1, text);
    let signature = Signature {
        length: signature.len(),
        bytes: Some(signature),
    };
    csp.verify_signature(context, hash, signature, key, &[], 0)
}

fn key_param(csp: &Csp, context: usize, key: usize, param: u32) -> Result<Vec<u8>> {
    value(|output| csp.key_param(context, key, param, 0, output))
}

fn version_3(csp: &Csp, context: usize, key: usize) -> Vec<u8> {
    value(|output| csp.export_key(context, key, 0, PUBLICKEYBLOB, CRYPT_BLOB_VER3, output)).unwrap()
}

#[test]
fn a_dss_pair_signs_and_comes_back_from_its_container() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS, "dss", CRYPT_NEWKEYSET).unwrap();
    let key = csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    let blob = public_blob(&csp, context, key);
    let [p, q, g, _] = dss_numbers(&blob);
    assert_eq!((p.bits(), q.bits()), (512, 160));
    assert_eq!(g.modpow(&q, &p), BigUint::from(1u8));

    let first = sign(&csp, context, b"text").unwrap();
    let second = sign(&csp, context, b"text").unwrap();
    assert_ne!(first, second);
    for signature in [&first, &second] {
        assert!(dss_verifies(&blob, b"text", signature));
        assert!(!dss_verifies(&blob, b"other", signature));
        assert_eq!(verify(&csp, context, key, b"text", signature), Ok(()));
        assert_eq!(
            verify(&csp, context, key, b"other", signature),
            Err(CspError::NTE_BAD_SIGNATURE)
        );
    }

    // The public half alone verifies too, in any provider of the family.
    let other = open(&csp, PROV_DSS_DH, "", CRYPT_VERIFYCONTEXT).unwrap();
    let public = csp.import_key(other, &blob, 0, 0).unwrap();
    assert_eq!(verify(&csp, other, public, b"text", &first), Ok(()));
    assert_eq!(public_blob(&csp, other, public), blob);
    let longer = version_3(&csp, other, public);
    let again = csp.import_key(other, &longer, 0, 0).unwrap();
    assert_eq!(public_blob(&csp, other, again), blob);

    csp.release_context(context, 0).unwrap();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS, "dss", 0).unwrap();
    for spec in [AT_SIGNATURE, AlgId::CALG_DSS_SIGN.0] {
        let key = csp.get_user_key(context, spec).unwrap();
        assert_eq!(public_blob(&csp, context, key), blob);
    }
    assert!(dss_verifies(
        &blob,
        b"x",
        &sign(&csp, context, b"x").unwrap()
    ));
    // Another provider has containers of its own.
    let elsewhere = open(&csp, PROV_DSS_DH, "dss", 0);
    assert_eq!(elsewhere, Err(CspError::NTE_BAD_KEYSET));
}

#[test]
fn dss_refuses_what_is_not_its_own() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS, "dss", CRYPT_NEWKEYSET).unwrap();
    for id in [
        AT_KEYEXCHANGE,
        AlgId::CALG_DH_SF.0,
        AlgId::CALG_RSA_SIGN.0,
        AlgId::CALG_RC4.0,
    ] {
        assert_eq!(csp.gen_key(context, id, 0), Err(CspError::NTE_BAD_ALGID));
    }
    let key = csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    let md5 = hash(&csp, context, AlgId::CALG_MD5, b"text");
    let mut length = 40;
    let mut buffer = [0; 40];
    let output = Output::new(Some(&mut buffer), &mut length);
    assert_eq!(
        csp.sign_hash(context, md5, AT_SIGNATURE, &[], 0, output),
        Err(CspError::NTE_BAD_ALGID)
    );
    let mut length = 0;
    let query = Output::new(None, &mut length);
    assert_eq!(
        csp.export_key(context, key, 0, PRIVATEKEYBLOB, 0, query),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    assert_eq!(
        key_param(&csp, context, key, KP_OAEP_PARAMS),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(key_param(&csp, context, key, KP_VERIFY_PARAMS), Ok(vec![]));
    let mut data = [0; 64];
    let mut length = 8;
    let data = InPlace {
        buffer: Some(&mut data),
        length: &mut length,
    };
    assert_eq!(
        csp.encrypt(context, key, 0, true, 0, data),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        csp.get_user_key(context, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );
}

#[test]
fn a_dss_private_key_is_imported_in_both_versions() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let maker = open(&csp, PROV_DSS, "", CRYPT_VERIFYCONTEXT).unwrap();
    let key = csp.gen_key(maker, AT_SIGNATURE, 512 << 16).unwrap();
    let public = public_blob(&csp, maker, key);
    let [p, _, g, _] = dss_numbers(&public);
    // A private value of our own, so that the public one is known from elsewhere.
    let x = [7u8; 20];
    let mut y = g.modpow(&le(&x), &p).to_bytes_le();
    y.resize(64, 0);
    let group = &public[16..16 + 64 + 20 + 64];

    let mut second = vec![PRIVATEKEYBLOB as u8, 2, 0, 0];
    second.extend(AlgId::CALG_DSS_SIGN.0.to_le_bytes());
    second.extend(b"DSS2");
    second.extend(512u32.to_le_bytes());
    second.extend(group);
    second.extend(x);
    second.extend([0xff; 4]);
    second.extend([0; 20]);

    let mut third = vec![PRIVATEKEYBLOB as u8, 3, 0, 0];
    third.extend(AlgId::CALG_DSS_SIGN.0.to_le_bytes());
    third.extend(b"DSS4");
    for bits in [512u32, 160, 0, 160] {
        third.extend(bits.to_le_bytes());
    }
    third.extend([0xff; 4]);
    third.extend([0; 20]);
    third.extend(group);
    third.extend(&y);
    third.extend(x);

    let context = open(&csp, PROV_DSS, "import", CRYPT_NEWKEYSET).unwrap();
    for blob in [second, third] {
        let key = csp.import_key(context, &blob, 0, 0).unwrap();
        let public = public_blob(&csp, context, key);
        assert_eq!(dss_numbers(&public)[3], le(&y));
        assert!(dss_verifies(
            &public,
            b"a",
            &sign(&csp, context, b"a").unwrap()
        ));
        for len in 0..blob.len() - if blob[1] == 2 { 0 } else { 1 } {
            let cut = csp.import_key(context, &blob[..len], 0, 0);
            assert_eq!(cut, Err(CspError::NTE_BAD_DATA), "{len}");
        }
    }
}

fn set(csp: &Csp, context: usize, key: usize, param: u32, value: &[u8]) -> Result<()> {
    csp.key_param_form(context, key, param, 0)?;
    csp.set_key_param(context, key, param, value, 0)
}

/// The 512-bit prime 2^512 - 569, and a small generator.
fn small_group() -> (Vec<u8>, Vec<u8>) {
    let p: BigUint = (BigUint::from(1u8) << 512u32) - 569u32;
    let mut g = vec![0; 64];
    g[0] = 5;
    (p.to_bytes_le(), g)
}

#[test]
fn two_sides_agree_on_one_key() {
    let rig = Rig::start();
    let (mine, theirs) = (rig.library(1), rig.library(2));
    let context = open(&mine, PROV_DSS_DH, "dh", CRYPT_NEWKEYSET).unwrap();
    let own = mine.gen_key(context, AT_KEYEXCHANGE, 512 << 16).unwrap();
    let blob = public_blob(&mine, context, own);
    assert_eq!(&blob[8..12], b"\0DH1");
    assert_eq!(blob.len(), 16 + 64);
    let (p, g) = (
        key_param(&mine, context, own, KP_P).unwrap(),
        key_param(&mine, context, own, KP_G).unwrap(),
    );

    let other = open(&theirs, PROV_DSS_DH, "", CRYPT_VERIFYCONTEXT).unwrap();
    let flags = 512 << 16 | CRYPT_PREGEN;
    let peer = theirs
        .gen_key(other, AlgId::CALG_DH_EPHEM.0, flags)
        .unwrap();
    assert_eq!(
        value(|output| theirs.export_key(other, peer, 0, PUBLICKEYBLOB, 0, output)),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    set(&theirs, other, peer, KP_P, &p).unwrap();
    set(&theirs, other, peer, KP_G, &g).unwrap();
    set(&theirs, other, peer, KP_X, &[]).unwrap();
    assert_eq!(
        set(&theirs, other, peer, KP_P, &p),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    // Never in the container's slot.
    assert_eq!(
        theirs.get_user_key(other, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );

    let their_blob = public_blob(&theirs, other, peer);
    let first = mine.import_key(context, &their_blob, own, 0).unwrap();
    let second = theirs.import_key(other, &blob, peer, 0).unwrap();
    let algorithm = |csp: &Csp, context, key| {
        let bytes = key_param(csp, context, key, KP_ALGID).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    };
    assert_eq!(
        algorithm(&mine, context, first),
        AlgId::CALG_AGREEDKEY_ANY.0
    );
    let encrypt = |csp: &Csp, context, key| {
        let mut data = *b"some plain text!";
        let mut length = 16;
        csp.encrypt(
            context,
            key,
            0,
            true,
            0,
            InPlace {
                buffer: Some(&mut data),
                length: &mut length,
            },
        )
        .map(|()| data)
    };
    assert_eq!(encrypt(&mine, context, first), Err(CspError::NTE_BAD_KEY));
    let cipher = AlgId::CALG_RC4.0.to_le_bytes();
    for (csp, context, key) in [(&mine, context, first), (&theirs, other, second)] {
        csp.key_param_form(context, key, KP_ALGID, 128 << 16)
            .unwrap();
        csp.set_key_param(
            context,
            key,
            KP_ALGID,
            &cipher,
            128 << 16 | CRYPT_EXPORTABLE,
        )
        .unwrap();
        assert_eq!(algorithm(csp, context, key), AlgId::CALG_RC4.0);
    }
    let same = encrypt(&mine, context, first).unwrap();
    assert_eq!(encrypt(&theirs, other, second).unwrap(), same);
    assert_ne!(&same, b"some plain text!");
}

#[test]
fn the_agreed_key_is_the_low_end_of_the_secret() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS_DH, "", CRYPT_VERIFYCONTEXT).unwrap();
    let (p, g) = small_group();
    let x = [9u8; 64];
    let mut x = le(&x) % (le(&p) - 1u8);
    x.set_bit(500, true);
    let mut private = vec![PRIVATEKEYBLOB as u8, 2, 0, 0];
    private.extend(AlgId::CALG_DH_SF.0.to_le_bytes());
    private.extend(b"\0DH2");
    private.extend(512u32.to_le_bytes());
    private.extend(&p);
    private.extend(&g);
    let mut bytes = x.to_bytes_le();
    bytes.resize(64, 0);
    private.extend(&bytes);
    let own = csp.import_key(context, &private, 0, 0).unwrap();

    let peer = BigUint::from(123_456_789u32);
    let mut public = vec![PUBLICKEYBLOB as u8, 2, 0, 0];
    public.extend(AlgId::CALG_DH_SF.0.to_le_bytes());
    public.extend(b"\0DH1");
    public.extend(512u32.to_le_bytes());
    let mut bytes = peer.to_bytes_le();
    bytes.resize(64, 0);
    public.extend(&bytes);
    let agreed = csp.import_key(context, &public, own, 0).unwrap();
    let for_cms = csp.import_key(context, &public, own, 0).unwrap();
    let flags = CRYPT_EXPORTABLE;
    let algorithm = AlgId::CALG_3DES.0.to_le_bytes();
    csp.set_key_param(context, agreed, KP_ALGID, &algorithm, flags)
        .unwrap();
    let plain =
        value(|output| csp.export_key(context, agreed, 0, PLAINTEXTKEYBLOB, 0, output)).unwrap();
    let secret = peer.modpow(&x, &le(&p)).to_bytes_le();
    assert_eq!(&plain[12..], &secret[..24]);

    // openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt hexkey:... -kdfopt cekalg:id-smime-alg-CMS3DESwrap -kdfopt
    // hexukm:0123456789abcdef X942KDF-ASN1, of the secret as Python's pow gives it.
    let info = CmsDhKeyInfo {
        algorithm: AlgId::CALG_3DES,
        content_oid: b"1.2.840.113549.1.9.16.3.6".to_vec(),
        public_info: vec![0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
    };
    let set = |key, info: &CmsDhKeyInfo| csp.set_cms_dh_key_info(context, key, info, flags);
    let mut other = info.clone();
    other.content_oid = b"3DES".to_vec();
    assert_eq!(set(for_cms, &other), Err(CspError::NTE_BAD_DATA));
    set(for_cms, &info).unwrap();
    assert_eq!(set(for_cms, &info), Err(CspError::NTE_BAD_FLAGS));
    let plain =
        value(|output| csp.export_key(context, for_cms, 0, PLAINTEXTKEYBLOB, 0, output)).unwrap();
    let hex: String = plain[12..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, "84ef4b8578cae9f0a39d9e9c60c18242932258d72a31e8fb");

    assert_eq!(
        csp.import_key(context, &public, 0, 0),
        Err(CspError::NTE_BAD_KEY)
    );
    for value in [BigUint::from(0u8), BigUint::from(1u8), le(&p) - 1u8] {
        let mut bytes = value.to_bytes_le();
        bytes.resize(64, 0);
        public.truncate(16);
        public.extend(&bytes);
        let refused = csp.import_key(context, &public, own, 0);
        assert_eq!(refused, Err(CspError::NTE_BAD_DATA));
    }
}

#[test]
fn a_pair_is_made_when_it_is_first_needed() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS_DH, "later", CRYPT_NEWKEYSET).unwrap();
    let made = csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    let params = version_3(&csp, context, made);
    let without_y = &params[..params.len() - 64];

    let pending = csp
        .gen_key(context, AT_SIGNATURE, 512 << 16 | CRYPT_PREGEN)
        .unwrap();
    // Until its values are set, the slot has what it had.
    let before = csp.get_user_key(context, AT_SIGNATURE).unwrap();
    assert_eq!(version_3(&csp, context, before), params);
    set(&csp, context, pending, KP_PUB_PARAMS, without_y).unwrap();
    assert_eq!(
        key_param(&csp, context, pending, KP_VERIFY_PARAMS),
        Ok(vec![])
    );
    let signature = sign(&csp, context, b"late").unwrap();
    let blob = public_blob(&csp, context, pending);
    assert!(dss_verifies(&blob, b"late", &signature));
    assert_ne!(version_3(&csp, context, pending), params);

    // Two-step pairs are for keys with domain parameters.
    let rsa = open(&csp, PROV_RSA_FULL, "", CRYPT_VERIFYCONTEXT).unwrap();
    assert_eq!(
        csp.gen_key(rsa, AT_SIGNATURE, CRYPT_PREGEN),
        Err(CspError::NTE_BAD_FLAGS)
    );
    // A group that is none is found out when the pair is made.
    let bad = csp
        .gen_key(context, AT_KEYEXCHANGE, 512 << 16 | CRYPT_PREGEN)
        .unwrap();
    set(&csp, context, bad, KP_P, &[0xff; 64]).unwrap();
    set(&csp, context, bad, KP_G, &[2]).unwrap();
    assert!(key_param(&csp, context, bad, KP_VERIFY_PARAMS).is_err());
    let refused = Err(CspError::NTE_BAD_DATA);
    assert_eq!(set(&csp, context, bad, KP_X, &[]), refused);
    let slot = || csp.get_user_key(context, AT_KEYEXCHANGE).map(drop);
    assert_eq!(slot(), refused);
    assert_eq!(slot(), Err(CspError::NTE_NO_KEY));
}

#[test]
fn the_values_of_a_stored_pair_outlive_the_process_that_set_them() {
    let rig = Rig::start();
    let (p, g) = small_group();
    let exchange = |csp: &Csp, flags| {
        let context = open(csp, PROV_DSS_DH, "stored", flags).unwrap();
        (context, csp.get_user_key(context, AT_KEYEXCHANGE))
    };
    let first = rig.library(1);
    let (context, none) = exchange(&first, CRYPT_NEWKEYSET);
    assert_eq!(none, Err(CspError::NTE_NO_KEY));
    let pending = 512 << 16 | CRYPT_PREGEN;
    let key = first.gen_key(context, AT_KEYEXCHANGE, pending).unwrap();
    set(&first, context, key, KP_P, &p).unwrap();
    drop(first);

    // Between KP_P and KP_G.
    let second = rig.library(1);
    let (context, key) = exchange(&second, 0);
    let key = key.unwrap();
    assert_eq!(key_param(&second, context, key, KP_P), Ok(p.clone()));
    let missing = CspError::NTE_BAD_KEY_STATE;
    assert_eq!(key_param(&second, context, key, KP_G), Err(missing));
    assert_eq!(set(&second, context, key, KP_X, &[]), Err(missing));
    set(&second, context, key, KP_G, &g).unwrap();
    assert_eq!(rig.key_files().len(), 0);
    drop(second);

    // Between KP_G and KP_X: whoever needs the pair first makes it.
    let third = rig.library(1);
    let (context, key) = exchange(&third, 0);
    let made = public_blob(&third, context, key.unwrap());
    drop(third);
    let fourth = rig.library(1);
    let (context, key) = exchange(&fourth, 0);
    assert_eq!(public_blob(&fourth, context, key.unwrap()), made);
    assert_eq!(rig.key_files().len(), 1);

    // A pair that is there stays until the new one is made; one that is made otherwise takes the place of the values.
    let key = fourth.gen_key(context, AT_KEYEXCHANGE, pending).unwrap();
    set(&fourth, context, key, KP_P, &p).unwrap();
    drop(fourth);
    let fifth = rig.library(1);
    let (context, key) = exchange(&fifth, 0);
    assert_eq!(public_blob(&fifth, context, key.unwrap()), made);
    let other = fifth.gen_key(context, AT_KEYEXCHANGE, 512 << 16).unwrap();
    let other = public_blob(&fifth, context, other);
    drop(fifth);
    let sixth = rig.library(1);
    let (context, key) = exchange(&sixth, 0);
    let key = key.unwrap();
    assert_eq!(public_blob(&sixth, context, key), other);
    assert_eq!(set(&sixth, context, key, KP_G, &g), Err(missing));

    // Values that are no group are not kept.
    let key = sixth.gen_key(context, AT_KEYEXCHANGE, pending).unwrap();
    set(&sixth, context, key, KP_P, &[0xff; 64]).unwrap();
    set(&sixth, context, key, KP_G, &[2]).unwrap();
    drop(sixth);
    let seventh = rig.library(1);
    let (context, refused) = exchange(&seventh, 0);
    assert_eq!(refused, Err(CspError::NTE_BAD_DATA));
    let key = seventh.get_user_key(context, AT_KEYEXCHANGE).unwrap();
    assert_eq!(public_blob(&seventh, context, key), other);
}

#[test]
fn nobody_stores_values_in_a_container_that_he_may_only_read() {
    let rig = Rig::start();
    let (p, _) = small_group();
    let owner = rig.library(1);
    let made = |csp: &Csp, flags| {
        let caller = Caller {
            prov_type: Some(PROV_DSS_DH),
            ..Caller::default()
        };
        let flags = flags | CRYPT_MACHINE_KEYSET;
        csp.acquire_context(Some(b"shared"), flags, &caller)
    };
    made(&owner, CRYPT_NEWKEYSET).unwrap();
    let other = rig.library(2);
    let context = made(&other, 0).unwrap();
    let pending = 512 << 16 | CRYPT_PREGEN;
    let key = other.gen_key(context, AT_KEYEXCHANGE, pending).unwrap();
    let refused = Err(CspError::NTE_PERM);
    assert_eq!(set(&other, context, key, KP_P, &p), refused);
    assert_eq!(
        key_param(&other, context, key, KP_P),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    // What is never stored needs no right.
    let ephemeral = AlgId::CALG_DH_EPHEM.0;
    let key = other.gen_key(context, ephemeral, pending).unwrap();
    assert_eq!(set(&other, context, key, KP_P, &p), Ok(()));
}

#[test]
fn threads_that_need_a_pending_pair_get_one_pair() {
    let rig = Rig::start();
    let csp = rig.library(1);
    let context = open(&csp, PROV_DSS_DH, "race", CRYPT_NEWKEYSET).unwrap();
    let key = csp
        .gen_key(context, AT_KEYEXCHANGE, 512 << 16 | CRYPT_PREGEN)
        .unwrap();
    let (p, g) = small_group();
    set(&csp, context, key, KP_P, &p).unwrap();
    set(&csp, context, key, KP_G, &g).unwrap();
    let blobs: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| public_blob(&csp, context, key)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(blobs.iter().all(|blob| *blob == blobs[0]));
    assert_eq!(rig.key_files().len(), 1);
}

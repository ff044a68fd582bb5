//! What an ephemeral context (CRYPT_VERIFYCONTEXT) does without any hardserver: handles, flags, sizes, enumerations,
//! session keys, hashes, public keys. The environment points at nothing, so a call that connected would fail.

use std::path::PathBuf;

use csp::constants::*;
use csp::csp::{Csp, Settings};
use csp::error::{CspError, Result};
use csp::identity::Identity;
use csp::output::Output;
use csp::settings::SetupParameters;
use csp::sid::Sid;
use csp::{Caller, HashParam, InPlace, Signature};
use nfkm::Environment;

/// A provider library whose hardserver does not exist.
fn offline() -> Csp {
    let nowhere = PathBuf::from("/nonexistent");
    Csp::new(Settings {
        environment: Some(Environment {
            server: Some("/nonexistent/nserver".to_owned()),
            kmlocal: Some(nowhere),
            ..Environment::default()
        }),
        identity: Some(Identity {
            user: Sid::everyone(),
            claimed: false,
            group: Sid::everyone(),
            administrator: false,
            user_name: Some("somebody".to_owned()),
            host_name: Some("somewhere".to_owned()),
        }),
        setup: Some(SetupParameters::default()),
        answers: None,
    })
}

fn open(csp: &Csp) -> usize {
    csp.acquire_context(None, CRYPT_VERIFYCONTEXT, &Caller::default())
        .expect("needs no hardserver")
}

/// A value by the usual two calls: NULL for the size, then a buffer of that size.
fn value<T>(call: impl Fn(Output<'_>) -> Result<T>) -> Result<Vec<u8>> {
    let mut length = 0;
    call(Output::new(None, &mut length))?;
    let mut buffer = vec![0; length as usize];
    call(Output::new(Some(&mut buffer), &mut length))?;
    buffer.truncate(length as usize);
    Ok(buffer)
}

fn dword(bytes: Vec<u8>) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn prov_param(csp: &Csp, context: usize, param: u32, flags: u32) -> Result<Vec<u8>> {
    value(|output| csp.prov_param(context, param, flags, output))
}

fn key_param(csp: &Csp, context: usize, key: usize, param: u32) -> Result<Vec<u8>> {
    value(|output| csp.key_param(context, key, param, 0, output))
}

fn hash_value(csp: &Csp, context: usize, hash: usize) -> Result<Vec<u8>> {
    value(|output| csp.hash_param(context, hash, HP_HASHVAL, 0, output))
}

fn export(
    csp: &Csp,
    context: usize,
    key: usize,
    export_key: usize,
    blob_type: u32,
) -> Result<Vec<u8>> {
    value(|output| csp.export_key(context, key, export_key, blob_type, 0, output))
}

/// A PUBLICKEYBLOB whose modulus is odd and full, and which nobody knows the factors of.
fn public_blob(algorithm: AlgId) -> Vec<u8> {
    let mut blob = vec![PUBLICKEYBLOB as u8, 2, 0, 0];
    blob.extend_from_slice(&algorithm.0.to_le_bytes());
    blob.extend_from_slice(b"RSA1");
    blob.extend_from_slice(&512u32.to_le_bytes());
    blob.extend_from_slice(&65_537u32.to_le_bytes());
    blob.extend((0..64u8).map(|i| i.wrapping_mul(7) | 0x81));
    blob
}

#[test]
fn a_context_that_needs_a_container_fails_without_a_hardserver() {
    let csp = offline();
    for flags in [0, CRYPT_NEWKEYSET, CRYPT_DELETEKEYSET, CRYPT_MACHINE_KEYSET] {
        assert_eq!(
            csp.acquire_context(Some(b"a"), flags, &Caller::default()),
            Err(CspError::NTE_FAIL)
        );
    }
    let context = open(&csp);
    assert_eq!(
        csp.gen_random(context, &mut [0; 8]),
        Err(CspError::NTE_FAIL)
    );
    assert_eq!(csp.gen_random(context, &mut []), Ok(()));
    assert_eq!(
        csp.gen_key(context, AT_SIGNATURE, 0),
        Err(CspError::NTE_FAIL)
    );
}

#[test]
fn an_ephemeral_context_takes_no_name() {
    let csp = offline();
    let caller = Caller::default();
    assert_eq!(
        csp.acquire_context(Some(b"a"), CRYPT_VERIFYCONTEXT, &caller),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert!(
        csp.acquire_context(Some(b""), CRYPT_VERIFYCONTEXT, &caller)
            .is_ok()
    );
}

#[test]
fn release_ends_the_context_even_with_bad_flags() {
    let csp = offline();
    let context = open(&csp);
    assert_eq!(
        csp.release_context(context, 1),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(csp.release_context(context, 0), Err(CspError::NTE_BAD_UID));
    assert_eq!(csp.gen_random(context, &mut []), Err(CspError::NTE_BAD_UID));
}

#[test]
fn release_ends_keys_and_hashes_of_the_context_alone() {
    let csp = offline();
    let (first, second) = (open(&csp), open(&csp));
    let key = csp.gen_key(first, AlgId::CALG_AES_128.0, 0).unwrap();
    let hash = csp.create_hash(second, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    csp.release_context(first, 0).unwrap();
    assert_eq!(csp.destroy_key(first, key), Err(CspError::NTE_BAD_UID));
    assert_eq!(csp.hash_data(second, hash, b"x", 0), Ok(()));
}

#[test]
fn handles_of_another_context_or_kind_are_refused() {
    let csp = offline();
    let (own, other) = (open(&csp), open(&csp));
    let key = csp
        .gen_key(other, AlgId::CALG_AES_128.0, CRYPT_EXPORTABLE)
        .unwrap();
    let hash = csp.create_hash(other, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    assert_eq!(csp.destroy_key(own, key), Err(CspError::NTE_BAD_KEY));
    assert_eq!(csp.destroy_hash(own, hash), Err(CspError::NTE_BAD_HASH));
    assert_eq!(
        export(&csp, own, key, 0, PLAINTEXTKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(hash_value(&csp, own, hash), Err(CspError::NTE_BAD_HASH));
    assert_eq!(
        csp.hash_session_key(other, key, key, 0),
        Err(CspError::NTE_BAD_HASH)
    );
    assert_eq!(csp.destroy_key(other, hash), Err(CspError::NTE_BAD_KEY));
    assert_eq!(csp.destroy_key(other, 0), Err(CspError::NTE_BAD_KEY));
    assert_eq!(csp.destroy_key(key, key), Err(CspError::NTE_BAD_UID));
    assert_eq!(csp.destroy_key(other, key), Ok(()));
    assert_eq!(csp.destroy_key(other, key), Err(CspError::NTE_BAD_KEY));
}

#[test]
fn the_provider_tells_what_it_is() {
    let csp = offline();
    let alias = b"nCipher Enhanced RSA and AES Cryptographic Provider";
    let caller = Caller {
        prov_type: Some(PROV_RSA_AES),
        provider_name: Some(alias.to_vec()),
        ..Caller::default()
    };
    let context = csp
        .acquire_context(None, CRYPT_VERIFYCONTEXT, &caller)
        .unwrap();
    let text = |param| prov_param(&csp, context, param, 0).unwrap();
    let number = |param| dword(text(param));
    assert_eq!(text(PP_NAME), [&alias[..], b"\0"].concat());
    assert_eq!(text(PP_CONTAINER), b"\0");
    assert_eq!(number(PP_PROVTYPE), 24);
    assert_eq!(number(PP_IMPTYPE), CRYPT_IMPL_HARDWARE);
    assert_eq!(number(PP_VERSION), 0x200);
    assert_eq!(number(PP_KEYSPEC), 3);
    assert_eq!(number(PP_KEYSET_TYPE), 0);
    assert_eq!(number(PP_KEYSTORAGE) & CRYPT_SEC_DESCR, CRYPT_SEC_DESCR);
    assert_eq!(
        [number(PP_SIG_KEYSIZE_INC), number(PP_KEYX_KEYSIZE_INC)],
        [8, 8]
    );
    assert_eq!(text(PP_USE_HARDWARE_RNG), b"");
    assert_eq!(text(PP_ENUMEX_SIGNING_PROT), b"");
    for unknown in [
        PP_SESSION_KEYSIZE,
        PP_SYM_KEYSIZE,
        PP_UI_PROMPT,
        PP_SMARTCARD_GUID,
        9999,
    ] {
        assert_eq!(
            prov_param(&csp, context, unknown, 0),
            Err(CspError::NTE_BAD_TYPE),
            "{unknown}"
        );
    }
    assert_eq!(
        prov_param(&csp, context, PP_NAME, 1),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(
        prov_param(&csp, context, PP_KEYSET_SEC_DESCR, 4),
        Err(CspError::NTE_BAD_KEYSET)
    );
    let machine = csp
        .acquire_context(
            None,
            CRYPT_VERIFYCONTEXT | CRYPT_MACHINE_KEYSET,
            &Caller::default(),
        )
        .unwrap();
    assert_eq!(
        dword(prov_param(&csp, machine, PP_KEYSET_TYPE, 0).unwrap()),
        CRYPT_MACHINE_KEYSET
    );
}

#[test]
fn the_algorithms_are_walked_one_a_call() {
    let csp = offline();
    let context = open(&csp);
    let take = |param, flags, room: usize| {
        let mut buffer = vec![0; room];
        let mut length = room as u32;
        let result = csp.prov_param(
            context,
            param,
            flags,
            Output::new(Some(&mut buffer), &mut length),
        );
        result.map(|_| buffer)
    };
    let mut ids = Vec::new();
    let mut flags = CRYPT_FIRST;
    let end = loop {
        // Neither a size query nor a buffer that is too small moves on.
        let mut length = 7;
        csp.prov_param(
            context,
            PP_ENUMALGS_EX,
            flags,
            Output::new(None, &mut length),
        )
        .map_or_else(
            |error| assert_eq!(error, CspError::ERROR_NO_MORE_ITEMS),
            |_| assert_eq!(length, 88),
        );
        let too_small = take(PP_ENUMALGS_EX, flags, 87);
        match take(PP_ENUMALGS_EX, flags, 88) {
            Ok(item) => {
                assert_eq!(too_small, Err(CspError::ERROR_MORE_DATA));
                ids.push(dword(item[..4].to_vec()));
            }
            Err(error) => break error,
        }
        flags = CRYPT_NEXT;
    };
    assert_eq!(end, CspError::ERROR_NO_MORE_ITEMS);
    for id in [
        AlgId::CALG_RSA_SIGN,
        AlgId::CALG_RSA_KEYX,
        AlgId::CALG_AES_256,
        AlgId::CALG_SHA_512,
        AlgId::CALG_HMAC,
    ] {
        assert_eq!(
            ids.iter().filter(|found| **found == id.0).count(),
            1,
            "{id}"
        );
    }
    // Both forms share one position, and CRYPT_FIRST starts over.
    assert_eq!(take(PP_ENUMALGS, 0, 32), Err(CspError::ERROR_NO_MORE_ITEMS));
    assert_eq!(
        dword(take(PP_ENUMALGS, CRYPT_FIRST, 32).unwrap()[..4].to_vec()),
        ids[0]
    );
    assert_eq!(
        dword(take(PP_ENUMALGS_EX, 0, 88).unwrap()[..4].to_vec()),
        ids[1]
    );
    assert_eq!(take(PP_ENUMALGS, 8, 32), Err(CspError::NTE_BAD_FLAGS));
}

#[test]
fn the_longest_container_name_is_told_without_a_look_at_any() {
    let csp = offline();
    let context = open(&csp);
    let mut length = 0;
    csp.prov_param(
        context,
        PP_ENUMCONTAINERS,
        CRYPT_FIRST,
        Output::new(None, &mut length),
    )
    .unwrap();
    assert_eq!(length, 261);
    let refused = csp.prov_param(
        context,
        PP_ENUMCONTAINERS,
        0x40,
        Output::new(None, &mut length),
    );
    assert_eq!(refused, Err(CspError::NTE_BAD_FLAGS));
}

#[test]
fn counting_and_nvram_storage_are_refused_unless_switched_off() {
    let csp = offline();
    let context = open(&csp);
    for param in [PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE] {
        assert_eq!(
            csp.set_prov_param(context, param, &[1, 0, 0, 0], 0),
            Err(CspError::NTE_NOT_SUPPORTED)
        );
        assert_eq!(csp.set_prov_param(context, param, &[0; 4], 0), Ok(()));
        assert_eq!(
            csp.set_prov_param(context, param, &[0; 4], 1),
            Err(CspError::NTE_BAD_FLAGS)
        );
    }
    assert_eq!(
        csp.set_prov_param(context, PP_USE_HARDWARE_RNG, &[], 0),
        Ok(())
    );
    assert_eq!(csp.set_prov_param(context, PP_DELETEKEY, &[], 0), Ok(()));
    for (param, value) in [
        (PP_SIGNATURE_PIN, &b"pin"[..]),
        (PP_KEYEXCHANGE_PIN, b""),
        (PP_UI_PROMPT, b"\xfc\0"),
        (PP_CLIENT_HWND, &[0; size_of::<usize>()]),
    ] {
        assert_eq!(csp.set_prov_param(context, param, value, 0), Ok(()));
    }
    assert_eq!(
        csp.set_prov_param(context, PP_UI_PROMPT, b"\0\xd8", 0),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(
        csp.prov_param_form(context, PP_NAME),
        Err(CspError::NTE_BAD_TYPE)
    );
    assert_eq!(
        csp.set_prov_param(context, PP_NAME, &[], 0),
        Err(CspError::NTE_BAD_TYPE)
    );
}

#[test]
fn a_hash_is_finished_by_its_value_and_not_by_a_size_query() {
    let csp = offline();
    let context = open(&csp);
    let hash = csp
        .create_hash(context, AlgId::CALG_SHA_256.0, 0, 0)
        .unwrap();
    csp.hash_data(context, hash, b"ab", 0).unwrap();
    let mut length = 0;
    csp.hash_param(context, hash, HP_HASHVAL, 0, Output::new(None, &mut length))
        .unwrap();
    assert_eq!(length, 32);
    let mut short = [0; 31];
    let mut length = 31;
    let result = csp.hash_param(
        context,
        hash,
        HP_HASHVAL,
        0,
        Output::new(Some(&mut short), &mut length),
    );
    assert_eq!((result, length), (Err(CspError::ERROR_MORE_DATA), 32));
    csp.hash_data(context, hash, b"c", 0).unwrap();
    let copy = csp.duplicate_hash(context, hash, 0).unwrap();
    // FIPS 180-4's example "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let hex: String = hash_value(&csp, context, hash)
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, expected);
    assert_eq!(
        csp.hash_data(context, hash, b"d", 0),
        Err(CspError::NTE_BAD_HASH_STATE)
    );
    assert_eq!(csp.hash_data(context, copy, b"d", 0), Ok(()));
    assert_eq!(
        csp.duplicate_hash(context, hash, 1),
        Err(CspError::ERROR_INVALID_PARAMETER)
    );
    assert_eq!(
        csp.create_hash(context, AlgId::CALG_SHA_256.0, 0, 1),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(
        csp.create_hash(context, 0x1234, 0, 0),
        Err(CspError::NTE_BAD_ALGID)
    );
    assert_eq!(
        csp.create_hash(context, AlgId::CALG_HMAC.0, 0, 0),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        csp.create_hash(context, AlgId::CALG_HMAC.0, 1234, 0),
        Err(CspError::NTE_BAD_KEY)
    );
}

#[test]
fn encryption_answers_the_size_and_leaves_a_short_buffer_alone() {
    let csp = offline();
    let context = open(&csp);
    let key = csp.gen_key(context, AlgId::CALG_AES_128.0, 0).unwrap();
    let encrypt = |hash, buffer: Option<&mut [u8]>, length: &mut u32| {
        csp.encrypt(context, key, hash, true, 0, InPlace { buffer, length })
    };
    let mut length = 16;
    assert_eq!((encrypt(0, None, &mut length), length), (Ok(()), 32));
    let mut data = *b"sixteen bytes ok................";
    let original = data;
    let mut length = 16;
    assert_eq!(
        encrypt(0, Some(&mut data[..31]), &mut length),
        Err(CspError::ERROR_MORE_DATA)
    );
    assert_eq!((length, data), (32, original));

    // The hash that goes along sees the plain text, both ways.
    let seen = |text: &[u8]| {
        let hash = csp.create_hash(context, AlgId::CALG_MD5.0, 0, 0).unwrap();
        csp.hash_data(context, hash, text, 0).unwrap();
        hash_value(&csp, context, hash).unwrap()
    };
    let hash = csp.create_hash(context, AlgId::CALG_MD5.0, 0, 0).unwrap();
    let mut length = 16;
    assert_eq!(
        (encrypt(hash, Some(&mut data), &mut length), length),
        (Ok(()), 32)
    );
    assert_ne!(data[..16], original[..16]);
    assert_eq!(
        hash_value(&csp, context, hash).unwrap(),
        seen(&original[..16])
    );
    let mut again = data;
    let mut length = 16;
    assert_eq!(
        encrypt(hash, Some(&mut again), &mut length),
        Err(CspError::NTE_BAD_HASH_STATE)
    );
    assert_eq!(again, data);

    let hash = csp.create_hash(context, AlgId::CALG_MD5.0, 0, 0).unwrap();
    let mut length = 32;
    let place = InPlace {
        buffer: Some(&mut data),
        length: &mut length,
    };
    assert_eq!(csp.decrypt(context, key, hash, true, 0, place), Ok(()));
    assert_eq!((length, &data[..16]), (16, &original[..16]));
    assert_eq!(
        hash_value(&csp, context, hash).unwrap(),
        seen(&original[..16])
    );

    let mut length = 32;
    let place = InPlace {
        buffer: Some(&mut data),
        length: &mut length,
    };
    assert_eq!(
        csp.decrypt(context, key, 0, true, 0, place),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(length, 32);
    let place = InPlace {
        buffer: Some(&mut data),
        length: &mut length,
    };
    assert_eq!(
        csp.decrypt(context, key, 0, true, 0x60, place),
        Err(CspError::NTE_BAD_FLAGS)
    );
    let place = InPlace {
        buffer: None,
        length: &mut length,
    };
    assert_eq!(
        csp.decrypt(context, key, 0, true, 0, place),
        Err(CspError::ERROR_INVALID_PARAMETER)
    );
    let place = InPlace {
        buffer: None,
        length: &mut length,
    };
    assert_eq!(
        csp.encrypt(context, key, 0, true, 2, place),
        Err(CspError::NTE_BAD_FLAGS)
    );
}

#[test]
fn session_keys_are_exported_only_when_made_so() {
    let csp = offline();
    let context = open(&csp);
    let exportable = csp
        .gen_key(context, AlgId::CALG_AES_256.0, CRYPT_EXPORTABLE)
        .unwrap();
    let kept = csp.gen_key(context, AlgId::CALG_AES_256.0, 0).unwrap();
    let blob = export(&csp, context, exportable, 0, PLAINTEXTKEYBLOB).unwrap();
    assert_eq!(blob.len(), 8 + 4 + 32);
    assert_eq!(
        export(&csp, context, kept, 0, PLAINTEXTKEYBLOB),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    let copy = csp.import_key(context, &blob, 0, CRYPT_EXPORTABLE).unwrap();
    assert_eq!(export(&csp, context, copy, 0, PLAINTEXTKEYBLOB), Ok(blob));
    assert_eq!(
        export(&csp, context, exportable, 0, SIMPLEBLOB),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(
        export(&csp, context, exportable, kept, SIMPLEBLOB),
        Err(CspError::NTE_BAD_PUBLIC_KEY)
    );
    assert_eq!(
        export(&csp, context, exportable, 0, PUBLICKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        export(&csp, context, exportable, 0, PRIVATEKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        export(&csp, context, exportable, 0, OPAQUEKEYBLOB),
        Err(CspError::NTE_BAD_TYPE)
    );
    assert_eq!(
        export(&csp, context, exportable, 0, 0x77),
        Err(CspError::NTE_BAD_TYPE)
    );
    let flagged =
        value(|output| csp.export_key(context, exportable, 0, PLAINTEXTKEYBLOB, 0x100, output));
    assert_eq!(flagged, Err(CspError::NTE_BAD_FLAGS));
}

#[test]
fn a_wrapped_session_key_comes_back() {
    let csp = offline();
    let context = open(&csp);
    let wrapping = csp.gen_key(context, AlgId::CALG_3DES.0, 0).unwrap();
    let key = csp
        .gen_key(context, AlgId::CALG_3DES.0, CRYPT_EXPORTABLE)
        .unwrap();
    let blob = export(&csp, context, key, wrapping, SYMMETRICWRAPKEYBLOB).unwrap();
    let back = csp
        .import_key(context, &blob, wrapping, CRYPT_EXPORTABLE)
        .unwrap();
    let plain = |key| export(&csp, context, key, 0, PLAINTEXTKEYBLOB).unwrap();
    assert_eq!(plain(back), plain(key));
    assert_eq!(
        csp.import_key(context, &blob, 0, 0),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        export(&csp, context, key, 0, SYMMETRICWRAPKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
}

#[test]
fn a_public_key_is_a_free_standing_handle() {
    let csp = offline();
    let context = open(&csp);
    let blob = public_blob(AlgId::CALG_RSA_KEYX);
    let key = csp.import_key(context, &blob, 0, 0).unwrap();
    assert_eq!(
        export(&csp, context, key, 0, PUBLICKEYBLOB),
        Ok(blob.clone())
    );
    assert_eq!(
        export(&csp, context, key, key, PUBLICKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        export(&csp, context, key, 0, PRIVATEKEYBLOB),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        csp.get_user_key(context, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(csp.get_user_key(context, 7), Err(CspError::NTE_NO_KEY));
    assert_eq!(
        key_param(&csp, context, key, KP_KEYLEN),
        Ok(512u32.to_le_bytes().to_vec())
    );
    assert_eq!(
        key_param(&csp, context, key, KP_BLOCKLEN),
        Ok(512u32.to_le_bytes().to_vec())
    );
    assert_eq!(
        key_param(&csp, context, key, KP_ALGID),
        Ok(0xa400u32.to_le_bytes().to_vec())
    );
    let session = csp
        .gen_key(context, AlgId::CALG_AES_128.0, CRYPT_EXPORTABLE)
        .unwrap();
    let simple = export(&csp, context, session, key, SIMPLEBLOB).unwrap();
    assert_eq!(simple.len(), 8 + 4 + 64);
    // Nobody here can open it: the key has no private half.
    assert_eq!(
        csp.import_key(context, &simple, key, 0),
        Err(CspError::NTE_BAD_PUBLIC_KEY)
    );
    assert_eq!(
        csp.import_key(context, &simple, session, 0),
        Err(CspError::NTE_BAD_PUBLIC_KEY)
    );
    assert_eq!(
        csp.import_key(context, &simple, 0, 0),
        Err(CspError::NTE_NO_KEY)
    );
    let copy = csp.duplicate_key(context, key, 0).unwrap();
    assert_eq!(csp.destroy_key(context, key), Ok(()));
    assert_eq!(export(&csp, context, copy, 0, PUBLICKEYBLOB), Ok(blob));
}

#[test]
fn rsa_encrypts_whole_messages_with_exchange_keys() {
    let csp = offline();
    let context = open(&csp);
    let exchange = csp
        .import_key(context, &public_blob(AlgId::CALG_RSA_KEYX), 0, 0)
        .unwrap();
    let sign = csp
        .import_key(context, &public_blob(AlgId::CALG_RSA_SIGN), 0, 0)
        .unwrap();
    let call = |key, last, flags, room: usize, length: u32| {
        let mut buffer = vec![1; room];
        let mut length = length;
        let result = csp.encrypt(
            context,
            key,
            0,
            last,
            flags,
            InPlace {
                buffer: Some(&mut buffer),
                length: &mut length,
            },
        );
        (result, length)
    };
    assert_eq!(call(exchange, true, 0, 64, 53), (Ok(()), 64));
    assert_eq!(call(exchange, true, CRYPT_OAEP, 64, 22), (Ok(()), 64));
    assert_eq!(
        call(exchange, true, 0, 64, 54).0,
        Err(CspError::NTE_BAD_LEN)
    );
    assert_eq!(
        call(exchange, true, CRYPT_OAEP, 64, 23).0,
        Err(CspError::NTE_BAD_LEN)
    );
    assert_eq!(
        call(exchange, true, 0, 63, 53),
        (Err(CspError::ERROR_MORE_DATA), 64)
    );
    assert_eq!(
        call(exchange, true, 0, 64, 65).0,
        Err(CspError::NTE_BAD_LEN)
    );
    assert_eq!(
        call(exchange, false, 0, 64, 53).0,
        Err(CspError::ERROR_INVALID_PARAMETER)
    );
    assert_eq!(call(sign, true, 0, 64, 53).0, Err(CspError::NTE_BAD_KEY));
    // Without a private half, or with the wrong kind of key, nothing is decrypted.
    let mut cipher = [1; 64];
    let mut length = 64;
    let mut decrypt = |key| {
        csp.decrypt(
            context,
            key,
            0,
            true,
            0,
            InPlace {
                buffer: Some(&mut cipher),
                length: &mut length,
            },
        )
    };
    assert_eq!(decrypt(exchange), Err(CspError::NTE_BAD_KEY));
    assert_eq!(decrypt(sign), Err(CspError::NTE_BAD_KEY));
    // A handle that was made not to encrypt does not.
    let value = (CRYPT_READ | CRYPT_WRITE).to_le_bytes();
    assert_eq!(
        csp.set_key_param(context, exchange, KP_PERMISSIONS, &value, 0),
        Ok(())
    );
    assert_eq!(call(exchange, true, 0, 64, 53).0, Err(CspError::NTE_PERM));
}

#[test]
fn a_signature_is_refused_by_its_length_before_its_pointer() {
    let csp = offline();
    let context = open(&csp);
    let key = csp
        .import_key(context, &public_blob(AlgId::CALG_RSA_SIGN), 0, 0)
        .unwrap();
    let session = csp.gen_key(context, AlgId::CALG_AES_128.0, 0).unwrap();
    let hash = csp.create_hash(context, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    let verify = |length: usize, bytes: Option<&[u8]>, key, flags| {
        csp.verify_signature(context, hash, Signature { length, bytes }, key, &[], flags)
    };
    assert_eq!(verify(63, None, key, 0), Err(CspError::NTE_BAD_SIGNATURE));
    assert_eq!(
        verify(64, None, key, 0),
        Err(CspError::ERROR_INVALID_PARAMETER)
    );
    assert_eq!(
        verify(64, Some(&[0; 64]), session, 0),
        Err(CspError::NTE_BAD_KEY)
    );
    assert_eq!(
        verify(64, Some(&[0; 64]), key, 0x10),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(csp.hash_data(context, hash, b"still open", 0), Ok(()));
    assert_eq!(
        verify(64, Some(&[0; 64]), key, 0),
        Err(CspError::NTE_BAD_SIGNATURE)
    );
    assert_eq!(
        csp.hash_data(context, hash, b"finished", 0),
        Err(CspError::NTE_BAD_HASH_STATE)
    );
}

#[test]
fn signing_without_a_key_or_with_a_wrong_specification_fails() {
    let csp = offline();
    let context = open(&csp);
    let hash = csp.create_hash(context, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    let sign = |spec, flags| value(|output| csp.sign_hash(context, hash, spec, &[], flags, output));
    assert_eq!(sign(AT_SIGNATURE, 0), Err(CspError::NTE_NO_KEY));
    assert_eq!(sign(3, 0), Err(CspError::NTE_BAD_ALGID));
    assert_eq!(sign(AT_SIGNATURE, 0x10), Err(CspError::NTE_BAD_FLAGS));
}

#[test]
fn keys_are_refused_that_the_provider_does_not_offer() {
    let csp = offline();
    let context = open(&csp);
    let generate = |algorithm: AlgId, flags| csp.gen_key(context, algorithm.0, flags);
    assert_eq!(generate(AlgId::CALG_AES, 0), Err(CspError::NTE_BAD_ALGID));
    assert_eq!(
        generate(AlgId::CALG_DSS_SIGN, 0),
        Err(CspError::NTE_BAD_ALGID)
    );
    assert_eq!(
        generate(AlgId::CALG_DH_EPHEM, 0),
        Err(CspError::NTE_BAD_ALGID)
    );
    assert_eq!(
        generate(AlgId::CALG_RSA_SIGN, CRYPT_PREGEN),
        Err(CspError::NTE_BAD_FLAGS)
    );
    assert_eq!(
        generate(AlgId::CALG_RSA_SIGN, 376 << 16),
        Err(CspError::ERROR_INVALID_PARAMETER)
    );
    assert_eq!(
        generate(AlgId::CALG_RSA_SIGN, 513 << 16),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(
        generate(AlgId::CALG_RSA_SIGN, CRYPT_FORCE_KEY_PROTECTION_HIGH),
        Err(CspError::NTE_SILENT_CONTEXT)
    );
    let silent = csp
        .acquire_context(None, CRYPT_VERIFYCONTEXT | CRYPT_SILENT, &Caller::default())
        .unwrap();
    assert_eq!(
        csp.gen_key(silent, AT_SIGNATURE, CRYPT_USER_PROTECTED),
        Err(CspError::NTE_SILENT_CONTEXT)
    );
}

#[test]
fn blobs_that_cannot_be_imported_are_refused() {
    let csp = offline();
    let context = open(&csp);
    let import = |blob: &[u8], flags| csp.import_key(context, blob, 0, flags);
    let good = public_blob(AlgId::CALG_RSA_KEYX);
    let changed = |at: usize, byte: u8| {
        let mut blob = good.clone();
        blob[at] = byte;
        blob
    };
    assert_eq!(import(&good[..7], 0), Err(CspError::NTE_BAD_DATA));
    assert_eq!(
        import(&good[..good.len() - 1], 0),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(import(&changed(1, 3), 0), Err(CspError::NTE_BAD_VER));
    assert_eq!(import(&changed(2, 1), 0), Err(CspError::NTE_BAD_DATA));
    assert_eq!(import(&changed(0, 0x55), 0), Err(CspError::NTE_BAD_TYPE));
    assert_eq!(
        import(&changed(0, OPAQUEKEYBLOB as u8), 0),
        Err(CspError::NTE_BAD_TYPE)
    );
    assert_eq!(import(&changed(8, b'X'), 0), Err(CspError::NTE_BAD_DATA));
    assert_eq!(import(&good, 0x8000_0000), Err(CspError::NTE_BAD_FLAGS));
    assert_eq!(
        import(&good, CRYPT_IPSEC_HMAC_KEY),
        Err(CspError::NTE_BAD_FLAGS)
    );
}

#[test]
fn a_derived_key_finishes_its_hash() {
    let csp = offline();
    let context = open(&csp);
    let hash = csp.create_hash(context, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    csp.hash_data(context, hash, b"password", 0).unwrap();
    let key = csp
        .derive_key(context, AlgId::CALG_AES_128.0, hash, CRYPT_EXPORTABLE)
        .unwrap();
    assert_eq!(
        key_param(&csp, context, key, KP_KEYLEN),
        Ok(128u32.to_le_bytes().to_vec())
    );
    assert_eq!(
        csp.hash_data(context, hash, b"x", 0),
        Err(CspError::NTE_BAD_HASH_STATE)
    );
    assert_eq!(
        csp.derive_key(context, AlgId::CALG_RSA_KEYX.0, hash, 0),
        Err(CspError::NTE_BAD_ALGID)
    );
    assert_eq!(
        csp.derive_key(context, AlgId::CALG_AES_128.0, key, 0),
        Err(CspError::NTE_BAD_HASH)
    );
    let value = hash_value(&csp, context, hash).unwrap();
    let other = csp.create_hash(context, AlgId::CALG_SHA1.0, 0, 0).unwrap();
    assert_eq!(
        csp.set_hash_param(context, other, HP_HASHVAL, &HashParam::Bytes(&value)),
        Ok(())
    );
    assert_eq!(hash_value(&csp, context, other), Ok(value));
}

#[test]
fn threads_share_a_library() {
    let csp = offline();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let context = open(&csp);
                    let key = csp.gen_key(context, AlgId::CALG_RC4.0, 0).unwrap();
                    let hash = csp.create_hash(context, AlgId::CALG_MD5.0, 0, 0).unwrap();
                    csp.hash_session_key(context, hash, key, 0).unwrap();
                    csp.release_context(context, 0).unwrap();
                    assert_eq!(csp.destroy_hash(context, hash), Err(CspError::NTE_BAD_UID));
                }
            });
        }
    });
}

//! Containers, and the RSA pairs in them.

use std::path::PathBuf;
use std::sync::Barrier;

use csp::constants::*;
use csp::csp::Csp;
use csp::error::{CspError, Result};
use csp::output::Output;
use csp::{Caller, InPlace, Signature};
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature as RsaSignature, VerifyingKey};
use rsa::signature::Verifier;

use crate::rig::{Rig, acquire, hash, prov_text, public_blob, sign, value};

/// Verifies with another implementation than ours, from the blob alone.
fn verifies(blob: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let exponent = u32::from_le_bytes(blob[16..20].try_into().unwrap());
    let modulus = rsa::BoxedUint::from_be_slice_vartime(&reversed(&blob[20..]));
    let key =
        RsaPublicKey::new_with_size_limits(modulus, rsa::BoxedUint::from(exponent), 384..=16_384)
            .unwrap();
    let signature = RsaSignature::try_from(&reversed(signature)[..]).unwrap();
    VerifyingKey::<sha2::Sha256>::new(key)
        .verify(text, &signature)
        .is_ok()
}

#[test]
fn a_key_made_in_a_container_signs_now_and_after_reopening() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    assert_eq!(acquire(&csp, "first", 0), Err(CspError::NTE_BAD_KEYSET));
    let context = acquire(&csp, "first", CRYPT_NEWKEYSET).unwrap();
    assert_eq!(
        acquire(&csp, "FIRST", CRYPT_NEWKEYSET),
        Err(CspError::NTE_EXISTS)
    );
    assert_eq!(
        csp.get_user_key(context, AT_SIGNATURE),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(
        sign(&csp, context, AT_SIGNATURE, b"text"),
        Err(CspError::NTE_NO_KEY)
    );

    let key = csp
        .gen_key(context, AT_SIGNATURE, 1024 << 16 | CRYPT_EXPORTABLE)
        .unwrap();
    let blob = public_blob(&csp, context, key);
    let signature = sign(&csp, context, AT_SIGNATURE, b"text").unwrap();
    assert!(verifies(&blob, b"text", &signature));
    assert!(!verifies(&blob, b"other", &signature));
    let verify = |text: &[u8], flags| {
        let hash = hash(&csp, context, AlgId::CALG_SHA_256, text);
        let signature = Signature {
            length: signature.len(),
            bytes: Some(&signature),
        };
        csp.verify_signature(context, hash, signature, key, &[], flags)
    };
    assert_eq!(verify(b"text", 0), Ok(()));
    assert_eq!(
        verify(b"text", CRYPT_NOHASHOID),
        Err(CspError::NTE_BAD_SIGNATURE)
    );
    assert_eq!(verify(b"other", 0), Err(CspError::NTE_BAD_SIGNATURE));
    assert_eq!(
        csp.get_user_key(context, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );
    let mut length = 0;
    let query = Output::new(None, &mut length);
    assert_eq!(
        csp.export_key(context, key, 0, PRIVATEKEYBLOB, 0, query),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    csp.release_context(context, 0).unwrap();

    // Another process of the user finds the same key; the name's case does not matter.
    let other = rig.library(1000);
    let context = acquire(&other, "First", 0).unwrap();
    let key = other.get_user_key(context, AT_SIGNATURE).unwrap();
    assert_eq!(public_blob(&other, context, key), blob);
    assert!(verifies(
        &blob,
        b"again",
        &sign(&other, context, AT_SIGNATURE, b"again").unwrap()
    ));
    assert_eq!(prov_text(&other, context, PP_CONTAINER), "First");

    // The unique name opens it too.
    let unique = prov_text(&other, context, PP_UNIQUE_CONTAINER);
    assert_eq!(
        acquire(&rig.library(7), &unique, 0),
        Err(CspError::NTE_BAD_KEYSET)
    );
    assert!(acquire(&rig.library(0), &unique, 0).is_ok());
    let by_ident = acquire(&other, &unique, 0).unwrap();
    assert!(verifies(
        &blob,
        b"x",
        &sign(&other, by_ident, AT_SIGNATURE, b"x").unwrap()
    ));
    assert!(
        rig.container_files()[0]
            .to_str()
            .unwrap()
            .ends_with(&unique)
    );
}

#[test]
fn users_the_machine_and_the_default_are_apart() {
    let rig = Rig::start();
    let (first, second, root) = (rig.library(1), rig.library(2), rig.library(0));
    let make = |csp: &Csp, name: &str, flags| acquire(csp, name, CRYPT_NEWKEYSET | flags).unwrap();
    let mine = make(&first, "shared name", 0);
    make(&second, "shared name", 0);
    let machine = make(&first, "shared name", CRYPT_MACHINE_KEYSET);
    let default = make(&first, "", 0);
    make(&first, "", CRYPT_MACHINE_KEYSET);
    make(&first, "Ümlaut", 0);
    assert_eq!(rig.container_files().len(), 6);
    assert_eq!(prov_text(&first, default, PP_CONTAINER), "user1");
    assert!(acquire(&first, "USER1", 0).is_ok());
    assert!(acquire(&first, "host", CRYPT_MACHINE_KEYSET).is_ok());

    let walk = |csp: &Csp, context: usize, machine: u32| {
        let mut names = Vec::new();
        let mut flags = CRYPT_FIRST;
        loop {
            let mut buffer = [0; 261];
            let mut length = 261;
            match csp.prov_param(
                context,
                PP_ENUMCONTAINERS,
                flags | machine,
                Output::new(Some(&mut buffer), &mut length),
            ) {
                Ok(_) => assert_eq!(length, 261),
                Err(error) => {
                    assert_eq!(error, CspError::ERROR_NO_MORE_ITEMS);
                    break names;
                }
            }
            let end = buffer.iter().position(|byte| *byte == 0).unwrap();
            names.push(String::from_utf8(buffer[..end].to_vec()).unwrap());
            flags = 0;
        }
    };
    assert_eq!(walk(&first, mine, 0), ["shared name", "user1", "Ümlaut"]);
    assert_eq!(walk(&first, machine, 0), ["host", "shared name"]);
    assert_eq!(
        walk(&first, mine, CRYPT_MACHINE_KEYSET),
        ["host", "shared name"]
    );
    let verify = second
        .acquire_context(None, CRYPT_VERIFYCONTEXT, &Caller::default())
        .unwrap();
    assert_eq!(walk(&second, verify, 0), ["shared name"]);

    // Everyone may open a machine container; its maker and administrators may change it.
    let opened = acquire(&second, "shared name", CRYPT_MACHINE_KEYSET).unwrap();
    assert_eq!(
        second.gen_key(opened, AT_SIGNATURE, 512 << 16),
        Err(CspError::NTE_PERM)
    );
    assert_eq!(
        acquire(
            &second,
            "shared name",
            CRYPT_MACHINE_KEYSET | CRYPT_DELETEKEYSET
        ),
        Err(CspError::NTE_BAD_KEYSET)
    );
    first.gen_key(machine, AT_SIGNATURE, 512 << 16).unwrap();
    assert_eq!(
        sign(&second, opened, AT_SIGNATURE, b"text").map(|signature| signature.len()),
        Ok(64)
    );
    assert_eq!(
        acquire(
            &root,
            "shared name",
            CRYPT_MACHINE_KEYSET | CRYPT_DELETEKEYSET
        ),
        Ok(0)
    );
    assert_eq!(
        acquire(&second, "shared name", CRYPT_MACHINE_KEYSET),
        Err(CspError::NTE_BAD_KEYSET)
    );

    // Both spellings of the provider's name see the same containers.
    let caller = Caller {
        prov_type: Some(PROV_RSA_AES),
        provider_name: Some(b"nCipher Enhanced RSA and AES Cryptographic Provider".to_vec()),
        ..Caller::default()
    };
    assert!(
        first
            .acquire_context(Some(b"shared name"), 0, &caller)
            .is_ok()
    );
}

#[test]
fn keys_go_when_no_container_refers_to_them() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    let old = csp.gen_key(context, AT_KEYEXCHANGE, 512 << 16).unwrap();
    let watcher = acquire(&csp, "a", 0).unwrap();
    let blob = public_blob(&csp, context, old);
    let seen = csp.get_user_key(watcher, AT_KEYEXCHANGE).unwrap();
    assert_eq!(public_blob(&csp, watcher, seen), blob);

    // A new key in the slot: seen by the other context at once, while handles to the old one live on.
    let new = csp.gen_key(context, AT_KEYEXCHANGE, 512 << 16).unwrap();
    let again = csp.get_user_key(watcher, AT_KEYEXCHANGE).unwrap();
    assert_eq!(
        public_blob(&csp, watcher, again),
        public_blob(&csp, context, new)
    );
    assert_eq!(public_blob(&csp, watcher, seen), blob);
    assert_eq!(rig.key_files().len(), 1);
    csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    assert_eq!(rig.key_files().len(), 2);

    // Deleted under a context that has it open: no key is found, and nothing brings the container back.
    assert_eq!(acquire(&csp, "a", CRYPT_DELETEKEYSET), Ok(0));
    assert_eq!(
        acquire(&csp, "a", CRYPT_DELETEKEYSET),
        Err(CspError::NTE_BAD_KEYSET)
    );
    assert_eq!(rig.files(), Vec::<PathBuf>::new());
    assert_eq!(
        csp.get_user_key(context, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(
        sign(&csp, context, AT_SIGNATURE, b"text"),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(
        csp.gen_key(context, AT_SIGNATURE, 512 << 16),
        Err(CspError::NTE_BAD_KEYSET)
    );
    csp.release_context(context, 0).unwrap();
    assert_eq!(rig.files(), Vec::<PathBuf>::new());
}

/// Two libraries stand for two processes: all that they share is the folder.
#[test]
fn processes_do_not_lose_each_others_changes() {
    let rig = Rig::start();
    let processes = [rig.library(1000), rig.library(1000)];
    for round in 0..4 {
        let name = format!("shared {round}");
        let at_once = Barrier::new(processes.len());
        let made = std::thread::scope(|scope| {
            let make = |csp| {
                at_once.wait();
                acquire(csp, &name, CRYPT_NEWKEYSET)
            };
            let made = processes
                .each_ref()
                .map(|csp| scope.spawn(move || make(csp)));
            made.map(|made| made.join().unwrap())
        });
        let refused = made.iter().find_map(|made| made.err());
        assert_eq!(refused, Some(CspError::NTE_EXISTS), "{made:?}");
        assert!(made.iter().any(Result::is_ok), "{made:?}");

        let contexts = processes
            .each_ref()
            .map(|csp| acquire(csp, &name, 0).unwrap());
        let specs = [AT_KEYEXCHANGE, AT_SIGNATURE];
        std::thread::scope(|scope| {
            for ((csp, context), spec) in processes.iter().zip(contexts).zip(specs) {
                let at_once = &at_once;
                scope.spawn(move || {
                    at_once.wait();
                    csp.gen_key(context, spec, 512 << 16).unwrap();
                });
            }
        });
        for (csp, context) in processes.iter().zip(contexts) {
            for spec in specs {
                csp.get_user_key(context, spec).unwrap();
            }
        }
    }
}

#[test]
fn damage_is_told_from_absence() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    csp.release_context(context, 0).unwrap();

    let key_file = rig.key_files().remove(0);
    let moved = rig.folder.path().join("moved");
    std::fs::rename(&key_file, &moved).unwrap();
    let context = acquire(&csp, "a", 0).unwrap();
    assert_eq!(
        csp.get_user_key(context, AT_SIGNATURE),
        Err(CspError::NTE_NO_KEY)
    );
    std::fs::rename(&moved, &key_file).unwrap();
    assert!(csp.get_user_key(context, AT_SIGNATURE).is_ok());
    csp.release_context(context, 0).unwrap();

    let container_file = rig.container_files().remove(0);
    let mut bytes = std::fs::read(&container_file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&container_file, &bytes).unwrap();
    for flags in [0, CRYPT_NEWKEYSET, CRYPT_DELETEKEYSET] {
        assert_eq!(
            acquire(&csp, "a", flags),
            Err(CspError::NTE_KEYSET_ENTRY_BAD),
            "{flags}"
        );
    }
    bytes[middle] ^= 1;
    std::fs::write(&container_file, &bytes).unwrap();
    assert!(acquire(&csp, "a", 0).is_ok());
}

/// A PRIVATEKEYBLOB of the test data's 1024-bit key, which OpenSSL made.
fn private_blob() -> Vec<u8> {
    include_bytes!("../data/rsa-1024.privatekeyblob").to_vec()
}

#[test]
fn an_imported_key_lives_in_the_module() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    let key = csp
        .import_key(context, &private_blob(), 0, CRYPT_EXPORTABLE)
        .unwrap();
    let blob = public_blob(&csp, context, key);
    // The public half of both blobs is the same but for the type and the magic.
    assert_eq!(blob[12..20 + 128], private_blob()[12..20 + 128]);
    let exported = value(|output| csp.export_key(context, key, 0, PRIVATEKEYBLOB, 0, output));
    assert_eq!(exported, Err(CspError::NTE_BAD_KEY_STATE));

    // Encrypted by anyone, decrypted by the module.
    let anyone = csp
        .acquire_context(None, CRYPT_VERIFYCONTEXT, &Caller::default())
        .unwrap();
    let public = csp.import_key(anyone, &blob, 0, 0).unwrap();
    for flags in [0, CRYPT_OAEP] {
        let mut buffer = [0; 128];
        buffer[..7].copy_from_slice(b"message");
        let mut length = 7;
        let place = InPlace {
            buffer: Some(&mut buffer),
            length: &mut length,
        };
        csp.encrypt(anyone, public, 0, true, flags, place).unwrap();
        let mut wrong = buffer;
        let mut wrong_length = 128;
        let place = InPlace {
            buffer: Some(&mut wrong),
            length: &mut wrong_length,
        };
        assert_eq!(
            csp.decrypt(context, key, 0, true, flags ^ CRYPT_OAEP, place),
            Err(CspError::NTE_BAD_DATA)
        );
        assert_eq!(wrong_length, 128);
        let place = InPlace {
            buffer: Some(&mut buffer),
            length: &mut length,
        };
        csp.decrypt(context, key, 0, true, flags, place).unwrap();
        assert_eq!(&buffer[..length as usize], b"message");
    }
    // Too short, and a number that is not below the modulus.
    for mut cipher in [vec![1; 127], vec![0xff; 128]] {
        let mut length = cipher.len() as u32;
        let place = InPlace {
            buffer: Some(&mut cipher),
            length: &mut length,
        };
        assert_eq!(
            csp.decrypt(context, key, 0, true, 0, place),
            Err(CspError::NTE_BAD_DATA)
        );
    }

    // A session key travels under the pair, by its handle or as the context's own.
    let session = csp
        .gen_key(anyone, AlgId::CALG_AES_256.0, CRYPT_EXPORTABLE)
        .unwrap();
    let plain =
        value(|output| csp.export_key(anyone, session, 0, PLAINTEXTKEYBLOB, 0, output)).unwrap();
    let simple =
        value(|output| csp.export_key(anyone, session, public, SIMPLEBLOB, 0, output)).unwrap();
    for exchange in [key, 0] {
        let got = csp
            .import_key(context, &simple, exchange, CRYPT_EXPORTABLE)
            .unwrap();
        assert_eq!(
            value(|output| csp.export_key(context, got, 0, PLAINTEXTKEYBLOB, 0, output)),
            Ok(plain.clone())
        );
    }

    // The same key in a second container is one key file, which stays until both are gone.
    let second = acquire(&csp, "b", CRYPT_NEWKEYSET).unwrap();
    csp.import_key(second, &private_blob(), 0, 0).unwrap();
    assert_eq!(rig.key_files().len(), 1);
    acquire(&csp, "a", CRYPT_DELETEKEYSET).unwrap();
    assert_eq!(rig.key_files().len(), 1);
    let handle = csp.get_user_key(second, AT_KEYEXCHANGE).unwrap();
    assert_eq!(public_blob(&csp, second, handle), blob);
    acquire(&csp, "b", CRYPT_DELETEKEYSET).unwrap();
    assert_eq!(rig.key_files().len(), 0);
}

#[test]
fn ephemeral_pairs_belong_to_their_context_and_leave_no_file() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let open = || {
        csp.acquire_context(None, CRYPT_VERIFYCONTEXT, &Caller::default())
            .unwrap()
    };
    let (context, other) = (open(), open());
    let key = csp
        .gen_key(context, AlgId::CALG_RSA_SIGN.0, 1024 << 16)
        .unwrap();
    let signature = sign(&csp, context, AT_SIGNATURE, b"text").unwrap();
    assert!(verifies(
        &public_blob(&csp, context, key),
        b"text",
        &signature
    ));
    assert!(csp.get_user_key(context, AT_SIGNATURE).is_ok());
    assert_eq!(
        csp.get_user_key(other, AT_SIGNATURE),
        Err(CspError::NTE_NO_KEY)
    );
    csp.import_key(other, &private_blob(), 0, 0).unwrap();
    let exchange = csp.get_user_key(other, AT_KEYEXCHANGE).unwrap();
    assert_eq!(
        public_blob(&csp, other, exchange)[20..],
        private_blob()[20..20 + 128]
    );
    assert!(sign(&csp, other, AT_KEYEXCHANGE, b"text").is_ok());
    csp.set_prov_param(other, PP_DELETEKEY, &[], 0).unwrap();
    assert_eq!(
        csp.get_user_key(other, AT_KEYEXCHANGE),
        Err(CspError::NTE_NO_KEY)
    );
    assert_eq!(rig.files(), Vec::<PathBuf>::new());
    let mut random = [0; 5000];
    csp.gen_random(context, &mut random).unwrap();
    assert!(random.windows(8).any(|window| window != [0; 8]));
    assert_ne!(random[..2500], random[2500..]);
}

#[test]
fn parameters_of_pairs_and_containers_are_kept() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    let blob = {
        // The pair of the test certificate is not at hand; any other key does not match it.
        let key = csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
        let certificate = include_bytes!("../data/rsa-512.cer");
        assert_eq!(
            csp.set_key_param(context, key, KP_CERTIFICATE, certificate, 0),
            Err(CspError::NTE_BAD_FLAGS)
        );
        let get = value(|output| csp.key_param(context, key, KP_CERTIFICATE, 0, output));
        assert_eq!(get, Err(CspError::NTE_NOT_FOUND));
        public_blob(&csp, context, key)
    };
    assert_eq!(blob.len(), 20 + 64);
    let pair = csp.import_key(context, &private_blob(), 0, 0).unwrap();
    let certificate = include_bytes!("../data/rsa-1024.cer");
    csp.set_key_param(context, pair, KP_CERTIFICATE, certificate, 0)
        .unwrap();
    csp.release_context(context, 0).unwrap();

    let other = rig.library(1000);
    let context = acquire(&other, "a", 0).unwrap();
    let pair = other.get_user_key(context, AT_KEYEXCHANGE).unwrap();
    let stored = value(|output| other.key_param(context, pair, KP_CERTIFICATE, 0, output));
    assert_eq!(stored.as_deref(), Ok(&certificate[..]));

    // Permissions bind one handle.
    let narrowed = other.get_user_key(context, AT_KEYEXCHANGE).unwrap();
    let permissions = (CRYPT_READ | CRYPT_WRITE | CRYPT_ENCRYPT).to_le_bytes();
    other
        .set_key_param(context, narrowed, KP_PERMISSIONS, &permissions, 0)
        .unwrap();
    let decrypt = |key| {
        let mut data = [1; 128];
        let mut length = 128;
        other.decrypt(
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
    };
    assert_eq!(decrypt(narrowed), Err(CspError::NTE_PERM));
    assert_eq!(decrypt(pair), Err(CspError::NTE_BAD_DATA));

    // The security descriptor: an owner may close his container to everyone, and open it again.
    let descriptor =
        value(|output| other.prov_param(context, PP_KEYSET_SEC_DESCR, 4, output)).unwrap();
    let nobody = [
        &[1, 0, 4, 0x80][..],
        &[0; 12],
        &[20, 0, 0, 0],
        &[2, 0, 8, 0, 0, 0, 0, 0],
    ]
    .concat();
    let machine = acquire(&other, "m", CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET).unwrap();
    other
        .set_prov_param(machine, PP_KEYSET_SEC_DESCR, &nobody, 4)
        .unwrap();
    let read = value(|output| other.prov_param(machine, PP_KEYSET_SEC_DESCR, 4, output)).unwrap();
    assert_eq!(read, nobody);
    let stranger = rig.library(7);
    assert_eq!(
        acquire(&stranger, "m", CRYPT_MACHINE_KEYSET),
        Err(CspError::NTE_BAD_KEYSET)
    );
    other
        .set_prov_param(machine, PP_KEYSET_SEC_DESCR, &descriptor, 4)
        .unwrap();
    let opened = acquire(&stranger, "m", CRYPT_MACHINE_KEYSET).unwrap();
    assert_eq!(
        stranger.set_prov_param(opened, PP_KEYSET_SEC_DESCR, &nobody, 4),
        Err(CspError::NTE_PERM)
    );
}

#[test]
fn signatures_of_every_form_verify() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    let key = csp.gen_key(context, AT_SIGNATURE, 1024 << 16).unwrap();
    let description: Vec<u16> = "description".encode_utf16().collect();
    let round = |algorithm: AlgId, flags| {
        let make = || hash(&csp, context, algorithm, b"text");
        let signed = make();
        let mut length = 128;
        let mut signature = [0; 128];
        let output = Output::new(Some(&mut signature), &mut length);
        csp.sign_hash(context, signed, AT_SIGNATURE, &description, flags, output)?;
        let verify = |description: &[u16]| {
            let signature = Signature {
                length: 128,
                bytes: Some(&signature),
            };
            csp.verify_signature(context, make(), signature, key, description, flags)
        };
        assert_eq!(verify(&[]), Err(CspError::NTE_BAD_SIGNATURE));
        verify(&description)
    };
    for algorithm in [
        AlgId::CALG_MD5,
        AlgId::CALG_SHA1,
        AlgId::CALG_SHA_256,
        AlgId::CALG_SHA_384,
        AlgId::CALG_SHA_512,
    ] {
        assert_eq!(round(algorithm, 0), Ok(()), "{algorithm}");
        assert_eq!(round(algorithm, CRYPT_NOHASHOID), Ok(()), "{algorithm}");
        let x931 = if algorithm == AlgId::CALG_MD5 {
            Err(CspError::NTE_BAD_ALGID)
        } else {
            Ok(())
        };
        assert_eq!(round(algorithm, CRYPT_X931_FORMAT), x931, "{algorithm}");
    }
    let mac_key = csp.gen_key(context, AlgId::CALG_AES_128.0, 0).unwrap();
    let mac = csp
        .create_hash(context, AlgId::CALG_MAC.0, mac_key, 0)
        .unwrap();
    let signed = value(|output| csp.sign_hash(context, mac, AT_SIGNATURE, &[], 0, output));
    assert_eq!(signed, Err(CspError::NTE_BAD_ALGID));
}

#[test]
fn many_threads_sign_with_one_context() {
    let rig = Rig::start();
    let csp = rig.library(1000);
    let context = acquire(&csp, "a", CRYPT_NEWKEYSET).unwrap();
    let key = csp.gen_key(context, AT_SIGNATURE, 512 << 16).unwrap();
    let blob = public_blob(&csp, context, key);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let (csp, blob) = (&csp, &blob);
            scope.spawn(move || {
                for round in 0..20 {
                    let text = [thread, round];
                    let signature = sign(csp, context, AT_SIGNATURE, &text).unwrap();
                    assert!(verifies(blob, &text, &signature));
                }
            });
        }
    });
}

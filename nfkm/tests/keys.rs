//! Keys made, recorded and loaded on the modules of a running hardserver.

mod common;

use common::{Rig, digest, request, rsa};
use ncore::types::{
    ACL, ActDetails, ActOpPermissionsDetails, AdminKey, BlobFormat, BlobFormatMkBlobParams,
    BlobFormatModuleMkBlobParams, ExportArgs, GetACLArgs, KeyData, KeyType, KeyTypeData,
    KeyTypeRSAPrivateData, LoadBlobArgs, MakeBlobArgs, MechCipher, PlainText, PlainTextType,
    PlainTextTypeData,
};
use ncore::{Bignum, Mech, Status};
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::{Client, Corruption, EntryName, Error, IdentRule, LoadedKey, Session};
use num_bigint::BigUint;
use proptest::prelude::*;

fn record(session: &Session, ident: &str) -> KeyRecord {
    let world = session.world().unwrap().world;
    let name = EntryName::new("mscapi", ident).unwrap();
    match session.folder().entry(&world.hknso, &name).unwrap() {
        EntryContent::Key(record) => *record,
        EntryContent::Opaque(_) => panic!("{name} holds data"),
    }
}

/// Checks a PKCS#1 v1.5 signature over a SHA-256 hash with plain big-number arithmetic (RFC 8017, section 8.2.2).
fn assert_signed(key: &LoadedKey, byte: u8) {
    let signature = key.sign(Mech::RSApPKCS1, digest(byte)).unwrap();
    let MechCipher::RSApPKCS1(signature) = signature.data else {
        panic!("{:?}", signature.mech)
    };
    let KeyTypeData::RSAPublic(public) = &key.public().data else {
        panic!("not an RSA key")
    };
    let [n, e, s] = [&public.n, &public.e, &signature.m]
        .map(|number| BigUint::from_bytes_le(number.le_bytes()));
    let message = s.modpow(&e, &n).to_bytes_be();
    let digest_info = [
        0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20,
    ];
    let padding = vec![0xff; public.n.bits().div_ceil(8) - 3 - digest_info.len() - 32];
    assert_eq!(
        message,
        [&[1][..], &padding, &[0], &digest_info, &[byte; 32]].concat()
    );
}

#[test]
fn a_generated_key_signs_on_every_module_and_is_recorded_under_its_hash() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = session
        .generate_key_pair(&request(IdentRule::KeyHash))
        .unwrap();
    assert_eq!(key.ident(), Some(nfkm::hex(&key.hash()).as_str()));
    assert_eq!(key.modules(), [1, 2]);
    for byte in 0..4 {
        assert_signed(&key, byte);
    }
    assert_eq!(session.list("mscapi").unwrap(), [key.ident().unwrap()]);
    let record = record(&session, key.ident().unwrap());
    assert_eq!(
        (record.hash, record.plainname.as_deref()),
        (key.hash(), Some("a key"))
    );
    assert!(
        record.public_blob.is_some() && record.recovery.is_some() && record.generation.is_some()
    );
}

#[test]
fn a_recorded_key_loads_in_another_session_and_after_a_restart() {
    let mut rig = Rig::with_world(2);
    let made = rig
        .session()
        .generate_key_pair(&request(IdentRule::Fixed("tls".to_owned())))
        .unwrap();
    let loaded = rig.session().load_key("mscapi", "tls").unwrap();
    assert_eq!(
        (loaded.hash(), loaded.public()),
        (made.hash(), made.public())
    );
    assert_signed(&loaded, 1);
    drop(made);
    rig.restart();
    assert_signed(&rig.session().load_key("mscapi", "tls").unwrap(), 2);
    // A key loaded before the restart finds its way too.
    assert_signed(&loaded, 3);
}

#[test]
fn a_fixed_name_that_is_taken_is_refused() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let request = request(IdentRule::Fixed("tls".to_owned()));
    session.generate_key_pair(&request).unwrap();
    assert!(matches!(
        session.generate_key_pair(&request),
        Err(Error::Exists { .. })
    ));
}

#[test]
fn a_key_without_a_world_is_refused_with_the_place_where_one_would_be() {
    let rig = Rig::start(1);
    let error = rig
        .session()
        .generate_key_pair(&request(IdentRule::KeyHash))
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoWorld { path } if path.ends_with("kmdata/local/world")),
        "{error}"
    );
}

#[test]
fn private_keys_cannot_leave_the_module_nor_change_their_module_key() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let key = session
        .generate_key_pair(&request(IdentRule::Fixed("tls".to_owned())))
        .unwrap();
    let client = Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
    let blob = record(&session, "tls").blob;
    let id = client
        .transact(LoadBlobArgs {
            module: 1,
            blob,
            ..LoadBlobArgs::default()
        })
        .unwrap()
        .idka;
    let refused = |error: Result<(), Error>| {
        assert!(
            matches!(
                error,
                Err(Error::Status {
                    status: Status::AccessDenied,
                    ..
                })
            ),
            "{error:?}"
        );
    };
    refused(client.transact(ExportArgs { key: id }).map(drop));
    let km0 = session.world().unwrap().modules[0].hkms[0];
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm: km0 });
    let args = MakeBlobArgs {
        format: BlobFormat::Module,
        idka: id,
        blobkey,
        ..MakeBlobArgs::default()
    };
    refused(client.transact(args).map(drop));

    let acl: ACL = client
        .transact(GetACLArgs {
            key: id,
            ..GetACLArgs::default()
        })
        .unwrap()
        .acl
        .0;
    let world = session.world().unwrap().world;
    let permissions = |group: usize| {
        let details = acl.groups[group]
            .actions
            .iter()
            .find_map(|action| match &action.details {
                ActDetails::OpPermissions(details) => Some(details.perms),
                _ => None,
            });
        details.unwrap()
    };
    assert_eq!(acl.groups.len(), 2);
    assert_eq!(acl.groups[0].certifier, None);
    let both = ActOpPermissionsDetails::SIGN | ActOpPermissionsDetails::DECRYPT;
    assert_eq!(permissions(0) & both, both);
    assert_eq!(
        acl.groups[1].certifier,
        Some(world.hknso),
        "the last group is the security officer's"
    );
    for group in 0..2 {
        let leaks = ActOpPermissionsDetails::EXPORT_AS_PLAIN | ActOpPermissionsDetails::EXPAND_ACL;
        assert_eq!(permissions(group) & leaks, 0);
    }
    drop(key);
}

#[test]
fn recovery_blob_opens_with_kre_and_the_administrator_quorum() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    let key = session
        .generate_key_pair(&request(IdentRule::Fixed("tls".to_owned())))
        .unwrap();
    let world = session.world().unwrap().world;
    let recovery = record(&session, "tls").recovery.unwrap();
    assert_eq!(Some(recovery.hkre), world.hash(AdminKey::RE));

    let client = Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
    let kre = common::admin_key(&rig, &client, &world, AdminKey::RE);
    let args = LoadBlobArgs {
        module: 1,
        blob: recovery.blob,
        idkb: Some(kre),
        ..LoadBlobArgs::default()
    };
    let id = client.transact(args).unwrap().idka;
    let info = client
        .transact(ncore::types::GetKeyInfoArgs { key: id })
        .unwrap();
    assert_eq!((info.type_, info.hash), (KeyType::RSAPrivate, key.hash()));
}

/// An RSA key of 512 bits made by `openssl genrsa 512`.
fn openssl_key() -> KeyData {
    let number = |hex: &str| {
        Bignum::from_be(
            &BigUint::parse_bytes(hex.as_bytes(), 16)
                .unwrap()
                .to_bytes_be(),
        )
    };
    let key = KeyTypeRSAPrivateData {
        p: number(P),
        q: number(Q),
        dmp1: number(DMP1),
        dmq1: number(DMQ1),
        iqmp: number(IQMP),
        e: Bignum::from(65_537),
    };
    KeyData {
        type_: KeyType::RSAPrivate,
        data: KeyTypeData::RSAPrivate(key),
    }
}

const N: &str = concat!(
    "bf47e604e85e59d01e0c7b1417698e5c32cbc3c56417995a44d4555ab1c7197c",
    "b31cd6ccc6d71015c5272821b873004137077eb447157ae3ae43b20b734d559d",
);
const P: &str = "e396dc489c2b1a80692ae9e13bcbff734c4b4b14f5b85c7dab35d156e49bf5cb";
const Q: &str = "d728b7d8b778834ef412de59895a7aa4af670720d202ff73287153b0aaa9b537";
const DMP1: &str = "a6b93b828db51de2f82811d18846b74a3597ead6ddf342fe64d0361d1bb80ce5";
const DMQ1: &str = "b95d9d369aaabb05f485a506a2ad4ee83f2d961892967e9a2a07a8c095e7ebf5";
const IQMP: &str = "2995994c05c43958b719bc03fadaee921259d02af31ae91d3c35230ee37c724d";

#[test]
fn an_imported_key_has_the_public_half_of_its_maker() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = session
        .import_key_pair(&request(IdentRule::KeyHash), openssl_key())
        .unwrap();
    let KeyTypeData::RSAPublic(public) = &key.public().data else {
        panic!("not an RSA key")
    };
    assert_eq!(
        public.n.to_be(),
        BigUint::parse_bytes(N.as_bytes(), 16)
            .unwrap()
            .to_bytes_be()
    );
    assert_signed(&key, 9);
    let record = record(&session, key.ident().unwrap());
    assert_eq!(record.generation, None);
    // The same key again is the same entry.
    session
        .import_key_pair(&request(IdentRule::KeyHash), openssl_key())
        .unwrap();
    assert_eq!(session.list("mscapi").unwrap().len(), 1);
}

#[test]
fn an_ephemeral_key_works_on_every_module_and_leaves_no_file() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    for key in [
        session.generate_ephemeral(rsa(1024)).unwrap(),
        session.import_ephemeral(openssl_key()).unwrap(),
    ] {
        assert_eq!((key.ident(), key.modules()), (None, vec![1, 2]));
        assert_signed(&key, 4);
    }
    assert_eq!(session.list("mscapi").unwrap(), [""; 0]);
}

#[test]
fn decryption_undoes_encryption_by_the_public_half() {
    let rig = Rig::with_world(2);
    let key = rig.session().generate_ephemeral(rsa(1024)).unwrap();
    let KeyTypeData::RSAPublic(public) = &key.public().data else {
        panic!("not an RSA key")
    };
    // PKCS#1 v1.5 encryption (RFC 8017, section 7.2.1) with a fixed padding.
    let message = [&[2][..], &[0x55; 119], &[0], b"secret"].concat();
    let [n, e] = [&public.n, &public.e].map(|number| BigUint::from_bytes_le(number.le_bytes()));
    let cipher = BigUint::from_bytes_be(&message).modpow(&e, &n);
    let cipher = ncore::types::CipherText {
        mech: Mech::RSApPKCS1,
        data: MechCipher::RSApPKCS1(ncore::types::MechRSApPKCS1Cipher {
            m: Bignum::from_be(&cipher.to_bytes_be()),
        }),
        iv: Default::default(),
    };
    let plain = key
        .decrypt(Mech::RSApPKCS1, cipher, PlainTextType::Bytes)
        .unwrap();
    let PlainText {
        data: PlainTextTypeData::Bytes(plain),
        ..
    } = plain
    else {
        panic!("{:?}", plain.type_)
    };
    assert_eq!(plain.data, b"secret");
}

#[test]
fn an_error_of_the_module_is_reported_and_not_repeated() {
    let rig = Rig::with_world(1);
    let key = rig.session().generate_ephemeral(rsa(1024)).unwrap();
    let error = key.sign(Mech::DSA, digest(1)).unwrap_err();
    assert_eq!(error.status(), Some(Status::TypeMismatch), "{error}");
}

#[test]
fn damaged_and_missing_entries_have_their_errors() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    assert!(matches!(
        session.load_key("mscapi", "none"),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        session.read_opaque("mscapi", "none"),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        session.load_key("MSCAPI", "x"),
        Err(Error::InvalidName { .. })
    ));

    session
        .save_opaque("mscapi", "container-1", b"one")
        .unwrap();
    session
        .save_opaque("mscapi", "container-1", b"two")
        .unwrap();
    assert_eq!(
        session.read_opaque("mscapi", "container-1").unwrap(),
        b"two"
    );
    assert!(matches!(
        session.load_key("mscapi", "container-1"),
        Err(Error::WrongContent { opaque: true, .. })
    ));

    let path = rig
        .folder
        .path()
        .join("kmdata/local/key_mscapi_container-1");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let error = session.read_opaque("mscapi", "container-1").unwrap_err();
    assert!(
        matches!(&error, Error::Corrupt { path: named, reason: Corruption::Truncated } if *named == path),
        "{error}"
    );

    session.delete_file("mscapi", "container-1").unwrap();
    assert!(matches!(
        session.delete_file("mscapi", "container-1"),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn a_blob_in_the_file_of_another_key_is_noticed() {
    let rig = Rig::with_world(1);
    let session = rig.session();
    for ident in ["one", "two"] {
        session
            .generate_key_pair(&request(IdentRule::Fixed(ident.to_owned())))
            .unwrap();
    }
    let hknso = session.world().unwrap().world.hknso;
    let mut swapped = record(&session, "one");
    swapped.blob = record(&session, "two").blob;
    let name = EntryName::new("mscapi", "one").unwrap();
    session
        .folder()
        .replace_entry(&hknso, &name, EntryContent::Key(Box::new(swapped)))
        .unwrap();
    let refused = session.load_key("mscapi", "one");
    assert!(
        matches!(refused, Err(Error::WrongKey { .. })),
        "{refused:?}"
    );
}

#[test]
fn random_bytes_fill_any_buffer_and_differ() {
    let rig = Rig::start(1);
    let session = rig.session();
    let mut buffers = [vec![0u8; 10_000], vec![0u8; 10_000]];
    for buffer in &mut buffers {
        session.random(buffer).unwrap();
        // A run of 32 zero bytes would be a chunk that was not filled.
        assert!(
            buffer
                .windows(32)
                .all(|window| window.iter().any(|byte| *byte != 0))
        );
    }
    assert_ne!(buffers[0], buffers[1]);
    session.random(&mut []).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn opaque_data_comes_back_as_it_went(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        use std::sync::LazyLock;
        static RIG: LazyLock<Rig> = LazyLock::new(|| Rig::start(1));
        let session = RIG.session();
        session.save_opaque("simple", "data", &data).unwrap();
        prop_assert_eq!(session.read_opaque("simple", "data").unwrap(), data);
    }
}

//! Making, verifying and preloading keys by the utilities as executables.

mod common;

use std::process::{Command, Stdio};

use common::{Rig, masked, text};
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::{Area, EntryName, Error, World};

fn rig_with_world(features: &[&str]) -> Rig {
    let rig = Rig::start();
    let admin = rig.file("card", "admin");
    rig.succeed(
        "new-world",
        &[&["-Q1/1", admin.as_str()], features].concat(),
    );
    rig
}

#[test]
fn a_key_is_generated_by_answers_and_by_words() {
    let rig = rig_with_world(&[]);
    // Questions in their order: protect, recovery, type, size, pubexp, ident, plainname, nvram; a wrong answer is asked again.
    let answers = "module\nmaybe\nyes\nRSA\n1024\n\ncontosokey\nContoso\n\n";
    let output = rig.run_with_input("generatekey", &["simple"], answers);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "ERROR: recovery: invalid option\n");
    insta::assert_snapshot!("generatekey", masked(&rig, &text(&output.stdout)));

    let taken = ["--batch", "simple", "ident=contosokey", "size=1024"];
    assert!(
        rig.fail(1, "generatekey", &taken)
            .contains("exists already")
    );
    for (words, reason) in [
        (&["simple"][..], "ident must be given"),
        (&["simple", "ident=A"], "ident: invalid option"),
        (&["simple", "ident=a", "size=10"], "size: invalid option"),
        (
            &["simple", "ident=a", "colour=red"],
            "colour is no parameter",
        ),
        (&["pkcs11"], "there is no application `pkcs11'"),
        (
            &["simple", "ident=a", "protect=softcard"],
            "protect: invalid option; possible: token, module",
        ),
        (
            &["simple", "ident=a", "type=ECDSA"],
            "type: invalid option; possible: DES3, DH, DSA, HMACSHA1, HMACSHA256, RSA, AES",
        ),
        (
            &["simple", "ident=a", "protect=token", "slot=2"],
            "slot: invalid option",
        ),
        (
            &["simple", "ident=a", "assigned=yes"],
            "common-criteria-cmts",
        ),
        (
            &["simple", "ident=a", "logkeyusage=maybe"],
            "logkeyusage: invalid option; possible: yes, no",
        ),
        (
            &["simple", "ident=a", "-cops", "protect=module"],
            "--cardset is for protect=token",
        ),
    ] {
        let complaint = rig.fail(2, "generatekey", &[&["--batch"], words].concat());
        assert!(complaint.contains(reason), "{words:?}: {complaint}");
    }
}

#[test]
fn where_there_is_a_card_set_it_protects_a_key_unless_another_way_is_named() {
    let rig = rig_with_world(&[]);
    rig.insert(1, "ann");
    rig.succeed("createocs", &["-Q1/1", "-Nops"]);
    let words = [
        "--batch",
        "simple",
        "size=1024",
        "assigned=no",
        "logkeyusage=no",
    ];
    for (more, protection) in [
        (&["ident=a"][..], "CardSet"),
        (&["ident=b", "protect=module"], "Module"),
    ] {
        let made = rig.succeed("generatekey", &[&words, more].concat());
        for row in ["Make an assigned key", "Log key usage       "] {
            let is_said = made
                .lines()
                .any(|line| line.contains(row) && line.ends_with(" no"));
            assert!(is_said, "{row}: {made}");
        }
        let ident = more[0].trim_start_matches("ident=");
        let detail = rig.succeed("nfkminfo", &["-k", "simple", ident]);
        let line = format!("\n protection {protection}\n");
        assert!(detail.contains(&line), "{detail}");
    }
}

#[test]
fn the_blob_of_a_key_goes_into_the_module_with_the_administrator_cards() {
    let rig = rig_with_world(&[]);
    let admin = rig.file("admin-card", "admin");
    let words = [
        "--batch",
        "simple",
        "size=1024",
        "nvram=yes",
        "ident=inside",
    ];
    let refused = rig.fail(1, "generatekey", &words);
    assert!(
        refused.contains("administrator cards are files in "),
        "{refused}"
    );
    let made = rig.run("generatekey", &[&words[..], &[&admin]].concat());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("no recovery copy"));
    assert!(
        text(&made.stdout).contains("\n nvram        Blob in NVRAM (needs ACS)          yes\n")
    );
    let detail = rig.succeed("nfkminfo", &["-k", "simple", "inside"]);
    assert!(
        detail.starts_with("Key AppName simple Ident inside BlobKA length 0\n")
            && detail.contains(" PublicKey !SEEAppKey NVMemBlob "),
        "{detail}"
    );
    let session = rig.session();
    let state = session
        .nvram_state(&EntryName::new("simple", "inside").unwrap())
        .unwrap()
        .unwrap();
    assert_eq!((state.blob, state.counter), (Some(Area::Present(())), None));
    assert!(session.load_key("simple", "inside").is_ok());
    rig.succeed("nfkmverify", &["simple", "inside"]);
    // The initialisation erases the area, and with it the key.
    rig.succeed("new-world", &["-l", &rig.file("card", "admin")]);
    let refused = rig.fail(1, "nfkmverify", &["-U", "simple", "inside"]);
    assert!(refused.contains(" was erased"), "{refused}");
}

#[test]
fn secret_keys_are_generated_listed_and_verified() {
    let rig = rig_with_world(&[]);
    rig.succeed("ppmk", &["--new", "soft"]);
    for (ident, words) in [
        ("aes", &["type=AES", "size=256"][..]),
        ("des", &["type=DES3"]),
        ("mac", &["type=HMACSHA256", "size=256", "protect=softcard"]),
    ] {
        let ident = format!("ident={ident}");
        rig.succeed(
            "generatekey",
            &[&["--batch", "simple", &ident], words].concat(),
        );
    }
    let detail = rig.succeed("nfkminfo", &["-k", "simple", "aes"]);
    assert!(
        detail.contains("\n BlobPubKA length 0\n") && detail.contains(" other flags !PublicKey "),
        "{detail}"
    );
    rig.succeed("nfkmcheck", &[]);
    insta::assert_snapshot!("secret", masked(&rig, &rig.succeed("nfkmverify", &[])));
    for (words, reason) in [
        (&["simple", "type=AES", "ident=x"][..], "size must be given"),
        (
            &["simple", "type=AES", "size=100", "ident=x"],
            "size: invalid option",
        ),
        (
            &["simple", "type=DES3", "size=192", "ident=x"],
            "size is no parameter",
        ),
        (&["mscapi", "type=AES", "size=128"], "type: invalid option"),
    ] {
        let complaint = rig.fail(2, "generatekey", &[&["--batch"], words].concat());
        assert!(complaint.contains(reason), "{words:?}: {complaint}");
    }
    // What wants a pair is told that it is none.
    let refused = rig.session().load_key("simple", "aes");
    assert!(matches!(refused, Err(Error::Malformed { .. })));
}

#[test]
fn keys_of_mscapi_are_called_by_their_hash_and_retargeted() {
    let rig = rig_with_world(&[]);
    let made = rig.succeed(
        "generatekey",
        &["--batch", "mscapi", "type=DSA", "size=1024", "plainname=ca"],
    );
    // The lines that scripts look for (UTILITIES section 2).
    assert!(
        made.contains("\nKey successfully generated.\nPath to key: "),
        "{made}"
    );
    let list = rig.succeed("nfkminfo", &["-k", "mscapi"]);
    let ident = list.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(ident.len(), 40, "{list}");
    let words = ["--batch", "--retarget", "simple", "ident=copy"];
    let retargeted = rig.succeed("generatekey", &words);
    insta::assert_snapshot!("retarget", masked(&rig, &retargeted));
    let hash = |appname: &str, ident: &str| {
        let detail = rig.succeed("nfkminfo", &["-k", appname, ident]);
        detail
            .lines()
            .find(|line| line.starts_with(" hash "))
            .unwrap()
            .to_owned()
    };
    assert_eq!(hash("simple", "copy"), hash("mscapi", &ident));
}

#[test]
fn a_key_of_openssl_is_imported() {
    let rig = rig_with_world(&[]);
    let modulus = |file: &str| {
        let output = Command::new("openssl")
            .args(["rsa", "-noout", "-modulus", "-in", file])
            .output()
            .unwrap();
        text(&output.stdout)
            .trim()
            .replace("Modulus=", "")
            .to_lowercase()
    };
    for (ident, traditional) in [("one", "-traditional"), ("two", "")] {
        let file = rig.folder.path().join(format!("{ident}.pem"));
        let file = file.to_str().unwrap();
        let mut command = Command::new("openssl");
        command.args(["genrsa", "-out", file]);
        command.args(Some(traditional).filter(|option| !option.is_empty()));
        assert!(
            command
                .arg("1024")
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        let words = [format!("ident={ident}"), format!("pemreadfile={file}")];
        rig.succeed(
            "generatekey",
            &["--batch", "-i", "simple", &words[0], &words[1]],
        );
        let key = rig.session().load_key("simple", ident).unwrap();
        let ncore::types::KeyTypeData::RSAPublic(public) = &key.public().data else {
            panic!("no RSA key")
        };
        assert_eq!(nfkm::hex(&public.n.to_be()), modulus(file));
    }
    // Nobody certifies how an imported key was made.
    let refused = rig.fail(1, "nfkmverify", &["simple", "one"]);
    assert!(
        refused.contains("no key generation certificate"),
        "{refused}"
    );
    assert!(
        rig.succeed("nfkmverify", &["-U"])
            .contains("2 keys verified.")
    );
    let junk = rig.folder.path().join("junk.pem");
    std::fs::write(&junk, "junk").unwrap();
    let words = [
        "--batch",
        "-i",
        "simple",
        "ident=x",
        &format!("pemreadfile={}", junk.display()),
    ];
    assert!(
        rig.fail(1, "generatekey", &words)
            .contains("junk.pem: not a PEM file")
    );
}

#[test]
fn a_key_is_verified_up_to_the_world() {
    let rig = rig_with_world(&[]);
    rig.succeed(
        "generatekey",
        &["--batch", "simple", "ident=good", "size=1024"],
    );
    rig.session()
        .save_opaque("mscapi", "container-1", b"data")
        .unwrap();
    let report = rig.succeed("nfkmverify", &[]);
    insta::assert_snapshot!("nfkmverify", masked(&rig, &report));
    let full = rig.succeed("nfkmverify", &["-VL", "simple", "good"]);
    insta::assert_snapshot!("nfkmverify_in_full", masked(&rig, &full));
    assert!(
        rig.fail(1, "nfkmverify", &["mscapi", "container-1"])
            .contains("holds data, not a key")
    );
    assert!(rig.fail(2, "nfkmverify", &["simple"]).contains("two words"));
    // The module is initialised again, so its old signing key is gone, and with it the proof.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    rig.succeed("new-world", &["-l", &rig.file("card", "admin")]);
    let refused = rig.fail(1, "nfkmverify", &[]);
    assert!(refused.contains("has been initialised since"), "{refused}");
    let answer = rig.run("nfkmverify", &["--json"]);
    assert_eq!(answer.status.code(), Some(1));
    insta::assert_snapshot!("nfkmverify_json", masked(&rig, &text(&answer.stdout)));
    rig.succeed("nfkmverify", &["--unverifiable"]);
}

/// A file whose checksum is right and whose certificate has a wrong byte: of what the module said of the key, of its
/// signature, and of the world's word on the module.
#[test]
fn a_certificate_with_a_wrong_byte_is_found() {
    let rig = rig_with_world(&[]);
    rig.succeed(
        "generatekey",
        &["--batch", "simple", "ident=good", "size=1024"],
    );
    let session = rig.session();
    let (folder, name) = (session.folder(), EntryName::new("simple", "good").unwrap());
    let hknso = World::required(folder).unwrap().hknso;
    let EntryContent::Key(good) = folder.entry(&hknso, &name).unwrap() else {
        panic!("no key")
    };
    let write = |record: &KeyRecord| {
        let content = EntryContent::Key(Box::new(record.clone()));
        folder.replace_entry(&hknso, &name, content).unwrap();
    };
    let certificate = good.generation.clone().unwrap();
    let check = |message: bool, at: usize| {
        let mut bad = good.clone();
        let certificate = bad.generation.as_mut().unwrap();
        let place = match message {
            true => &mut certificate.message[at],
            false => &mut certificate.signature[at],
        };
        *place ^= 1;
        write(&bad);
        let problems = session.verify_key(&name).unwrap().problems;
        let of_the_certificate = |problem: &String| problem.contains("key generation certificate");
        assert!(
            problems.iter().any(of_the_certificate),
            "byte {at} of the message ({message}) or signature: {problems:?}"
        );
    };
    let last = certificate.message.len() - 1;
    (0..=last)
        .step_by(9)
        .chain([last])
        .for_each(|at| check(true, at));
    (0..certificate.signature.len()).for_each(|at| check(false, at));

    let mut bad = good.clone();
    let signature = &mut bad.generation.as_mut().unwrap().signature;
    *signature.last_mut().unwrap() ^= 1;
    write(&bad);
    let refused = rig.fail(1, "nfkmverify", &["simple", "good"]);
    assert!(
        refused.contains("its key generation certificate is not signed by the module that made it"),
        "{refused}"
    );
    write(&good);
    rig.succeed("nfkmverify", &["simple", "good"]);

    let module = folder.module(&hknso, &good.esn).unwrap().unwrap();
    for (message, words) in [
        (true, "certifies another signing key"),
        (false, "did not certify the signing key"),
    ] {
        let mut bad = module.clone();
        let certificate = &mut bad.kml.as_mut().unwrap().certificate;
        let bytes = match message {
            true => &mut certificate.message,
            false => &mut certificate.signature,
        };
        *bytes.last_mut().unwrap() ^= 1;
        folder.write_module(&hknso, &bad).unwrap();
        let refused = rig.fail(1, "nfkmverify", &["simple", "good"]);
        assert!(refused.contains(words), "{refused}");
    }
    folder.write_module(&hknso, &module).unwrap();
    rig.succeed("nfkmverify", &["simple", "good"]);
}

//! Making, verifying and preloading keys by the utilities as executables.

mod common;

use std::process::{Command, Stdio};

use common::{Rig, masked, text};
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::{Area, EntryName, Environment, Error, Session, World};

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

#[test]
fn a_key_under_cards_is_made_and_used_by_another_program_while_they_are_preloaded() {
    let rig = rig_with_world(&[]);
    let card = rig.file("card", "ops");
    rig.succeed("createocs", &["-Q1/1", "-N", "ops", "-p", &card]);
    rig.succeed("ppmk", &["--new", "soft"]);
    let words = [
        "--batch",
        "-cops",
        &card,
        "simple",
        "protect=token",
        "size=1024",
        "ident=carded",
    ];
    rig.succeed("generatekey", &words);
    let words = [
        "--batch",
        "simple",
        "protect=softcard",
        "size=1024",
        "ident=softly",
    ];
    rig.succeed("generatekey", &words);
    for ident in ["carded", "softly"] {
        let refused = rig.session().load_key("simple", ident);
        assert!(matches!(refused, Err(Error::NeedsToken { .. })), "{ident}");
    }
    let file = rig.folder.path().join("tokens");
    let tokens = file.to_str().unwrap();
    // The program that is run sees what is loaded.
    let info = env!("CARGO_BIN_EXE_nfkminfo");
    let words = ["-f", tokens, "-cops", "-ssoft", &card, info];
    let report = rig.succeed("preload", &words);
    assert!(
        report.contains("Pre-Loaded Objects (  4): objecthash module objectid generation\n"),
        "{report}"
    );
    let hash = |ident: &str| nfkm::hex(&rig.key_hash("simple", ident));
    for ident in ["carded", "softly"] {
        assert!(report.contains(&format!("\n {} ", hash(ident))), "{report}");
    }
    // What is chosen of the keys is loaded, and what is not is not.
    rig.succeed(
        "generatekey",
        &[
            "--batch",
            "simple",
            "protect=module",
            "size=1024",
            "ident=bare",
            "plainname=Bare",
        ],
    );
    for (chosen, loaded) in [
        (&["-ssoft", "--no-token-keys"][..], &[][..]),
        (&["-ssoft", "--no-cardset-keys"], &["softly"]),
        (&["-cops", &card, "--no-cardset-keys"], &[]),
        (&["-M"], &["bare"]),
        (&["-A", "simple", "-K", "ba?e"], &["bare"]),
        (&["-n", "B*e"], &["bare"]),
        (&["-ssoft", "-n", "B*e"], &["bare", "softly"]),
    ] {
        let words = [&["-f", tokens], chosen, &[info]].concat();
        let report = rig.succeed("preload", &words);
        for ident in ["carded", "softly", "bare"] {
            let line = format!("\n {} ", hash(ident));
            let expected = loaded.contains(&ident);
            assert_eq!(
                report.contains(&line),
                expected,
                "{chosen:?} {ident}: {report}"
            );
        }
    }
    let words = ["-f", tokens, "-A", "simple", "-K", "none*", "true"];
    let refused = rig.fail(1, "preload", &words);
    assert!(
        refused.contains("there is no key pair `none*'"),
        "{refused}"
    );
    let words = ["-f", tokens, "-A", "simple", "-K", "carded", "true"];
    let refused = rig.fail(1, "preload", &words);
    assert!(refused.contains("which is not loaded"), "{refused}");
    // Card sets that are asked for, until none is named.
    let output = rig.run_with_input("preload", &["-f", tokens, "-ssoft", "-i", info], "\n");
    assert!(
        text(&output.stdout).contains("Objects (  2)"),
        "{}",
        text(&output.stderr)
    );
    let admin = rig.succeed("preload", &["--list-admin"]);
    for key in ["NSO", "M", "RE", "RA", "NV"] {
        assert!(admin.lines().any(|line| line == key), "{key}: {admin}");
    }
    assert!(!file.exists(), "the file outlives what it tells of");
    assert_eq!(
        rig.run("preload", &["-f", tokens, "sh", "-c", "exit 7"])
            .status
            .code(),
        Some(7)
    );
    // Whichever card set has a card in the reader.
    let words = ["-f", tokens, "--any-one", info];
    assert!(rig.fail(1, "preload", &words).contains("no operator card"));
    rig.insert(1, "ann");
    rig.succeed("createocs", &["-Q1/1", "-N", "ann"]);
    let report = rig.succeed("preload", &words);
    assert!(report.contains("Pre-Loaded Objects (  1)"), "{report}");
    let refused = rig.fail(1, "preload", &["-f", tokens, "-ssoft", "exit"]);
    assert!(refused.contains("no other preload goes on"), "{refused}");
    assert!(rig.fail(2, "preload", &["pause"]).contains("no file"));

    let mut pause = rig.command("preload", &["-f", tokens, "-cops", &card, "pause"]);
    let mut pause = pause
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(pause.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.starts_with("Everything is loaded"), "{line}");
    rig.succeed("preload", &["-f", tokens, "-ssoft", "exit"]);
    let objects = || {
        let words = ["--json", "PerModule", "1", "ModuleObjStats"];
        let tree: serde_json::Value =
            serde_json::from_str(&rig.succeed("stattree", &words)).unwrap();
        let counts = &tree["PerModule"]["1"]["ModuleObjStats"];
        (
            counts["ObjectsCreated"].as_u64(),
            counts["ObjectCount"].as_u64(),
        )
    };
    for ident in ["carded", "softly"] {
        let session = rig.preloaded_session(&file);
        let before = objects();
        let key = session.load_key("simple", ident).unwrap();
        assert_eq!(key.modules(), [1], "{ident}");
        drop(key);
        // Its public half was loaded and is gone; the private one was there, and stays.
        let now = objects();
        assert_eq!(now.0, before.0.map(|count| count + 1), "{ident}");
        assert_eq!(now.1, before.1, "{ident}");
    }
    // A file is for the client that is meant alone.
    let other = Environment {
        tokens_file: Some(file.clone()),
        tokens_select: Some("00".repeat(20)),
        ..rig.environment()
    };
    let refused = Session::open(&other).unwrap().load_key("simple", "carded");
    assert!(matches!(refused, Err(Error::NeedsToken { .. })));
    pause.kill().unwrap();
    pause.wait().unwrap();
    // The file tells of a client that is gone.
    let refused = rig.preloaded_session(&file).load_key("simple", "carded");
    assert!(matches!(refused, Err(Error::NeedsToken { .. })));
}

#[test]
fn a_world_of_level_3_with_empty_readers_takes_its_authorisation_from_card_files() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", "--mode=fips-140-2-level-3"]);
    let output = rig.run("createocs", &["-Q1/1", "-pN", "ops"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let folder = rig.options.kmdata.join("cards");
    let said = format!(
        "createocs: no card in a reader: a card file in {} authorises this\n",
        folder.display()
    );
    assert!(
        text(&output.stderr).starts_with(&said),
        "{}",
        text(&output.stderr)
    );
    rig.succeed("ppmk", &["--new", "soft"]);
    let key = ["--batch", "simple", "size=1024"];
    for more in [
        &["protect=module", "ident=plain"][..],
        &["protect=token", "-cops", "ident=carded"],
        &["protect=softcard", "ident=soft"],
    ] {
        rig.succeed("generatekey", &[&key, more].concat());
    }
    rig.succeed("nfkmverify", &[]);

    // An operator card does as well, and so does a card that is named, wherever it lies.
    let elsewhere = rig.folder.path().join("boss");
    std::fs::rename(folder.join("admin-1"), &elsewhere).unwrap();
    rig.succeed(
        "generatekey",
        &[&key[..], &["protect=module", "ident=second"]].concat(),
    );
    std::fs::remove_file(folder.join("operator-1")).unwrap();
    let named = rig.file("admin-card", "boss");
    rig.succeed("createocs", &["-Q1/1", "-pN", "more", &named]);
    std::fs::remove_file(folder.join("operator-1")).unwrap();
    rig.succeed(
        "generatekey",
        &[&key[..], &["protect=module", "ident=third", &named]].concat(),
    );

    // Without any, it is said where they were looked for and what would help.
    let refused = rig.fail(
        1,
        "generatekey",
        &[&key[..], &["protect=module", "ident=fourth"]].concat(),
    );
    assert!(
        refused.contains(&folder.display().to_string())
            && refused.contains("`softshield card insert'")
            && refused.contains("a world of FIPS 140 level 3 needs one"),
        "{refused}"
    );
    // A card in a reader is all there is then: it must be one of the world.
    rig.insert(1, "blank");
    std::fs::rename(&elsewhere, folder.join("admin-1")).unwrap();
    rig.fail(
        1,
        "generatekey",
        &[&key[..], &["protect=module", "ident=fourth"]].concat(),
    );
}

/// In a world of FIPS 140 level 3 a card authorises the making of keys: once it was seen, it can leave.
#[test]
fn without_a_card_keys_are_made_while_the_authorisation_is_preloaded() {
    let rig = Rig::start();
    let mode = "--mode=fips-140-2-level-3";
    rig.insert(1, "boss");
    rig.succeed("new-world", &["-Q1/1", mode]);
    let file = rig.folder.path().join("tokens");
    let tokens = file.to_str().unwrap();
    let mut pause = rig.command("preload", &["-f", tokens, "-F", "pause"]);
    let mut pause = pause.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(pause.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    rig.insert(1, "blank");
    let key = |ident: &str| {
        let ident = format!("ident={ident}");
        let words = ["--batch", "simple", "protect=module", "size=1024", &ident];
        rig.command("generatekey", &words)
    };
    let refused = key("a").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("no card of the Security World"));
    let tokens_file = |mut command: Command| {
        command
            .env("NFAST_NFKM_TOKENSFILE", &file)
            .output()
            .unwrap()
    };
    for ident in ["a", "b"] {
        let made = tokens_file(key(ident));
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    // A module that is cleared has lost it.
    rig.succeed("nopclearfail", &["-c", "-m1"]);
    let refused = tokens_file(key("c"));
    assert!(text(&refused.stderr).contains("no card of the Security World"));
    pause.kill().unwrap();
    pause.wait().unwrap();
    let refused = rig.fail(1, "preload", &["-f", tokens, "--require-fips", "true"]);
    assert!(
        refused.contains("no card of the Security World"),
        "{refused}"
    );
    rig.succeed("preload", &["-f", tokens, "true"]);
}

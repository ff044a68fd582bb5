//! What `preload` keeps loaded, and that other programs use it.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use common::{Rig, text};
use nfkm::{Environment, Error, Session};

#[test]
fn a_key_under_cards_is_made_and_used_by_another_program_while_they_are_preloaded() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
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

/// A process that keeps these tokens loaded, and the file that tells others of them.
fn preloaded(rig: &Rig, tokens: &[&str], phrases: &str) -> (Child, PathBuf) {
    let file = rig.folder.path().join("tokens");
    let words = [&["-f", file.to_str().unwrap()], tokens, &["pause"]].concat();
    let mut pause = rig.command("preload", &words);
    let mut pause = pause
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = pause.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, phrases.as_bytes()).unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(pause.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    (pause, file)
}

/// Has generatekey make a key with what is preloaded.
fn generate(rig: &Rig, file: &Path, words: &[&str]) -> Output {
    let words = [&["--batch", "simple", "size=1024"], words].concat();
    let mut command = rig.command("generatekey", &words);
    command
        .env("NFAST_NFKM_TOKENSFILE", file)
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// The token of a set that is not persistent goes with its card, and the card is read again.
#[test]
fn a_preloaded_token_whose_card_has_left_is_not_used() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    rig.insert(1, "ann");
    rig.succeed_with_input("createocs", &["-Q1/1", "-Nops"], "\n");
    let (mut pause, file) = preloaded(&rig, &["-cops"], "\n");
    rig.empty(1);
    let refused = generate(&rig, &file, &["-cops", "protect=token", "ident=late"]);
    let said = text(&refused.stderr);
    assert!(said.contains("1 more card is needed"), "{said}");
    rig.insert(1, "ann");
    let made = generate(&rig, &file, &["-cops", "protect=token", "ident=again"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    pause.kill().unwrap();
    pause.wait().unwrap();
}

#[test]
fn a_preloaded_token_protects_a_new_key_without_a_card_in_a_reader() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    rig.insert(1, "ann");
    rig.succeed_with_input("createocs", &["-Q1/1", "-Nops", "-p"], "secret\n");
    rig.succeed_with_input("ppmk", &["--new", "soft"], "phrase\n");
    let (mut pause, file) = preloaded(&rig, &["-cops", "-ssoft"], "secret\nphrase\n");
    rig.empty(1);

    let generate = |words: &[&str]| generate(&rig, &file, words);
    for words in [
        &["-cops", "protect=token", "ident=named"][..],
        &["protect=token", "ident=only"],
        &["protect=softcard", "ident=soft"],
    ] {
        let made = generate(words);
        let said = (made.status.code(), text(&made.stderr));
        assert_eq!(said, (Some(0), String::new()), "{words:?}");
    }
    // A module that is cleared has lost it, and what is missing is said.
    rig.succeed("nopclearfail", &["-c", "-m1"]);
    let refused = generate(&["protect=token", "ident=late"]);
    let said = text(&refused.stderr);
    assert!(said.contains("Module 1 slot 0: empty"), "{said}");
    pause.kill().unwrap();
    pause.wait().unwrap();
}

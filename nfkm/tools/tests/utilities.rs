//! The utilities as executables, against a hardserver with two modules in this process.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Rig, masked, text};
use ncore::types::{KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams};
use nfkm::{IdentRule, NewKey, Protection};

#[test]
fn a_world_is_made_shown_and_used_by_the_utilities_alone() {
    let rig = Rig::start();
    assert!(
        rig.succeed("nfkminfo", &[])
            .contains(" !Initialised !Usable ")
    );
    assert!(
        rig.fail(1, "new-world", &["-l"])
            .contains("new-world: no existing world to load")
    );

    let output = rig.run("new-world", &["-m", "1,2", "-Q", "1/1", "nv=1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    insta::assert_snapshot!("new_world_report", masked(&rig, &text(&output.stdout)));
    insta::assert_snapshot!("new_world_talk", masked(&rig, &text(&output.stderr)));
    insta::assert_snapshot!(
        "nfkminfo_report",
        masked(&rig, &rig.succeed("nfkminfo", &[]))
    );

    // Without an action it now loads the world; the card is found again.
    let report = rig.succeed("new-world", &["-m2"]);
    assert!(
        report.contains("security world loaded on module #2; hknso = "),
        "{report}"
    );
    let report = rig.succeed("new-world", &["--factory", "--module=2"]);
    assert!(report.contains("module #2"), "{report}");
    let report = rig.succeed("nfkminfo", &["-m2"]);
    assert!(report.contains("\n state      0x5 Factory\n"), "{report}");
    // What the host's file says of the module is not true any more.
    let gone = format!("\n hkml       {}\n", "0".repeat(40));
    assert!(
        report.contains("\n flags      0x0\n") && report.contains(&gone),
        "{report}"
    );
    rig.succeed("new-world", &["-lm", "2"]);
    assert!(
        rig.succeed("nfkminfo", &["-m2"])
            .contains("\n state      0x2 Usable\n")
    );
}

#[test]
fn a_second_world_leaves_the_first_one_in_its_folder() {
    let rig = Rig::start();
    let card = |name: &str| format!("--card={}", rig.folder.path().join(name).display());
    rig.succeed("new-world", &["-Q1/1", &card("one")]);
    // The old card is not written over unless a line of input agrees.
    let refused = rig.run_with_input("new-world", &["-i", "-Q1/1", &card("one")], "");
    let refused = text(&refused.stderr);
    assert!(
        refused.contains("one is not a blank card: Admin Card #1; --card names another"),
        "{refused}"
    );
    // Nor does anything happen while nobody is there to give a blank card its pass phrase.
    let refused = rig.run_with_input("new-world", &["-i", "-Q1/1", &card("two")], "");
    assert_eq!(refused.status.code(), Some(1));
    let refused = text(&refused.stderr);
    assert!(
        refused.contains("an empty one none") && !refused.contains("was erased"),
        "{refused}"
    );
    assert!(
        rig.succeed("nfkminfo", &["-m1"])
            .contains("\n state      0x2 Usable\n")
    );
    let mut child = rig
        .command("new-world", &["-i", "-Q1/1", &card("one")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // The pass phrase of the new card is asked for after that.
    child.stdin.take().unwrap().write_all(b"\n\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(rig.options.kmdata.join("local00/world").exists());
}

#[test]
fn cards_keep_their_pass_phrases() {
    let rig = Rig::start();
    let card = format!("--card={}", rig.folder.path().join("card").display());
    let with_input =
        |arguments: &[&str], input: &str| rig.run_with_input("new-world", arguments, input);
    let made = with_input(&["-Q1/1", "--pp-min=12", &card], "correct\n");
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("passphrase specified - writing card"));
    assert!(
        text(&made.stderr).contains("WARNING")
            && text(&made.stderr).contains("fewer than 12 characters")
    );
    let wrong = with_input(&["-lm2", &card], "wrong\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr)
            .contains("new-world: Module 2 slot 1: Admin Card #1: wrong pass phrase")
    );
    let right = with_input(&["-lm2", &card], "correct\n");
    assert!(right.status.success(), "{}", text(&right.stderr));
}

#[test]
fn keys_are_listed_in_every_form() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1"]);
    let session = rig.session();
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    let request = NewKey {
        appname: "simple".to_owned(),
        ident: IdentRule::Fixed("contosokey".to_owned()),
        plainname: Some("Contoso".to_owned()),
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        recovery: true,
        protection: Protection::Module,
    };
    session.generate_key_pair(&request).unwrap();
    session
        .save_opaque("mscapi", "container-1", b"data")
        .unwrap();

    let list = rig.succeed("nfkminfo", &["-k"]);
    assert_eq!(
        list,
        "\nKey list - 2 keys\n AppName mscapi               Ident container-1\n AppName simple               Ident contosokey\n"
    );
    assert!(
        rig.succeed("nfkminfo", &["--key-list", "simple"])
            .contains("Key list - 1 keys")
    );
    assert_eq!(
        rig.succeed("nfkminfo", &["-l"]),
        "Keys with module protection:\n key_simple_contosokey `Contoso'\n"
    );
    let detail = rig.succeed("nfkminfo", &["-k", "simple", "contosokey"]);
    for line in [
        " name \"Contoso\"",
        " recovery Enabled",
        " protection Module",
        "  format 5 Module",
        "  format 8 Indirect",
    ] {
        assert!(
            detail.lines().any(|found| found == line),
            "{line}: {detail}"
        );
    }
    assert!(
        rig.succeed("nfkminfo", &["-k", "mscapi", "container-1"])
            .contains(" protection NoKey")
    );
    assert!(
        rig.succeed("nfkminfo", &["-c"])
            .starts_with("Cardset list - 0 cardsets:")
    );
    assert!(
        rig.fail(1, "nfkminfo", &["-k", "simple", "other"])
            .starts_with("nfkminfo: no key `other'")
    );
    assert!(
        rig.fail(1, "nfkminfo", &["-c", "00"])
            .starts_with("nfkminfo: no card set")
    );

    let path = rig.options.kmdata.join("local/key_simple_contosokey");
    std::fs::write(&path, b"junk").unwrap();
    let complaint = rig.fail(1, "nfkminfo", &["-l"]);
    assert!(
        complaint.contains(path.to_str().unwrap()) && complaint.contains("corrupt"),
        "{complaint}"
    );
}

#[test]
fn nfkminfo_repeats_for_each_line_of_input() {
    let rig = Rig::start();
    let mut command = rig.command("nfkminfo", &["-wr"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"\nagain\n").unwrap();
    let report = text(&child.wait_with_output().unwrap().stdout);
    let generations: Vec<&str> = report
        .lines()
        .filter(|line| line.starts_with(" generation  "))
        .collect();
    assert_eq!(report.matches("World\n").count(), 3, "{report}");
    for generation in 1..=3 {
        assert!(
            generations.contains(&format!(" generation  {generation}").as_str()),
            "{report}"
        );
    }
}

#[test]
fn enquiry_shows_the_server_and_each_module_and_says_what_they_are() {
    let rig = Rig::start();
    let output = rig.run("enquiry", &[]);
    let report = text(&output.stdout);
    let headers: Vec<&str> = report
        .lines()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(headers, ["Server:", "", "Module #1:", "", "Module #2:"]);
    assert_eq!(
        report
            .matches("\n mode                 uninitialized\n")
            .count(),
        2,
        "{report}"
    );
    assert!(report.contains("guards nothing"), "{report}");
    assert_eq!(
        text(&output.stderr)
            .matches("is an emulator: it guards nothing")
            .count(),
        2
    );
    rig.succeed("new-world", &["-Q1/1"]);
    let one = rig.succeed("enquiry", &["-m", "1"]);
    assert!(
        one.starts_with("Module #1:\n") && one.contains("\n mode                 operational\n"),
        "{one}"
    );
    assert!(one.contains("\n hardware status      OK\n"), "{one}");
    assert!(rig.succeed("enquiry", &["-m0"]).starts_with("Server:\n"));
    assert_eq!(
        rig.fail(1, "enquiry", &["-m3"]),
        "enquiry: there is no module #3\n"
    );
}

#[test]
fn mistakes_in_what_a_world_is_to_be_are_refused() {
    let rig = Rig::start();
    assert!(
        rig.fail(2, "new-world", &["-l", "nv=1"])
            .starts_with("new-world: a feature is for a new world only")
    );
    assert!(
        rig.fail(2, "new-world", &["-Q", "2/1"])
            .contains("2/1 is not a quorum")
    );
    assert!(
        rig.fail(2, "new-world", &["-Q1/1", "-m1,2", "-m1"])
            .contains("module #1 is named twice")
    );
}

#[test]
fn the_administrator_cards_are_replaced_by_files_beside_the_old_ones() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q2/3"]);
    let output = rig.run("racs", &["-m1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    insta::assert_snapshot!(
        "racs",
        masked(&rig, &(text(&output.stdout) + &text(&output.stderr)))
    );
    let card = |number: u32| {
        let file = rig.options.kmdata.join(format!("cards/admin-{number}"));
        format!("--card={}", file.display())
    };
    let (old, new) = ([card(1), card(2)], [card(5), card(6)]);
    let refused = rig.fail(1, "new-world", &["-lm2", &old[0], &old[1]]);
    assert!(refused.contains("unknown card"), "{refused}");
    rig.succeed("new-world", &["-lm2", &new[0], &new[1]]);
    // Whoever does not choose finds the right ones among all.
    rig.succeed("new-world", &["-lm1"]);
    let report = rig.succeed("nfkminfo", &[]);
    assert_eq!(report.matches(" 0x2 Usable\n").count(), 2, "{report}");
}

#[test]
fn the_clock_is_set_with_the_administrator_cards() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    assert_eq!(rig.succeed("rtc", &[]), "Module 1: clock not set\n");
    let refused = rig.fail(1, "rtc", &["--set-clock", &rig.file("admin-card", "none")]);
    assert!(refused.contains("1 more card is needed"), "{refused}");
    assert_eq!(
        rig.succeed("rtc", &["--get-clock"]),
        "Module 1: clock not set\n"
    );
    let set = rig.succeed("rtc", &["--set-clock", &rig.file("admin-card", "admin")]);
    assert_eq!(masked(&rig, &set), "Module 1: clock <date> <time> UTC\n");
    let later = rig.succeed("rtc", &["--get-clock", "-m1"]);
    assert_eq!(masked(&rig, &later), "Module 1: clock <date> <time> UTC\n");
    assert!(
        rig.fail(1, "rtc", &["-m7"])
            .contains("there is no module #7")
    );
    rig.fail(2, "rtc", &["--get-clock", "--set-clock"]);
}

#[test]
fn areas_in_nvram_are_listed_with_their_keys_and_deleted_without_them() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    rig.succeed(
        "generatekey",
        &[
            "--batch",
            "simple",
            "ident=stored",
            "size=1024",
            "nvram=yes",
        ],
    );
    let listed = rig.succeed("nvram-sw", &["--list"]);
    let mut lines = listed.lines();
    assert_eq!(lines.next(), Some("Module 1: 1 NVRAM areas"));
    let line = lines.next().unwrap();
    assert!(line.ends_with(" bytes  key simple stored"), "{listed}");
    let name = line.split_whitespace().next().unwrap();
    let delete = ["--delete", "--name", name];
    let refused = rig.fail(1, "nvram-sw", &delete);
    assert!(
        refused.contains("belongs to key simple stored"),
        "{refused}"
    );
    let file = rig.options.kmdata.join("local/key_simple_stored");
    std::fs::write(&file, b"junk").unwrap();
    let refused = rig.fail(1, "nvram-sw", &delete);
    assert!(refused.contains("cannot be told"), "{refused}");
    std::fs::remove_file(&file).unwrap();
    assert!(
        rig.succeed("nvram-sw", &[])
            .contains(" no key of this host\n")
    );
    let refused = rig.fail(
        1,
        "nvram-sw",
        &["-d", "-n", name, &rig.file("admin-card", "none")],
    );
    assert!(refused.contains("1 more card is needed"), "{refused}");
    assert_eq!(
        rig.succeed("nvram-sw", &delete),
        format!("Module 1: NVRAM area `{name}' deleted\n")
    );
    assert_eq!(
        rig.succeed("nvram-sw", &["-l"]),
        "Module 1: 0 NVRAM areas\n"
    );
    assert!(
        rig.fail(1, "nvram-sw", &delete)
            .contains("has no NVRAM area")
    );
    for arguments in [&["--delete"][..], &["-n", "x"], &["-l", "-d", "-nx"]] {
        rig.fail(2, "nvram-sw", arguments);
    }
    assert!(
        rig.fail(2, "nvram-sw", &["--alloc"])
            .contains("--alloc is known to the vendor's nvram-sw, and not emulated")
    );
}

//! The utilities for cards and softcards as executables.

mod common;

use std::time::Duration;

use common::{Rig, masked, text};
use ncore::types::{KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams};
use nfkm::cards::{Card, CardSource, Notice, Operator, Purpose, Unattended};
use nfkm::{Error, IdentRule, LoadedToken, NewKey, Protection};
use simulator::module::SlotKind;

/// A rig with a world of one module, whose administrator card is a file.
fn rig_with_world(features: &[&str]) -> Rig {
    let rig = Rig::start();
    let admin = rig.file("card", "admin");
    let arguments = [&["-Q1/1", admin.as_str()], features].concat();
    rig.succeed("new-world", &arguments);
    rig
}

fn make_key(rig: &Rig, ident: &str, token: LoadedToken) {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    let request = NewKey {
        appname: "simple".to_owned(),
        ident: IdentRule::Fixed(ident.to_owned()),
        plainname: Some(format!("Key {ident}")),
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        recovery: true,
        protection: Protection::Token(token),
    };
    rig.session().generate_key_pair(&request).unwrap();
}

fn load_set(rig: &Rig, name: &str, file: &str) -> LoadedToken {
    let session = rig.session();
    let set = session.card_set(name).unwrap();
    let source = CardSource::Files(vec![rig.folder.path().join(file)]);
    session
        .load_card_set(&set, &[1], &source, &mut Unattended::default())
        .unwrap()
}

#[test]
fn a_card_set_is_made_in_a_reader_shown_and_erased() {
    let rig = rig_with_world(&[]);
    rig.insert(1, "ann");
    let output = rig.run_with_input(
        "createocs",
        &["-m1", "-Q1/1", "-N", "ops", "-p"],
        "secret\n",
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    insta::assert_snapshot!(
        "createocs",
        masked(&rig, &(text(&output.stderr) + &text(&output.stdout)))
    );
    insta::assert_snapshot!(
        "slotinfo",
        masked(
            &rig,
            &(rig.succeed("slotinfo", &["-m1"]) + &rig.succeed("slotinfo", &["-m1", "-s0"]))
        )
    );
    let hash = nfkm::hex(&rig.session().card_set("ops").unwrap().hkltu);
    insta::assert_snapshot!(
        "nfkminfo_card_sets",
        masked(
            &rig,
            &(rig.succeed("nfkminfo", &["-c"]) + &rig.succeed("nfkminfo", &["-c", &hash]))
        )
    );
    let report = rig.succeed("nfkminfo", &["-m1"]);
    assert!(
        report.contains(" state         0x5 Operator\n")
            && report.contains(" name          \"ops\"\n"),
        "{report}"
    );

    // It is not written over without a word; slotinfo and createocs erase it.
    assert!(
        rig.succeed_with_input("createocs", &["-Q1/1", "-N", "again"], "\n\n")
            .contains("cardset created; hkltu = ")
    );
    assert_eq!(
        rig.succeed("createocs", &["--erase"]),
        "Card erasure complete.\n"
    );
    let refused = rig.fail(1, "createocs", &["--erase"]);
    assert!(
        refused.contains("createocs: Module 1 slot 0: not an operator card: blank card"),
        "{refused}"
    );
    assert!(
        rig.succeed("nfkminfo", &["-m1"])
            .contains(" state         0x3 Blank\n")
    );
    assert_eq!(
        rig.succeed("slotinfo", &["--format", "-m1", "-s0"]),
        "Module 1 slot 0: card formatted\n"
    );
}

/// `new-world -l` reads the administrator card, and a key is made under the operator card, each in a dynamic slot; in a slot
/// of a remote module only a remotely readable set is of use.
#[test]
fn cards_are_presented_in_dynamic_slots_and_in_slots_of_a_remote_module() {
    let rig = Rig::start_with(|options| {
        options.more_slots = vec![SlotKind::Remote, SlotKind::Dynamic, SlotKind::SoftToken];
    });
    insta::assert_snapshot!("slotinfo_every_kind", rig.succeed("slotinfo", &["-m1"]));
    let list_flags = |report: &str| {
        let flags = report
            .lines()
            .filter(|line| line.starts_with(" slotlistflags "));
        flags.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        list_flags(&rig.succeed("nfkminfo", &["-m1"])),
        [
            " slotlistflags 0x2 SupportsAuthentication",
            " slotlistflags 0x40002 SupportsAuthentication RemoteModule",
            " slotlistflags 0x180002 SupportsAuthentication DynamicSlot Associated",
            " slotlistflags 0x0",
        ]
    );
    rig.insert_into(1, 2, "admin");
    rig.succeed_with_input("new-world", &["-m1", "-Q1/1"], "\n\n");
    rig.remove_from(1, 2);
    rig.insert_into(2, 2, "admin");
    rig.succeed("new-world", &["-l", "-m2"]);

    rig.insert_into(1, 2, "here");
    rig.succeed_with_input("createocs", &["-Q1/1", "-N", "here"], "\n\n");
    let load = |name: &str| {
        let session = rig.session();
        let set = session.card_set(name).unwrap();
        session.load_card_set(&set, &[1], &CardSource::Readers, &mut Unattended::default())
    };
    make_key(&rig, "one", load("here").unwrap());

    rig.remove_from(1, 2);
    rig.insert_into(1, 1, "here");
    let refused = load("here").unwrap_err().to_string();
    assert_eq!(
        refused,
        "the card in module #1 slot #1: its slot belongs to a remote module, and its set is not remotely readable"
    );
    rig.insert_into(1, 1, "there");
    rig.succeed_with_input("createocs", &["-q", "-Q1/1", "-N", "there"], "\n\n");
    make_key(&rig, "two", load("there").unwrap());
}

/// A person who, when another card is asked for, takes the one that is in out and puts it in again.
struct Reinserts<'a> {
    rig: &'a Rig,
    told: Vec<String>,
}

impl Operator for Reinserts<'_> {
    fn notice(&mut self, notice: Notice) {
        if let Notice::Slot { content, .. } = notice {
            self.told.push(content);
        }
    }

    fn passphrase(&mut self, _: Purpose, _: &Card) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn wrong_passphrase(&mut self, _: &Card, _: u32) -> Result<bool, Error> {
        Ok(false)
    }

    fn other_card(&mut self, module: u32, waited: Duration) -> Result<(), Error> {
        if waited.is_zero() {
            self.rig.insert(module, "brief");
        }
        Ok(())
    }

    fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
        Ok(false)
    }
}

#[test]
fn a_card_whose_time_is_over_is_asked_for_again() {
    let rig = rig_with_world(&[]);
    rig.insert(1, "brief");
    let arguments = ["-Q1/1", "-N", "brief", "-p", "-T1s"];
    rig.succeed_with_input("createocs", &arguments, "\n\n");
    rig.insert(1, "brief");
    let session = rig.session();
    let set = session.card_set("brief").unwrap();
    let load = |operator: &mut dyn Operator| {
        session.load_card_set(&set, &[1], &CardSource::Readers, operator)
    };
    let _loaded = load(&mut Unattended::default()).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    let refused = load(&mut Unattended::default()).unwrap_err();
    assert!(refused.to_string().contains("nobody is there"), "{refused}");
    let mut person = Reinserts {
        rig: &rig,
        told: Vec::new(),
    };
    load(&mut person).unwrap();
    let told = person.told.join(", ");
    assert!(
        told.contains("take the card out and put it in again"),
        "{told}"
    );
}

#[test]
fn a_set_of_several_cards_goes_through_one_reader() {
    let rig = rig_with_world(&[]);
    rig.insert(1, "one");
    let child = rig
        .command("createocs", &["-Q2/2", "-N", "ops", "-M"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = child;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"Ann\nBob\n\n\n").unwrap();
    let mut talk = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("1 cards of 2 written") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut talk, &mut line).unwrap();
        assert_ne!(read, 0, "the utility ended early");
    }
    rig.insert(1, "two");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut talk, &mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{rest}");
    let set = rig.session().card_set("ops").unwrap();
    assert_eq!(
        (set.shares_needed, set.card_names),
        (2, vec!["Ann".to_owned(), "Bob".to_owned()])
    );
}

#[test]
fn an_emulator_with_an_empty_reader_makes_card_files() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    for name in ["first", "second"] {
        let output = rig.run("createocs", &["-Q1/2", "-N", name]);
        assert!(text(&output.stderr).contains("no card in a reader: operator cards are files in "));
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    for number in 1..=4 {
        let file = format!("cards/operator-{number}");
        assert!(rig.options.kmdata.join(&file).exists(), "{file}");
    }
    insta::assert_snapshot!(
        "cardpp_examine",
        masked(&rig, &rig.succeed("cardpp", &["--examine"]))
    );
}

#[test]
fn an_administrator_card_that_is_a_file_goes_into_a_reader() {
    let rig = Rig::start();
    rig.succeed_with_input("new-world", &["-Q1/1"], "secret\n");
    let file = rig.options.kmdata.join("cards").join("admin-1");
    assert!(file.exists());
    rig.insert_old(1, "admin-1");
    let report = rig.succeed("slotinfo", &["-m1", "-s0"]);
    assert!(report.contains(" Card: Admin Card #1\n"), "{report}");
    // What is written on it in the reader is in the file.
    rig.succeed_with_input("cardpp", &["--change", "-m1"], "secret\nother\n");
    rig.empty(1);
    rig.succeed_with_input("new-world", &["-l", "-m2"], "other\n");
}

#[test]
fn card_files_are_erased_only_by_name() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    rig.succeed("createocs", &["-Q1/1", "-N", "ops"]);
    let output = rig.run("createocs", &["-Q1/1", "-N", "ops"]);
    assert!(output.status.success());
    assert!(
        text(&output.stderr).contains("warning: there is a card set `ops' already"),
        "{}",
        text(&output.stderr)
    );
    let refused = rig.fail(1, "createocs", &["--erase"]);
    assert!(
        refused.contains("no card in a reader, and --card names no card file"),
        "{refused}"
    );
    let cards = rig.options.kmdata.join("cards");
    let card = format!("--card={}", cards.join("operator-2").display());
    rig.succeed("createocs", &["--erase", &card]);
    let shown = rig.succeed("cardpp", &["--examine"]);
    assert!(
        shown.contains("`ops' #1") && shown.contains("blank card"),
        "{shown}"
    );

    // What the world does not allow is found before anything is said or done.
    let refused = rig.fail(2, "createocs", &["-Q1/1", "--pp-recovery"]);
    assert!(!refused.contains("Creating Cardset"), "{refused}");
}

#[test]
fn pass_phrases_of_cards_are_checked_changed_and_recovered() {
    let rig = rig_with_world(&["p"]);
    let card = rig.file("card", "ops");
    rig.succeed_with_input(
        "createocs",
        &["-Q1/1", "-N", "ops", "--pp-recovery", &card],
        "old\n",
    );
    let with = |action: &str, input: &str| {
        let output = rig.run_with_input("cardpp", &[action, &card], input);
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let wrong = with("--check", "new\n");
    assert_eq!(wrong.0, Some(1));
    assert_eq!(
        wrong.2,
        "cardpp: Module 1 slot 1: `ops' #1: wrong pass phrase\n"
    );
    assert_eq!(with("--change", "new\nnewer\n").0, Some(1));
    let mut shown = with("--check", "old\n").1;
    shown.push_str(&with("--change", "old\nnew\n").1);
    shown.push_str(&with("--check", "new\n").1);
    let admin = rig.file("admin-card", "admin");
    shown.push_str(&rig.succeed_with_input("cardpp", &["--recover", &card, &admin], "newest\n"));
    shown.push_str(&with("--check", "newest\n").1);
    shown.push_str(&with("--change", "newest\n\n").1);
    shown.push_str(&with("--examine", "").1);
    insta::assert_snapshot!("cardpp", masked(&rig, &shown));
    let admin = rig.file("card", "admin");
    assert!(
        rig.succeed_with_input("cardpp", &["--change", &admin], "boss\n")
            .contains("Admin Card #1: passphrase changed")
    );
    assert!(
        rig.fail(2, "cardpp", &[])
            .starts_with("cardpp: one of --examine"),
    );
    rig.fail(2, "cardpp", &["--check", "--admin-card", "x"]);
}

#[test]
fn softcards_are_made_changed_listed_and_deleted() {
    let rig = rig_with_world(&["p"]);
    let admin = rig.file("admin-card", "admin");
    let with = |arguments: &[&str], input: &str| rig.succeed_with_input("ppmk", arguments, input);
    let mut shown = with(&["--new", "-m1", "soft", "--recoverable"], "old\n");
    shown.push_str(&with(&["--check", "soft"], "old\n"));
    shown.push_str(&with(&["--change", "soft"], "old\nnew\n"));
    shown.push_str(&with(&["--recover", "soft", &admin], "newest\n"));
    shown.push_str(&with(&["--check", "soft"], "newest\n"));
    shown.push_str(&with(&["--list"], ""));
    let hash = nfkm::hex(&rig.session().softcard("soft").unwrap().hkltu);
    let token = {
        let session = rig.session();
        let softcard = session.softcard("soft").unwrap();
        session.load_softcard(&softcard, Some("newest")).unwrap()
    };
    make_key(&rig, "a", token);
    shown.push_str(&rig.succeed("nfkminfo", &["-s"]));
    shown.push_str(&rig.succeed("nfkminfo", &["-s", &hash]));
    shown.push_str(&rig.succeed("nfkminfo", &["-l"]));
    insta::assert_snapshot!("softcards", masked(&rig, &shown));

    let wrong = rig.run_with_input("ppmk", &["--check", &hash], "wrong\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(
        text(&wrong.stderr),
        "ppmk: softcard `soft': wrong pass phrase\n"
    );
    assert!(
        rig.fail(1, "ppmk", &["-n", "soft"])
            .contains("there is a softcard `soft' already")
    );
    with(&["-n", "soft", "--force"], "\n");
    assert!(
        rig.fail(1, "ppmk", &["--delete", "soft"])
            .contains("several softcards")
    );
    assert_eq!(with(&["--delete", &hash], ""), "Softcard deleted.\n");
    for arguments in [
        &["soft"][..],
        &["--new"],
        &["--list", "x"],
        &["--new", "--check", "x"],
        &["--check", "--force", "x"],
        &["--check", "--json", "x"],
        &["--check", "--admin-card", "y", "x"],
    ] {
        rig.fail(2, "ppmk", arguments);
    }
}

#[test]
fn keys_of_a_lost_card_set_are_recovered() {
    let rig = rig_with_world(&[]);
    for name in ["old", "new"] {
        rig.succeed(
            "createocs",
            &["-Q1/1", "-pN", name, &rig.file("card", name)],
        );
    }
    for ident in ["a", "b"] {
        make_key(&rig, ident, load_set(&rig, "old", "old"));
    }
    std::fs::remove_file(rig.folder.path().join("old")).unwrap();
    let cards = [rig.file("admin-card", "admin"), rig.file("card", "new")];
    let arguments: Vec<&str> = cards.iter().map(String::as_str).collect();
    let input = "help\nlist cardsets\nlist keys\ntarget new\nmark simple:a\nrecover\nlist keys\nstatus\nsave\nlist keys\nquit\n";
    let shown = rig.succeed_with_input("rocs", &arguments, input);
    insta::assert_snapshot!("rocs", masked(&rig, &shown));
    let session = rig.session();
    let token = load_set(&rig, "new", "new");
    assert!(session.load_key_with("simple", "a", &token).is_ok());
    assert!(session.load_key_with("simple", "b", &token).is_err());

    // The rest in one go.
    let all = [&["-t", "new", "-k", "all"], &arguments[..]].concat();
    assert!(rig.succeed("rocs", &all).ends_with("2 keys saved.\n"));
    assert!(session.load_key_with("simple", "b", &token).is_ok());
    let hash = nfkm::hex(&token.hash());
    assert!(
        rig.succeed("nfkminfo", &["-c", &hash])
            .contains("Key list - 2 keys")
    );

    // What is not saved is not forgotten silently, and a wrong command is no success.
    let unsaved = [&["-t", "new"], &arguments[..]].concat();
    let output = rig.run_with_input("rocs", &unsaved, "mark 1\nrecover\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("1 recovered keys were not saved"));
    let output = rig.run_with_input("rocs", &unsaved, "mark 1\nrecover\nrevert 1\nfrob\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("rocs: unknown command `frob'"));
    assert!(
        rig.fail(1, "rocs", &["-t", "nobody", "-k", "1"])
            .contains("there is no card set")
    );
    let output = rig.run_with_input("rocs", &arguments, "target\nmark\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("rocs: no target is named")
            && text(&output.stderr).contains("rocs: no key is named"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_key_of_a_softcard_is_refused_for_a_card_set_before_any_card_is_read() {
    let rig = rig_with_world(&[]);
    rig.succeed(
        "createocs",
        &["-Q1/1", "-pN", "ops", &rig.file("card", "ops")],
    );
    for name in ["one", "two"] {
        rig.succeed("ppmk", &["--new", name]);
    }
    let softcard = rig.session().softcard("one").unwrap();
    make_key(
        &rig,
        "soft",
        rig.session().load_softcard(&softcard, None).unwrap(),
    );
    make_key(&rig, "carded", load_set(&rig, "ops", "ops"));
    // No card is there, so what reads one would say so.
    for (target, keys, refusal) in [
        (
            "ops",
            "simple:soft",
            "rocs: simple soft: the key is protected by a softcard, and the target `ops' is a card set",
        ),
        (
            "ops",
            "all",
            "rocs: simple soft: the key is protected by a softcard, and the target `ops' is a card set",
        ),
        (
            "two",
            "ops",
            "rocs: simple carded: the key is protected by a card set, and the target `two' is a softcard",
        ),
    ] {
        let refused = rig.fail(1, "rocs", &["-t", target, "-k", keys]);
        assert!(refused.starts_with(refusal), "{refused}");
        assert_eq!(refused.lines().count(), 1, "{refused}");
    }
    // A target that is named last counts too, and what was marked can be unmarked.
    let output = rig.run_with_input("rocs", &[], "mark simple:soft\ntarget ops\nrecover\n");
    let said = text(&output.stderr);
    assert!(said.contains("the target `ops' is a card set"), "{said}");
    let admin = rig.file("admin-card", "admin");
    let words = ["-t", "two", "-k", "one", &admin];
    assert!(rig.succeed("rocs", &words).ends_with("1 keys saved.\n"));
}

#[test]
fn slots_that_are_not_there_and_halves_of_commands_are_refused() {
    let rig = Rig::start();
    for arguments in [
        &["-s0"][..],
        &["--format", "-m1"],
        &["--ignoreauth", "-m1", "-s0"],
    ] {
        rig.fail(2, "slotinfo", arguments);
    }
    for arguments in [&["-m9"][..], &["-m1", "-s9"], &["-m1", "-s0", "--format"]] {
        rig.fail(1, "slotinfo", arguments);
    }
    let all = rig.succeed("slotinfo", &[]);
    assert!(
        all.starts_with("Module #1:\nSlot ") && all.contains("\nModule #2:\nSlot "),
        "{all}"
    );
}

//! Damaged and missing files of the Key Management Data: which utility names the file, and that none repairs it.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Rig, text};
use nfkm::World;
use nfkm::kmdata::Folder;
use nfkm_tools::nfkmcheck;

/// A world with two each of modules, card sets and softcards, keys under every kind of protection, and data of an application.
fn rig() -> Rig {
    let rig = Rig::start();
    let card = |name: &str| rig.file("card", name);
    rig.succeed("new-world", &["-m1,2", "-Q1/1", &card("admin")]);
    for name in ["ann", "bob"] {
        let spare = card(&format!("{name}-spare"));
        rig.succeed("createocs", &["-Q1/2", "-N", name, &card(name), &spare]);
        rig.succeed("ppmk", &["--new", name]);
    }
    let (ann, bob) = (card("ann"), card("bob"));
    for (ident, more) in [
        ("plain", vec!["protect=module"]),
        ("other", vec!["protect=module"]),
        ("soft", vec!["protect=softcard", "softcard=ann"]),
        ("spare", vec!["protect=softcard", "softcard=bob"]),
        ("carded", vec!["-cann", "protect=token", &ann]),
        ("locked", vec!["-cbob", "protect=token", &bob]),
    ] {
        let ident = format!("ident={ident}");
        let arguments = ["--batch", "simple", "size=1024", &ident];
        rig.succeed("generatekey", &[&arguments[..], &more[..]].concat());
    }
    let session = rig.session();
    for ident in ["one", "two"] {
        session
            .save_opaque("custom", ident, ident.as_bytes())
            .unwrap();
    }
    rig
}

type Files = BTreeMap<String, Vec<u8>>;

/// The files of a folder that belong to the world.
fn files(folder: &Path) -> Files {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .filter(|(name, _)| !name.starts_with('.'))
        .collect()
}

fn write(folder: &Path, files: &Files) {
    for name in self::files(folder).keys() {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Flipped,
    Cut,
    Emptied,
    Removed,
    Swapped,
}

/// The files with damage to one of them, which the utilities then should name.
fn damaged(whole: &Files, name: &str, other: &str, damage: Damage) -> Files {
    let mut files = whole.clone();
    let content = whole[name].clone();
    let middle = content.len() / 2;
    let damaged = match damage {
        Damage::Flipped => {
            let mut content = content;
            content[middle] ^= 0x10;
            content
        }
        Damage::Cut => content[..middle].to_vec(),
        Damage::Emptied => Vec::new(),
        Damage::Removed => {
            files.remove(name);
            return files;
        }
        Damage::Swapped => {
            files.insert(other.to_owned(), content);
            whole[other].clone()
        }
    };
    files.insert(name.to_owned(), damaged);
    files
}

#[test]
fn every_damage_is_named_by_a_utility_and_repaired_by_none() {
    let rig = rig();
    let local = rig.options.kmdata.join("local");
    let whole = files(&local);
    assert_eq!(
        rig.succeed("nfkmcheck", &[]),
        "nfkmcheck: everything seems to be in order\n"
    );
    let first_two = |prefix: &str| {
        let mut names = whole.keys().filter(|name| name.starts_with(prefix));
        (names.next().unwrap().clone(), names.next().unwrap().clone())
    };
    let cards: Vec<&String> = whole
        .keys()
        .filter(|name| name.starts_with("card_"))
        .collect();
    let pairs = [
        ("world".to_owned(), first_two("module_").0),
        first_two("module_"),
        ("key_simple_plain".to_owned(), "key_simple_other".to_owned()),
        first_two("cards_"),
        // Of one set, and of two.
        first_two("card_"),
        (cards[0].clone(), cards[2].clone()),
        first_two("softcard_"),
        first_two("key_custom_"),
    ];
    for (name, other) in &pairs {
        for damage in [
            Damage::Flipped,
            Damage::Cut,
            Damage::Emptied,
            Damage::Removed,
            Damage::Swapped,
        ] {
            let files = damaged(&whole, name, other, damage);
            write(&local, &files);
            let checked = rig.run("nfkmcheck", &[]);
            let said = text(&checked.stderr);
            // Nothing refers to a key, and a host need not have the file of each module.
            let (is_key, is_module) = (name.starts_with("key_"), name.starts_with("module_"));
            let code = match damage {
                Damage::Removed if is_key || is_module => 0,
                _ => 1,
            };
            assert_eq!(
                checked.status.code(),
                Some(code),
                "{name} {damage:?}: {said}"
            );
            if !(damage == Damage::Removed && (is_key || is_module)) {
                assert!(said.contains(name.as_str()), "{name} {damage:?}: {said}");
            }
            // Those that use the file name it as well.
            let arguments: &[&[&str]] = match name.split('_').next().unwrap() {
                "world" => &[&["nfkmverify"], &["nfkminfo", "-c"]],
                "key" if name.contains("simple") => &[
                    &["nfkminfo", "-k", "simple", "plain"],
                    &["nfkmverify", "simple", "plain"],
                ],
                "cards" => &[&["nfkminfo", "-c"]],
                "softcard" => &[&["nfkminfo", "-s"], &["ppmk", "--list"]],
                _ => &[],
            };
            for arguments in arguments.iter().filter(|_| damage != Damage::Removed) {
                let output = rig.run(arguments[0], &arguments[1..]);
                let said = text(&output.stderr);
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{arguments:?} {damage:?}: {said}"
                );
                assert!(
                    said.contains(name.as_str()),
                    "{arguments:?} {damage:?}: {said}"
                );
            }
            if is_module {
                let report = rig.run("nfkminfo", &[]);
                let unchecked = text(&report.stdout).contains(" Unchecked\n");
                assert!(unchecked, "{damage:?}: {}", text(&report.stdout));
                if damage != Damage::Removed {
                    assert!(text(&report.stderr).contains(name.as_str()), "{damage:?}");
                }
            }
            assert_eq!(
                self::files(&local),
                files,
                "{name} {damage:?}: changed by a utility"
            );
        }
    }
    write(&local, &whole);
}

#[test]
fn what_is_missing_is_named_by_what_refers_to_it() {
    let rig = rig();
    let local = rig.options.kmdata.join("local");
    let whole = files(&local);
    let find = |prefix: &str| whole.keys().find(|name| name.starts_with(prefix)).unwrap();
    // A card set is referred to by its card and its key, a softcard by its key, a card by its set.
    for (missing, witnesses) in [
        (find("cards_"), vec!["card_", "key_simple_"]),
        (find("softcard_"), vec!["key_simple_"]),
        (find("card_"), vec!["cards_"]),
    ] {
        fs::remove_file(local.join(missing)).unwrap();
        let said = rig.fail(1, "nfkmcheck", &[]);
        for witness in witnesses {
            assert!(
                said.lines()
                    .any(|line| line.contains(missing.as_str()) && line.contains(witness)),
                "{missing}: {said}"
            );
        }
        write(&local, &whole);
    }
}

#[test]
fn the_world_file_of_another_world_is_at_odds_with_every_other_file() {
    let (rig, other) = (rig(), Rig::start());
    other.succeed("new-world", &["-Q1/1"]);
    let local = rig.options.kmdata.join("local");
    fs::copy(
        other.options.kmdata.join("local/world"),
        local.join("world"),
    )
    .unwrap();
    let files = files(&local);
    let said = rig.fail(1, "nfkmcheck", &[]);
    for name in files.keys().filter(|name| *name != "world") {
        assert!(said.contains(name.as_str()), "{name}: {said}");
    }
    assert_eq!(self::files(&local), files);
}

/// What is said of a damaged card by whatever reads it: its file, in every case.
#[test]
fn a_damaged_card_is_named_and_left_as_it_is() {
    let rig = rig();
    let path = |name: &str| rig.folder.path().join(name);
    let card = |name: &str| rig.file("card", name);
    let tokens = rig.file("preload-file", "tokens");
    let (admin, ann) = (card("admin"), card("ann"));
    let commands: [(&str, &str, &[&str]); 3] = [
        ("admin", "ann", &["new-world", "-l", "-m2", &admin]),
        ("ann", "bob", &["preload", "-cann", &tokens, &ann, "true"]),
        (
            "ann",
            "admin",
            &[
                "generatekey",
                "--batch",
                "-cann",
                &ann,
                "simple",
                "protect=token",
                "ident=never",
            ],
        ),
    ];
    for (name, other, command) in commands {
        let whole =
            Files::from([name, other].map(|it| (it.to_owned(), fs::read(path(it)).unwrap())));
        for damage in [
            Damage::Flipped,
            Damage::Cut,
            Damage::Emptied,
            Damage::Removed,
            Damage::Swapped,
        ] {
            let files = damaged(&whole, name, other, damage);
            let inflict = |files: &Files| {
                for it in [name, other] {
                    match files.get(it) {
                        Some(content) => fs::write(path(it), content).unwrap(),
                        None => fs::remove_file(path(it)).unwrap(),
                    }
                }
            };
            inflict(&files);
            let output = rig.run(command[0], &command[1..]);
            let said = text(&output.stderr);
            let context = format!("{command:?} {damage:?}: {said}");
            assert_eq!(output.status.code(), Some(1), "{context}");
            assert!(said.contains(path(name).to_str().unwrap()), "{context}");
            for it in [name, other] {
                assert_eq!(fs::read(path(it)).ok().as_ref(), files.get(it), "{context}");
            }
            inflict(&whole);
        }
    }
    // No byte of a card is without its part in this.
    let whole = fs::read(path("ann")).unwrap();
    for place in (0..whole.len()).step_by(5) {
        let mut content = whole.clone();
        content[place] ^= 1;
        fs::write(path("ann"), &content).unwrap();
        let said = rig.fail(1, "preload", &["-cann", &tokens, &ann, "true"]);
        assert!(
            said.contains(path("ann").to_str().unwrap()),
            "byte {place}: {said}"
        );
        assert_eq!(fs::read(path("ann")).unwrap(), content, "byte {place}");
    }
}

/// One damaged file stops nobody who does not need it: a list has the healthy ones, and beside it what is wrong with the
/// other; who needs a healthy one is not told.
#[test]
fn beside_a_damaged_file_the_healthy_ones_are_listed_and_used() {
    let rig = rig();
    let local = rig.options.kmdata.join("local");
    let session = rig.session();
    let [ann, bob] = ["ann", "bob"].map(|name| session.card_set(name).unwrap());
    let [soft, other] = ["ann", "bob"].map(|name| session.softcard(name).unwrap());
    let card = |name: &str| rig.file("card", name);
    let (ann_card, new_card) = (card("ann"), card("new"));
    let tokens = rig.file("preload-file", "tokens");
    let hash = |hkltu: &nfkm::Hash| nfkm::hex(hkltu);
    let (ann_hash, soft_hash) = (hash(&ann.hkltu), hash(&soft.hkltu));
    let key = ["--batch", "simple", "size=1024"];
    let module_key = [&key[..], &["protect=module", "ident=m1"]].concat();
    let soft_key = ["protect=softcard", "softcard=ann", "ident=s1"];
    let soft_key = [&key[..], &soft_key].concat();
    let card_key = ["-cann", &ann_card, "protect=token", "ident=c1"];
    let card_key = [&key[..], &card_key].concat();
    type Command<'a> = (&'a str, &'a [&'a str]);
    // Lists, with what they have of the healthy ones; then what needs a healthy one alone.
    type Case<'a> = (String, &'a [(Command<'a>, &'a str)], &'a [Command<'a>]);
    let cases: [Case<'_>; 3] = [
        (
            format!("cards_{}", hash(&bob.hkltu)),
            &[
                (("nfkminfo", &[]), "Module #2\n"),
                (("nfkminfo", &["-c"]), "  ann\n"),
                (("slotinfo", &[]), "Module #2:\n"),
                (("slotinfo", &["-m1"]), "#0   Smartcard"),
                (("cardpp", &["--examine", &ann_card]), "`ann' #1"),
                (("rocs", &[]), "ann                1 (1)"),
            ],
            &[
                ("nfkminfo", &["-c", &ann_hash]),
                ("nfkminfo", &["-s"]),
                ("cardpp", &["--check", &ann_card]),
                ("createocs", &["-Q1/1", "-Nnew", &new_card]),
                ("preload", &["-cann", &tokens, &ann_card, "true"]),
                ("preload", &["-c", &ann_hash, &tokens, &ann_card, "true"]),
                ("generatekey", &module_key),
                ("generatekey", &card_key),
                ("nfkmverify", &[]),
            ],
        ),
        (
            format!("softcard_{}", hash(&other.hkltu)),
            &[
                (("nfkminfo", &["-s"]), "  ann\n"),
                (("ppmk", &["--list"]), "  ann\n"),
                (("rocs", &[]), "ann                1 (1)"),
            ],
            &[
                ("nfkminfo", &[]),
                ("nfkminfo", &["-s", &soft_hash]),
                ("ppmk", &["--check", "ann"]),
                ("ppmk", &["--check", &soft_hash]),
                ("ppmk", &["--new", "new"]),
                ("generatekey", &module_key),
                ("preload", &["-sann", &tokens, "true"]),
            ],
        ),
        (
            "key_simple_plain".to_owned(),
            &[
                (("nfkminfo", &["-l"]), "key_simple_other"),
                (("nfkminfo", &["-c", &ann_hash]), "Ident carded"),
                (("nfkminfo", &["-s", &soft_hash]), "Ident soft"),
                (("rocs", &[]), "carded"),
                (("nfkmverify", &[]), "simple other"),
            ],
            &[
                ("nfkminfo", &[]),
                ("nfkminfo", &["-k"]),
                ("nfkminfo", &["-k", "simple", "other"]),
                ("nfkmverify", &["simple", "other"]),
                ("generatekey", &["--batch", "-r", "custom", "ident=r1"]),
                ("generatekey", &soft_key),
            ],
        ),
    ];
    let whole = files(&local);
    for (name, lists, uses) in &cases {
        let mut damaged = whole[name].clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        fs::write(local.join(name), &damaged).unwrap();
        for ((utility, arguments), healthy) in *lists {
            let output = rig.run_with_input(utility, arguments, "list cardsets\nlist keys\n");
            let (report, said) = (text(&output.stdout), text(&output.stderr));
            let context = format!("{name}: {utility} {arguments:?}: {report}{said}");
            assert_eq!(output.status.code(), Some(1), "{context}");
            assert!(report.contains(healthy), "{context}");
            assert!(said.contains(name.as_str()), "{context}");
        }
        for (utility, arguments) in *uses {
            rig.succeed(utility, arguments);
        }
        assert_eq!(fs::read(local.join(name)).unwrap(), damaged);
        write(&local, &whole);
    }
    // The one that is damaged is named to who asks for it.
    for (name, utility, arguments) in [
        (&cases[0].0, "preload", ["-cbob", &tokens, "true"]),
        (&cases[1].0, "preload", ["-sbob", &tokens, "true"]),
    ] {
        fs::write(local.join(name), b"junk").unwrap();
        assert!(rig.fail(1, utility, &arguments).contains(name.as_str()));
    }
    let softly = [&key[..], &["protect=softcard", "softcard=bob", "ident=x"]].concat();
    let refused = rig.fail(2, "generatekey", &softly);
    assert!(refused.contains(cases[1].0.as_str()), "{refused}");
    // A card that is none is named by its file.
    fs::write(rig.folder.path().join("ann"), b"junk").unwrap();
    let shown = rig.run("cardpp", &["--examine", &ann_card]);
    let line = format!(
        " {}: damaged card\n",
        rig.folder.path().join("ann").display()
    );
    assert_eq!(text(&shown.stdout), line.replace("damaged", "unknown"));
}

#[test]
fn no_random_damage_is_overlooked() {
    let rig = rig();
    let local = rig.options.kmdata.join("local");
    let cards = ["admin", "ann", "bob"].map(|name| rig.folder.path().join(name));
    let in_local = files(&local).into_keys().map(|name| local.join(name));
    let victims: Vec<PathBuf> = in_local.chain(cards.clone()).collect();
    let whole: Vec<Vec<u8>> = victims.iter().map(|path| fs::read(path).unwrap()).collect();
    // A generator of its own, so that a failure is the same everywhere: Knuth's MMIX constants.
    let mut state = 20_261_127_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for number in 0..200 {
        let victim = random(victims.len());
        let (path, whole) = (&victims[victim], &whole[victim]);
        let mut content = whole.clone();
        let place = random(content.len());
        match random(4) {
            0 => content[place] ^= 1 << random(8),
            1 => content.truncate(place),
            2 => content.extend(std::iter::repeat_n(0, 1 + random(64))),
            _ => {
                let end = (place + 1 + random(64)).min(content.len());
                content[place..end]
                    .iter_mut()
                    .for_each(|byte| *byte = !*byte);
            }
        }
        fs::write(path, &content).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        match cards.contains(path) {
            true => a_damaged_card_is_seen(&rig, path, &format!("{number}: {name}")),
            false => {
                let folder = Folder::at(&local);
                let noticed = match World::required(&folder) {
                    Err(error) => error.to_string(),
                    Ok(world) => nfkmcheck::check(&folder, &world).unwrap().errors.join("\n"),
                };
                assert!(noticed.contains(name), "{number}: {name}: {noticed}");
                if number % PROGRAMS_EVERY == 0 {
                    programs_end_well(&rig, name, &format!("{number}: {name}"));
                }
            }
        }
        assert_eq!(&fs::read(path).unwrap(), &content, "{number}: {name}");
        fs::write(path, whole).unwrap();
    }
}

/// Of how many damages one is shown to whole programs, which take their time.
const PROGRAMS_EVERY: u32 = 8;

/// Programs that read the folder either do without the damaged file, or end with its name.
fn programs_end_well(rig: &Rig, name: &str, context: &str) {
    let (tokens, card) = (rig.file("preload-file", "tokens"), rig.file("card", "ann"));
    let programs: [(&str, &[&str]); 5] = [
        ("nfkminfo", &[]),
        ("nfkmverify", &[]),
        ("ppmk", &["--list"]),
        ("slotinfo", &[]),
        ("preload", &["-cann", "-sann", &tokens, &card, "true"]),
    ];
    for (utility, arguments) in programs {
        let output = rig.run(utility, arguments);
        let said = text(&output.stderr);
        let ends_well = match output.status.code() {
            Some(0) => said
                .lines()
                .all(|line| !line.starts_with(utility) || line.contains(name)),
            Some(1) => said.contains(name),
            _ => false,
        };
        assert!(
            ends_well,
            "{context}: {utility}: {:?}: {said}",
            output.status
        );
    }
}

/// A damaged card is none, and named by its file; one of which nothing is left is as good as a new one.
fn a_damaged_card_is_seen(rig: &Rig, path: &Path, context: &str) {
    let file = path.display().to_string();
    let output = rig.run("cardpp", &["--examine", "--card", &file]);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    let is_seen = shown.contains(&format!(" {file}: ")) || shown.contains("unformatted card");
    assert!(is_seen, "{context}: {shown}{said}");
    assert_eq!(output.status.code(), Some(0), "{context}: {said}");
}

//! Damage to every kind of file that containers rest on: the utility that finds it names the file, and repairs nothing.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Rig, Run};
use csp::admin::Containers;
use csp::identity::Identity;
use csp_tools::cspcheck;
use nfkm::Session;

/// What a file system, a person or a bad copy does to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One bit of the byte at this part of a thousand.
    Flipped(usize),
    Cut,
    Emptied,
    Removed,
    /// It has the content of the other file, which has its own.
    Swapped,
}

fn rig() -> Rig {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cxs", "-n", "a"]);
    rig.succeed("keytst", &["-cx", "-n", "b"]);
    // A key of another application, in a container of the machine's.
    let session = Session::open(&rig.environment()).unwrap();
    for ident in ["one", "two"] {
        session
            .generate_key_pair(&common::rsa_key("simple", ident))
            .unwrap();
        let key = format!("simple,{ident}");
        rig.succeed(
            "cspimport",
            &["-d", ident, "-m", "--create", "-s", "-k", &key],
        );
    }
    rig
}

/// The files, with their content.
fn files(rig: &Rig) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(rig.local())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn inflict(damage: Damage, file: &Path, other: &Path) {
    let mut content = fs::read(file).unwrap();
    match damage {
        Damage::Flipped(place) => {
            let at = content.len() * place / 1000;
            content[at] ^= 0x10;
        }
        Damage::Cut => content.truncate(content.len() / 2),
        Damage::Emptied => content.clear(),
        Damage::Removed => return fs::remove_file(file).unwrap(),
        Damage::Swapped => {
            fs::write(file, fs::read(other).unwrap()).unwrap();
            return fs::write(other, content).unwrap();
        }
    }
    fs::write(file, content).unwrap();
}

fn restore(files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, content) in files {
        fs::write(path, content).unwrap();
    }
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn each_kind_of_file_and_damage_has_a_utility_that_names_the_file() {
    let rig = rig();
    let whole = files(&rig);
    // The containers, and their exchange keys, so that what is said does not depend on the order of hashes.
    let entry = |ident: &str| rig.local().join(format!("key_mscapi_{ident}"));
    let mut found = Vec::new();
    for ident in rig.containers().idents().unwrap() {
        let record = rig.containers().read(&ident).unwrap();
        if let Some(exchange) = &record.slots[0] {
            found.push((entry(&ident), entry(&exchange.ident)));
        }
    }
    let (containers, keys): (Vec<PathBuf>, Vec<PathBuf>) = found.into_iter().unzip();
    let imported = ["one", "two"].map(|ident| rig.local().join(format!("key_simple_{ident}")));
    let world = vec![rig.local().join("world")];
    assert_eq!(containers.len(), 2);

    let mut table = String::new();
    for (kind, files) in [
        ("container", &containers),
        ("key", &keys),
        ("key of another application", &imported.to_vec()),
        ("world", &world),
    ] {
        for damage in [
            Damage::Flipped(0),
            Damage::Flipped(500),
            Damage::Flipped(999),
            Damage::Cut,
            Damage::Emptied,
            Damage::Removed,
            Damage::Swapped,
        ] {
            let (file, other) = (&files[0], files.get(1).unwrap_or(&files[0]));
            match (kind, damage) {
                // Nothing refers to a container, and there is one world.
                ("container", Damage::Removed) | ("world", Damage::Swapped) => continue,
                _ => inflict(damage, file, other),
            }
            let run = rig.run("cspcheck", &[]);
            assert_eq!(run.code, Some(1), "{kind} {damage:?}");
            let said = format!("{}{}", run.stdout, run.stderr);
            let ident = name(file).rsplit('_').next().unwrap();
            assert!(said.contains(ident), "{kind} {damage:?}: {said}");
            table.push_str(&format!("{kind}, {damage:?}\n"));
            let bad = said.lines().filter(|line| !line.ends_with(": ok"));
            bad.for_each(|line| table.push_str(&format!("  {line}\n")));
            restore(&whole);
        }
    }
    assert!(
        rig.succeed("cspcheck", &[])
            .ends_with("all containers are OK\n")
    );
    insta::assert_snapshot!(rig.masked(&table));
}

/// The parameters are a text that people edit too, without a checksum: a parameter that is left out has its default, and so
/// without the file all have. Everything else that is no parameter is named, by the utilities and in the log.
#[test]
fn damaged_parameters_are_named_by_all_that_read_them_and_kept() {
    let rig = rig();
    let file = rig.options.kmdata.join("config/mscapi");
    let log = rig.folder.path().join("nflog");
    rig.succeed("configure-csp-poolmode", &["--mscapi", "-d"]);
    let whole = fs::read(&file).unwrap();
    let place = file.to_str().unwrap();
    for damage in [
        Damage::Flipped(0),
        Damage::Flipped(500),
        Damage::Flipped(999),
        Damage::Cut,
        Damage::Emptied,
        Damage::Swapped,
    ] {
        match damage {
            // With something else that is in its folder.
            Damage::Swapped => fs::write(&file, "syntax-version=1\n[server_startup]\n").unwrap(),
            _ => inflict(damage, &file, &file),
        }
        let damaged = fs::read(&file).unwrap();
        for (utility, arguments) in [
            ("configure-csp-poolmode", &["--mscapi"][..]),
            ("configure-csp-poolmode", &["--mscapi", "-e"]),
            ("cspwizard", &["--pool-mode=on"]),
        ] {
            let said = rig.fail(1, utility, arguments);
            assert!(said.contains(place), "{damage:?}: {said}");
        }
        let mut provider = rig.command("keytst", &["-n", "a"]);
        let run = Run::of(provider.env("NFLOG_FILE", &log));
        assert_eq!(run.code, Some(1), "{damage:?}: {}", run.stdout);
        assert!(run.stderr.contains(place), "{damage:?}: {}", run.stderr);
        let logged = fs::read_to_string(&log).unwrap();
        assert!(logged.contains(place), "{damage:?}: {logged}");
        fs::remove_file(&log).unwrap();
        assert_eq!(fs::read(&file).unwrap(), damaged, "{damage:?}");
        fs::write(&file, &whole).unwrap();
    }
    inflict(Damage::Removed, &file, &file);
    let told = rig.succeed("configure-csp-poolmode", &["--mscapi"]);
    assert!(told.ends_with(": disabled\n"), "{told}");
    rig.succeed("keytst", &["-n", "a"]);
    assert!(!file.exists());
}

#[test]
fn random_damage_is_named_and_never_repaired() {
    let rig = rig();
    let whole = files(&rig);
    let paths: Vec<&PathBuf> = whole.keys().collect();
    // A fixed sequence (Numerical Recipes' generator), so that a failure can be repeated.
    let mut state = 1u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for round in 0..200 {
        let file = paths[random(paths.len())];
        let other = paths[random(paths.len())];
        let damage = match random(6) {
            0 | 1 => Damage::Flipped(random(1000)),
            2 => Damage::Cut,
            3 => Damage::Emptied,
            4 => Damage::Removed,
            _ => Damage::Swapped,
        };
        inflict(damage, file, other);
        let damaged = files(&rig);
        let said = match Containers::open(&rig.environment(), Identity::from_process().unwrap()) {
            Err(error) => error.to_string(),
            Ok(containers) => match cspcheck::check(&containers, None) {
                Err(error) => error.to_string(),
                Ok(checked) => {
                    let bad = checked.iter().filter(|file| !file.problems.is_empty());
                    bad.map(|it| format!("{} {:?}\n", it.file, it.problems))
                        .collect()
                }
            },
        };
        let unharmed = damaged == whole;
        // A file of the world's modules is nfkmcheck's, and so is a key that fell out of use with its container.
        let ours = |path: &Path| name(path).starts_with("key_") || name(path) == "world";
        let unused = matches!(damage, Damage::Removed) && name(file).contains("_container-");
        if !unharmed && ours(file) && !unused {
            let ident = name(file).rsplit('_').next().unwrap();
            let other_ident = name(other).rsplit('_').next().unwrap();
            let named = said.contains(ident) || said.contains(other_ident);
            // A damaged world is named alone.
            assert!(
                named || said.contains("world"),
                "round {round}, {damage:?} of {}: {said:?}",
                file.display()
            );
        }
        if round % 10 == 0 {
            for (utility, arguments) in [
                ("csputils", &["-a", "-d"][..]),
                ("cspcheck", &[]),
                ("cspimport", &["-d", "a", "-f", "b", "-x"]),
                ("keytst", &["-p24"]),
            ] {
                let code = rig.run(utility, arguments).code;
                assert!(
                    matches!(code, Some(0 | 1)),
                    "round {round}, {damage:?} of {}: {utility} {code:?}",
                    file.display()
                );
            }
        }
        assert_eq!(files(&rig), damaged, "round {round}: something was changed");
        restore(&whole);
    }
}

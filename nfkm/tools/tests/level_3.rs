//! A world of FIPS 140 level 3 by the utilities as executables.

mod common;

use std::process::{Command, Stdio};

use common::{Rig, text};

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
    let tokens = rig.folder.path().join("tokens");
    rig.succeed("preload", &["-F", "-f", tokens.to_str().unwrap(), "true"]);

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

#[test]
fn an_import_is_refused_at_level_3_in_words() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", "--mode=fips-140-3-level-3"]);
    // Before anything is asked, or a file or card looked at.
    for words in [
        &["--import", "simple"][..],
        &["--batch", "-i", "simple", "ident=a", "pemreadfile=none"],
    ] {
        let refused = rig.fail(1, "generatekey", words);
        assert!(
            refused
                .starts_with("generatekey: a world of FIPS 140 level 3 takes no key in the clear")
                && refused.contains("--generate")
                && refused.lines().count() == 1,
            "{refused}"
        );
    }
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
    // An empty reader is no lack then.
    rig.empty(1);
    let made = tokens_file(key("empty"));
    let said = (made.status.code(), text(&made.stderr));
    assert_eq!(said, (Some(0), String::new()));
    rig.insert(1, "blank");
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

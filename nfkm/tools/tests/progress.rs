//! Long work tells how far it is, where somebody sees it.
#![cfg(unix)]

mod common;

use std::io::Read;
use std::process::{Command, Stdio};

use common::{Rig, text};

/// What a utility shows on the standard error stream at a terminal, which `script` of util-linux gives it. Its report goes
/// elsewhere.
fn at_terminal(rig: &Rig, utility: &str, arguments: &[&str]) -> String {
    let like = rig.command(utility, arguments);
    let words = [like.get_program()].into_iter().chain(like.get_args());
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let line = format!("stty cols 100; exec {} > /dev/null", words.join(" "));
    let mut script = Command::new("script");
    script.env_clear().env("TERM", "xterm");
    for (name, value) in like.get_envs() {
        script.env(name, value.unwrap());
    }
    // Its input stays open until the utility has ended.
    let mut child = script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let screen = child.stdout.as_mut().unwrap();
    screen.read_to_end(&mut shown).unwrap();
    assert!(child.wait().unwrap().success(), "{}", text(&shown));
    text(&shown)
}

#[test]
fn progress_is_shown_at_a_terminal_and_nowhere_else() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    for ident in ["ident=a", "ident=b"] {
        rig.succeed("generatekey", &["--batch", "simple", "size=1024", ident]);
    }
    for (utility, arguments, counted) in [
        ("nfkmverify", &[][..], " of 2 keys"),
        ("nfkmverify", &["--json"], " of 2 keys"),
        ("perfcheck", &["-t1", "-r1", "-q2", "misc:1"], " of 2 runs"),
    ] {
        let shown = at_terminal(&rig, utility, arguments);
        assert!(shown.contains(counted), "{utility}: {shown:?}");
        rig.succeed_silently(utility, arguments);
    }
}

//! The threads' program, for a few seconds.

use std::process::Command;

#[test]
fn sixty_four_threads_share_the_provider() {
    let output = Command::new(env!("CARGO_BIN_EXE_threads"))
        .args(["--threads", "64", "--seconds", "5"])
        .output()
        .expect("the program starts");
    let (said, why) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{why}");
    // That much any machine does.
    let rounds = said.lines().find_map(|line| line.strip_prefix("rounds\t"));
    let rounds: u64 = rounds
        .and_then(|rounds| rounds.parse().ok())
        .expect("a number of rounds");
    assert!(rounds >= 64, "{said}");
}

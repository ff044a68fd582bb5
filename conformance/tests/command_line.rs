//! What the executable says and leaves behind.

use std::path::Path;
use std::process::{Command, Output};

use conformance::target::{Choice, Prepared};

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(arguments)
        .output()
        .expect("it starts")
}

#[test]
fn the_list_has_a_line_for_every_case() {
    let output = conformance(&["--list"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), conformance::cases::all().len());
    assert!(text.lines().all(|line| line.ends_with(')')), "{text}");
    let some = conformance(&["--list", "--filter", "sign.rsa", "--filter", "acquire.open"]);
    let text = String::from_utf8(some.stdout).expect("UTF-8");
    assert!(text.lines().count() > 2, "{text}");
    assert!(
        text.lines()
            .all(|line| line.contains("sign.rsa") || line.contains("acquire.open")),
        "{text}"
    );
}

#[test]
fn a_filter_that_fits_nothing_is_an_error() {
    let output = conformance(&["--filter", "no.such.case"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "conformance: no case has an id with no.such.case\n"
    );
}

#[test]
fn a_run_leaves_three_reports_and_the_log() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reports = folder.path().join("reports");
    let place = reports.to_str().expect("UTF-8");
    let output = conformance(&[
        "--modules",
        "1",
        "--filter",
        "acquire.open",
        "--reports",
        place,
    ]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: serde_json::Value = serde_json::from_slice(
        &std::fs::read(reports.join("report.json")).expect("it was written"),
    )
    .expect("JSON");
    assert_eq!(json["totals"]["passed"], 1);
    assert_eq!(json["cases"][0]["id"], "acquire.open.absent");
    for name in ["junit.xml", "index.html", "hardserver.log"] {
        let text = std::fs::read_to_string(reports.join(name)).expect("it was written");
        assert!(!text.is_empty(), "{name} is empty");
    }
}

#[test]
fn without_a_hardserver_nothing_is_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reports = folder.path().to_str().expect("UTF-8");
    let target = format!("unix:{reports}/nobody");
    let output = conformance(&["--target", &target, "--reports", reports]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("no hardserver answers"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!folder.path().join("report.json").exists());
}

#[test]
fn a_run_that_skips_every_case_is_no_success() {
    let prepared = Prepared::new(Choice::Own {
        modules: 1,
        seed: None,
    })
    .expect("a folder");
    let executable = Path::new(env!("CARGO_BIN_EXE_conformance"));
    let target = prepared.open_with(executable).expect("a hardserver");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // No world is in this folder, and signing needs one.
    let place = folder.path().to_str().expect("UTF-8");
    let output = conformance(&[
        "--target",
        &target.ordinary().to_string(),
        "--kmdata",
        place,
        "--filter",
        "sign.rsa",
        "--reports",
        place,
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("needs a Security World"), "{text}");
    assert!(text.contains("0 passed, 0 failed"), "{text}");
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "conformance: every case was skipped: nothing is known of this hardserver\n"
    );
}

#[test]
fn a_target_without_its_kind_is_refused() {
    let output = conformance(&["--target", "nserver"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("it is unix:PATH or tcp:HOST:PORT"), "{text}");
}

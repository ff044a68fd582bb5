//! What the executable says and leaves behind.

use std::process::{Command, Output};

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
fn without_a_hardserver_cases_are_skipped_and_nothing_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reports = folder.path().to_str().expect("UTF-8");
    let target = format!("unix:{reports}/nobody");
    let output = conformance(&[
        "--target",
        &target,
        "--kmdata",
        reports,
        "--filter",
        "sign.",
        "--reports",
        reports,
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("needs a Security World"), "{text}");
    assert!(text.contains("0 passed, 0 failed"), "{text}");
}

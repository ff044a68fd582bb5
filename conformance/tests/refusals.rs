//! What runs of the executable on all six providers observe: every documented answer of every function of CryptoSPI.

use std::collections::BTreeMap;
use std::process::Command;

use conformance::capi::Provider;
use conformance::case::EVERY;
use conformance::coverage::Cover;
use conformance::refusals::{Met, TABLE, gaps};
use serde_json::Value;

/// Runs all cases of one provider, and returns what those that passed observed, with the ids of the cases.
fn observed(prov_type: u32) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_conformance"))
        .args(["--provider", &Provider::of_type(prov_type).name])
        .arg("--reports")
        .arg(folder.path())
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "type {prov_type}\n{text}");
    let report = std::fs::read(folder.path().join("report.json")).expect("it was written");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let cases = report["cases"].as_array().expect("cases");
    let passed = cases.iter().filter(|case| case["verdict"] == "passed");
    let pairs = passed.flat_map(|case| {
        let id = case["id"].as_str().expect("an id").to_owned();
        let answers = case["observed"].as_array().expect("answers");
        let text = |answer: &Value| answer.as_str().expect("text").to_owned();
        answers.iter().map(move |answer| (text(answer), id.clone()))
    });
    pairs.collect()
}

#[test]
fn every_documented_answer_is_observed_on_every_provider_type() {
    let rows: BTreeMap<String, Cover> = TABLE
        .iter()
        .map(|row| (row.cover.to_string(), row.cover))
        .collect();
    let mut met = Met::new();
    // Two at a time: they wait more than they compute.
    for types in EVERY.chunks(2) {
        let runs = std::thread::scope(|scope| {
            let run = |prov_type: &u32| {
                let prov_type = *prov_type;
                scope.spawn(move || (prov_type, observed(prov_type)))
            };
            let threads: Vec<_> = types.iter().map(run).collect();
            let results = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            results.collect::<Result<Vec<_>, _>>()
        });
        for (prov_type, answers) in runs.expect("each run has its report") {
            for (answer, id) in answers {
                if let Some(cover) = rows.get(&answer) {
                    met.entry((prov_type, *cover)).or_default().insert(id);
                }
            }
        }
    }
    let gaps = gaps(&met);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

//! `configure-csp-poolmode` and `cspwizard` with options, as scripts use them.

mod common;

use std::fs;

use common::Rig;
use csp::settings::{KeyProtection, SetupParameters};

fn parameters(rig: &Rig) -> SetupParameters {
    SetupParameters::read(&rig.environment()).unwrap()
}

#[test]
fn pool_mode_is_told_enabled_and_disabled() {
    let rig = Rig::without_world();
    let pool = |option: &str, expected: bool| {
        let said = rig.succeed("configure-csp-poolmode", &["--mscapi", option]);
        let word = if expected { "enabled" } else { "disabled" };
        assert_eq!(
            said,
            format!("HSM Pool mode of the nShield CAPI CSP: {word}\n")
        );
        assert_eq!(parameters(&rig).pool_mode, expected);
        let told = rig.succeed("configure-csp-poolmode", &["--mscapi"]);
        assert_eq!(told, said);
    };
    pool("--enable", true);
    pool("-e", true);
    pool("-d", false);
    let complaint = rig.fail(2, "configure-csp-poolmode", &["-e"]);
    assert!(complaint.contains("--mscapi"), "{complaint}");
    rig.fail(2, "configure-csp-poolmode", &["--mscapi", "-e", "-d"]);
}

#[test]
fn every_step_of_the_wizard_is_an_option() {
    let rig = Rig::start();
    let card = format!("--card={}", rig.folder.path().join("operator").display());
    let transcript = rig.transcript(
        "cspwizard",
        &[
            &["--protection=card-set", "--always-display=on"],
            &["--pool-mode=on"],
            &[
                "--protection=module",
                "--pool-mode=on",
                "--always-display=off",
            ],
            &[
                "--create-card-set=1/1",
                "--card-set-name=ops",
                "--persistent",
                &card,
            ],
            &["--create-card-set=2/1", &card],
            &["--create-card-set=x", &card],
            &["--offload=on"],
            &["--register"],
            &[],
            &["--card-set-name=ops"],
        ],
    );
    insta::assert_snapshot!(transcript);
    let parameters = parameters(&rig);
    assert_eq!(parameters.protection, KeyProtection::Module);
    assert!(parameters.pool_mode && !parameters.always_display_ui);
    let sets = nfkm::kmdata::Folder::at(rig.local());
    let hknso = sets.world().unwrap().unwrap().0;
    let sets = sets.card_sets(&hknso).unwrap().records;
    assert_eq!((sets[0].name.as_str(), sets[0].persistent), ("ops", true));
}

#[test]
fn the_world_is_loaded_on_a_module_again() {
    let rig = Rig::start();
    let card = format!("--card={}", rig.admin_card().display());
    for entry in fs::read_dir(rig.local()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("module_")
        {
            fs::remove_file(path).unwrap();
        }
    }
    let said = rig.succeed("cspwizard", &["--load-world=1", &card]);
    assert!(
        said.contains("security world loaded on module #1; hknso = "),
        "{said}"
    );
    rig.succeed("keytst", &["-cx", "-n", "works"]);
}

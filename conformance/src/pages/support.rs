//! The support matrix: commands, mechanisms, providers, CryptoSPI functions.

use std::collections::BTreeMap;

use csp::alg::{Algorithm, PROVIDERS, Provider};
use csp::constants::{
    ALG_CLASS_DATA_ENCRYPT, ALG_CLASS_HASH, ALG_CLASS_KEY_EXCHANGE, ALG_CLASS_SIGNATURE,
};
use csp::names::NAMES;
use ncore::types::Cmd;
use simulator::module::mode::{Class, Machine, Mode, Switch};
use simulator::module::support::{Support, mechanisms, table};

use super::{code, codes, head, row};
use crate::capi::Function;
use crate::case::Case;
use crate::coverage::{self, Row, Subject};

/// The page.
pub(super) fn render(cases: &[&'static Case]) -> String {
    let coverage = coverage::table(cases);
    [
        "# Support matrix\n".to_owned(),
        commands(cases, &coverage),
        refused(),
        mechanism_list(),
        functions(&coverage),
        providers(),
        algorithms(),
    ]
    .join("\n")
}

type Coverage = BTreeMap<Subject, Row>;

fn commands(cases: &[&'static Case], coverage: &Coverage) -> String {
    let mut done: Vec<(Cmd, Support)> = table()
        .filter(|(_, support)| !matches!(support, Support::Refused(_)))
        .collect();
    done.sort_by_key(|(cmd, _)| cmd.to_string());
    let mut text = format!(
        "## Commands that are carried out\n\n\
         {} of the {} commands that have a name. The last columns have how many cases of the conformance suite meet \
         its success, and the statuses that cases provoke besides OK: a case that does not meet what it claims here fails. \
         [module.md](module.md) explains the modes.\n\n{}\n",
        done.len(),
        table().count(),
        not_covered(cases, &done)
    );
    text += &head(&[
        "command",
        "number",
        "by",
        "in the modes",
        "socket",
        "succeeds in",
        "refused with",
    ]);
    for (cmd, support) in done {
        let (by, modes, socket) = match support {
            Support::Module(needs) => (
                "a module",
                modes(needs.class),
                if needs.privileged {
                    "privileged"
                } else {
                    "either"
                },
            ),
            Support::Hardserver | Support::Refused(_) => {
                ("the hardserver", "any".to_owned(), "either")
            }
        };
        text += &row(&[
            &code(cmd),
            &cmd.0.to_string(),
            by,
            &modes,
            socket,
            &successes(coverage, Subject::Command(cmd.0)),
            &refusals(coverage, Subject::Command(cmd.0)),
        ]);
    }
    text
}

/// What the cases do not meet of these commands, as a paragraph.
fn not_covered(cases: &[&'static Case], done: &[(Cmd, Support)]) -> String {
    let subjects = done.iter().map(|(cmd, _)| Subject::Command(cmd.0));
    let gaps = coverage::gaps(cases, subjects);
    match gaps.is_empty() {
        true => {
            "Not covered: none; each command is met with success and with a refusal.\n".to_owned()
        }
        false => format!("Not covered:\n\n- {}\n", gaps.join("\n- ")),
    }
}

fn successes(coverage: &Coverage, subject: Subject) -> String {
    let count = coverage.get(&subject).map_or(0, |row| row.successes.len());
    match count {
        1 => "1 case".to_owned(),
        _ => format!("{count} cases"),
    }
}

/// The modes that admit commands of a class. Over those that change the mode the state machine itself decides.
fn modes(class: Class) -> String {
    const MODES: [(Mode, &str); 7] = [
        (Mode::PreInitialisation, "pre-initialisation"),
        (Mode::Initialisation, "initialisation"),
        (Mode::Operational, "operational"),
        (Mode::Uninitialised, "uninitialised"),
        (Mode::PreMaintenance, "pre-maintenance"),
        (Mode::Maintenance, "maintenance"),
        (Mode::Failed, "failed"),
    ];
    if class == Class::Mode {
        return "see module.md".to_owned();
    }
    let admits = |mode| {
        let switch = Switch::Operational;
        Machine { mode, switch }.admit(class).is_ok()
    };
    let (admitted, others): (Vec<_>, Vec<_>) =
        MODES.into_iter().partition(|(mode, _)| admits(*mode));
    let names = |modes: Vec<(Mode, &'static str)>| {
        let names: Vec<_> = modes.into_iter().map(|(_, name)| name).collect();
        names.join(", ")
    };
    if others.len() < admitted.len() {
        format!("all but {}", names(others))
    } else {
        names(admitted)
    }
}

fn refusals(coverage: &Coverage, subject: Subject) -> String {
    coverage
        .get(&subject)
        .map(|row| row.refusals.keys().cloned().collect::<Vec<_>>().join(", "))
        .unwrap_or_default()
}

fn refused() -> String {
    let mut by_status: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (cmd, support) in table() {
        if let Support::Refused(status) = support {
            let commands = by_status.entry(status.to_string()).or_default();
            commands.push(cmd.to_string());
        }
    }
    let mut text = "## Commands that are known and refused\n\n\
                    A number without a name is `UnknownCommand`.\n\n"
        .to_owned();
    text += &head(&["status", "commands"]);
    for (status, mut commands) in by_status {
        commands.sort();
        text += &row(&[&code(status), &commands.join(", ")]);
    }
    text
}

fn mechanism_list() -> String {
    let mut names: Vec<String> = mechanisms().map(|mech| mech.to_string()).collect();
    names.sort();
    format!(
        "## Mechanisms of a module\n\n{}. [module.md](module.md) has the key types and their sizes.\n",
        codes(names)
    )
}

fn functions(coverage: &Coverage) -> String {
    let mut text = "## CryptoSPI functions\n\n\
                    All 25, each with how many cases meet its success and the codes that cases provoke besides it.\n\n"
        .to_owned();
    text += &head(&["function", "succeeds in", "refused with"]);
    for function in Function::ALL {
        text += &row(&[
            &code(function),
            &successes(coverage, Subject::Function(function)),
            &refusals(coverage, Subject::Function(function)),
        ]);
    }
    text
}

fn providers() -> String {
    let mut text = "## Providers\n\n".to_owned();
    text += &head(&["type", "name", "older name", "offered"]);
    for names in NAMES {
        let offered = match Provider::of_type(names.prov_type) {
            Some(_) => "yes",
            None => "no: `NTE_BAD_PROV_TYPE`",
        };
        text += &row(&[
            &names.prov_type.to_string(),
            names.canonical,
            names.alias,
            offered,
        ]);
    }
    text
}

fn algorithms() -> String {
    let mut text = String::new();
    for provider in PROVIDERS {
        let name = csp::names::canonical(provider.prov_type).unwrap_or("a provider without a name");
        text += &format!(
            "## Algorithms of type {}, {name}\n\nLengths are in bits, without parity.\n\n",
            provider.prov_type
        );
        text += &head(&["algorithm", "number", "class", "lengths", "default"]);
        for algorithm in provider.algorithms {
            text += &algorithm_row(algorithm);
        }
    }
    text
}

fn algorithm_row(algorithm: &Algorithm) -> String {
    let class = match algorithm.id.class() {
        ALG_CLASS_SIGNATURE => "signature",
        ALG_CLASS_KEY_EXCHANGE => "key exchange",
        ALG_CLASS_DATA_ENCRYPT => "cipher",
        ALG_CLASS_HASH => "hash",
        _ => "other",
    };
    let (min, max) = (algorithm.min_bits, algorithm.max_bits);
    let (lengths, default) = match max {
        0 => ("of its key or hash".to_owned(), String::new()),
        _ if min == max => (max.to_string(), max.to_string()),
        _ => (
            format!("{min} to {max}"),
            algorithm.default_bits.to_string(),
        ),
    };
    row(&[
        &code(algorithm.id),
        &format!("{:#06x}", algorithm.id.0),
        class,
        &lengths,
        &default,
    ])
}

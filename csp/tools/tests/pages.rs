//! Man pages and completions know what the command line knows, and what reads them finds nothing wrong with them.

#[allow(dead_code, reason = "the example's own main")]
#[path = "../examples/man-pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use clap::Arg;

/// The pages of all utilities in a folder, and their command lines.
fn written() -> (tempfile::TempDir, Vec<clap::Command>) {
    let folder = tempfile::tempdir().unwrap();
    for command in pages::commands() {
        pages::write(command, folder.path()).unwrap();
    }
    (folder, pages::commands())
}

/// The options that are shown: what is hidden is known only to be refused by name.
fn longs(command: &clap::Command) -> BTreeSet<&str> {
    let shown = command.get_arguments().filter(|it| !it.is_hide_set());
    shown.filter_map(Arg::get_long).collect()
}

#[test]
fn every_option_is_in_the_help_the_man_page_and_the_completions() {
    let (folder, commands) = written();
    for mut command in commands {
        let name = command.get_name().to_owned();
        let help = nfkm_tools::cli::help(&mut command);
        let read = |file: String| fs::read_to_string(folder.path().join(file)).unwrap();
        let man = read(format!("{name}.1")).replace("\\-", "-");
        let bash = read(format!("{name}.bash"));
        let zsh = read(format!("_{name}"));
        let fish = read(format!("{name}.fish"));
        let power = read(format!("_{name}.ps1"));
        let longs = longs(&command);
        assert!(longs.contains("help") && longs.contains("usage"), "{name}");
        for long in longs {
            for (what, text, form) in [
                ("help", &help, format!("--{long}")),
                ("man page", &man, format!("--{long}")),
                ("bash", &bash, format!(" --{long}")),
                ("zsh", &zsh, format!("--{long}")),
                ("fish", &fish, format!("-l {long} ")),
                ("PowerShell", &power, format!("'--{long}'")),
            ] {
                assert!(text.contains(&form), "{name}: {what}: {form}");
            }
        }
        let codes = pages::exit_codes(&command);
        assert!(codes.len() >= 3, "{name}: {codes:?}");
        for (code, meaning) in codes {
            assert!(
                help.contains(&format!("\n{code:21}{meaning}\n")),
                "{name}: {code}"
            );
            assert!(
                man.contains(&format!("\\fB{code}\\fR\n{meaning}\n")),
                "{name}: {code}"
            );
        }
    }
}

#[test]
fn the_man_pages_are_set_without_a_warning() {
    let (folder, commands) = written();
    for command in commands {
        let page = folder.path().join(format!("{}.1", command.get_name()));
        let Some(set) = run(Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-P-cbou"])
            .arg(&page))
        else {
            // Where there is no groff, only that every line of its language is one that is known.
            check_macros(&page);
            continue;
        };
        let complaint = String::from_utf8_lossy(&set.stderr);
        assert!(set.status.success() && complaint.is_empty(), "{complaint}");
        let shown = String::from_utf8_lossy(&set.stdout);
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] {
            assert!(shown.contains(heading), "{}: {heading}", page.display());
        }
    }
}

fn check_macros(page: &Path) {
    const KNOWN: [&str; 6] = [".TH", ".SH", ".TP", ".PP", ".ie", ".el"];
    for line in fs::read_to_string(page).unwrap().lines() {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(
            !word.starts_with(['.', '\'']) || KNOWN.contains(&word),
            "{}: {line}",
            page.display()
        );
    }
}

#[test]
fn bash_completes_every_option() {
    let (folder, commands) = written();
    for command in commands {
        let name = command.get_name();
        let file = folder.path().join(format!("{name}.bash"));
        let function = completer(&file);
        let script = format!(
            "source \"$1\"; COMP_WORDS=({name} --); COMP_CWORD=1; {function} {name} -- {name}; echo \"${{COMPREPLY[@]}}\""
        );
        let Some(done) = run(Command::new("bash").args(["-c", &script, "bash"]).arg(file)) else {
            return;
        };
        assert!(
            done.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let offered = String::from_utf8(done.stdout).unwrap();
        let offered: BTreeSet<&str> = offered
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"))
            .collect();
        assert!(offered.is_superset(&longs(&command)), "{name}: {offered:?}");
    }
}

/// The function that a completion script registers.
fn completer(script: &Path) -> String {
    let text = fs::read_to_string(script).unwrap();
    let (_, rest) = text.split_once("complete -F ").unwrap();
    rest.split(' ').next().unwrap().to_owned()
}

/// None where there is no such program.
fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

#[test]
fn every_executable_has_a_command() {
    let commands = pages::commands();
    let named: BTreeSet<&str> = commands.iter().map(clap::Command::get_name).collect();
    let mut executables = BTreeSet::new();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for package in ["nfkm/tools", "csp/tools"] {
        for entry in fs::read_dir(tree.join(package).join("src/bin")).unwrap() {
            let path = entry.unwrap().path();
            executables.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(executables, named.into_iter().map(str::to_owned).collect());
}

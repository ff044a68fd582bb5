//! Man pages and completions know what the command line knows.

use std::collections::BTreeSet;

use clap_complete::Shell;

#[test]
fn every_option_is_in_the_help_the_man_page_and_the_completions() {
    for mut command in csp_tools::commands() {
        let name = command.get_name().to_owned();
        let help = nfkm_tools::cli::help(&mut command);
        let mut man = Vec::new();
        clap_mangen::Man::new(command.clone())
            .render(&mut man)
            .unwrap();
        let man = String::from_utf8(man).unwrap().replace("\\-", "-");
        let mut completions = Vec::new();
        clap_complete::generate(Shell::Bash, &mut command, &name, &mut completions);
        let completions = String::from_utf8(completions).unwrap();
        let longs: BTreeSet<&str> = command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        assert!(longs.contains("help") && longs.contains("usage"), "{name}");
        for long in longs {
            for (what, text) in [
                ("help", &help),
                ("man page", &man),
                ("completions", &completions),
            ] {
                assert!(
                    text.contains(&format!("--{long}")),
                    "{name}: {what}: {long}"
                );
            }
        }
        for text in [&help, &man] {
            assert!(text.contains("The command line makes no sense."), "{name}");
        }
    }
}

#[test]
fn every_executable_has_a_command() {
    let names: Vec<String> = csp_tools::commands()
        .iter()
        .map(|command| command.get_name().to_owned())
        .collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let mut executables = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(names.contains(&name), "{name}");
        executables += 1;
    }
    assert_eq!(executables, names.len());
}

//! Writes man pages and shell completions of all utilities, the Security World's and the CAPI's, into a folder:
//! `cargo run -p csp-tools --example man-pages -- FOLDER`. They come from the definitions that the utilities read their command
//! lines with.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

fn main() -> io::Result<()> {
    let folder: PathBuf = env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("the folder is not named"))?
        .into();
    fs::create_dir_all(&folder)?;
    commands()
        .into_iter()
        .try_for_each(|command| write(command, &folder))
}

/// The command lines of all utilities.
pub(crate) fn commands() -> Vec<Command> {
    [nfkm_tools::commands(), csp_tools::commands()].concat()
}

/// Writes the page and the completions of a utility into a folder.
pub(crate) fn write(mut command: Command, folder: &Path) -> io::Result<()> {
    let name = command.get_name().to_owned();
    fs::write(folder.join(format!("{name}.1")), page(&command)?)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        clap_complete::generate_to(shell, &mut command, &name, folder)?;
    }
    Ok(())
}

/// The man page of a utility.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone()).manual("nShield utilities");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut more = Roff::default();
    more.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit_codes(command) {
        entry(&mut more, &code, &meaning);
    }
    more.control("SH", ["ENVIRONMENT"]);
    for (names, meaning) in VARIABLES {
        entry(&mut more, names, meaning);
    }
    more.to_writer(&mut page)?;
    Ok(page)
}

fn entry(page: &mut Roff, term: &str, explanation: &str) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text([roman(explanation)]);
}

/// The codes at the end of the help, with their meaning.
pub(crate) fn exit_codes(command: &Command) -> Vec<(String, String)> {
    let help = command.get_after_help().map(ToString::to_string);
    let lines = help.unwrap_or_default();
    lines
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(code, meaning)| (code.to_owned(), meaning.trim_start().to_owned()))
        .collect()
}

/// What all utilities take from their environment.
const VARIABLES: [(&str, &str); 4] = [
    (
        "NFAST_SERVER, NFAST_PRIVSERVER",
        "The hardserver's ordinary and privileged endpoint: the path of a socket, or tcp:HOST:PORT.",
    ),
    (
        "NFAST_SERVER_PORT, NFAST_SERVER_PRIVPORT",
        "Its ports on this host, where the two above are not set.",
    ),
    (
        "NFAST_KMLOCAL, NFAST_KMDATA, NFAST_HOME",
        "The folder of the Security World: NFAST_KMLOCAL itself, else local in NFAST_KMDATA, else kmdata/local in NFAST_HOME.",
    ),
    (
        "NFAST_NFKM_TOKENSFILE",
        "The file that says what preload keeps loaded.",
    ),
];

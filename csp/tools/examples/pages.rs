//! Writes the utilities' man pages and shell completions into a folder: `cargo run -p csp-tools --example pages -- FOLDER`.
//! Both come from the definition that the utilities read their command lines with.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::{env, fs, io};

use clap_complete::Shell;

fn main() -> io::Result<()> {
    let folder: PathBuf = env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("the folder is not named"))?
        .into();
    fs::create_dir_all(&folder)?;
    for mut command in csp_tools::commands() {
        let name = command.get_name().to_owned();
        clap_mangen::Man::new(command.clone())
            .render(&mut fs::File::create(folder.join(format!("{name}.1")))?)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            clap_complete::generate_to(shell, &mut command, &name, &folder)?;
        }
    }
    Ok(())
}

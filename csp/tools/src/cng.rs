//! `cnginstall` and `cngregister`: the provider's library in its place, and its registration (CAPI guide, sections 4.1
//! and 4.3).
//!
//! Their names are the vendor's, who uses them for the CNG providers too; these serve the CAPI CSP. What a process does is
//! seen by programs of its own word length alone, and only 64 bits are built (docs/windows.md).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm_tools::cli::{self, Failure};

use crate::capi;

/// Put the library of the nShield CAPI CSP into the system's folder, or take it away.
#[derive(Debug, Parser)]
#[command(name = "cnginstall", group = ArgGroup::new("action").args(["install", "uninstall"]))]
struct Install {
    /// Copy the library, which is beside this utility, into the system's folder.
    #[arg(short, long)]
    install: bool,
    /// Remove it from there. Run cngregister -U first.
    #[arg(short = 'U', long)]
    uninstall: bool,
}

/// Register the nShield CAPI CSP as a provider of this system, or unregister it.
#[derive(Debug, Parser)]
#[command(name = "cngregister")]
struct Register {
    /// Unregister it.
    #[arg(short = 'U', long)]
    unregister: bool,
}

/// The provider's library.
const LIBRARY: &str = "ncsp.dll";

/// The library that Microsoft's providers load.
const OFFLOAD_LIBRARY: &str = "nfmodexp.dll";

/// The command line of `cnginstall`.
pub fn install_command() -> clap::Command {
    cli::command::<Install>()
}

/// The command line of `cngregister`.
pub fn register_command() -> clap::Command {
    cli::command::<Register>()
}

/// Runs `cnginstall` with the arguments of this process.
pub fn install_main() -> ExitCode {
    cli::run(
        |options: Install| match (options.install, options.uninstall) {
            (true, _) => {
                let place = system_library()?;
                std::fs::copy(beside(LIBRARY)?, &place)?;
                cli::print(&format!("{} installed.\n", place.display()))
            }
            (_, true) => {
                let place = system_library()?;
                let ours =
                    |provider: &capi::Provider| csp::names::type_of(&provider.name).is_some();
                if capi::providers()?.iter().any(ours) {
                    return Err(Failure::Operation(
                        "the CSP is registered still; cngregister -U comes first".to_owned(),
                    ));
                }
                std::fs::remove_file(&place)?;
                cli::print(&format!("{} removed.\n", place.display()))
            }
            _ => Err(Failure::CommandLine(
                "one of --install and --uninstall is needed".to_owned(),
            )),
        },
    )
}

/// Runs `cngregister` with the arguments of this process.
pub fn register_main() -> ExitCode {
    cli::run(|options: Register| match options.unregister {
        true => {
            csp::registration::unregister()?;
            // What the wizard switched on; another library in its place stays.
            offload(false)?;
            cli::print("The nShield CAPI CSP is unregistered.\n")
        }
        false => {
            register()?;
            cli::print("The nShield CAPI CSP is registered.\n")
        }
    })
}

/// Registers the library in the system's folder if it is installed, else the one beside this utility.
pub(crate) fn register() -> Result<(), Failure> {
    let installed = system_library().ok().filter(|path| path.exists());
    let library = match installed {
        Some(library) => library,
        None => beside(LIBRARY)?,
    };
    Ok(csp::registration::register(&library)?)
}

/// Has Microsoft's providers use the offload library beside this utility, or not use it any more.
pub(crate) fn offload(on: bool) -> Result<(), Failure> {
    let library = beside(OFFLOAD_LIBRARY)?;
    match on {
        true => nfmodexp::registration::register(&library)?,
        false => nfmodexp::registration::unregister(&library)?,
    }
    Ok(())
}

/// A file in the folder of this utility.
fn beside(name: &str) -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// Where the system keeps libraries; for a process of 32 bits Windows turns the path to its other folder.
fn system_library() -> Result<PathBuf, Failure> {
    match std::env::var_os("SystemRoot") {
        Some(root) if cfg!(windows) => Ok(PathBuf::from(root).join("System32").join(LIBRARY)),
        _ => Err(Failure::Operation(
            "nothing is installed on this system: libcryptoapi.so loads libncsp.so from beside itself, or what \
             SOFTSHIELD_CSP names"
                .to_owned(),
        )),
    }
}

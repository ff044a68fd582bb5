//! What all utilities have in common, those of other crates too: options, error lines, exit codes (UTILITIES section 1).
//!
//! Exit codes: 0 success, 1 the operation failed, 2 bad command line.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, Command, Parser};

/// The options every utility has besides `-h|--help`.
#[derive(Debug, Args)]
pub struct Standard {
    /// Show the version of the software this utility belongs to
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Show a brief summary of the options
    #[arg(short = 'u', long)]
    usage: bool,
}

/// A utility's command line.
pub trait Utility: Parser {
    /// The standard options.
    fn standard(&self) -> &Standard;
}

/// Why a utility ends without success.
#[derive(Debug)]
pub enum Failure {
    /// The operation failed, for this reason.
    Operation(String),
    /// The operation failed, and everything about it has been said.
    Reported,
    /// The command line makes no sense.
    CommandLine(String),
    /// A program that the utility ran for the user ended with this exit status.
    Program(u8),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Operation(error.to_string())
    }
}

/// Reads the command line and runs the utility.
pub fn run<U: Utility>(body: impl FnOnce(U) -> Result<(), Failure>) -> ExitCode {
    let mut command = command::<U>();
    let name = command.get_name().to_owned();
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let utility = match parsed.and_then(|matches| U::from_arg_matches(&matches)) {
        Ok(utility) => utility,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return exit_after_printing(&error.render());
        }
        Err(error) => return bad_command_line(&name, &mut command, &reason(&error)),
    };
    if utility.standard().usage {
        return exit_after_printing(&usage(&mut command));
    }
    match body(utility) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Reported) => ExitCode::from(1),
        Err(Failure::Program(status)) => ExitCode::from(status),
        Err(Failure::Operation(reason)) => {
            complain(&name, &reason);
            ExitCode::from(1)
        }
        Err(Failure::CommandLine(reason)) => bad_command_line(&name, &mut command, &reason),
    }
}

/// The command line with the conventions of the utilities: unambiguous prefixes of long options are taken.
pub fn command<U: Utility>() -> Command {
    let command = U::command();
    // A utility with more to say about its exit status says it itself.
    let status = match command.get_after_help() {
        Some(own) => own.clone(),
        None => EXIT_STATUS.into(),
    };
    command
        .infer_long_args(true)
        .disable_version_flag(true)
        .version(concat!(env!("CARGO_PKG_VERSION"), " (softshield)"))
        .after_help(status)
}

const EXIT_STATUS: &str = "\
Exit status: 0 success; 1 the operation failed; 2 the command line makes no sense.";

/// Prints a report. A reader that has gone away is no failure of the utility.
pub fn print(report: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(report.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says something beside the report: `tool: text` on the standard error stream. Where nobody listens, nothing can be said.
pub fn complain(name: &str, text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{name}: {text}");
}

fn exit_after_printing(text: &dyn Display) -> ExitCode {
    match print(&text.to_string()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}

fn bad_command_line(name: &str, command: &mut Command, reason: &str) -> ExitCode {
    complain(name, &reason);
    let _ = io::stderr().lock().write_all(usage(command).as_bytes());
    ExitCode::from(2)
}

/// The usage summary: every option in the form in which it is typed.
fn usage(command: &mut Command) -> String {
    // Building adds `-h`, and gives options their value names.
    command.build();
    let words = command.get_opts().chain(flags(command)).map(form);
    let names = command.get_positionals().map(Arg::to_string);
    let words: Vec<String> = words.chain(names).collect();
    format!("Usage: {} {}\n", command.get_name(), words.join(" "))
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_positional() && !argument.get_action().takes_values())
}

/// `[-m|--module=MODULE]`
fn form(option: &Arg) -> String {
    let short = option.get_short().map(|letter| format!("-{letter}"));
    let long = option.get_long().map(|name| format!("--{name}"));
    let forms: Vec<String> = short.into_iter().chain(long).collect();
    let value = match option.get_value_names() {
        Some([name, ..]) if option.get_action().takes_values() => format!("={name}"),
        _ => String::new(),
    };
    format!("[{}{value}]", forms.join("|"))
}

/// The first sentence of the parser's complaint; the usage follows anyway.
fn reason(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first
        .strip_prefix("error: ")
        .unwrap_or(first)
        .trim_end()
        .to_owned()
}

//! What all utilities have in common, those of other crates too: options, help, error lines, exit codes (UTILITIES
//! section 1).

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, Command, Parser};

/// What the exit codes of a utility mean, as its help and its man page list them.
const EXIT_CODES: &str = "\
Exit codes:
0                    Success.
1                    The operation failed.
2                    The command line makes no sense.";

/// The options every utility has besides `-h|--help`.
#[derive(Debug, Args)]
#[command(next_help_heading = STANDARD_HEADING)]
pub struct Standard {
    /// Show the version of the software this utility belongs to
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Show a brief summary of the options
    #[arg(short = 'u', long)]
    usage: bool,
}

/// Over the standard options in the help.
const STANDARD_HEADING: &str = "Help options";

/// Over the options that have no other heading (CAPI guide, section 10).
const PROGRAM_HEADING: &str = "Program options";

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
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return exit_after_printing(&help(&mut command));
        }
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
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
    // A utility with more to say about its exit codes says it itself.
    let codes = match command.get_after_help() {
        Some(own) => own.clone(),
        None => EXIT_CODES.into(),
    };
    command
        .infer_long_args(true)
        .disable_version_flag(true)
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Show this help")
                .help_heading(STANDARD_HEADING),
        )
        .version(concat!(env!("CARGO_PKG_VERSION"), " (softshield)"))
        .after_help(codes)
}

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

/// The help, laid out as the guide shows it (CAPI guide, section 10): the options of each heading in two columns.
pub fn help(command: &mut Command) -> String {
    let mut text = usage(command);
    if let Some(about) = command.get_about() {
        text.push_str(&format!("{about}.\n"));
    }
    let visible: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .collect();
    let mut headings: Vec<&str> = Vec::new();
    for heading in visible.iter().map(|argument| heading(argument)) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings.sort_by_key(|heading| match *heading {
        PROGRAM_HEADING => 0,
        STANDARD_HEADING => 2,
        _ => 1,
    });
    for name in headings {
        text.push_str(&format!("\n{name}:\n"));
        for argument in visible.iter().filter(|argument| heading(argument) == name) {
            let explanation = argument.get_help().map(ToString::to_string);
            // The sentence's end, which the parser takes from comments.
            let mut explanation = explanation.unwrap_or_default();
            if !explanation.ends_with('.') {
                explanation.push('.');
            }
            columns(&mut text, &listed(argument), &explanation);
        }
    }
    if let Some(after) = command.get_after_help() {
        text.push_str(&format!("\n{after}\n"));
    }
    text
}

fn heading(argument: &Arg) -> &str {
    argument.get_help_heading().unwrap_or(PROGRAM_HEADING)
}

/// `-m, --module=MODULE`
fn listed(argument: &Arg) -> String {
    if argument.is_positional() {
        return argument.to_string();
    }
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long().map(|name| format!("--{name}"));
    let forms: Vec<String> = short.into_iter().chain(long).collect();
    format!("{}{}", forms.join(", "), value(argument))
}

/// An option and what it does, in two columns.
fn columns(text: &mut String, option: &str, explanation: &str) {
    let mut line = format!("{option:COLUMN$}");
    if option.len() + 2 > COLUMN {
        text.push_str(&format!("{option}\n"));
        line = " ".repeat(COLUMN);
    }
    for word in explanation.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH {
            text.push_str(&format!("{}\n", line.trim_end()));
            line = " ".repeat(COLUMN);
        }
        line.push_str(word);
        line.push(' ');
    }
    text.push_str(&format!("{}\n", line.trim_end()));
}

/// Where the explanations of options begin in the guide's help.
const COLUMN: usize = 21;

/// The longest line of the help.
const WIDTH: usize = 80;

/// `[-m|--module=MODULE]`
fn form(option: &Arg) -> String {
    let short = option.get_short().map(|letter| format!("-{letter}"));
    let long = option.get_long().map(|name| format!("--{name}"));
    let forms: Vec<String> = short.into_iter().chain(long).collect();
    format!("[{}{}]", forms.join("|"), value(option))
}

/// `=MODULE`; nothing for a flag.
fn value(option: &Arg) -> String {
    match option.get_value_names() {
        Some([name, ..]) if option.get_action().takes_values() => format!("={name}"),
        _ => String::new(),
    }
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

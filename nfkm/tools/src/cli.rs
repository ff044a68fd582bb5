//! What all utilities have in common, those of other crates too: options, help, error lines, exit codes (UTILITIES
//! section 1).

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, Parser};
use serde::Serialize;

/// What the exit codes of a utility mean, as its help and its man page list them.
const EXIT_CODES: &str = "\
Exit codes:
0                    Success.
1                    The operation failed, or a check found something.
2                    The command line makes no sense.";

/// Over the standard options in the help.
const STANDARD_HEADING: &str = "Help options";

/// Over the options that have no other heading (CAPI guide, section 10).
const PROGRAM_HEADING: &str = "Program options";

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
pub fn run<U: Parser>(body: impl FnOnce(U) -> Result<(), Failure>) -> ExitCode {
    let mut command = command::<U>();
    let name = command.get_name().to_owned();
    let utility = match parse(&mut command) {
        Ok(Some(utility)) => utility,
        Ok(None) => return exit_after_printing(&usage(&mut command)),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return exit_after_printing(&help(&mut command));
        }
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return exit_after_printing(&error.render());
        }
        Err(error) => return bad_command_line(&name, &mut command, &reason(&error)),
    };
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

/// What the command line says; None if it asks for the usage.
fn parse<U: Parser>(command: &mut Command) -> Result<Option<U>, clap::Error> {
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    match matches.get_flag(USAGE) {
        true => Ok(None),
        false => U::from_arg_matches(&matches).map(Some),
    }
}

/// The command line with the conventions of the utilities: the standard options, and unambiguous prefixes of long options
/// are taken.
pub fn command<U: Parser>() -> Command {
    let command = U::command();
    // A utility with more to say about its exit codes says it itself.
    let codes = match command.get_after_help() {
        Some(own) => own.clone(),
        None => EXIT_CODES.into(),
    };
    let standard = |name: &'static str, letter, action, text: &'static str| {
        Arg::new(name)
            .short(letter)
            .long(name)
            .action(action)
            .help(text)
            .help_heading(STANDARD_HEADING)
    };
    command
        .infer_long_args(true)
        .disable_version_flag(true)
        .disable_help_flag(true)
        .arg(standard("help", 'h', ArgAction::Help, "Show this help"))
        .arg(standard(
            "version",
            'v',
            ArgAction::Version,
            "Show the version of the software this utility belongs to",
        ))
        // Alone it needs nothing of what the utility needs otherwise.
        .arg(
            standard(
                USAGE,
                'u',
                ArgAction::SetTrue,
                "Show a brief summary of the options",
            )
            .exclusive(true),
        )
        .version(concat!(env!("CARGO_PKG_VERSION"), " (softshield)"))
        .after_help(codes)
}

/// The option that asks for the usage.
const USAGE: &str = "usage";

/// Prints a report. A reader that has gone away is no failure of the utility.
pub fn print(report: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(report.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an answer for programs (`--json`), as one document.
pub fn print_json(answer: &impl Serialize) -> Result<(), Failure> {
    print(&format!("{}\n", serde_json::to_string_pretty(answer)?))
}

/// Says something beside the report: `tool: text` on the standard error stream. Where nobody listens, nothing can be said.
pub fn complain(name: &str, text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{name}: {text}");
}

/// Complains of each file that could not be read, after the report on the others, which is then not the whole truth.
///
/// # Errors
/// [`Failure::Reported`] if there is one.
pub fn complain_of_faults<'a>(
    name: &str,
    faults: impl IntoIterator<Item = &'a nfkm::Error>,
) -> Result<(), Failure> {
    let mut result = Ok(());
    for fault in faults {
        complain(name, fault);
        result = Err(Failure::Reported);
    }
    result
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
    let words = command
        .get_opts()
        .chain(flags(command))
        .filter(|option| !option.is_hide_set())
        .map(form);
    let names = command.get_positionals().map(Arg::to_string);
    let head = format!("Usage: {} ", command.get_name());
    let mut text = String::new();
    wrap(&mut text, &head, head.len(), words.chain(names));
    text
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_positional() && !argument.get_action().takes_values())
}

/// The help, laid out as the guide shows it (CAPI guide, section 10): the options of each heading in two columns.
pub fn help(command: &mut Command) -> String {
    let mut text = usage(command);
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        let about = about.to_string();
        for (number, paragraph) in about.split("\n\n").enumerate() {
            text.push_str(if number == 0 { "" } else { "\n" });
            wrap(&mut text, "", 0, words(&sentence(paragraph)));
        }
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
            let explanation = explanation(argument);
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

/// What an argument does, the values it takes if they are few, and the one it has if it is not given.
fn explanation(argument: &Arg) -> String {
    let mut text = argument
        .get_help()
        .map_or_else(String::new, ToString::to_string);
    if !argument.get_action().takes_values() {
        return sentence(&text);
    }
    let values = argument.get_possible_values();
    let values: Vec<&str> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(PossibleValue::get_name)
        .collect();
    if !values.is_empty() {
        text.push_str(&format!(": {}", values.join(", ")));
    }
    let defaults = argument.get_default_values();
    let defaults: Vec<_> = defaults
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    // No text at all is no value to speak of.
    if defaults.iter().any(|value| !value.is_empty()) {
        text.push_str(&format!(" (default = {})", defaults.join(",")));
    }
    sentence(&text)
}

/// The text with the end of a sentence, which the parser takes from comments.
fn sentence(text: &str) -> String {
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{text}{end}")
}

/// An option and what it does, in two columns.
fn columns(text: &mut String, option: &str, explanation: &str) {
    let mut head = format!("{option:COLUMN$}");
    if option.len() + 2 > COLUMN {
        text.push_str(&format!("{option}\n"));
        head = " ".repeat(COLUMN);
    }
    wrap(text, &head, COLUMN, words(explanation));
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(str::to_owned)
}

/// Appends a head and words, on as many lines as they need; those after the first begin with so many blanks.
fn wrap(text: &mut String, head: &str, indent: usize, words: impl Iterator<Item = String>) {
    let mut line = head.to_owned();
    for word in words {
        if line.chars().count() + word.chars().count() > WIDTH && !line.trim().is_empty() {
            text.push_str(&format!("{}\n", line.trim_end()));
            line = " ".repeat(indent);
        }
        line.push_str(&word);
        line.push(' ');
    }
    text.push_str(&format!("{}\n", line.trim_end()));
}

/// Where the explanations of options begin in the guide's help.
const COLUMN: usize = 21;

/// The longest line of the help: one less than a terminal has, for some go to the next line after the last.
const WIDTH: usize = 79;

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

/// The first sentence of the parser's complaint on one line, in the words of the utilities; the usage follows anyway.
fn reason(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let line = words(first).collect::<Vec<_>>().join(" ");
    quoted(&line).replace("invalid digit found in string", "not a number")
}

/// The parser's `'--module <MODULE>'` as `` `--module=MODULE' ``, which is how it is typed and how the vendor quotes.
fn quoted(text: &str) -> String {
    let mut result = String::new();
    let mut is_inside = false;
    let mut before = ' ';
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' if !is_inside && matches!(before, ' ' | '(') => {
                is_inside = true;
                result.push('`');
            }
            '\'' => {
                is_inside = false;
                result.push('\'');
            }
            // The name of a value: of an option, or of an argument that has no name before it.
            ' ' if is_inside && signs.peek() == Some(&'<') => {
                signs.next();
                result.push('=');
                result.extend(signs.by_ref().take_while(|sign| *sign != '>'));
            }
            other => result.push(other),
        }
        before = sign;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_quotes_is_quoted_as_it_is_typed() {
        for (text, expected) in [
            (
                "invalid value 'x' for '--module <MODULE>': reason",
                "invalid value `x' for `--module=MODULE': reason",
            ),
            (
                "the argument '--erase' cannot be used with '--ocs-quorum <K/N>'",
                "the argument `--erase' cannot be used with `--ocs-quorum=K/N'",
            ),
            (
                "unexpected argument '-~' found",
                "unexpected argument `-~' found",
            ),
            (
                "invalid value '<a' for '<NODE>'",
                "invalid value `<a' for `<NODE>'",
            ),
            ("nothing", "nothing"),
            ("an end '--module <MOD", "an end `--module=MOD"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}

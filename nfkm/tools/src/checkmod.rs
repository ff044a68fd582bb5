//! `checkmod`: checks the modules' modular exponentiation against known results (UTILITIES section 7.3).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ncore::types::{Bignum, ModExpArgs, ModExpCrtArgs};
use nfkm::{Client, Environment, Error};

use crate::cli::{self, Failure};

/// Check the modules' modular exponentiation against known results.
///
/// A file has a line for each: `modexp BASE EXPONENT MODULUS RESULT`, or `crt BASE P Q DMP1 DMQ1 IQMP RESULT`, in hexadecimal.
/// The hardserver chooses a module for each: the commands name none.
#[derive(Debug, Parser)]
#[command(name = "checkmod")]
struct Options {
    /// How often everything is checked
    #[arg(short = 'n', long, value_name = "TIMES", default_value_t = 1)]
    repeat: u32,
    /// Files with results; without one, those that come with the utility
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let mut sets = Vec::new();
        for file in &options.files {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::Operation(format!("{name}: {error}")))?;
            sets.push((name.clone(), parse(&name, &text)?));
        }
        if sets.is_empty() {
            sets.push((
                "built-in results".to_owned(),
                parse("built-in results", BUILT_IN)?,
            ));
        }
        let client = Client::connect(&Environment::from_process().endpoint()?)?;
        let mut wrong = 0;
        let mut checked = 0;
        for (name, cases) in &sets {
            let mut right = 0;
            for _ in 0..options.repeat {
                for case in cases {
                    match case.check(&client)? {
                        true => right += 1,
                        false => {
                            let text = format!(
                                "{name}, line {}: the module has another result",
                                case.line
                            );
                            cli::complain("checkmod", &text);
                        }
                    }
                }
            }
            let total = cases.len() * options.repeat as usize;
            cli::print(&format!("{name}: {right} of {total} correct\n"))?;
            checked += total;
            wrong += total - right;
        }
        match wrong {
            0 => cli::print(&format!("{checked} exponentiations checked, all correct\n")),
            _ => Err(Failure::Operation(format!(
                "{wrong} of {checked} exponentiations are wrong"
            ))),
        }
    })
}

/// A known result, and the line it is from.
struct Case {
    line: usize,
    job: Job,
    result: Bignum,
}

enum Job {
    Plain(ModExpArgs),
    Crt(ModExpCrtArgs),
}

impl Case {
    /// Whether the module has the same result.
    fn check(&self, client: &Client) -> Result<bool, Error> {
        let result = match &self.job {
            Job::Plain(args) => client.transact(args.clone())?.r,
            Job::Crt(args) => client.transact(args.clone())?.r,
        };
        Ok(result == self.result)
    }
}

fn parse(name: &str, text: &str) -> Result<Vec<Case>, Failure> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            case(number, line).ok_or_else(|| {
                Failure::Operation(format!("{name}, line {number}: not a line of results"))
            })
        })
        .collect()
}

fn case(line: usize, text: &str) -> Option<Case> {
    let mut words = text.split_whitespace();
    let kind = words.next()?;
    let numbers: Vec<Bignum> = words.map(number).collect::<Option<_>>()?;
    let (job, result) = match (kind, &numbers[..]) {
        ("modexp", [a, p, n, result]) => {
            let [a, p, n] = [a, p, n].map(Bignum::clone);
            (Job::Plain(ModExpArgs { a, p, n }), result)
        }
        ("crt", [a, p, q, dmp1, dmq1, iqmp, result]) => {
            let [a, p, q, dmp1, dmq1, iqmp] = [a, p, q, dmp1, dmq1, iqmp].map(Bignum::clone);
            let args = ModExpCrtArgs {
                a,
                p,
                q,
                dmp1,
                dmq1,
                iqmp,
            };
            (Job::Crt(args), result)
        }
        _ => return None,
    };
    Some(Case {
        line,
        job,
        result: result.clone(),
    })
}

/// A number in hexadecimal.
fn number(text: &str) -> Option<Bignum> {
    let even = format!("{}{text}", if text.len() % 2 == 1 { "0" } else { "" });
    let digits: Vec<u32> = even
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect();
    Some(Bignum::from_be(&bytes))
}

/// Results of Python's `pow`, for moduli from 512 to 4096 bits.
const BUILT_IN: &str = include_str!("../testdata/modexp");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_make_no_sense_are_named() {
        let cases = parse("file", "# text\n\nmodexp 2 5 23 20\ncrt 2 5 3 1 1 2 2\n")
            .ok()
            .unwrap();
        assert_eq!(
            cases.iter().map(|case| case.line).collect::<Vec<_>>(),
            [3, 4]
        );
        for line in [
            "modexp 2 5 23",
            "modexp 2 5 23 x",
            "crt 1",
            "root 2 5",
            "modexp 2 5 23 é",
        ] {
            let refused = parse("file", &format!("modexp 2 5 23 20\n{line}\n"));
            assert!(
                matches!(refused, Err(Failure::Operation(text)) if text == "file, line 2: not a line of results"),
                "{line}"
            );
        }
    }
}

//! `nopclearfail`: pings, clears, fails and retries modules, and changes their mode (UTILITIES section 4.1).

use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use ncore::message::Request;
use ncore::types::{
    ClearUnitArgs, ClearUnitExArgs, Cmd, FailArgs, ModuleMode, NoOpArgs, RetryFailedModuleArgs,
    Status,
};
use nfkm::{Client, Environment, Error};

use crate::cli::{self, Failure};
use crate::modules;

/// Ping, clear, fail or retry modules, or change their mode.
#[derive(Debug, Parser)]
#[command(
    name = "nopclearfail",
    group = ArgGroup::new("action")
        .args(["no_op", "clear", "retry", "fail", "initialization", "maintenance", "operational"]),
    group = ArgGroup::new("target").args(["module", "all"])
)]
struct Options {
    /// Ask whether the module answers
    #[arg(short, long)]
    no_op: bool,
    /// Clear the module: whatever is loaded on it is lost
    #[arg(short, long)]
    clear: bool,
    /// Bring a failed module back
    #[arg(short, long)]
    retry: bool,
    /// Make the module fail
    #[arg(short, long)]
    fail: bool,
    /// Clear the module into pre-initialisation mode
    #[arg(short = 'I', long)]
    initialization: bool,
    /// Clear the module into pre-maintenance mode
    #[arg(short = 'M', long)]
    maintenance: bool,
    /// Clear the module into operational mode
    #[arg(short = 'O', long)]
    operational: bool,
    /// The module
    #[arg(short, long, value_name = "MODULE")]
    module: Option<u32>,
    /// All modules
    #[arg(short, long)]
    all: bool,
    /// Wait until the module is back
    #[arg(short, long, conflicts_with_all = ["no_op", "fail"])]
    wait: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        options.check()?;
        let environment = Environment::from_process();
        // Anyone may ask whether a module answers.
        let endpoint = match options.no_op {
            true => environment.endpoint()?,
            false => environment.privileged_endpoint()?,
        };
        let client = Client::connect(&endpoint)?;
        let modules = match options.module {
            Some(module) => vec![modules::existing(&client, module)?],
            None => modules::units(&client)?,
        };
        let mut failed = false;
        for module in modules {
            let (cmd, mut status) = options.act(&client, module)?;
            if status == Status::OK && options.wait {
                // The reset was answered at once; this is, when it is done.
                status = self::status(client.transact(NoOpArgs { module }))?;
            }
            failed |= status != Status::OK;
            cli::print(&format!("Module {module}, command {cmd}: {status}\n"))?;
        }
        match failed {
            true => Err(Failure::Reported),
            false => Ok(()),
        }
    })
}

impl Options {
    /// The standard options work without an action, so it is the utility that asks for one.
    fn check(&self) -> Result<(), Failure> {
        let actions = [
            self.no_op,
            self.clear,
            self.retry,
            self.fail,
            self.initialization,
            self.maintenance,
            self.operational,
        ];
        let missing = match (actions.contains(&true), self.module.is_some() || self.all) {
            (true, true) => return Ok(()),
            (false, _) => {
                "--no-op, --clear, --retry, --fail, --initialization, --maintenance and --operational"
            }
            (true, false) => "--module and --all",
        };
        Err(Failure::CommandLine(format!("one of {missing} is needed")))
    }

    /// Sends the command, and says which it was and how the module answered.
    fn act(&self, client: &Client, module: u32) -> Result<(Cmd, Status), Error> {
        let mode = match (self.initialization, self.maintenance, self.operational) {
            (true, _, _) => Some(ModuleMode::Initialisation),
            (_, true, _) => Some(ModuleMode::Maintenance),
            (_, _, true) => Some(ModuleMode::Operational),
            _ => None,
        };
        if let Some(mode) = mode {
            return send(
                client,
                ClearUnitExArgs {
                    module,
                    mode,
                    ..ClearUnitExArgs::default()
                },
            );
        }
        match (self.clear, self.retry, self.fail) {
            (true, _, _) => send(client, ClearUnitArgs { module }),
            (_, true, _) => send(client, RetryFailedModuleArgs { module }),
            (_, _, true) => send(client, FailArgs { module }),
            _ => send(client, NoOpArgs { module }),
        }
    }
}

fn send<R: Request>(client: &Client, args: R) -> Result<(Cmd, Status), Error> {
    Ok((R::CMD, status(client.transact(args))?))
}

/// How a module answered. Only a lost connection is an error.
fn status<T>(reply: Result<T, Error>) -> Result<Status, Error> {
    match reply {
        Ok(_) => Ok(Status::OK),
        Err(Error::Status { status, .. }) => Ok(status),
        Err(error) => Err(error),
    }
}

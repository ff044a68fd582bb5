//! `conformance`: runs the cases and writes the reports.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, Parser};
use conformance::capi::Provider;
use conformance::case::{Case, Finished, Verdict};
use conformance::cases;
#[cfg(feature = "embedded")]
use conformance::daemon::Role;
use conformance::differences::Differences;
use conformance::report::{Report, table};
use conformance::runner::{self, Event};
use conformance::target::{Choice, Prepared};
use indicatif::{ProgressBar, ProgressStyle};
use ncore::client::Endpoint;

/// Runs the conformance cases of softshield against a hardserver of its own, or any other, and writes JSON, JUnit XML and a
/// page. Exit code 0: nothing failed; 1: something failed; 2: the cases could not be run, not one of them.
#[derive(Debug, Parser)]
#[command(name = "conformance", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[cfg(feature = "embedded")]
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
struct Run {
    /// A running hardserver, unix:PATH or tcp:HOST:PORT, in place of one of our own
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint)]
    target: Option<Endpoint>,
    /// The privileged endpoint of that hardserver; without it, cases that need it are skipped
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, requires = "target")]
    privileged: Option<Endpoint>,
    /// The Key Management Data folder of that hardserver's Security World [default: NFAST_KMDATA]
    #[arg(long, value_name = "DIR", requires = "target")]
    kmdata: Option<PathBuf>,
    /// Let cases clear and fail modules of that hardserver
    #[arg(long, requires = "privileged")]
    sacrifice: bool,
    /// The number of modules of our own hardserver
    #[cfg(feature = "embedded")]
    #[arg(long, value_name = "N", default_value_t = 2, conflicts_with = "target",
          value_parser = clap::value_parser!(u32).range(1..=32))]
    modules: u32,
    /// Makes every random value of our own hardserver follow from these bytes
    #[cfg(feature = "embedded")]
    #[arg(long, value_name = "HEX", conflicts_with = "target")]
    seed: Option<String>,
    /// Try this registered provider with the cases for its type, and no others
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// A file of the cases that this provider answers otherwise than they expect, which must be all of those
    #[arg(
        long,
        value_name = "FILE",
        requires = "provider",
        conflicts_with = "filter"
    )]
    differences: Option<PathBuf>,
    /// List the registered providers, each with its type, instead of running cases
    #[arg(long)]
    providers: bool,
    /// List the cases instead of running them
    #[arg(long)]
    list: bool,
    /// Only cases whose id contains this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// How long one case may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time_limit: u64,
    /// Where the reports go
    #[arg(long, value_name = "DIR", default_value = "target/conformance")]
    reports: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "embedded")]
    let result = match cli.role {
        Some(role) => role.play().map(|()| ExitCode::SUCCESS),
        None => run(&cli.run),
    };
    #[cfg(not(feature = "embedded"))]
    let result = run(&cli.run);
    result.unwrap_or_else(|error| {
        eprintln!("conformance: {error:#}");
        ExitCode::from(2)
    })
}

fn run(run: &Run) -> anyhow::Result<ExitCode> {
    if run.providers {
        for provider in Provider::registered() {
            anstream::println!("{:3}  {}", provider.prov_type, provider.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let provider = run.provider.as_deref().map(Provider::named).transpose()?;
    let is_known = |id: &str| cases::all().iter().any(|case| case.id == id);
    let differences = run
        .differences
        .as_ref()
        .map(|file| Differences::read(file, is_known))
        .transpose()?;
    let cases = chosen(&run.filter, provider.as_ref());
    if cases.is_empty() {
        match &run.filter[..] {
            // The provider's type leaves none.
            [] => anyhow::bail!("there is no such case"),
            filters => anyhow::bail!("no case has an id with {}", filters.join(" or ")),
        }
    }
    let width = table::id_width(&cases);
    if run.list {
        for case in &cases {
            anstream::println!("{}", table::listed(case, width));
        }
        return Ok(ExitCode::SUCCESS);
    }

    let prepared = Prepared::new(choice(run)?)?;
    // Before the first thread: the provider runs in this process and reads its environment.
    prepared.point_provider()?;
    runner::catch_panics();
    let target = prepared.open()?;
    let target = Arc::new(match &provider {
        Some(provider) => target.with_provider(provider.clone()),
        None => target,
    });
    let limit = Duration::from_secs(run.time_limit);
    let try_one = |case: &'static Case| {
        let (Some(provider), Some(differences)) = (&provider, &differences) else {
            return runner::run_one(case, &target, limit);
        };
        let mut finished = match differences.crashes(&provider.name, case.id) {
            true => apart(case),
            false => runner::run_one(case, &target, limit),
        };
        differences.judge(&provider.name, &mut finished);
        finished
    };
    let started = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let clock = Instant::now();
    let finished = watched(&cases, width, try_one);
    let report = Report::new(&target, started, clock.elapsed(), &finished);
    anstream::println!("{}", table::summary(report.totals, clock.elapsed()));
    for file in report.write(&run.reports)? {
        anstream::println!("wrote {}", file.display());
    }
    #[cfg(feature = "embedded")]
    keep_log(&target, run);
    // A case that hangs holds its threads and may hold the target; ending the process ends both.
    drop(target);
    anyhow::ensure!(
        report.totals.skipped < cases.len(),
        "every case was skipped: nothing is known of this hardserver"
    );
    Ok(match report.totals.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

/// An endpoint that says which kind it is: a misspelt option is no path.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    if !text.starts_with("unix:") && !text.starts_with("tcp:") {
        return Err("it is unix:PATH or tcp:HOST:PORT".to_owned());
    }
    text.parse()
        .map_err(|error: ncore::client::EndpointError| error.to_string())
}

fn chosen(filters: &[String], provider: Option<&Provider>) -> Vec<&'static Case> {
    let mut cases = cases::all();
    cases.retain(|case| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| case.id.contains(filter.as_str()))
    });
    if let Some(provider) = provider {
        cases.retain(|case| case.tries(provider.prov_type));
    }
    cases
}

fn choice(run: &Run) -> anyhow::Result<Choice> {
    Ok(match &run.target {
        #[cfg(feature = "embedded")]
        None => Choice::Own {
            modules: run.modules,
            seed: run.seed.clone(),
        },
        #[cfg(not(feature = "embedded"))]
        None => anyhow::bail!("this build has no hardserver of its own: --target names one"),
        Some(ordinary) => Choice::Running {
            ordinary: ordinary.clone(),
            privileged: run.privileged.clone(),
            kmdata: run
                .kmdata
                .clone()
                .or_else(|| std::env::var_os("NFAST_KMDATA").map(PathBuf::from)),
            sacrifice: run.sacrifice,
        },
    })
}

/// Tries a case in a process of its own, which it is expected to end: then there are no reports.
fn apart(case: &'static Case) -> Finished {
    let started = Instant::now();
    let verdict = match repeated(case) {
        Ok((status, false)) => Verdict::Failed(format!("the process ended with {status}")),
        Ok((status, true)) if status.success() => Verdict::Passed,
        // Chance may have it fail before it comes to what ends the process.
        Ok((status, true)) => Verdict::Failed(format!("no crash but {status}")),
        Err(error) => Verdict::Skipped(format!("no process for the case: {error:#}")),
    };
    Finished {
        case,
        verdict,
        observed: BTreeSet::new(),
        took: started.elapsed(),
    }
}

/// Runs this program with this command line for one case: how it ended, and whether it came to write its reports.
fn repeated(case: &Case) -> anyhow::Result<(ExitStatus, bool)> {
    let reports = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if ["--differences", "--reports"].contains(&&*text) {
            arguments.next();
        } else if !["--differences=", "--reports="]
            .iter()
            .any(|start| text.starts_with(start))
        {
            command.arg(argument);
        }
    }
    command
        .args(["--filter", case.id, "--reports"])
        .arg(reports.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status()?;
    Ok((status, reports.path().join("report.json").exists()))
}

/// Runs the cases with a line for each as it ends, and a bar below when someone watches.
fn watched(
    cases: &[&'static Case],
    width: usize,
    try_one: impl Fn(&'static Case) -> Finished,
) -> Vec<Finished> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(cases.len() as u64)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    let mut family = "";
    let finished = runner::run(cases, try_one, |event| match event {
        Event::Started(case) => bar.set_message(case.id),
        Event::Finished(finished) => {
            bar.suspend(|| {
                if family != finished.case.family() {
                    family = finished.case.family();
                    anstream::println!("{}", table::heading(family));
                }
                anstream::println!("{}", table::line(finished, width));
            });
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    finished
}

#[cfg(feature = "embedded")]
/// The hardserver's log goes beside the reports: its folder is about to be removed.
fn keep_log(target: &conformance::target::Target, run: &Run) {
    let Some(log) = target.log() else { return };
    let place = run.reports.join("hardserver.log");
    match std::fs::copy(&log, &place) {
        Ok(_) => anstream::println!("wrote {}", place.display()),
        Err(error) => eprintln!("conformance: the hardserver's log is lost: {error}"),
    }
}

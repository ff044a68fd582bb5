//! `perfcheck`: how fast a module does things (UTILITIES section 9).

mod diff;
mod raw;
mod suites;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use indicatif::ProgressBar;
use ncore::Status;
use nfkm::{Client, Enquiry, Environment, Error, World};
use serde_json::{Value as Json, json};

use crate::cli::{self, Failure};
use crate::load::{Figures, Watch};
use crate::modules;
use crate::progress;
use crate::terminal::say;
use crate::time;
use crate::values;
use suites::{DESCRIPTIONS, SUITES, Test};

/// Measure how fast a module does things.
///
/// Each test is run three times with as many jobs outstanding as the module recommends, then three times with one. A world of
/// FIPS 140 level 3, which makes no keys without a card, is refused. With --diff nothing is run: what two runs left is compared.
#[derive(Debug, Parser)]
#[command(name = "perfcheck")]
struct Options {
    /// The module
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// Run each test once, with many jobs outstanding
    #[arg(short, long)]
    single: bool,
    /// How often each test is run with each number of jobs outstanding
    #[arg(short, long, value_name = "TIMES", default_value_t = 3, conflicts_with = "single", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repetitions: u32,
    /// How long each run lasts: seconds, or with m, h or d
    #[arg(short, long, value_name = "TIME", value_parser = values::seconds, default_value = "5")]
    time_limit: u32,
    /// Jobs outstanding at once, instead of what the module recommends
    #[arg(short, long, value_name = "JOBS", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    queue: Option<u32>,
    /// Write the results into a folder `perfcheck.DATE_AND_TIME` of this one, as results.json
    #[arg(short, long, value_name = "DIR")]
    outputdir: Option<PathBuf>,
    /// Write them into the folder itself
    #[arg(short, long, requires = "outputdir")]
    nosubdir: bool,
    /// Write the figures of each run and the times of each of its jobs too, into a folder `raw_results` beside the results
    #[arg(long, requires = "outputdir")]
    capture_raw_data: bool,
    /// Say each second how far a run is
    #[arg(short = 'p', long)]
    show_progress: bool,
    /// List the tests and run none
    #[arg(short, long)]
    list: bool,
    /// List the suites and what they measure, and run none
    #[arg(long, conflicts_with = "list")]
    help_suites: bool,
    /// Compare the results of two runs; a rate that has fallen by more than the threshold is a failure
    #[arg(long, requires_all = ["old", "new"], conflicts_with_all = ["list", "help_suites", "outputdir", "tests"])]
    diff: bool,
    /// The results before: a results.json, or the folder with it
    #[arg(long, value_name = "PATH", requires = "diff")]
    old: Option<PathBuf>,
    /// The results after
    #[arg(long, value_name = "PATH", requires = "diff")]
    new: Option<PathBuf>,
    /// By how many percent a rate may fall
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, requires = "diff", value_parser = percent)]
    threshold: f64,
    /// A file with tests, one a line
    #[arg(long, value_name = "FILE")]
    testlist_file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(short, long, conflicts_with = "list")]
    json: bool,
    /// The tests: SUITE, SUITE:NUMBER, SUITE:NAME, or SUITE:PREFIX*; without one, all
    #[arg(value_name = "SUITE:TEST")]
    tests: Vec<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        if let (true, Some(old), Some(new)) = (options.diff, &options.old, &options.new) {
            return options.compare(old, new);
        }
        if options.help_suites {
            let lines = DESCRIPTIONS.map(|(suite, what)| format!("{suite:12} {what}\n"));
            return cli::print(&lines.concat());
        }
        let tests = options.tests()?;
        if options.list {
            let lines = tests
                .iter()
                .map(|test| format!("{:12} {}\n", test.id(), test.name));
            return cli::print(&lines.collect::<String>());
        }
        let environment = Environment::from_process();
        let world = World::required(&environment.folder()?)?;
        if world.is_strict_fips() {
            return Err(Failure::Operation(
                "a world of FIPS 140 level 3 makes no keys for this".to_owned(),
            ));
        }
        let client = Client::connect(&environment.endpoint()?)?;
        let module = modules::existing(&client, options.module)?;
        if modules::health(&client, module)? == Status::HardwareFailed {
            return Err(Error::ModuleFailed { module }.into());
        }
        let recommended = Enquiry::of(&client, module)?.one.recommendedmaxq;
        let most = options.queue.unwrap_or(recommended).clamp(1, QUEUE_MAX);
        let mut results = Vec::new();
        let folder = options.folder();
        // One that cannot be written is found before the first run.
        let raw = match &folder {
            Some(folder) if options.capture_raw_data => Some(raw::Folder::make(folder)?),
            _ => None,
        };
        if !options.json {
            cli::print(&Row(HEADER.map(str::to_owned)).line())?;
        }
        let queues: &[u32] = if options.single { &[most] } else { &[most, 1] };
        let runs = tests.len() * queues.len() * options.repeats() as usize;
        let bar = progress::bar(runs, "runs");
        for test in tests {
            for &queue in queues {
                let result = options.run(&client, module, test, queue, raw.as_ref(), &bar)?;
                if !options.json {
                    bar.suspend(|| cli::print(&result.row().line()))?;
                }
                results.push(result);
            }
        }
        bar.finish_and_clear();
        let json = Json::Array(results.iter().map(Outcome::json).collect());
        if options.json {
            cli::print_json(&json)?;
        }
        match folder {
            Some(folder) => write(&folder, &json),
            None => Ok(()),
        }
    })
}

/// More jobs than a connection may have outstanding are not asked for.
const QUEUE_MAX: u32 = 4_096;

/// A percentage that a rate can fall by.
fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number),
        _ => Err("not a percentage".to_owned()),
    }
}

impl Options {
    fn compare(&self, old: &Path, new: &Path) -> Result<(), Failure> {
        let (old, new) = (diff::read(old)?, diff::read(new)?);
        let differences = diff::compare(&old, &new, self.threshold);
        match self.json {
            true => cli::print_json(&differences)?,
            false => cli::print(&diff::table(&differences))?,
        }
        let regressions = differences.iter().filter(|it| it.regression).count();
        match (differences.len(), regressions) {
            (0, _) => Err(Failure::Operation(
                "the runs have no test in common".to_owned(),
            )),
            (_, 0) => Ok(()),
            (all, some) => Err(Failure::Operation(format!(
                "{some} of {all} rates have fallen by more than {}%",
                self.threshold
            ))),
        }
    }

    fn tests(&self) -> Result<Vec<&'static Test>, Failure> {
        let mut wanted = self.tests.clone();
        if let Some(file) = &self.testlist_file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::Operation(format!("{}: {error}", file.display())))?;
            let lines = text.lines().map(str::trim);
            wanted.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        }
        if wanted.is_empty() {
            return Ok(SUITES.iter().collect());
        }
        let mut tests = Vec::new();
        for word in &wanted {
            let mut found = SUITES.iter().filter(|test| test.is(word)).peekable();
            if found.peek().is_none() {
                return Err(Failure::CommandLine(format!(
                    "there is no test `{word}'; --list shows all"
                )));
            }
            tests.extend(found);
        }
        Ok(tests)
    }

    /// How often each test is run with each size of queue.
    fn repeats(&self) -> u32 {
        match self.single {
            true => 1,
            false => self.repetitions,
        }
    }

    fn run(
        &self,
        client: &Client,
        module: u32,
        test: &'static Test,
        queue: u32,
        raw: Option<&raw::Folder>,
        bar: &ProgressBar,
    ) -> Result<Outcome, Failure> {
        let mut runs = Vec::new();
        for repeat in 1..=self.repeats() {
            let mut watch = Onlooker {
                said: self
                    .show_progress
                    .then(|| format!("{} run {repeat}, queue {queue}", test.id())),
                bar,
                jobs: raw.is_some().then(Vec::new),
            };
            let time = Duration::from_secs(self.time_limit.into());
            let figures = (test.run)(client, module, queue as usize, time, &mut watch)?;
            if let (Some(raw), Some(jobs)) = (raw, watch.jobs) {
                raw.write(test, queue, repeat, &figures, &jobs)?;
            }
            runs.push(figures);
            bar.inc(1);
        }
        Ok(Outcome { test, queue, runs })
    }

    /// The folder for the results, if they are to be written.
    fn folder(&self) -> Option<PathBuf> {
        let folder = self.outputdir.as_ref()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let stamp = time::stamp(now.as_secs()).replace([' ', ':'], "_");
        Some(match self.nosubdir {
            true => folder.to_owned(),
            false => folder.join(format!("perfcheck.{stamp}")),
        })
    }
}

/// Says each second how far a run is, and keeps the times of its jobs, if either is wanted.
struct Onlooker<'a> {
    said: Option<String>,
    bar: &'a ProgressBar,
    jobs: Option<Vec<raw::Job>>,
}

impl Watch for Onlooker<'_> {
    fn tick(&mut self, figures: &Figures) -> bool {
        if let Some(run) = &self.said {
            let text = format!("{run}: {} jobs\n", figures.jobs);
            self.bar.suspend(|| say(&text));
        }
        true
    }

    fn job(&mut self, sent: Duration, taken: Duration) {
        if let Some(jobs) = &mut self.jobs {
            jobs.push(raw::Job { sent, taken });
        }
    }
}

/// What the runs of a test with one size of queue gave.
struct Outcome {
    test: &'static Test,
    queue: u32,
    runs: Vec<Figures>,
}

impl Outcome {
    /// Rates: mean, least, most.
    fn rates(&self) -> [f64; 3] {
        let rates = || self.runs.iter().map(Figures::rate);
        let mean = rates().sum::<f64>() / self.runs.len().max(1) as f64;
        [
            mean,
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max),
        ]
    }

    /// Milliseconds a job: least, mean, most.
    fn latencies(&self) -> [f64; 3] {
        let runs = || self.runs.iter();
        let mean = runs().map(|run| milliseconds(run.average())).sum::<f64>();
        [
            runs()
                .map(|run| milliseconds(run.fastest))
                .fold(f64::INFINITY, f64::min),
            mean / self.runs.len().max(1) as f64,
            runs()
                .map(|run| milliseconds(run.slowest))
                .fold(0.0, f64::max),
        ]
    }

    fn row(&self) -> Row {
        let [mean, least, most] = self.rates();
        let [shortest, average, longest] = self.latencies();
        Row([
            self.test.id(),
            self.test.name.to_owned(),
            format!("{mean:.1}"),
            format!("{least:.1}"),
            format!("{most:.1}"),
            format!("{shortest:.2}"),
            format!("{average:.2}"),
            format!("{longest:.2}"),
            self.queue.to_string(),
        ])
    }

    fn json(&self) -> Json {
        let [mean, least, most] = self.rates();
        let [shortest, average, longest] = self.latencies();
        json!({
            "id": self.test.id(),
            "name": self.test.name,
            "queue": self.queue,
            "runs": self.runs.len(),
            "jobs": self.runs.iter().map(|run| run.jobs).sum::<u64>(),
            "per_second": { "average": mean, "min": least, "max": most },
            "milliseconds": { "min": shortest, "average": average, "max": longest },
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// A line of the table: ID, name, rates, latencies, queue.
struct Row([String; 9]);

impl Row {
    fn line(&self) -> String {
        let [id, name, rates @ ..] = &self.0;
        let mut line = format!("{id:12} {name:44}");
        for column in rates {
            // Writing to a string cannot fail.
            let _ = write!(line, " {column:>9}");
        }
        line + "\n"
    }
}

/// The head of the table.
const HEADER: [&str; 9] = [
    "ID", "Name", "ops/s", "min", "max", "ms min", "ms avg", "ms max", "queue",
];

/// What the results of a run are called in their folder.
const RESULTS: &str = "results.json";

fn write(folder: &Path, json: &Json) -> Result<(), Failure> {
    let file = folder.join(RESULTS);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, format!("{json:#}\n")))
        .map_err(|error| Failure::Operation(format!("{}: {error}", file.display())))?;
    say(&format!("Results are in {}\n", file.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_the_mean_of_its_runs() {
        let run = |jobs, seconds, fastest, slowest| Figures {
            jobs,
            elapsed: Duration::from_secs(seconds),
            fastest: Duration::from_millis(fastest),
            slowest: Duration::from_millis(slowest),
            total: Duration::from_secs(seconds),
        };
        let outcome = Outcome {
            test: &SUITES[0],
            queue: 1,
            runs: vec![run(100, 1, 5, 20), run(600, 2, 4, 10)],
        };
        assert_eq!(outcome.rates(), [200.0, 100.0, 300.0]);
        let [least, mean, most] = outcome.latencies();
        assert_eq!((least, most), (4.0, 20.0));
        // 10 ms and 3.33 ms.
        assert!((mean - 6.67).abs() < 0.01, "{mean}");
    }
}

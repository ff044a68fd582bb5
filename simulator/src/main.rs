//! `softshield`: the daemon and its helper commands.

#![forbid(unsafe_code)]

mod commands;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ncore::profile::FrameLen;
use simulator::config::Unread;
use simulator::hardserver::is_running;
use simulator::module::SlotKind;
use simulator::options::{Given, default_engines};
use simulator::profile::{Profile, Timing};
use simulator::{Endpoints, KnetiHash, Options, environment, logging, serve};

const WARNING: &str = "It guards nothing: keys are in the memory and files of an ordinary process.";

/// A software nShield: hardserver and modules. It guards nothing: keys are in the memory and files of an ordinary
/// process.
#[derive(Debug, Parser)]
#[command(name = "softshield", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the hardserver and its modules until SIGTERM or SIGINT.
    Serve(Serve),
    /// Prints the hash of the key by which other hardservers know this one, for their configuration files.
    Kneti(Kneti),
    /// Prints the shell commands that point clients at the daemon: eval "$(softshield env)".
    Env(Env),
    /// Cards: makes them, puts them into readers, takes them out.
    Card(Controlled<commands::Card>),
    /// Modules: resets them, lets them fail, moves their mode switch.
    Module(Controlled<commands::Module>),
    /// Faults: lets things go wrong on purpose, by a plan.
    Fault(Controlled<commands::Fault>),
    /// Snapshots: keeps a unit in a file, and makes a module that unit again.
    Snapshot(Controlled<commands::Snapshot>),
    /// The clock that the modules see: ahead of this machine's, or behind it.
    Clock(Controlled<commands::Clock>),
    /// Shows the running daemon and its modules.
    Status(Controlled<commands::Status>),
}

/// A command for a running daemon, which is found where `softshield serve` with the same options put it.
#[derive(Debug, Args)]
struct Controlled<C: Args> {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    command: C,
}

#[derive(Debug, Args)]
struct Places {
    /// nShield's configuration file [default: NFAST_KMDATA/config/config, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The installation folder, NFAST_HOME [default: /opt/nfast for root, else ~/.local/state/softshield]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The Key Management Data folder, NFAST_KMDATA [default: NFAST_HOME/kmdata]
    #[arg(long, value_name = "DIR")]
    kmdata: Option<PathBuf>,
    /// The folder of the modules' state [default: NFAST_HOME/modules]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The folder of card files [default: NFAST_HOME/cards]
    #[arg(long, value_name = "DIR")]
    cards: Option<PathBuf>,
    /// The Unix socket of the control channel [default: beside the privileged socket]
    #[arg(long, value_name = "PATH")]
    control_socket: Option<PathBuf>,
    /// The ordinary Unix socket, NFAST_SERVER
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The privileged Unix socket, NFAST_PRIVSERVER
    #[arg(long, value_name = "PATH")]
    priv_socket: Option<PathBuf>,
    /// Listen on TCP too: 127.0.0.1, ports 9000 and 9001. Every user of this machine can then use privileged commands.
    #[arg(long)]
    tcp: bool,
    /// The ordinary TCP port, NFAST_SERVER_PORT; 0 is off
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The privileged TCP port, NFAST_SERVER_PRIVPORT; 0 is off
    #[arg(long, value_name = "PORT")]
    priv_port: Option<u16>,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    places: Places,
    /// The number of modules, at most 256
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    modules: u32,
    /// Make a pool of all modules, those that come later included, for HSM Pool mode
    #[arg(long)]
    pool: bool,
    /// The slots of each module beyond the card reader, slot 0, in a list
    #[arg(
        long,
        value_enum,
        value_name = "SLOTS",
        value_delimiter = ',',
        default_value = "soft"
    )]
    more_slots: Vec<SlotChoice>,
    /// Open the control channel on this port of 127.0.0.1 too; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    control_port: Option<u16>,
    /// How many private-key operations a module does at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    engines: Option<u16>,
    /// The public-key arithmetic
    #[arg(long, value_enum, default_value = "fast")]
    engine: EngineChoice,
    /// Makes every key, nonce and identifier follow from these bytes, so that a run can be repeated. Anyone who has them
    /// has all the keys.
    #[arg(long, value_name = "HEX", value_parser = hex_bytes)]
    seed: Option<Seed>,
    /// Emulate this unit (approximate: engines, overheads and the size of its NVRAM are guesses), or a list of them: one a
    /// module, and the last for all beyond; `ci' is none, and as fast as possible
    #[arg(
        long,
        value_name = "UNITS",
        value_delimiter = ',',
        default_value = Timing::FASTEST.profile.name,
        value_parser = clap::builder::PossibleValuesParser::new(Profile::names())
    )]
    profile: Vec<String>,
    /// How many times faster than the unit everything goes, 0.001 to 1000
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = scale)]
    profile_scale: f64,
    /// Let cards, resets, areas of NVRAM, new RSA keys, groups and primes take a unit's seconds too
    #[arg(long)]
    profile_delays: bool,
    /// Bytes of each module's NVRAM, 4096 to 524288 [default: the unit's]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(4096..=524_288))]
    nvram_size: Option<u32>,
    /// How the length word of a frame counts
    #[arg(long, value_enum, default_value = "exclusive")]
    frame_len: FrameLenChoice,
    /// What to log, as tracing's filter: a level, or parts with levels (simulator::module=debug)
    #[arg(
        long,
        value_name = "FILTER",
        env = "SOFTSHIELD_LOG",
        default_value = "info"
    )]
    log: String,
    /// How to log
    #[arg(long, value_enum, default_value = "text")]
    log_format: logging::Format,
    /// Log to hardserver.log in the log folder of the installation instead of standard error; NFAST_LOGDIR, which names
    /// the folder, means the same
    #[arg(long)]
    log_to_file: bool,
}

#[derive(Debug, Args)]
struct Kneti {
    #[command(flatten)]
    places: Places,
}

#[derive(Debug, Args)]
struct Env {
    #[command(flatten)]
    places: Places,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EngineChoice {
    /// Over the C library AWS-LC
    Fast,
    /// In Rust alone
    Portable,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SlotChoice {
    /// A card reader
    Card,
    /// A reader of another module (Remote Operator): only for cards that may be read remotely
    Remote,
    /// A reader of somebody's own machine (Remote Administration), for every card
    Dynamic,
    /// A place for soft tokens
    Soft,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FrameLenChoice {
    /// The message only
    Exclusive,
    /// The message and the length word
    Inclusive,
    /// Whatever the first frame of a connection fits
    Auto,
}

/// The bytes of `--seed`. Debug output does not show them.
#[derive(Clone)]
struct Seed(Vec<u8>);

impl std::fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Seed({} bytes)", self.0.len())
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => run_serve(args),
        Command::Kneti(args) => run_kneti(args),
        Command::Env(args) => run_env(args),
        Command::Card(args) => run_controlled(args.places, |options| args.command.run(options)),
        Command::Module(args) => run_controlled(args.places, |options| args.command.run(options)),
        Command::Fault(args) => run_controlled(args.places, |options| args.command.run(options)),
        Command::Snapshot(args) => run_controlled(args.places, |options| args.command.run(options)),
        Command::Clock(args) => run_controlled(args.places, |options| args.command.run(options)),
        Command::Status(args) => run_controlled(args.places, |options| args.command.run(options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("softshield: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_controlled(places: Places, run: impl FnOnce(&Options) -> Result<()>) -> Result<()> {
    run(&places.resolve()?)
}

fn run_serve(args: Serve) -> Result<()> {
    let places = args.places.resolve()?;
    let timings: Vec<Timing> = args
        .profile
        .iter()
        .filter_map(|name| Profile::find(name))
        .map(|profile| Timing {
            profile,
            scale: args.profile_scale,
            delays: args.profile_delays,
        })
        .collect();
    anyhow::ensure!(
        timings.iter().any(|timing| timing.profile.is_unit())
            || (args.profile_scale == 1.0 && !args.profile_delays),
        "--profile-scale and --profile-delays are about a unit, and --profile names none"
    );
    let options = Options {
        log_to_file: args.log_to_file || places.log_to_file,
        modules: args.modules,
        pool: args.pool,
        engines: args.engines.map_or_else(default_engines, usize::from),
        engine: match args.engine {
            EngineChoice::Fast => engine::Kind::Fast,
            EngineChoice::Portable => engine::Kind::Portable,
        },
        seed: args.seed.map(|seed| seed.0),
        timings,
        nvram_size: args.nvram_size.map(|bytes| bytes as usize),
        control_port: args.control_port,
        more_slots: args.more_slots.into_iter().map(SlotKind::from).collect(),
        frame_len: match args.frame_len {
            FrameLenChoice::Exclusive => FrameLen::Exclusive,
            FrameLenChoice::Inclusive => FrameLen::Inclusive,
            FrameLenChoice::Auto => FrameLen::Auto,
        },
        ..places
    };
    options.prepare_folders()?;
    let folder = options.log_to_file.then_some(options.logdir.as_path());
    logging::start(&args.log, args.log_format, folder)?;
    warn_of_what_does_nothing(&options);
    serve(&options, |endpoints| {
        // Whoever reads our output may have gone; the daemon has not.
        let _ = announce(&options, endpoints, &mut std::io::stdout().lock());
    })?;
    Ok(())
}

/// Names in the log what a genuine installation would act on and this one does not.
fn warn_of_what_does_nothing(options: &Options) {
    let Unread {
        without_effect,
        unknown_sections,
    } = &options.unread;
    if !unknown_sections.is_empty() {
        let sections = unknown_sections.join(", ");
        tracing::warn!(sections, "the configuration file has unknown sections");
    }
    if !without_effect.is_empty() {
        let settings = without_effect.join(", ");
        tracing::warn!(
            settings,
            "the configuration file sets what has no effect here"
        );
    }
    let certificates = options.certificates();
    if !certificates.is_empty() {
        tracing::warn!(
            folder = %options.certdir.display(),
            files = certificates.join(", "),
            "feature certificates have no effect: nothing that is emulated asks for a feature"
        );
    }
}

fn announce(options: &Options, endpoints: &Endpoints, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "softshield {}: an emulator. {WARNING}",
        env!("CARGO_PKG_VERSION")
    )?;
    for (number, esn) in (1..).zip(&endpoints.serial_numbers) {
        write!(out, " module #{number}  {esn}")?;
        let import = options.imports.iter().find(|import| import.esn == *esn);
        match import.filter(|_| number > options.modules) {
            Some(import) => writeln!(out, "  from {}", import.remote)?,
            None => writeln!(out)?,
        }
    }
    writeln!(out, " ordinary   {}", endpoints.socket.display())?;
    writeln!(out, " privileged {}", endpoints.privileged_socket.display())?;
    let ports = [
        ("ordinary  ", endpoints.port),
        ("privileged", endpoints.privileged_port),
    ];
    for (name, port) in ports {
        if let Some(port) = port {
            writeln!(out, " {name} 127.0.0.1:{port}")?;
        }
    }
    writeln!(out, " control    {}", endpoints.control.socket.display())?;
    if let Some(port) = endpoints.control.port {
        writeln!(
            out,
            " control    127.0.0.1:{port}, token in {}",
            options.state.join("control.json").display()
        )?;
    }
    if let Some(hash) = endpoints.kneti {
        writeln!(out, " kneti      {hash}")?;
    }
    if let Some(address) = endpoints.impath {
        writeln!(out, " impath     {address}")?;
    }
    writeln!(out, " state      {}", options.state.display())?;
    if options.log_to_file {
        let file = logging::file_in(&options.logdir);
        writeln!(out, " log        {}", file.display())?;
    }
    writeln!(out, "To point clients at it, in another shell:")?;
    writeln!(
        out,
        " eval \"$(softshield env)\"    with the same --home, --state or NFAST_HOME, if any was given"
    )?;
    writeln!(out, "ready")?;
    out.flush()
}

fn run_kneti(args: Kneti) -> Result<()> {
    let options = args.places.resolve()?;
    options.prepare_folders()?;
    let hash = KnetiHash::of_state(&options.state)?;
    writeln!(std::io::stdout(), "{hash}")?;
    Ok(())
}

fn run_env(args: Env) -> Result<()> {
    let options = args.places.resolve()?;
    // A daemon that runs on this state knows best; one that crashed may have left something that is true no longer.
    let running = is_running(&options.state)
        .then(|| environment::Record::read(&options.state))
        .flatten();
    let mut out = std::io::stdout().lock();
    out.write_all(&running.unwrap_or_else(|| environment::exports(&options)))?;
    out.flush()?;
    if UnixStream::connect(&options.socket).is_err() {
        eprintln!("softshield: nobody answers there yet; `softshield serve' does");
    }
    Ok(())
}

impl From<SlotChoice> for SlotKind {
    fn from(choice: SlotChoice) -> SlotKind {
        match choice {
            SlotChoice::Card => SlotKind::SmartCard,
            SlotChoice::Remote => SlotKind::Remote,
            SlotChoice::Dynamic => SlotKind::Dynamic,
            SlotChoice::Soft => SlotKind::SoftToken,
        }
    }
}

impl Places {
    fn resolve(self) -> Result<Options> {
        let given = Given {
            config: self.config,
            home: self.home,
            kmdata: self.kmdata,
            state: self.state,
            cards: self.cards,
            control_socket: self.control_socket,
            socket: self.socket,
            privileged_socket: self.priv_socket,
            tcp: self.tcp,
            port: self.port,
            privileged_port: self.priv_port,
        };
        let root = rustix::process::geteuid().is_root();
        Ok(Options::resolve(
            &given,
            &|name| std::env::var_os(name),
            root,
        )?)
    }
}

fn scale(text: &str) -> Result<f64> {
    let scale: f64 = text.parse().context("a number is expected")?;
    anyhow::ensure!(
        (0.001..=1000.0).contains(&scale),
        "a number from 0.001 to 1000 is expected"
    );
    Ok(scale)
}

fn hex_bytes(text: &str) -> Result<Seed> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()
        .context("hexadecimal digits are expected")?;
    anyhow::ensure!(
        !digits.is_empty() && digits.len().is_multiple_of(2),
        "whole bytes are expected: two digits each"
    );
    Ok(Seed(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    ))
}

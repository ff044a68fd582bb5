//! What a hardserver costs that does nothing: memory for each idle connection and each loaded key, and the time to its first
//! answer. `scripts/footprint` builds and calls it.
//!
//! One line a figure on standard output: name, measured, at most, separated by tabs. It exits with 0 only if all hold.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use conformance::daemon::{Daemon, Role, Settings};
use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::types::*;

/// Measures what a hardserver costs that does nothing.
#[derive(Debug, Parser)]
#[command(name = "footprint", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Idle connections, each with a client of its own
    #[arg(long, value_name = "N", default_value_t = 800)]
    connections: usize,
    /// Loaded RSA-2048 keys, each of which has signed once
    #[arg(long, value_name = "N", default_value_t = 1000)]
    keys: usize,
    /// Starts on existing state; the figure is the median
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
}

/// Bytes in a KiB.
const KIB: f64 = 1024.0;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play().map(|()| true),
        None => measure(&cli),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("footprint: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> anyhow::Result<bool> {
    let executable = std::env::current_exe()?;
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        folder: folder.path().to_owned(),
        modules: 2,
        seed: None,
    };
    let daemon = Daemon::start(&executable, settings.clone())?;
    set_up(&settings.privileged(), settings.modules)?;
    let per_connection = connections(&daemon, &settings.ordinary(), cli.connections)?;
    let per_key = keys(&daemon, &settings.ordinary(), cli.keys)?;
    drop(daemon);
    let start = starts(&executable, &settings, cli.starts)?;

    let mut holds = true;
    for (name, measured, most) in [
        ("kib-per-idle-connection", per_connection / KIB, 32.0),
        ("kib-per-rsa2048-key", per_key / KIB, 16.0),
        ("ms-to-first-answer", start, 150.0),
    ] {
        println!("{name}\t{measured:.1}\t{most:.0}");
        holds &= measured <= most;
    }
    Ok(holds)
}

fn connect(endpoint: &Endpoint) -> anyhow::Result<Connection> {
    Ok(Connection::connect(endpoint, ConnectOptions::default())?)
}

/// Brings the modules into operation, everything being public.
fn set_up(privileged: &Endpoint, modules: u32) -> anyhow::Result<()> {
    let wire = connect(privileged)?;
    for module in 1..=modules {
        let reset = |mode| ClearUnitExArgs {
            flags: 0,
            module,
            mode,
        };
        wire.transact(reset(ModuleMode::Initialisation))?;
        wire.transact(InitialiseUnitArgs { module })?;
        wire.transact(SetNSOPermsArgs {
            module,
            flags: 0,
            hknso: [1; 20],
            publicperms: NSOPerms { ops: 0x7_ffff },
        })?;
        wire.transact(reset(ModuleMode::Operational))?;
    }
    Ok(())
}

/// Bytes of memory that each idle connection takes.
fn connections(daemon: &Daemon, endpoint: &Endpoint, count: usize) -> anyhow::Result<f64> {
    let open = |count| {
        let one = |_| {
            let wire = connect(endpoint)?;
            wire.transact(NewClientArgs::default())?;
            Ok(wire)
        };
        (0..count).map(one).collect::<anyhow::Result<Vec<_>>>()
    };
    // The first ones pay for what all share.
    let _first = open(count / 8)?;
    let before = resident(daemon.process())?;
    let _rest = open(count)?;
    Ok((resident(daemon.process())? - before) / count as f64)
}

/// Bytes of memory that each loaded key takes that was used.
fn keys(daemon: &Daemon, endpoint: &Endpoint, count: usize) -> anyhow::Result<f64> {
    let wire = connect(endpoint)?;
    wire.transact(NewClientArgs::default())?;
    let hkm = *wire
        .transact(GetKMListArgs {
            module: 1,
            flags: 0,
        })?
        .hkms
        .first()
        .context("no KM0")?;
    let blob = wire.transact(make_blob(generate(&wire)?, hkm))?.blob;
    let load = |count| -> anyhow::Result<()> {
        for _ in 0..count {
            let key = wire
                .transact(LoadBlobArgs {
                    module: 1,
                    blob: blob.clone(),
                    ..Default::default()
                })?
                .idka;
            wire.transact(sign(key))?;
        }
        Ok(())
    };
    load(count / 8)?;
    let before = resident(daemon.process())?;
    load(count)?;
    Ok((resident(daemon.process())? - before) / count as f64)
}

fn generate(wire: &Connection) -> anyhow::Result<u32> {
    let allow = |details, type_| Action { type_, details };
    let actions = vec![
        allow(
            ActDetails::OpPermissions(ActOpPermissionsDetails {
                perms: ActOpPermissionsDetails::SIGN,
            }),
            Act::OpPermissions,
        ),
        allow(
            ActDetails::MakeBlob(ActMakeBlobDetails {
                flags: ActMakeBlobDetails::ALLOW_KM_ONLY,
                ..Default::default()
            }),
            Act::MakeBlob,
        ),
    ];
    let aclpriv = ACL {
        groups: vec![PermissionGroup {
            actions,
            ..Default::default()
        }],
    };
    let params = KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
        lenbits: 2048,
        ..Default::default()
    });
    let made = wire.transact(GenerateKeyPairArgs {
        module: 1,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params,
        },
        aclpriv,
        ..Default::default()
    })?;
    Ok(made.keypriv)
}

fn make_blob(idka: u32, hkm: [u8; 20]) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
        ..Default::default()
    }
}

fn sign(key: u32) -> SignArgs {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: b"footprint".to_vec(),
    });
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data,
        },
        ..Default::default()
    }
}

/// The median time from the start of the process to its first answer, in milliseconds.
fn starts(executable: &Path, settings: &Settings, count: u32) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let daemon = Daemon::start(executable, settings.clone())?;
        let wire = connect(&settings.ordinary())?;
        wire.transact(GetSlotListArgs { module: 2 })?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        drop(wire);
        drop(daemon);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Bytes of memory that a process has resident.
fn resident(process: u32) -> anyhow::Result<f64> {
    Ok(conformance::sys::resident_kib(process)? as f64 * KIB)
}

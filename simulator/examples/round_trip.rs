//! Measures what the daemon adds to a command: NoOp, and RSA-2048 signatures beside the bare operation.
//!
//! `cargo run --release -p simulator --example round_trip [-- ROUNDS]`. The daemon is a child process on a Unix socket in
//! a temporary folder; callers are threads that write prepared bytes and read replies without looking into them. The
//! cases take turns, so that a busy machine disturbs them alike; a figure is the median of the rounds and the best of
//! them. The last columns are processor time a command, in microseconds, of the daemon and of the callers: on a machine
//! that does other work too they say more than the rates.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Kind, RsaPrivateComponents, RsaPrivateOp};
use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::frame;
use ncore::message::Command;
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::*;
use rustix::event::{PollFd, PollFlags, poll};
use simulator::Options;

/// How long one case runs in one round.
const SPAN: Duration = Duration::from_millis(300);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if let (Some("serve"), Some(folder)) = (first.as_deref(), arguments.next()) {
        simulator::serve(&Options::in_folder(Path::new(&folder)), |_| {
            println!("ready")
        })?;
        return Ok(());
    }
    let rounds = first.map_or(Ok(5), |rounds| rounds.parse())?;
    let folder = tempfile::tempdir()?;
    let mut daemon = start(folder.path())?;
    let measured = measure(folder.path(), rounds, daemon.id());
    daemon.kill()?;
    daemon.wait()?;
    measured
}

fn start(folder: &Path) -> Result<Child> {
    let mut daemon = Process::new(std::env::current_exe()?)
        .arg("serve")
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = daemon.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut String::new())?;
    Ok(daemon)
}

fn measure(folder: &Path, rounds: usize, daemon: u32) -> Result<()> {
    let options = Options::in_folder(folder);
    let privileged = connect(&options.privileged_socket)?;
    privileged.transact(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Initialisation,
    })?;
    privileged.transact(InitialiseUnitArgs { module: 1 })?;
    let owner = connect(&options.socket)?;
    let client = owner.transact(NewClientArgs::default())?.client;
    let pair = owner.transact(generate())?;
    let KeyTypeData::RSAPrivate(key) = owner.transact(ExportArgs { key: pair.keypriv })?.data.data
    else {
        return Err("no RSA key".into());
    };
    let components =
        RsaPrivateComponents::from_primes(&key.p.to_be(), &key.q.to_be(), &key.e.to_be())?;
    let bare: Arc<dyn RsaPrivateOp> = Kind::Fast.engine().prepare_rsa(&components)?;

    let no_op = framed(Command::new(1, NoOpArgs { module: 1 }))?;
    let sign = framed(Command::new(1, sign(pair.keypriv)))?;
    let join = framed(Command::new(1, ExistingClientArgs { flags: 0, client }))?;
    let socket = &options.socket;
    type Case<'a> = Box<dyn Fn() -> Result<(f64, f64)> + 'a>;
    let cases: Vec<(String, Case<'_>)> = vec![
        (
            "NoOp, 1 caller".into(),
            Box::new(|| separate(socket, &join, &no_op, 1)),
        ),
        (
            "NoOp, 8 callers".into(),
            Box::new(|| separate(socket, &join, &no_op, 8)),
        ),
        (
            "bare operation, 1 thread".into(),
            Box::new(|| alone(&bare, 1)),
        ),
        (
            "signature, 1 caller".into(),
            Box::new(|| separate(socket, &join, &sign, 1)),
        ),
        (
            "bare operation, 2 threads".into(),
            Box::new(|| alone(&bare, 2)),
        ),
        (
            "signature, 2 callers".into(),
            Box::new(|| separate(socket, &join, &sign, 2)),
        ),
        (
            "signature, 2 on one connection".into(),
            Box::new(|| together(socket, &join, &sign, 2)),
        ),
        (
            "signature, 16 callers".into(),
            Box::new(|| separate(socket, &join, &sign, 16)),
        ),
        (
            "signature, 16 on one connection".into(),
            Box::new(|| together(socket, &join, &sign, 16)),
        ),
    ];
    let mut figures = vec![Vec::new(); cases.len()];
    let mut used = vec![[0.0; 2]; cases.len()];
    for _ in 0..rounds {
        for ((_, case), (figures, used)) in cases.iter().zip(figures.iter_mut().zip(&mut used)) {
            let pids = [daemon, std::process::id()];
            let before = [processor_time(pids[0])?, processor_time(pids[1])?];
            let (rate, count) = case()?;
            figures.push(rate);
            for ((used, pid), before) in used.iter_mut().zip(pids).zip(before) {
                *used += (processor_time(pid)? - before) / count / rounds as f64;
            }
        }
    }
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9}",
        "", "median/s", "best/s", "daemon us", "caller us"
    );
    for ((name, _), (figures, [daemon, callers])) in cases.iter().zip(figures.iter_mut().zip(used))
    {
        figures.sort_by(f64::total_cmp);
        let (median, best) = (figures[figures.len() / 2], figures[figures.len() - 1]);
        println!("{name:<34} {median:>9.0} {best:>9.0} {daemon:>9.1} {callers:>9.1}");
    }
    Ok(())
}

/// The processor time of all threads of a process, in microseconds.
fn processor_time(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Fields 14 and 15, counted after the name in brackets: user and system time in hundredths of a second.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks * 10_000.0)
}

/// Every caller on a connection of its own, one command at a time.
fn separate(socket: &Path, join: &[u8], command: &[u8], callers: usize) -> Result<(f64, f64)> {
    rate(callers, |_| {
        let mut stream = UnixStream::connect(socket)?;
        exchange(&mut stream, join)?;
        Ok(move || exchange(&mut stream, command))
    })
}

/// One connection with so many commands under way.
fn together(socket: &Path, join: &[u8], command: &[u8], under_way: usize) -> Result<(f64, f64)> {
    rate(1, |_| {
        let mut stream = UnixStream::connect(socket)?;
        exchange(&mut stream, join)?;
        for _ in 1..under_way {
            stream.write_all(command)?;
        }
        Ok(move || exchange(&mut stream, command))
    })
}

fn alone(bare: &Arc<dyn RsaPrivateOp>, threads: usize) -> Result<(f64, f64)> {
    rate(threads, |_| {
        let bare = Arc::clone(bare);
        let input = vec![1; 255];
        Ok(move || {
            bare.private(&input)
                .map(drop)
                .map_err(std::io::Error::other)
        })
    })
}

/// How often a second, and how often in all, so many threads do what `make` makes for each.
fn rate<F>(threads: usize, make: impl Fn(usize) -> Result<F>) -> Result<(f64, f64)>
where
    F: FnMut() -> std::io::Result<()> + Send,
{
    let mut work = Vec::new();
    for thread in 0..threads {
        work.push(make(thread)?);
    }
    let start = Instant::now();
    let done: std::io::Result<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = work
            .into_iter()
            .map(|mut work| {
                scope.spawn(move || -> std::io::Result<u64> {
                    let mut count = 0;
                    while start.elapsed() < SPAN {
                        work()?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(std::io::Error::other("a caller panicked")))
            })
            .sum()
    });
    let done = done? as f64;
    Ok((done / start.elapsed().as_secs_f64(), done))
}

fn exchange(stream: &mut UnixStream, command: &[u8]) -> std::io::Result<()> {
    let mut reply = [0; 1024];
    stream.write_all(command)?;
    // A thread that sleeps in a read is woken when the server takes the command off the socket, for nothing; one that
    // sleeps in a poll for bytes to read is not.
    poll(&mut [PollFd::new(&*stream, PollFlags::IN)], None)?;
    stream.read_exact(&mut reply[..4])?;
    let length = u32::from_le_bytes([reply[0], reply[1], reply[2], reply[3]]) as usize;
    let reply = reply
        .get_mut(..length)
        .ok_or(std::io::ErrorKind::InvalidData)?;
    stream.read_exact(reply)?;
    // The status of the reply.
    if reply[8..12] == [0; 4] {
        Ok(())
    } else {
        Err(std::io::Error::other("refused"))
    }
}

fn connect(socket: &Path) -> Result<Connection> {
    Ok(Connection::connect(
        &Endpoint::Unix(socket.to_owned()),
        ConnectOptions::default(),
    )?)
}

fn framed(command: Command) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out);
    command.encode(&mut out, &WireProfile::DEFAULT)?;
    frame::finish(&mut out, start, FrameLen::Exclusive);
    Ok(out)
}

fn generate() -> GenerateKeyPairArgs {
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails {
        perms: ActOpPermissionsDetails::SIGN | ActOpPermissionsDetails::EXPORT_AS_PLAIN,
    });
    let actions = vec![Action {
        type_: Act::OpPermissions,
        details,
    }];
    let acl = ACL {
        groups: vec![PermissionGroup {
            actions,
            ..Default::default()
        }],
    };
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 2048,
        ..Default::default()
    };
    GenerateKeyPairArgs {
        module: 1,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        aclpriv: acl.clone(),
        aclpub: acl,
        ..Default::default()
    }
}

fn sign(key: u32) -> SignArgs {
    let data = PlainTextTypeData::Hash32(PlainTextTypeHash32Data { data: [7; 32] });
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: PlainText {
            type_: PlainTextType::Hash32,
            data,
        },
        ..Default::default()
    }
}

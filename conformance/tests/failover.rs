//! Modules and daemons that go away under sixteen threads of a C program, and what of that is the hardserver's doing: it
//! repeats nothing and loads nothing. Whatever goes on is the work of the client's side.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conformance::oracle::{RsaPublic, digest, hex};
use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint, Pending};
use ncore::message::Request;
use ncore::types::*;
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::{Environment, Session};
use support::{Desk, compile};

const PROVIDER: &str = "nShield Enhanced RSA and AES Cryptographic Provider";
const CALG_SHA_256: u32 = 0x800c;
const NTE_FAIL: &str = "0x80090020";

/// Longer than anything here takes on a busy machine: reached only by something that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn no_signature_of_sixteen_threads_fails_while_one_module_of_two_works() {
    let desk = Desk::with_world(&["--modules", "2"], "1,2");
    let privileged = Raw::privileged(&desk);
    let mut signers = Signers::start(&desk);
    signers.step("both work").all_signed();
    let with_keys = privileged.objects(1);
    assert!(with_keys > 0, "the key is on both modules");

    privileged.fail(1);
    signers.step("module 1 failed").all_signed();
    assert_eq!(
        privileged.refusal(NoOpArgs { module: 1 }),
        Status::HardwareFailed
    );
    privileged.clear(2);
    signers.step("module 2, alone, was cleared").all_signed();

    privileged.retry(1);
    assert_eq!(
        privileged.objects(1),
        0,
        "a module that failed comes back empty"
    );
    // The keys look for modules that came back while they are used.
    let start = Instant::now();
    while privileged.objects(1) < with_keys {
        assert!(start.elapsed() < PATIENCE, "module 1 stays without keys");
        signers.step("module 1 is back").all_signed();
    }
    privileged.fail(2);
    signers.step("module 1 is alone").all_signed();
    privileged.retry(2);
    for round in 0..6 {
        privileged.clear(round % 2 + 1);
        signers.step("a module was cleared").all_signed();
    }
    privileged.clear(1);
    privileged.clear(2);
    signers.step("both were cleared").all_signed();
    signers.finish().all_signed();
}

#[test]
fn sixteen_threads_go_on_when_the_daemon_is_back_after_kill_9() {
    let mut desk = Desk::with_world(&["--modules", "2"], "1,2");
    let mut signers = Signers::start(&desk);
    signers.step("all is well").all_signed();
    for _ in 0..2 {
        desk.kill();
        let down = signers.step("nobody is there");
        assert!(!down.failures.is_empty(), "who signed?");
        desk.start_again();
        // What was asked while nobody was there.
        let between = signers.step("the daemon is back");
        for failure in down.failures.iter().chain(&between.failures) {
            assert!(
                failure.ends_with(&format!(" CryptSignHash {NTE_FAIL}")),
                "{failure}"
            );
        }
        signers.step("all is well again").all_signed();
    }
    signers.finish().all_signed();
}

#[test]
fn when_no_module_is_left_signatures_fail_and_come_back_with_the_first_module() {
    let desk = Desk::with_world(&["--modules", "2"], "1,2");
    let privileged = Raw::privileged(&desk);
    let mut signers = Signers::start(&desk);
    privileged.fail(1);
    privileged.fail(2);
    signers.step("both failed");
    let down = signers.step("both are failed");
    assert_eq!(down.signed, 0);
    for failure in &down.failures {
        assert!(
            failure.ends_with(&format!(" CryptSignHash {NTE_FAIL}")),
            "{failure}"
        );
    }
    privileged.retry(2);
    signers.step("module 2 is back");
    signers.step("module 2 works").all_signed();
    signers.finish().all_signed();
}

#[test]
fn the_hardserver_repeats_no_command_and_loads_no_key() {
    let desk = Desk::with_world(&["--modules", "2"], "1,2");
    let (raw, privileged) = (Raw::ordinary(&desk), Raw::privileged(&desk));
    let record = recorded_key(&desk);
    let load = |module| {
        let args = LoadBlobArgs {
            module,
            blob: record.blob.clone(),
            ..LoadBlobArgs::default()
        };
        raw.send(args).idka
    };
    let keys = [load(1), load(2)];
    let merged = raw
        .send(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })
        .newkey;
    let holders = || {
        let mut holders = raw.send(GetWhichModuleArgs { key: merged }).module;
        holders.sort_unstable();
        holders
    };
    assert_eq!(holders(), [1, 2]);

    // A module that fails takes the commands it has with it, and the next ones for its own copy of the key.
    let refused = raw.refused_amid_signing(keys[0], || privileged.fail(1));
    assert_eq!(refused, Status::HardwareFailed);
    assert_eq!(raw.refusal(sign(keys[0])), Status::HardwareFailed);
    assert_eq!(holders(), [2]);
    raw.send(sign(merged));
    privileged.retry(1);
    assert_eq!(raw.refusal(sign(keys[0])), Status::UnknownID);
    assert_eq!(holders(), [2], "nobody loads it again");

    // So does one that is cleared.
    let refused = raw.refused_amid_signing(keys[1], || privileged.clear(2));
    assert!(
        [Status::UnitReset, Status::UnknownID].contains(&refused),
        "{refused}"
    );
    assert_eq!(raw.refusal(sign(keys[1])), Status::UnknownID);
    assert_eq!(raw.refusal(sign(merged)), Status::UnknownID);

    // The client can: its connection and its blob are as good as before.
    let key = load(1);
    raw.send(sign(key));
}

#[test]
fn a_command_lost_with_a_module_is_lost_for_a_merged_key_too() {
    let desk = Desk::with_world(&["--modules", "2"], "1,2");
    let (raw, privileged) = (Raw::ordinary(&desk), Raw::privileged(&desk));
    let record = recorded_key(&desk);
    let load = |module| {
        let args = LoadBlobArgs {
            module,
            blob: record.blob.clone(),
            ..LoadBlobArgs::default()
        };
        raw.send(args).idka
    };
    let mut keys = vec![load(1), load(2)];
    let merged = raw.send(MergeKeyIDsArgs { keys: keys.clone() }).newkey;
    // Commands that the hardserver has not given to a module yet go to the other one, so that a failure may hit none.
    for _ in 0..100 {
        let refused = raw.refused_or_signed_amid_signing(merged, 200, || privileged.fail(1));
        raw.send(sign(merged));
        if let Some(refused) = refused {
            assert_eq!(refused, Status::HardwareFailed);
            return;
        }
        privileged.retry(1);
        keys[0] = load(1);
        raw.send(UpdateMergedKeyArgs {
            mkey: merged,
            addkeys: vec![keys[0]],
            ..UpdateMergedKeyArgs::default()
        });
    }
    panic!("no command was in module 1 when it failed, a hundred times");
}

/// `threads.c` at work: one context shared by eight threads, and eight contexts of one thread each.
struct Signers {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    public: RsaPublic,
    _folder: tempfile::TempDir,
}

/// What the threads told between two words. Every signature among it has verified.
#[derive(Debug, Default)]
struct Told {
    signed: usize,
    /// The lines of calls that failed: thread, round, function, code.
    failures: Vec<String>,
}

impl Signers {
    fn start(desk: &Desk) -> Signers {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = compile("conformance/tests/c/threads.c", folder.path());
        let mut child = desk
            .shell_command(&format!("exec \"$THREADS\" '{PROVIDER}' threads"))
            .env("THREADS", program)
            .env("NFLOG_FILE", folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        let blob = line
            .strip_prefix("public ")
            .unwrap_or_else(|| panic!("the program says {line:?}"));
        let public = RsaPublic::from_blob(&hex(blob)).expect("a good blob");
        Signers {
            child,
            input,
            output,
            public,
            _folder: folder,
        }
    }

    /// Lets every thread make at least one signature, from its beginning to its end.
    fn step(&mut self, word: &str) -> Told {
        let input = self.input.as_mut().expect("it listens");
        writeln!(input, "{word}").expect("it lives");
        let told = self.listen(&format!("heard {word}"));
        assert!(told.signed + told.failures.len() >= 16, "{told:?}");
        told
    }

    /// Tells the threads to end; the program must succeed.
    fn finish(mut self) -> Told {
        drop(self.input.take());
        let told = self.listen("");
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "{status}");
        told
    }

    /// Reads lines to this one, or to the end.
    fn listen(&mut self, last: &str) -> Told {
        let mut told = Told::default();
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("text");
            let line = line.trim_end();
            if line == last {
                return told;
            }
            if let Some(rest) = line.strip_prefix("signed ") {
                self.verify(rest);
                told.signed += 1;
            } else if let Some(rest) = line.strip_prefix("failed ") {
                told.failures.push(rest.to_owned());
            } else {
                panic!("the program says {line:?}");
            }
        }
    }

    fn verify(&self, line: &str) {
        let (text, signature) = line.rsplit_once(' ').expect("a text and a signature");
        let digest = digest(CALG_SHA_256, text.as_bytes()).expect("it is known");
        self.public
            .verify(CALG_SHA_256, &digest, &hex(signature))
            .unwrap_or_else(|error| panic!("{text}: {error:#}"));
    }
}

impl Drop for Signers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Told {
    #[track_caller]
    fn all_signed(&self) {
        assert!(self.failures.is_empty(), "{self:#?}");
    }
}

/// A connection of this test's own, with a client and nothing above it.
struct Raw(Connection);

impl Raw {
    fn ordinary(desk: &Desk) -> Raw {
        Raw::connect(Endpoint::Unix(desk.socket()))
    }

    fn privileged(desk: &Desk) -> Raw {
        Raw::connect(Endpoint::Unix(desk.privileged_socket()))
    }

    fn connect(endpoint: Endpoint) -> Raw {
        let options = ConnectOptions {
            reply_timeout: Some(PATIENCE),
            ..ConnectOptions::default()
        };
        let raw = Raw(Connection::connect(&endpoint, options).expect("it listens"));
        raw.send(NewClientArgs::default());
        raw
    }

    #[track_caller]
    fn send<R: Request>(&self, args: R) -> R::Reply {
        self.0
            .transact(args)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The status with which a command is refused.
    #[track_caller]
    fn refusal<R: Request>(&self, args: R) -> Status {
        status(self.0.transact(args)).expect("a refusal")
    }

    fn fail(&self, module: u32) {
        self.send(FailArgs { module });
    }

    fn retry(&self, module: u32) {
        self.send(RetryFailedModuleArgs { module });
    }

    fn clear(&self, module: u32) {
        self.send(ClearUnitArgs { module });
    }

    /// The number of objects in a module.
    fn objects(&self, module: u32) -> u32 {
        let path_tags = vec![
            StatNodeTag::PerModule.0,
            module,
            StatNodeTag::ModuleObjStats.0,
        ];
        let reply = self.send(StatGetValuesArgs {
            path_tags,
            ..StatGetValuesArgs::default()
        });
        let place = reply
            .statinfos
            .iter()
            .position(|info| info.id == StatID::ObjectCount);
        reply.values[place.expect("the statistic is there")]
    }

    /// Keeps the key busy while `strike` is done, until a command is refused.
    fn refused_amid_signing(&self, key: u32, strike: impl FnOnce() + Send) -> Status {
        self.amid_signing(key, usize::MAX, strike)
            .expect("it goes on until one is refused")
    }

    /// The same, but `count` signatures after the strike are enough.
    fn refused_or_signed_amid_signing(
        &self,
        key: u32,
        count: usize,
        strike: impl FnOnce() + Send,
    ) -> Option<Status> {
        self.amid_signing(key, count, strike)
    }

    fn amid_signing(&self, key: u32, count: usize, strike: impl FnOnce() + Send) -> Option<Status> {
        const IN_FLIGHT: usize = 32;
        let (signed, struck) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let start = Instant::now();
                while signed.load(Ordering::Relaxed) < IN_FLIGHT && start.elapsed() < PATIENCE {
                    std::thread::yield_now();
                }
                strike();
                struck.store(true, Ordering::Relaxed);
            });
            let submit = || self.0.submit(sign(key), None).expect("it is sent");
            let mut flight: Vec<Pending<SignArgs>> = (0..IN_FLIGHT).map(|_| submit()).collect();
            let (mut refused, mut after) = (None, 0);
            while refused.is_none() && after < count {
                refused = status(self.0.wait(flight.remove(0)));
                signed.fetch_add(1, Ordering::Relaxed);
                after += usize::from(struck.load(Ordering::Relaxed));
                flight.push(submit());
            }
            for pending in flight {
                refused = refused.or(status(self.0.wait(pending)));
            }
            refused
        })
    }
}

/// The status of a refusal; None for success.
#[track_caller]
fn status<T>(answer: Result<T, ClientError>) -> Option<Status> {
    match answer {
        Ok(_) => None,
        Err(ClientError::Status { status, .. }) => Some(status),
        Err(error) => panic!("{error}"),
    }
}

fn sign(key: u32) -> SignArgs {
    let data = PlainTextTypeHash32Data { data: [7; 32] };
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: PlainText {
            type_: PlainTextType::Hash32,
            data: PlainTextTypeData::Hash32(data),
        },
        ..SignArgs::default()
    }
}

/// The record of a key that the layer above made and put away.
fn recorded_key(desk: &Desk) -> KeyRecord {
    let session = Session::open(&Environment {
        server: Some(desk.socket().display().to_string()),
        kmdata: Some(desk.home().join("kmdata")),
        ..Environment::default()
    })
    .expect("a hardserver and a world");
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    session
        .generate_key_pair(&nfkm::NewKey {
            appname: "simple".to_owned(),
            ident: nfkm::IdentRule::Fixed("key".to_owned()),
            plainname: None,
            params: KeyGenParams {
                type_: KeyType::RSAPrivate,
                params: KeyTypeGenParams::RSAPrivate(params),
            },
            recovery: false,
            protection: nfkm::Protection::Module,
        })
        .expect("a key");
    let world = session.world().expect("a world").world;
    let name = nfkm::EntryName::new("simple", "key").expect("a good name");
    match session.folder().entry(&world.hknso, &name) {
        Ok(EntryContent::Key(record)) => *record,
        other => panic!("{other:?}"),
    }
}

//! The suite can fail: behind a proxy that spoils what the hardserver says, it exits with 1 and names the cases that claim
//! otherwise. Behind one that spoils nothing the same cases pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use conformance::capi::Function;
use conformance::case::Need;
use conformance::cases;
use conformance::coverage::{Answer, Cover, Subject, replies, works};
use conformance::target::{Choice, Prepared, Target};
use conformance::wire::{read_frame, write_frame};
use ncore::client::Endpoint;
use ncore::codec::Reader;
use ncore::message::Reply;
use ncore::profile::WireProfile;
use ncore::types::{Cmd, PlainTextType, ReplyBody, Status};

const SIGNATURES: &[&str] = &["sign.", "operations.sign."];
/// The families of commands and their refusals, but for those that need a hardserver under the suite's control: between
/// those and theirs stands no proxy.
const REFUSALS: &[&str] = &[
    "arithmetic.",
    "certificates.",
    "channels.",
    "client.",
    "commands.",
    "dsa.",
    "frames.privilege.",
    "handover.",
    "keyblobs.",
    "lists.",
    "merged.",
    "objects.",
    "operations.",
    "quorums.",
    "rsa.",
    "server.",
    "states.",
    "symmetric.",
    "tickets.",
    "tokens.",
    "wrapping.",
];
const BAD_PADDING: &[&str] = &["cipher.rsa."];

#[test]
fn behind_an_honest_proxy_nothing_fails() {
    let filters = [SIGNATURES, REFUSALS, BAD_PADDING, &["frames.many."]].concat();
    let run = Proxied::new(|_, reply| vec![reply]).run(&filters);
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(run.ended("failed").is_empty(), "{}", run.text);
    assert!(run.ended("passed").len() > 60, "{}", run.text);
}

#[test]
fn a_bit_flipped_in_signatures_is_found_by_every_case_that_looks_at_one() {
    let run = Proxied::new(|conversation, mut reply| {
        if conversation.answers(&reply, Cmd::Sign) {
            // In the middle of the signature, which is nearly all of the reply.
            let middle = reply.len() / 2;
            reply[middle] ^= 0x10;
        }
        vec![reply]
    })
    .run(SIGNATURES);
    // Every case that says that it signs, but for the one that asks for sizes only.
    let signs = |cover: &Cover| {
        [
            works(Function::SignHash),
            works(Function::VerifySignature),
            replies(Cmd::Sign),
        ]
        .contains(cover)
    };
    let foreign = ["sign.size.rules", "sign.verify.foreign"];
    let mut expected = covering(SIGNATURES, signs);
    expected.retain(|id| !foreign.contains(id));
    assert!(expected.len() > 15, "{expected:?}");
    run.failed(&expected);
    run.passed(&foreign);
    run.passed(&[
        "sign.key.absent",
        "sign.hash.keyed",
        "operations.sign.mechanism",
    ]);
}

#[test]
fn two_swapped_tags_are_found() {
    // Once on each connection that has two commands of one kind under way.
    let run = Proxied::new(|conversation, mut reply| {
        let cmd = conversation.last_answered;
        if is_refusal(&reply) || conversation.done {
            return vec![reply];
        }
        if let Some((held_cmd, mut held)) = conversation.held.take() {
            if held_cmd == cmd {
                held[..4].swap_with_slice(&mut reply[..4]);
                conversation.done = true;
            }
            return vec![held, reply];
        }
        if conversation.outstanding(cmd) == 0 {
            return vec![reply];
        }
        conversation.held = Some((cmd, reply));
        Vec::new()
    })
    .run(&["frames.many.in-flight", "operations.sign."]);
    run.failed(&["frames.many.in-flight", "operations.sign.in-flight"]);
    assert_eq!(run.ended("failed").len(), 2, "{}", run.text);
    run.passed(&["operations.sign.verifies"]);
}

#[test]
fn a_bad_padding_told_to_be_good_is_found() {
    let run = Proxied::new(|_, reply| {
        if !is_refusal(&reply) || word(&reply, 8) != Status::DecryptFailed.0 {
            return vec![reply];
        }
        // A decryption that went well: a plain text of no bytes.
        let mut good = reply[..4].to_vec();
        for part in [Cmd::Decrypt.0, Status::OK.0, 0, PlainTextType::Bytes.0, 0] {
            good.extend(part.to_le_bytes());
        }
        vec![good]
    })
    .run(BAD_PADDING);
    run.failed(&["cipher.rsa.bad-padding"]);
    assert_eq!(run.ended("failed").len(), 1, "{}", run.text);
}

#[test]
fn refusals_turned_into_ok_are_found_by_every_case_that_expects_one() {
    let run = Proxied::new(|conversation, reply| {
        let cmd = conversation.last_answered;
        if !is_refusal(&reply) || conversation.first {
            return vec![reply];
        }
        let zeros = [0; 4096];
        let body = ReplyBody::decode(cmd, &mut Reader::new(&zeros, &WireProfile::DEFAULT))
            .unwrap_or(ReplyBody::Empty);
        let mut good = Vec::new();
        Reply::ok(word(&reply, 0), cmd, body)
            .encode(&mut good, Default::default(), &WireProfile::DEFAULT)
            .expect("it was decoded");
        vec![good]
    })
    .run(REFUSALS);
    let expected = covering(REFUSALS, |cover| {
        matches!(cover.subject, Subject::Command(_)) && matches!(cover.answer, Answer::Refusal(_))
    });
    assert!(expected.len() > 150, "{expected:?}");
    run.failed(&expected);
    run.passed(&[
        "objects.hash.known",
        "keyblobs.module.round",
        "client.existing.shares",
    ]);
}

/// The cases of these families that declare such a cover.
fn covering(filters: &[&str], cover: impl Fn(&Cover) -> bool) -> Vec<&'static str> {
    cases::all()
        .into_iter()
        .filter(|case| filters.iter().any(|filter| case.id.contains(filter)))
        .filter(|case| !case.needs.contains(&Need::Control))
        .filter(|case| case.covers.iter().any(&cover))
        .map(|case| case.id)
        .collect()
}

/// A message without its length word.
type Message = Vec<u8>;

/// What a proxy makes of one message from the hardserver: messages for the client.
type Spoil = dyn Fn(&mut Conversation, Message) -> Vec<Message> + Send + Sync;

/// What a proxy knows of one connection.
struct Conversation {
    /// Whether this is the first ordinary connection: the suite's own look at the world, before the first case.
    first: bool,
    /// The commands that have no reply yet, by tag.
    waiting: HashMap<u32, Cmd>,
    /// The command of the reply at hand.
    last_answered: Cmd,
    /// A reply kept back, and the command that it answers.
    held: Option<(Cmd, Message)>,
    /// Whether what was to be done once on this connection is done.
    done: bool,
}

impl Conversation {
    /// Whether this is the successful reply to such a command.
    fn answers(&self, reply: &[u8], cmd: Cmd) -> bool {
        !is_refusal(reply) && self.last_answered == cmd
    }

    /// How many such commands have no reply yet.
    fn outstanding(&self, cmd: Cmd) -> usize {
        self.waiting.values().filter(|other| **other == cmd).count()
    }
}

/// A hardserver with a world, and a proxy before each of its endpoints.
struct Proxied {
    ordinary: PathBuf,
    privileged: PathBuf,
    target: Arc<Target>,
    kmdata: PathBuf,
}

/// How the suite ended.
struct Run {
    code: Option<i32>,
    /// What it said.
    text: String,
    /// The verdicts of its report, by case.
    verdicts: BTreeMap<String, String>,
}

impl Proxied {
    fn new(
        spoil: impl Fn(&mut Conversation, Message) -> Vec<Message> + Send + Sync + 'static,
    ) -> Proxied {
        let prepared = Prepared::new(Choice::Own {
            modules: 2,
            seed: None,
        })
        .expect("a folder");
        let kmdata = prepared.environment().kmdata.expect("it is set");
        let executable = Path::new(env!("CARGO_BIN_EXE_conformance"));
        let target = Arc::new(
            prepared
                .open_with(executable)
                .expect("a hardserver and a world"),
        );
        let folder = target.folder().expect("it is ours");
        let spoil: Arc<Spoil> = Arc::new(spoil);
        let before = |name: &str, endpoint: &Endpoint| {
            let Endpoint::Unix(server) = endpoint.clone() else {
                panic!("{endpoint} is no Unix socket");
            };
            let proxy = folder.join(name);
            let listener = UnixListener::bind(&proxy).expect("the folder is writable");
            let (spoil, ordinary) = (Arc::clone(&spoil), name == "ordinary");
            // Ends with the test's process.
            std::thread::spawn(move || {
                for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
                    let Ok(server) = UnixStream::connect(&server) else {
                        break;
                    };
                    between(ordinary && number == 0, client, server, &spoil);
                }
            });
            proxy
        };
        Proxied {
            ordinary: before("ordinary", target.ordinary()),
            privileged: before("privileged", target.privileged().expect("it is ours")),
            target,
            kmdata,
        }
    }

    fn run(&self, filters: &[&str]) -> Run {
        let reports = self.target.folder().expect("it is ours").join("reports");
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command
            .arg("--target")
            .arg(format!("unix:{}", self.ordinary.display()))
            .arg("--privileged")
            .arg(format!("unix:{}", self.privileged.display()))
            .arg("--sacrifice")
            .arg("--kmdata")
            .arg(&self.kmdata)
            .arg("--reports")
            .arg(&reports)
            .args(["--time-limit", "60"]);
        for filter in filters {
            command.args(["--filter", filter]);
        }
        let output = command.output().expect("the suite starts");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let json = std::fs::read(reports.join("report.json"))
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let word =
            |case: &serde_json::Value, name: &str| case[name].as_str().unwrap_or("?").to_owned();
        let verdicts = json["cases"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|case| (word(case, "id"), word(case, "verdict")))
            .collect();
        Run {
            code: output.status.code(),
            text,
            verdicts,
        }
    }
}

impl Run {
    /// The cases that ended like this.
    fn ended(&self, verdict: &str) -> BTreeSet<&str> {
        self.verdicts
            .iter()
            .filter(|(_, other)| *other == verdict)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// The suite must have failed, because of these cases too, and must name them.
    #[track_caller]
    fn failed(&self, expected: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.text);
        let failed = self.ended("failed");
        for id in expected {
            assert!(failed.contains(id), "{id} did not fail:\n{}", self.text);
            let named = self
                .text
                .lines()
                .any(|line| line.starts_with("FAILED") && line.contains(id));
            assert!(named, "{id} is not named:\n{}", self.text);
        }
    }

    /// These cases have nothing to do with what was spoiled.
    #[track_caller]
    fn passed(&self, expected: &[&str]) {
        let passed = self.ended("passed");
        for id in expected {
            assert!(passed.contains(id), "{id} did not pass:\n{}", self.text);
        }
    }
}

/// Carries messages to the server as they are, and messages back as `spoil` leaves them.
fn between(first: bool, client: UnixStream, server: UnixStream, spoil: &Arc<Spoil>) {
    let conversation = Arc::new(Mutex::new(Conversation {
        first,
        waiting: HashMap::new(),
        last_answered: Cmd(0),
        held: None,
        done: false,
    }));
    let copy = |stream: &UnixStream| stream.try_clone().expect("a descriptor");
    let (mut from_client, mut to_server) = (copy(&client), copy(&server));
    let (mut from_server, mut to_client) = (server, client);
    let asked = Arc::clone(&conversation);
    std::thread::spawn(move || {
        while let Ok(Some(command)) = read_frame(&mut from_client) {
            if command.len() >= 8 {
                lock(&asked)
                    .waiting
                    .insert(word(&command, 0), Cmd(word(&command, 4)));
            }
            if write_frame(&mut to_server, &command).is_err() {
                break;
            }
        }
        // Whatever it was that is no frame, the server is to see it too.
        let mut rest = Vec::new();
        let _ = from_client.read_to_end(&mut rest);
        let _ = std::io::Write::write_all(&mut to_server, &rest);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let spoil = Arc::clone(spoil);
    std::thread::spawn(move || {
        while let Ok(Some(reply)) = read_frame(&mut from_server) {
            let replies = {
                let mut conversation = lock(&conversation);
                let cmd = conversation.waiting.remove(&word(&reply, 0));
                conversation.last_answered = cmd.unwrap_or(Cmd(0));
                spoil(&mut conversation, reply)
            };
            for reply in replies {
                if write_frame(&mut to_client, &reply).is_err() {
                    return;
                }
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
}

fn lock(conversation: &Mutex<Conversation>) -> std::sync::MutexGuard<'_, Conversation> {
    conversation.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_refusal(reply: &[u8]) -> bool {
    word(reply, 4) == Cmd::ErrorReturn.0
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

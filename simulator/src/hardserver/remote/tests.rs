//! Ends of a link that behave badly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ncore::bignum::BignumOrder;
use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::frame;
use ncore::message::Reply;
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::{
    Cmd, EnqVerData, EnqVerSixData, EnquiryDataOne, GenerateRandomArgs, ImportReply,
    NewEnquiryArgs, NoOpArgs, ReplyBody, Status,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::kneti::{Kneti, KnetiHash};
use super::message::{
    AnswerHead, Condition, Facts, JobHead, Request, Response, VERSION, link_profile,
};
use super::tls;
use crate::hardserver::Server;
use crate::module::mode::{Mode, Switch};
use crate::options::{HsClient, Import, Options};

const ESN: &str = "1A2B-3C4D-5E6F";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(folder: &TempDir) -> Options {
    let options = Options {
        engines: 1,
        impath: "127.0.0.1:0".parse().unwrap(),
        connect_retry: Duration::from_millis(100),
        ..Options::in_folder(folder.path())
    };
    options.prepare_folders().unwrap();
    options
}

/// A key in a folder of its own.
fn key() -> (TempDir, Kneti) {
    let folder = tempfile::tempdir().unwrap();
    let kneti = Kneti::load(folder.path()).unwrap();
    (folder, kneti)
}

fn connect(options: &Options) -> Connection {
    let endpoint = Endpoint::Unix(options.socket.clone());
    Connection::connect(&endpoint, ConnectOptions::default()).unwrap()
}

/// An exporter, and the key that it knows.
struct Exporting {
    server: Server,
    options: Options,
    key: Kneti,
    _folders: [TempDir; 2],
}

impl Exporting {
    fn new(change: impl FnOnce(&mut Options)) -> Exporting {
        let folder = tempfile::tempdir().unwrap();
        let (key_folder, key) = key();
        let mut options = options(&folder);
        options.hs_clients = vec![HsClient {
            addr: None,
            keyhash: key.hash,
            privileged: false,
        }];
        change(&mut options);
        Exporting {
            server: Server::start(&options).unwrap(),
            options,
            key,
            _folders: [folder, key_folder],
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.endpoints().impath.unwrap()
    }

    /// A link as an importer makes it.
    fn link(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let address = self.address();
        let hash = self.server.endpoints().kneti.unwrap();
        let config = tls::importing(&self.key, address, hash).unwrap();
        let name = ServerName::IpAddress(address.ip().into());
        let tls = ClientConnection::new(config, name).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(tls, stream)
    }

    /// A link past its Hello message.
    fn greeted(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut link = self.link();
        let esn = &self.server.endpoints().serial_numbers[0];
        send(&mut link, &hello(VERSION, esn));
        assert!(receive(&mut link).is_some(), "the state of the module");
        link
    }

    fn serves(&self) {
        let random = GenerateRandomArgs { lenbytes: 8 };
        connect(&self.options).transact(random).unwrap();
    }
}

fn hello(version: u32, esn: &str) -> Vec<u8> {
    framed(&Request::Hello {
        version,
        number: 2,
        esn: esn.to_owned(),
    })
}

fn framed(request: &Request<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.write(&mut out).unwrap();
    out
}

/// Sends bytes. The other end may be gone already.
fn send(link: &mut impl Write, bytes: &[u8]) {
    let _ = link.write_all(bytes).and_then(|()| link.flush());
}

/// The next message; None once the link has ended.
fn receive(link: &mut impl Read) -> Option<Vec<u8>> {
    let mut word = [0; 4];
    link.read_exact(&mut word).ok()?;
    let profile = link_profile(&WireProfile::DEFAULT);
    let length = frame::message_len(word, FrameLen::Exclusive, &profile).unwrap();
    let mut message = vec![0; length];
    link.read_exact(&mut message).ok()?;
    Some(message)
}

/// Whether the other end ends the link, whatever it says before.
fn ends(link: &mut impl Read) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match link.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                let waits = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
                return !waits.contains(&error.kind());
            }
        }
    }
}

#[test]
fn an_exporter_outlives_bytes_that_are_no_handshake() {
    let exporting = Exporting::new(|_| {});
    let silent = TcpStream::connect(exporting.address()).unwrap();
    for bytes in [
        &[0; 4096][..],
        &[0xff; 70_000],
        b"GET / HTTP/1.1\r\n\r\n",
        // A handshake record that announces more than it brings.
        &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3],
    ] {
        let mut stream = TcpStream::connect(exporting.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        send(&mut stream, bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        assert!(ends(&mut stream), "{:?}", &bytes[..4]);
    }
    exporting.greeted();
    exporting.serves();
    drop(silent);
}

#[test]
fn an_exporter_ends_a_link_that_it_does_not_understand() {
    let exporting = Exporting::new(|_| {});
    let esn = exporting.server.endpoints().serial_numbers[0].clone();
    for (what, bytes) in [
        ("another version", hello(VERSION + 1, &esn)),
        ("no such module", hello(VERSION, ESN)),
        ("no Hello message", framed(&Request::Ping)),
        ("too long a frame", vec![0xff; 64]),
        ("too short a frame", vec![4, 0, 0, 0, 1, 2, 3, 4]),
        (
            "an unknown kind",
            [&[16, 0, 0, 0][..], &[0x63; 16]].concat(),
        ),
    ] {
        let mut link = exporting.link();
        send(&mut link, &bytes);
        assert!(ends(&mut link), "{what}");
    }
    let client = Request::Client {
        client: 1,
        hash: Some([1; 20]),
    };
    let head = JobHead {
        tag: 7,
        client: 1,
        privileged: true,
        ids: [0; 2],
        streams: [0; 32],
    };
    // The tag of a job is its command's too.
    let another_tag = [8, 0, 0, 0].into_iter().chain([0; 12]);
    let another_tag: Vec<u8> = another_tag.collect();
    for (what, bytes) in [
        ("a second Hello message", hello(VERSION, &esn)),
        ("an unknown client", framed(&Request::Job(head, &[0; 16]))),
        (
            "an object of an unknown client",
            framed(&Request::Forget { client: 1, id: 2 }),
        ),
        (
            "a client twice",
            [framed(&client), framed(&client)].concat(),
        ),
        (
            "no command",
            [framed(&client), framed(&Request::Job(head, &[1, 2, 3]))].concat(),
        ),
        (
            "another tag",
            [framed(&client), framed(&Request::Job(head, &another_tag))].concat(),
        ),
    ] {
        let mut link = exporting.greeted();
        send(&mut link, &bytes);
        assert!(ends(&mut link), "{what}");
    }
    exporting.serves();
}

#[test]
fn an_exporter_answers_a_malformed_command_as_any_client_is_answered() {
    let exporting = Exporting::new(|_| {});
    let mut link = exporting.greeted();
    let client = Request::Client {
        client: 1,
        hash: None,
    };
    send(&mut link, &framed(&client));
    let head = JobHead {
        tag: 7,
        client: 1,
        privileged: true,
        ids: [0; 2],
        streams: [0; 32],
    };
    let job = |cmd: u32| {
        let words = [7, cmd, 0, 0];
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|word: &u32| word.to_le_bytes())
            .collect();
        framed(&Request::Job(head, &bytes))
    };
    let mut status = |cmd| {
        send(&mut link, &job(cmd));
        loop {
            let message = receive(&mut link).unwrap();
            let profile = WireProfile::DEFAULT;
            if let Response::Answer(head, reply) = Response::read(&message, &profile).unwrap() {
                assert_eq!(head.tag, 7);
                let order = BignumOrder::default();
                return Reply::decode(reply, order, &profile).unwrap().status;
            }
        }
    };
    // Without its arguments; not for an importer that has no privilege; the hardserver's own; nobody's.
    assert_eq!(status(Cmd::GenerateRandom.0), Status::Malformed);
    let clear = Cmd::ClearUnit.0;
    assert_eq!(status(clear), Status::Malformed);
    assert_eq!(status(Cmd::NewClient.0), Status::Malformed);
    assert_eq!(status(0x7fff_ffff), Status::UnknownCommand);
    drop(exporting);
}

#[test]
fn an_exporter_ends_the_link_of_an_importer_that_is_silent() {
    let exporting = Exporting::new(|options| {
        options.connect_broken = Duration::from_millis(300);
    });
    let mut link = exporting.greeted();
    assert!(ends(&mut link));
    exporting.serves();
}

/// An importer, and an exporter played by the test.
struct Importing {
    server: Server,
    options: Options,
    listener: TcpListener,
    key: Kneti,
    importer: KnetiHash,
    _folders: [TempDir; 2],
}

impl Importing {
    fn new(broken: Duration) -> Importing {
        let folder = tempfile::tempdir().unwrap();
        let (key_folder, key) = key();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut options = options(&folder);
        options.connect_broken = broken;
        options.imports = vec![Import {
            remote: listener.local_addr().unwrap(),
            esn: ESN.to_owned(),
            keyhash: key.hash,
            privileged: false,
        }];
        let server = Server::start(&options).unwrap();
        Importing {
            importer: server.endpoints().kneti.unwrap(),
            server,
            options,
            listener,
            key,
            _folders: [folder, key_folder],
        }
    }

    /// The next link that the importer makes.
    fn accept(&self) -> StreamOwned<ServerConnection, TcpStream> {
        let (stream, peer) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let config = tls::exporting(&self.key, peer, vec![self.importer]).unwrap();
        StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
    }

    /// The next link, with its module in operation.
    fn serve(&self) -> StreamOwned<ServerConnection, TcpStream> {
        let mut link = self.accept();
        let message = receive(&mut link).unwrap();
        let hello = Request::read(&message).unwrap();
        assert!(
            matches!(hello, Request::Hello { number: 2, .. }),
            "{hello:?}"
        );
        send(&mut link, &state(ESN));
        self.wait_for(Status::OK);
        link
    }

    fn wait_for(&self, status: Status) {
        let until = Instant::now() + PATIENCE;
        let asked = NewEnquiryArgs {
            flags: 0,
            module: 2,
            version: 6,
        };
        loop {
            let reply = connect(&self.options).transact(asked.clone()).unwrap();
            let EnqVerData::Six(data) = reply.data else {
                panic!("{:?}", reply.data)
            };
            if data.six.rmdata.unwrap().stinfo.st == status {
                return;
            }
            assert!(Instant::now() < until, "the link never was {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What a client's command for the imported module ends in, while the test plays the exporter.
    fn command_meets(&self, exporter: impl FnOnce()) -> Status {
        let wire = connect(&self.options);
        std::thread::scope(|scope| {
            let client = scope.spawn(|| match wire.transact(NoOpArgs { module: 2 }) {
                Ok(_) => Status::OK,
                Err(ClientError::Status { status, .. }) => status,
                Err(error) => panic!("{error}"),
            });
            exporter();
            client.join().unwrap()
        })
    }
}

fn state(esn: &str) -> Vec<u8> {
    let condition = Condition {
        epoch: 1,
        mode: Mode::Operational,
        switch: Switch::Operational,
        world: None,
        enquiry: EnqVerSixData {
            one: EnquiryDataOne {
                hardwareserial: esn.to_owned(),
                ..Default::default()
            },
            ..Default::default()
        },
    };
    let mut out = Vec::new();
    condition.write(&mut out).unwrap();
    out
}

/// The next job that an importer sends.
fn job(link: &mut impl Read) -> JobHead {
    loop {
        let message = receive(link).unwrap();
        if let Request::Job(head, _) = Request::read(&message).unwrap() {
            return head;
        }
    }
}

fn answer(tag: u32, reply: &[u8]) -> Vec<u8> {
    let head = AnswerHead {
        tag,
        facts: [Facts::default(); 2],
    };
    let mut out = Vec::new();
    head.write(&mut out, |out| out.extend_from_slice(reply))
        .unwrap();
    out
}

fn reply(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    let order = BignumOrder::default();
    reply
        .encode(&mut out, order, &WireProfile::DEFAULT)
        .unwrap();
    out
}

#[test]
fn an_importer_is_answered_by_an_exporter_that_behaves() {
    let importing = Importing::new(PATIENCE);
    let mut link = importing.serve();
    let status = importing.command_meets(|| {
        let tag = job(&mut link).tag;
        let done = Reply::ok(tag, Cmd::NoOp, ReplyBody::Empty);
        send(&mut link, &answer(tag, &reply(&done)));
    });
    assert_eq!(status, Status::OK);
}

#[test]
fn an_importer_ends_a_link_that_it_does_not_understand() {
    let importing = Importing::new(PATIENCE);
    for bytes in [vec![0xff; 64], state("1A2B-3C4D-5E70"), answer(1, &[0; 16])] {
        let mut link = importing.accept();
        receive(&mut link).unwrap();
        send(&mut link, &bytes);
        assert!(ends(&mut link), "{:?}", &bytes[..8]);
    }
    type Lie = fn(u32) -> Vec<u8>;
    let lies: [(&str, Lie); 5] = [
        ("too long a frame", |_| vec![0xff; 64]),
        ("an answer to no job", |tag| answer(tag + 1, &[0; 16])),
        ("no reply", |tag| answer(tag, &[1, 2, 3])),
        ("the reply to another command", |tag| {
            let nothing = Reply::ok(tag, Cmd::SetKM, ReplyBody::Empty);
            answer(tag, &reply(&nothing))
        }),
        ("an object that nobody asked for", |tag| {
            let made = ImportReply { key: 5 };
            let made = Reply::ok(tag, Cmd::Import, made.into());
            answer(tag, &reply(&made))
        }),
    ];
    for (what, lie) in lies {
        let mut link = importing.serve();
        let status = importing.command_meets(|| {
            let tag = job(&mut link).tag;
            send(&mut link, &lie(tag));
            assert!(ends(&mut link), "{what}");
        });
        assert_eq!(status, Status::HardwareFailed, "{what}");
    }
    let mut link = importing.serve();
    send(&mut link, &state(ESN));
    connect(&importing.options)
        .transact(NoOpArgs { module: 1 })
        .unwrap();
}

#[test]
fn an_importer_notices_an_exporter_that_is_silent() {
    let importing = Importing::new(Duration::from_millis(1500));
    let link = importing.serve();
    assert_eq!(importing.command_meets(|| {}), Status::HardwareFailed);
    drop(link);
}

#[test]
fn an_importer_ends_while_commands_wait_for_an_exporter() {
    let importing = Importing::new(PATIENCE);
    let mut link = importing.serve();
    let wire = connect(&importing.options);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| wire.transact(NoOpArgs { module: 2 }));
        job(&mut link);
        // The peer that does not answer goes before the patience of a shutdown is over.
        drop(link);
        drop(importing.listener);
        importing.server.shutdown();
        assert!(client.join().unwrap().is_err());
    });
}

//! Starting, endpoints, stopping.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::message::Command;
use ncore::profile::FrameLen;
use ncore::types::*;
use simulator::hardserver::is_running;
use simulator::{Options, Server, StartError};

use crate::raw::{Raw, framed_as, message, words};
use crate::rig::{Rig, generate_rsa};

#[test]
fn commands_in_work_are_answered_before_the_server_stops() {
    let rig = Rig::ready(1);
    let client = rig.client();
    let pending: Vec<_> = (0..6)
        .map(|_| client.submit(generate_rsa(1, 1024), None).unwrap())
        .collect();
    // The reply to a later command shows that the server has read the earlier ones.
    client.transact(NoOpArgs { module: 1 }).unwrap();
    let Rig {
        server,
        options,
        _folder,
    } = rig;
    server.shutdown();
    for pending in pending {
        client.wait(pending).unwrap();
    }
    assert!(client.transact(NoOpArgs { module: 1 }).is_err());
    assert!(!options.socket.exists());
    assert!(!options.privileged_socket.exists());
    assert!(!is_running(&options.state));
}

#[test]
fn a_module_is_the_same_after_a_restart() {
    let rig = Rig::ready(1);
    let kms = |connection: Connection| {
        connection
            .transact(GetKMListArgs {
                module: 1,
                flags: 0,
            })
            .unwrap()
            .hkms
    };
    let (serials, before) = (
        rig.server.endpoints().serial_numbers.clone(),
        kms(rig.connect()),
    );
    let Rig {
        server,
        options,
        _folder,
    } = rig;
    drop(server);
    let server = Server::start(&options).unwrap();
    assert_eq!(server.endpoints().serial_numbers, serials);
    let endpoint = Endpoint::Unix(options.socket.clone());
    assert_eq!(
        kms(Connection::connect(&endpoint, ConnectOptions::default()).unwrap()),
        before
    );
}

#[test]
fn a_second_server_on_the_same_state_is_refused() {
    let rig = Rig::new(1);
    let mut options = rig.options.clone();
    options.socket = rig.options.home.join("other");
    options.privileged_socket = rig.options.home.join("otherpriv");
    let error = Server::start(&options).unwrap_err();
    assert!(matches!(error, StartError::StateInUse(_)), "{error}");
    assert!(is_running(&options.state));
    rig.connect().transact(NoOpArgs { module: 1 }).unwrap();
}

#[test]
fn a_socket_on_which_somebody_answers_is_left_alone() {
    let rig = Rig::new(1);
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::in_folder(folder.path());
    options.socket = rig.options.socket.clone();
    let error = Server::start(&options).unwrap_err();
    assert!(matches!(error, StartError::SocketInUse(_)), "{error}");
    rig.connect().transact(NoOpArgs { module: 1 }).unwrap();
    assert!(
        !options.privileged_socket.exists(),
        "what was opened before the refusal is closed again"
    );
}

#[test]
fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    drop(UnixListener::bind(&options.socket).unwrap());
    assert!(UnixStream::connect(&options.socket).is_err());
    let _server = Server::start(&options).unwrap();
    assert!(UnixStream::connect(&options.socket).is_ok());
}

#[test]
fn a_file_in_the_way_of_a_socket_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    std::fs::write(&options.socket, "precious").unwrap();
    let error = Server::start(&options).unwrap_err();
    assert!(matches!(error, StartError::NotASocket(_)), "{error}");
    assert_eq!(std::fs::read(&options.socket).unwrap(), b"precious");
}

#[test]
fn a_path_too_long_for_a_socket_is_refused_with_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::in_folder(folder.path());
    options.socket = folder.path().join("x".repeat(107));
    let error = Server::start(&options).unwrap_err().to_string();
    assert!(error.contains("at most 107 bytes"), "{error}");
}

#[test]
fn the_privileged_socket_is_its_owners() {
    let rig = Rig::new(1);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&rig.options.privileged_socket), 0o600);
    assert_eq!(mode(rig.options.privileged_socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&rig.options.socket), 0o666);
}

#[test]
fn tcp_ports_serve_as_the_sockets_do() {
    let rig = Rig::with(|options| (options.port, options.privileged_port) = (Some(0), Some(0)));
    let endpoints = rig.server.endpoints();
    let connect = |port: Option<u16>| {
        let endpoint = Endpoint::Tcp(format!("127.0.0.1:{}", port.unwrap()));
        Connection::connect(&endpoint, ConnectOptions::default()).unwrap()
    };
    let ordinary = connect(endpoints.port);
    ordinary.transact(NewClientArgs::default()).unwrap();
    let clear = ClearUnitArgs { module: 1 };
    assert_eq!(
        crate::rig::refusal(&ordinary, clear.clone()),
        Status::PrivilegedCommand
    );
    connect(endpoints.privileged_port).transact(clear).unwrap();
}

#[test]
fn without_being_asked_there_is_no_tcp() {
    let rig = Rig::new(1);
    assert_eq!(
        (
            rig.server.endpoints().port,
            rig.server.endpoints().privileged_port
        ),
        (None, None)
    );
}

#[test]
fn a_client_that_counts_its_length_words_is_answered_in_kind() {
    for frame_len in [FrameLen::Inclusive, FrameLen::Auto] {
        let rig = Rig::with(|options| options.frame_len = frame_len);
        let mut raw = Raw::connect(&rig.options.socket);
        for tag in 0..3 {
            let command = Command::new(tag, NoOpArgs { module: 1 });
            raw.write(&framed_as(&message(&command), FrameLen::Inclusive));
            let mut reply = [0; 20];
            std::io::Read::read_exact(&mut raw.stream, &mut reply).unwrap();
            assert_eq!(reply[..], words(&[20, tag, Cmd::NoOp.0, 0, 0]));
        }
    }
}

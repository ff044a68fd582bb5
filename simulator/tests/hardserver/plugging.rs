//! Modules that are plugged in and unplugged while clients are connected.

use ncore::client::Connection;
use ncore::types::*;
use simulator::Server;

use crate::rig::{Rig, encrypt, import_aes, refusal};

/// Makes a module that was plugged in make and use keys.
fn initialise(rig: &Rig, module: u32) {
    let privileged = rig.privileged();
    let clear = ClearUnitExArgs {
        module,
        mode: ModuleMode::Initialisation,
        ..Default::default()
    };
    privileged.transact(clear).unwrap();
    privileged.transact(InitialiseUnitArgs { module }).unwrap();
}

fn serial(wire: &Connection, module: u32) -> String {
    let reply = wire.transact(NewEnquiryArgs {
        flags: 0,
        module,
        version: 1,
    });
    match reply.unwrap().data {
        EnqVerData::One(data) => data.one.hardwareserial,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_uses_a_module_that_came_after_it() {
    let rig = Rig::ready(1);
    let client = rig.client();
    assert_eq!(refusal(&client, import_aes(2, 1)), Status::InvalidModule);
    assert_eq!(rig.server.add_module().unwrap(), 2);
    assert_ne!(serial(&client, 2), serial(&client, 1));
    let both = [serial(&client, 1), serial(&client, 2)].join(" ");
    assert_eq!(serial(&client, 0), both);
    initialise(&rig, 2);
    let keys = [1, 2].map(|module| client.transact(import_aes(module, 1)).unwrap().key);
    let merged = client
        .transact(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })
        .unwrap()
        .newkey;
    let which = client.transact(GetWhichModuleArgs { key: merged }).unwrap();
    assert_eq!(which.module, [1, 2]);
    client.transact(encrypt(merged)).unwrap();
    drop(client);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while rig.objects(2) > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "its objects go with it"
        );
        std::thread::yield_now();
    }
}

#[test]
fn every_client_finds_the_modules_that_come_meanwhile() {
    let rig = Rig::ready(1);
    let clients = std::thread::scope(|scope| {
        let connecting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..20).map(|_| rig.client()).collect::<Vec<_>>()))
            .collect();
        for number in 2..6 {
            assert_eq!(rig.server.add_module().unwrap(), number);
        }
        connecting
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    for module in 2..6 {
        initialise(&rig, module);
        for client in &clients {
            client.transact(import_aes(module, 1)).unwrap();
        }
    }
}

#[test]
fn an_unplugged_module_answers_as_a_failed_one_that_nothing_brings_back() {
    let rig = Rig::ready(2);
    let client = rig.client();
    let key = client.transact(import_aes(2, 1)).unwrap().key;
    let esn = serial(&client, 2);
    rig.server.unplug(2).unwrap();
    assert_eq!(refusal(&client, encrypt(key)), Status::HardwareFailed);
    assert_eq!(refusal(&client, import_aes(2, 1)), Status::HardwareFailed);
    let privileged = rig.privileged();
    let retry = RetryFailedModuleArgs { module: 2 };
    assert_eq!(refusal(&privileged, retry), Status::HardwareFailed);
    let clear = ClearUnitArgs { module: 2 };
    assert_eq!(refusal(&privileged, clear), Status::HardwareFailed);
    assert_eq!(serial(&client, 2), esn, "it keeps its number");
    assert_eq!(serial(&client, 0), serial(&client, 1));
    // What leaves the choice goes to the other.
    for _ in 0..4 {
        let key = client.transact(import_aes(0, 1)).unwrap().key;
        let which = client.transact(GetWhichModuleArgs { key }).unwrap();
        assert_eq!(which.module, [1]);
    }
}

#[test]
fn a_module_that_is_plugged_in_again_has_lost_its_keys_and_kept_its_world() {
    let rig = Rig::ready(2);
    let client = rig.client();
    let privileged = rig.privileged();
    let officer = SetNSOPermsArgs {
        module: 2,
        hknso: [9; 20],
        publicperms: NSOPerms { ops: 0x7_ffff },
        ..Default::default()
    };
    privileged.transact(officer).unwrap();
    privileged
        .transact(ClearUnitExArgs {
            module: 2,
            mode: ModuleMode::Operational,
            ..Default::default()
        })
        .unwrap();
    let key = client.transact(import_aes(2, 1)).unwrap().key;
    let polled = || {
        let poll = PollModuleStateArgs {
            module: 2,
            flags: 0,
        };
        client.transact(poll).unwrap().stateevents
    };
    let before = polled();
    rig.server.unplug(2).unwrap();
    rig.server.plug_in(2).unwrap();
    assert_ne!(polled(), before);
    assert_eq!(refusal(&client, encrypt(key)), Status::UnknownID);
    let list = GetKMListArgs {
        module: 2,
        ..Default::default()
    };
    assert_eq!(client.transact(list).unwrap().hknso, [9; 20]);
    let key = client.transact(import_aes(2, 1)).unwrap().key;
    client.transact(encrypt(key)).unwrap();
}

#[test]
fn only_what_is_there_is_unplugged_and_only_what_is_not_is_plugged_in() {
    let rig = Rig::new(1);
    assert_eq!(rig.server.unplug(0), Err(Status::InvalidModule));
    assert_eq!(rig.server.unplug(2), Err(Status::InvalidModule));
    assert_eq!(rig.server.plug_in(2), Err(Status::InvalidModule));
    assert_eq!(rig.server.plug_in(1), Err(Status::InvalidState));
    rig.server.unplug(1).unwrap();
    assert_eq!(rig.server.unplug(1), Err(Status::HardwareFailed));
    rig.server.plug_in(1).unwrap();
}

#[test]
fn a_module_that_was_added_is_there_again_at_the_next_start() {
    let Rig {
        server,
        mut options,
        _folder,
    } = Rig::new(1);
    server.add_module().unwrap();
    let endpoints = server.endpoints().clone();
    let wire = Connection::connect(
        &ncore::client::Endpoint::Unix(endpoints.socket),
        ncore::client::ConnectOptions::default(),
    );
    let added = serial(&wire.unwrap(), 2);
    server.shutdown();
    options.modules = 2;
    let server = Server::start(&options).unwrap();
    assert_eq!(server.endpoints().serial_numbers[1], added);
}

//! Clients and what they own (PROTOCOL section 3).

use ncore::types::*;

use crate::rig::{Rig, encrypt, import_aes, refusal};

#[test]
fn whoever_presents_the_secret_shares_the_objects() {
    let rig = Rig::ready(1);
    let first = rig.connect();
    let id = first.transact(NewClientArgs::default()).unwrap().client;
    let key = first.transact(import_aes(1, 1)).unwrap().key;
    let second = rig.connect();
    second
        .transact(ExistingClientArgs {
            flags: 0,
            client: id,
        })
        .unwrap();
    assert_eq!(
        second.transact(encrypt(key)).unwrap(),
        first.transact(encrypt(key)).unwrap()
    );
    assert_eq!(refusal(&rig.client(), encrypt(key)), Status::UnknownID);
}

#[test]
fn an_unknown_secret_is_refused() {
    let rig = Rig::new(1);
    let args = ExistingClientArgs {
        flags: 0,
        client: [1; 20],
    };
    assert_eq!(refusal(&rig.connect(), args), Status::ClientUnknown);
}

#[test]
fn two_clients_never_get_the_same_secret() {
    let rig = Rig::new(1);
    let secret = || {
        rig.connect()
            .transact(NewClientArgs::default())
            .unwrap()
            .client
    };
    assert_ne!(secret(), secret());
}

#[test]
fn objects_live_as_long_as_a_connection_of_their_client() {
    let rig = Rig::ready(2);
    let first = rig.connect();
    let id = first.transact(NewClientArgs::default()).unwrap().client;
    for module in 1..=2 {
        first.transact(import_aes(module, 1)).unwrap();
    }
    let second = rig.connect();
    second
        .transact(ExistingClientArgs {
            flags: 0,
            client: id,
        })
        .unwrap();
    drop(first);
    assert_eq!((rig.objects(1), rig.objects(2)), (1, 1));
    drop(second);
    while (rig.objects(1), rig.objects(2)) != (0, 0) {
        std::thread::yield_now();
    }
    let args = ExistingClientArgs {
        flags: 0,
        client: id,
    };
    assert_eq!(refusal(&rig.connect(), args), Status::ClientUnknown);
}

#[test]
fn a_connection_that_takes_another_client_leaves_the_first() {
    let rig = Rig::ready(1);
    let connection = rig.client();
    let key = connection.transact(import_aes(1, 1)).unwrap().key;
    connection.transact(NewClientArgs::default()).unwrap();
    assert_eq!(rig.objects(1), 0);
    assert_eq!(refusal(&connection, encrypt(key)), Status::UnknownID);
}

#[test]
fn without_a_client_only_commands_that_make_no_object_are_allowed() {
    let rig = Rig::ready(1);
    let connection = rig.connect();
    assert_eq!(
        connection
            .transact(GenerateRandomArgs { lenbytes: 9 })
            .unwrap()
            .data
            .len(),
        9
    );
    connection.transact(NoOpArgs { module: 1 }).unwrap();
    assert_eq!(
        refusal(&connection, import_aes(1, 1)),
        Status::ClientUnknown
    );
    assert_eq!(
        refusal(&connection, MergeKeyIDsArgs { keys: vec![1] }),
        Status::ClientUnknown
    );
    assert_eq!(
        refusal(&connection, GetWhichModuleArgs { key: 1 }),
        Status::ClientUnknown
    );
    assert_eq!(refusal(&connection, encrypt(1)), Status::UnknownID);
}

#[test]
fn create_client_tells_who_is_behind_it() {
    let rig = Rig::ready(1);
    let connection = rig.connect();
    let one = CreateClientOne {
        pid: 4711,
        name: "signer".to_owned(),
    };
    let data = CreateClientVerData::One(CreateClientVerOneData { one });
    let args = CreateClientArgs {
        flags: 0,
        version: CreateClientVer::One,
        data,
    };
    connection.transact(args).unwrap();
    connection.transact(import_aes(1, 1)).unwrap();

    let tree = |path_tags| {
        connection
            .transact(StatEnumTreeArgs {
                flags: 0,
                path_tags,
            })
            .unwrap()
    };
    let node = StatNodeTag::Connections.0;
    let described = tree(vec![node]).subnodetags.into_iter().find(|&number| {
        let infos = tree(vec![node, number]).statinfos;
        infos
            .iter()
            .any(|info| info.id == StatID::ClientProcessName)
    });
    let args = StatGetValuesArgs {
        flags: 0,
        path_tags: vec![node, described.unwrap()],
    };
    let values = connection.transact(args).unwrap();
    let value = |id| {
        values.values[values
            .statinfos
            .iter()
            .position(|info| info.id == id)
            .unwrap()]
    };
    assert_eq!(value(StatID::ClientProcessID), 4711);
    let strings = values.strings.clone().unwrap().v;
    assert_eq!(strings[value(StatID::ClientProcessName) as usize], "signer");

    let version = CreateClientVer(7);
    let args = CreateClientArgs {
        flags: 0,
        version,
        data: CreateClientVerData::Empty,
    };
    assert_eq!(refusal(&rig.connect(), args), Status::UnknownParameter);
}

#[test]
fn a_ticket_hands_an_object_to_another_client_once() {
    let rig = Rig::ready(2);
    let (owner, other) = (rig.client(), rig.client());
    let key = owner.transact(import_aes(2, 1)).unwrap().key;
    let ask = GetTicketArgs {
        obj: key,
        dest: TicketDestination::AnyClient,
        ..Default::default()
    };
    let ticket = owner.transact(ask).unwrap().ticket;
    // Module 0 is whichever module the ticket is from.
    let redeem = RedeemTicketArgs {
        flags: 0,
        module: 0,
        ticket,
    };
    let obj = other.transact(redeem.clone()).unwrap().obj;
    assert_eq!(
        other.transact(encrypt(obj)).unwrap(),
        owner.transact(encrypt(key)).unwrap()
    );
    assert_eq!(
        other
            .transact(GetWhichModuleArgs { key: obj })
            .unwrap()
            .module,
        [2]
    );
    assert_eq!(refusal(&other, redeem), Status::UnknownID);
    let nonsense = RedeemTicketArgs {
        flags: 0,
        module: 0,
        ticket: vec![1; 3],
    };
    assert_eq!(refusal(&other, nonsense), Status::InvalidParameter);
    let elsewhere = RedeemTicketArgs {
        flags: 0,
        module: 0,
        ticket: vec![9; 24],
    };
    assert_eq!(refusal(&other, elsewhere), Status::InvalidModule);
}

#[test]
fn a_named_ticket_is_for_the_client_with_that_hash() {
    use sha1::Digest;

    let rig = Rig::ready(1);
    let owner = rig.client();
    let key = owner.transact(import_aes(1, 1)).unwrap().key;
    let named = rig.connect();
    let id = named.transact(NewClientArgs::default()).unwrap().client;
    let hclientid = sha1::Sha1::digest(id).into();
    let ask = GetTicketArgs {
        flags: 0,
        obj: key,
        dest: TicketDestination::NamedClient,
        destspec: TicketDestinationDetails::NamedClient(TicketDestinationNamedClientDetails {
            hclientid,
        }),
    };
    let ticket = owner.transact(ask).unwrap().ticket;
    let redeem = RedeemTicketArgs {
        flags: 0,
        module: 1,
        ticket,
    };
    assert_eq!(refusal(&rig.client(), redeem.clone()), Status::AccessDenied);
    assert!(named.transact(redeem).is_ok());
}

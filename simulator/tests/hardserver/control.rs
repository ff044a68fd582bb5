//! The control channel: hands and eyes over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;

use ncore::types::*;
use simulator::Server;
use simulator::control::api::{self, CardName, ModuleMode};
use simulator::control::client::{Client, Error};

use crate::rig::Rig;

fn rig(modules: u32) -> (Rig, Client) {
    let rig = Rig::with(|options| {
        options.modules = modules;
        options.control_port = Some(0);
    });
    let client = Client::new(rig.server.endpoints().control.clone());
    (rig, client)
}

fn card(name: &str) -> CardName {
    CardName {
        name: name.to_owned(),
    }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer.unwrap_err() {
        Error::Refused(words) => words,
        other => panic!("{other}"),
    }
}

fn create(client: &Client, name: &str) {
    let _: Vec<api::Card> = client.post("/cards", &card(name)).unwrap();
}

/// The status line and body of the answer to `GET /status` with these headers.
fn raw(rig: &Rig, headers: &str) -> (String, String) {
    written(rig, "GET /status", headers, "")
}

/// The status line and body of the answer to a request that is written out.
fn written(rig: &Rig, request: &str, headers: &str, body: &str) -> (String, String) {
    let port = rig.server.endpoints().control.port.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let line = head.lines().next().unwrap();
    (line.to_owned(), body.to_owned())
}

#[test]
fn a_card_goes_into_one_reader_and_clients_see_it() {
    let (rig, client) = rig(2);
    create(&client, "ocs1");
    let module: api::Module = client
        .put("/modules/2/slots/0/card", &card("ocs1"))
        .unwrap();
    assert_eq!(module.slots[0].card.as_deref(), Some("ocs1"));
    assert_eq!(module.slots[0].insertions, 1);

    let wire = rig.connect();
    let list: GetSlotListReply = wire.transact(GetSlotListArgs { module: 2 }).unwrap();
    assert_eq!(list.slots[0].token.ic, 1);

    let again = client.put::<api::Module>("/modules/1/slots/0/card", &card("ocs1"));
    assert_eq!(refusal(again), "card `ocs1' is in slot 0 of module 2");
    create(&client, "ocs2");
    let full = client.put::<api::Module>("/modules/2/slots/0/card", &card("ocs2"));
    assert_eq!(refusal(full), "there is a card in slot 0 of module 2");
    let soft = client.put::<api::Module>("/modules/1/slots/1/card", &card("ocs2"));
    assert_eq!(refusal(soft), "module 1 has no card reader in slot 1");

    let removed: Option<String> = client.delete("/modules/2/slots/0/card").unwrap();
    assert_eq!(removed.as_deref(), Some("ocs1"));
    let list: GetSlotListReply = wire.transact(GetSlotListArgs { module: 2 }).unwrap();
    assert_eq!(list.slots[0].token.ic, 0);
    let empty = client.delete::<Option<String>>("/modules/2/slots/0/card");
    assert_eq!(refusal(empty), "there is no card in slot 0 of module 2");
}

#[test]
fn cards_have_names_that_stay_in_the_folder() {
    let (rig, client) = rig(1);
    for name in [
        "",
        "..",
        ".hidden",
        "a/b",
        "../out",
        "a\0b",
        &"x".repeat(65),
    ] {
        let made = client.post::<Vec<api::Card>>("/cards", &card(name));
        assert!(
            refusal(made).contains("cannot be a card's name"),
            "{name:?}"
        );
    }
    create(&client, "one");
    let again = client.post::<Vec<api::Card>>("/cards", &card("one"));
    assert_eq!(refusal(again), "there is a card `one' already");
    let unknown = client.put::<api::Module>("/modules/1/slots/0/card", &card("two"));
    assert!(refusal(unknown).starts_with("there is no card `two'"));
    let files = std::fs::read_dir(&rig.options.cards).unwrap().count();
    assert_eq!(files, 1);
}

#[test]
fn a_card_file_of_the_utilities_goes_into_a_reader() {
    let (rig, client) = rig(1);
    let files = rig.options.kmdata.join("cards");
    std::fs::create_dir_all(&files).unwrap();
    for name in ["admin-1", "both", ".hidden", "other.card"] {
        std::fs::write(files.join(name), b"").unwrap();
    }
    create(&client, "both");
    let place = "/modules/1/slots/0/card";
    let module: api::Module = client.put(place, &card("admin-1")).unwrap();
    assert_eq!(module.slots[0].card.as_deref(), Some("admin-1"));
    let listed: Vec<api::Card> = client.get("/cards").unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|card| (card.name.as_str(), card.inserted.is_some()))
        .collect();
    assert_eq!(listed, [("admin-1", true), ("both", false)]);
    let again = client.put::<api::Module>(place, &card("admin-1"));
    assert_eq!(refusal(again), "card `admin-1' is in slot 0 of module 1");
    let removed: Option<String> = client.delete(place).unwrap();
    assert_eq!(removed.as_deref(), Some("admin-1"));
    let missing = client.put::<api::Module>(place, &card("other"));
    assert!(refusal(missing).starts_with("there is no card `other'"));

    // Of two with one name it is the one of the folder of cards.
    let _: api::Module = client.put(place, &card("both")).unwrap();
    let own = rig.options.cards.join("both.card");
    std::fs::remove_file(files.join("both")).unwrap();
    let listed: Vec<api::Card> = client.get("/cards").unwrap();
    assert!(
        own.exists()
            && listed
                .iter()
                .any(|card| card.name == "both" && card.inserted.is_some())
    );
}

#[test]
fn the_buttons_of_a_module_work() {
    let (rig, client) = rig(2);
    let failed: api::Module = client.post("/modules/2/fail", &()).unwrap();
    assert_eq!(failed.mode, ModuleMode::Failed);
    let cleared = client.post::<api::Module>("/modules/2/clear", &());
    let failed = "module 2 has failed: `softshield module retry 2' brings it back";
    assert_eq!(refusal(cleared), failed);
    let healthy = client.post::<api::Module>("/modules/1/retry", &());
    let nothing = "module 1 has not failed: there is nothing to bring back";
    assert_eq!(refusal(healthy), nothing);
    let back: api::Module = client.post("/modules/2/retry", &()).unwrap();
    assert_eq!(back.mode, ModuleMode::Uninitialised);

    let position = api::NewPosition {
        position: api::SwitchPosition::Initialisation,
        overrides: false,
    };
    let moved: api::Module = client.put("/modules/1/switch", &position).unwrap();
    assert_eq!(
        moved.mode,
        ModuleMode::Uninitialised,
        "until the next reset"
    );
    rig.privileged()
        .transact(ClearUnitArgs { module: 1 })
        .unwrap();
    let status: api::Status = client.get("/status").unwrap();
    assert_eq!(status.modules[0].mode, ModuleMode::PreInitialisation);
    assert_eq!(status.modules[1].mode, ModuleMode::Uninitialised);
    let unknown = client.post::<api::Module>("/modules/3/clear", &());
    assert_eq!(refusal(unknown), "there is no module 3");
}

#[test]
fn a_mode_switch_that_is_held_overrides_commands() {
    use ncore::types::ModuleMode as Asked;
    let (rig, client) = rig(1);
    let hold = |client: &Client, position, overrides| -> api::Module {
        let position = api::NewPosition {
            position,
            overrides,
        };
        client.put("/modules/1/switch", &position).unwrap()
    };
    let clear = |mode| ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode,
    };
    let look = |client: &Client| -> api::Module { client.get("/modules/1").unwrap() };
    let held = hold(&client, api::SwitchPosition::Operational, true);
    assert!(held.switch_overrides);
    let wire = rig.privileged();
    for mode in [Asked::Initialisation, Asked::Maintenance] {
        assert_eq!(
            crate::rig::refusal(&wire, clear(mode)),
            Status::AccessDenied
        );
        assert_eq!(look(&client).mode, ModuleMode::Uninitialised);
    }
    // What the switch says may be asked for, and a reset is no change of mode.
    wire.transact(clear(Asked::Operational)).unwrap();
    wire.transact(clear(Asked::Default)).unwrap();
    wire.transact(ClearUnitArgs { module: 1 }).unwrap();
    assert_eq!(look(&client).mode, ModuleMode::Uninitialised);

    // Hands move it, and it stays held through a power cut and a new start.
    hold(&client, api::SwitchPosition::Initialisation, true);
    wire.transact(ClearUnitArgs { module: 1 }).unwrap();
    assert_eq!(look(&client).mode, ModuleMode::PreInitialisation);
    let _: api::Module = client.post("/modules/1/power-cycle", &()).unwrap();
    drop(wire);
    rig.server.shutdown();
    let rig = Rig {
        server: Server::start(&rig.options).unwrap(),
        ..rig
    };
    let client = Client::new(rig.server.endpoints().control.clone());
    let wire = rig.privileged();
    let refused = crate::rig::refusal(&wire, clear(Asked::Operational));
    assert_eq!(refused, Status::AccessDenied);
    wire.transact(InitialiseUnitArgs { module: 1 }).unwrap();
    let refused = crate::rig::refusal(&wire, clear(Asked::Operational));
    assert_eq!(refused, Status::AccessDenied);

    let free = hold(&client, api::SwitchPosition::Initialisation, false);
    assert!(!free.switch_overrides);
    wire.transact(clear(Asked::Operational)).unwrap();
    assert_eq!(look(&client).switch, api::SwitchPosition::Operational);
}

#[test]
fn a_unit_comes_back_from_its_snapshot_on_a_fresh_daemon() {
    let rig = Rig::ready(2);
    let client = Client::new(rig.server.endpoints().control.clone());
    let before: api::Module = client.get("/modules/1").unwrap();
    let km0 = |rig: &Rig| {
        let list = GetKMListArgs {
            module: 1,
            flags: 0,
        };
        rig.connect().transact(list).unwrap().hkms
    };
    let keys = km0(&rig);
    let snapshot = client.download("/modules/1/snapshot").unwrap();
    let twice = client.upload::<api::Module>("/modules/2/snapshot", snapshot.clone());
    let words = refusal(twice);
    assert_eq!(
        words,
        format!("module 1 is the unit {} already", before.esn)
    );

    let (fresh, client) = self::rig(1);
    let other: api::Module = client.get("/modules/1").unwrap();
    assert_ne!(other.esn, before.esn);
    for cut in [0, 1, snapshot.len() / 2, snapshot.len() - 1] {
        let torn = client.upload::<api::Module>("/modules/1/snapshot", snapshot[..cut].to_vec());
        assert!(refusal(torn).starts_with("snapshot: "));
    }
    let other_file = client.upload::<api::Module>("/modules/1/snapshot", vec![b'x'; 100]);
    assert_eq!(refusal(other_file), "not a snapshot of softshield");
    let untouched: api::Module = client.get("/modules/1").unwrap();
    assert_eq!(untouched.esn, other.esn);
    let after: api::Module = client.upload("/modules/1/snapshot", snapshot).unwrap();
    assert_eq!(after.esn, before.esn);
    assert_eq!(after.switch, api::SwitchPosition::Initialisation);
    assert_eq!(km0(&fresh), keys);

    // It is saved, too.
    let options = fresh.options.clone();
    fresh.server.shutdown();
    let again = Server::start(&options).unwrap();
    assert_eq!(again.endpoints().serial_numbers, [before.esn]);
}

#[test]
fn a_power_cut_forgets_what_is_loaded_and_brings_a_failed_module_back() {
    let rig = Rig::ready(1);
    let client = Client::new(rig.server.endpoints().control.clone());
    let _: api::Module = client.post("/modules/1/fail", &()).unwrap();
    let back: api::Module = client.post("/modules/1/power-cycle", &()).unwrap();
    assert_eq!(back.mode, ModuleMode::PreInitialisation);
    assert_eq!(back.objects, 0);
}

#[test]
fn modules_are_added_unplugged_and_plugged_in_again() {
    let (rig, client) = rig(1);
    let added: api::Module = client.post("/modules", &()).unwrap();
    assert_eq!((added.number, added.mode), (2, ModuleMode::Uninitialised));
    let wire = rig.connect();
    let slots = || wire.transact(GetSlotListArgs { module: 2 });
    slots().unwrap();
    let _: api::Module = client.post("/modules/2/unplug", &()).unwrap();
    assert!(slots().is_err());
    let again = client.post::<api::Module>("/modules/2/unplug", &());
    let unplugged = "module 2 is unplugged: `softshield module plug-in 2' plugs it in";
    assert_eq!(refusal(again), unplugged);
    let back: api::Module = client.post("/modules/2/plug-in", &()).unwrap();
    assert_eq!(back.esn, added.esn);
    slots().unwrap();
    let twice = client.post::<api::Module>("/modules/2/plug-in", &());
    assert_eq!(refusal(twice), "module 2 is plugged in already");
}

#[test]
fn loaded_keys_and_areas_are_seen() {
    let rig = Rig::ready(1);
    let client = Client::new(rig.server.endpoints().control.clone());
    let wire = rig.connect();
    wire.transact(NewClientArgs::default()).unwrap();
    let made: GenerateKeyReply = wire
        .transact(GenerateKeyArgs {
            module: 1,
            params: KeyGenParams {
                type_: KeyType::Rijndael,
                params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 }),
            },
            ..Default::default()
        })
        .unwrap();
    assert_ne!(made.key, 0);
    let module: api::Module = client.get("/modules/1").unwrap();
    assert_eq!(module.objects, 1);
    assert_eq!(module.keys.len(), 1);
    assert_eq!(
        (module.keys[0].key_type.as_str(), module.keys[0].bits),
        ("Rijndael", 256)
    );
}

#[test]
fn nobody_is_answered_without_the_token_or_from_a_foreign_page() {
    let (rig, client) = rig(1);
    let token = rig.server.endpoints().control.token.clone();
    let shown = format!("Authorization: Bearer {token}\r\n");
    let host = "Host: 127.0.0.1:1\r\n";

    let (line, body) = raw(&rig, &format!("{host}{shown}"));
    assert_eq!(line, "HTTP/1.1 200 OK");
    assert!(body.contains("\"modules\""));
    let same = format!("{host}{shown}Origin: http://127.0.0.1:1\r\n");
    assert_eq!(raw(&rig, &same).0, "HTTP/1.1 200 OK");

    for (headers, code) in [
        (host.to_owned(), "401 Unauthorized"),
        (
            format!("{host}Authorization: Bearer 00\r\n"),
            "401 Unauthorized",
        ),
        (
            format!("{host}Authorization: {token}\r\n"),
            "401 Unauthorized",
        ),
        (
            format!("{host}{shown}Origin: http://example.org\r\n"),
            "403 Forbidden",
        ),
        (format!("{host}{shown}Origin: null\r\n"), "403 Forbidden"),
        (format!("Host: example.org\r\n{shown}"), "403 Forbidden"),
        (shown.clone(), "403 Forbidden"),
    ] {
        let (line, body) = raw(&rig, &headers);
        assert_eq!(line, format!("HTTP/1.1 {code}"), "{headers}");
        assert!(!body.contains("modules"), "{body}");
    }

    let mut access = rig.server.endpoints().control.clone();
    access.token = "0".repeat(64);
    let stranger = Client::new(access).get::<api::Status>("/status");
    assert!(refusal(stranger).contains("token"));
    let status: api::Status = client.get("/status").unwrap();
    assert_eq!(status.pool, None, "there is none");
}

/// Every path, with the methods that it takes.
const PATHS: [(&str, &[&str]); 17] = [
    ("/openapi.json", &["get"]),
    ("/status", &["get"]),
    ("/modules", &["post"]),
    ("/modules/{module}", &["get"]),
    ("/modules/{module}/clear", &["post"]),
    ("/modules/{module}/fail", &["post"]),
    ("/modules/{module}/retry", &["post"]),
    ("/modules/{module}/power-cycle", &["post"]),
    ("/modules/{module}/unplug", &["post"]),
    ("/modules/{module}/plug-in", &["post"]),
    ("/modules/{module}/switch", &["put"]),
    ("/modules/{module}/snapshot", &["get", "put"]),
    ("/modules/{module}/slots/{slot}/card", &["delete", "put"]),
    ("/faults", &["delete", "get", "put"]),
    ("/clock", &["get", "put"]),
    ("/cards", &["get", "post"]),
    ("/nowhere", &[]),
];

#[test]
fn the_description_and_the_router_know_the_same_paths_and_failures() {
    let (rig, client) = rig(1);
    let description: serde_json::Value = client.get("/openapi.json").unwrap();
    let described = description["paths"].as_object().unwrap();
    assert_eq!(described.len(), PATHS.len() - 1);
    let scheme = &description["components"]["securitySchemes"]["token"];
    assert_eq!(scheme["scheme"], "bearer");
    assert!(description["security"][0]["token"].is_array());

    let token = &rig.server.endpoints().control.token;
    let shown = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
    for (path, taken) in PATHS {
        let operations = described.get(path);
        // There is no such module: whatever finds the path does nothing.
        let place = path.replace("{module}", "99").replace("{slot}", "0");
        for method in ["delete", "get", "post", "put"] {
            let request = format!("{} {place}", method.to_uppercase());
            let (line, body) = written(&rig, &request, &shown, "");
            let code = line.split(' ').nth(1).unwrap();
            let words = serde_json::from_str::<api::Failure>(&body).map(|failure| failure.error);
            let operation = operations.and_then(|item| item.get(method));
            assert_eq!(operation.is_some(), taken.contains(&method), "{request}");
            match operation {
                Some(operation) => {
                    let declared = &operation["responses"];
                    for always in ["200", "401", "403", "500", code] {
                        assert!(declared[always].is_object(), "{request}: {always}");
                    }
                    assert_ne!(words.ok().as_deref(), Some("there is no such path"));
                }
                None if taken.is_empty() => {
                    assert_eq!(
                        (code, words.unwrap().as_str()),
                        ("404", "there is no such path")
                    );
                }
                None => {
                    let expected = "the path does not take this method";
                    assert_eq!(
                        (code, words.unwrap().as_str()),
                        ("405", expected),
                        "{request}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_request_that_is_not_understood_is_refused_in_words_of_json() {
    let (rig, _client) = rig(1);
    let token = &rig.server.endpoints().control.token;
    let shown = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
    let json = format!("{shown}Content-Type: application/json\r\n");
    for (request, headers, body, code, part) in [
        ("GET /modules/one", &shown, "", "400", "one"),
        (
            "PUT /clock",
            &shown,
            "{\"ahead\": 1}",
            "415",
            "Content-Type",
        ),
        ("PUT /clock", &json, "{", "400", "EOF"),
        ("PUT /clock", &json, "{\"ahead\": \"soon\"}", "422", "ahead"),
    ] {
        let (line, body) = written(&rig, request, headers, body);
        assert!(line.contains(code), "{request}: {line}");
        let failure: api::Failure = serde_json::from_str(&body).unwrap();
        assert!(failure.error.contains(part), "{request}: {}", failure.error);
    }
}

#[test]
fn the_clock_stays_within_a_hundred_years_of_the_machines() {
    let (_rig, client) = rig(1);
    let set = |ahead| client.put::<api::Clock>("/clock", &api::Clock { ahead, unix: None });
    const CENTURY: i64 = 3_155_760_000;
    for ahead in [CENTURY, -CENTURY, -5] {
        assert_eq!(set(ahead).unwrap().ahead, ahead);
    }
    for ahead in [CENTURY + 1, -CENTURY - 1, i64::MAX, i64::MIN] {
        let words = refusal(set(ahead));
        assert!(words.contains("3155760000 seconds ahead"), "{words}");
        assert_eq!(client.get::<api::Clock>("/clock").unwrap().ahead, -5);
    }
}

#[test]
fn the_channel_and_its_token_go_with_the_daemon() {
    let (rig, client) = rig(1);
    let record = rig.options.state.join("control.json");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        record.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    rig.server.shutdown();
    assert!(!record.exists());
    assert!(matches!(
        client.get::<api::Status>("/status"),
        Err(Error::NoDaemon(..))
    ));
}

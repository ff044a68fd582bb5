//! Fault plans: what goes wrong at which command, seen by clients.

use std::time::Duration;

use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::message::Command;
use ncore::types::*;
use simulator::control::api;
use simulator::control::client::{Client, Error};
use simulator::faults::{Plan, Report};

use crate::raw::message;
use crate::rig::{Rig, import_aes, refusal};

/// A hardserver on which a plan is played.
fn playing(rig: &Rig, plan: &str) -> Client {
    let client = Client::new(rig.server.endpoints().control.clone());
    let plan: Plan = toml::from_str(plan).unwrap();
    let _: Report = client.put("/faults", &plan).unwrap();
    client
}

fn slots(connection: &Connection) -> Result<GetSlotListReply, ClientError> {
    connection.transact(GetSlotListArgs { module: 1 })
}

fn impatient(rig: &Rig) -> Connection {
    let options = ConnectOptions {
        reply_timeout: Some(Duration::from_millis(300)),
        ..ConnectOptions::default()
    };
    Connection::connect(&Endpoint::Unix(rig.options.socket.clone()), options).unwrap()
}

fn enquiry() -> NewEnquiryArgs {
    NewEnquiryArgs {
        module: 0,
        ..Default::default()
    }
}

#[test]
fn the_nth_command_of_a_kind_is_refused() {
    let rig = Rig::ready(2);
    let plan = "[[fault]]\ndo = { status = 'HardwareFailed' }\ncommand = 'GetSlotList'\nmodule = 1\nnth = 2";
    let client = playing(&rig, plan);
    let wire = rig.connect();
    slots(&wire).unwrap();
    wire.transact(GetSlotListArgs { module: 2 }).unwrap();
    assert_eq!(
        refusal(&wire, GetSlotListArgs { module: 1 }),
        Status::HardwareFailed
    );
    slots(&wire).unwrap();
    let report: Report = client.delete("/faults").unwrap();
    assert_eq!((report.faults[0].met, report.faults[0].struck), (3, 1));
    assert_eq!(report.strikes[0].command, 2);
    let none: Report = client.get("/faults").unwrap();
    assert!(none.faults.is_empty());
}

#[test]
fn a_plan_goes_the_same_way_each_time() {
    let plan = "seed = '5'\n[[fault]]\ndo = { status = 'Failed' }\nchance = 0.3";
    let played = || {
        let rig = Rig::ready(1);
        let client = playing(&rig, plan);
        let wire = rig.connect();
        let outcome: Vec<bool> = (0..40).map(|_| slots(&wire).is_ok()).collect();
        let report: Report = client.get("/faults").unwrap();
        (outcome, report.strikes)
    };
    let (first, second) = (played(), played());
    assert_eq!(first, second);
    assert!(first.0.contains(&true) && first.0.contains(&false));
}

#[test]
fn a_reply_is_late_and_those_after_it_come_first() {
    let rig = Rig::ready(1);
    playing(
        &rig,
        "[[fault]]\ndo = { delay = 200 }\ncommand = 'GetSlotList'\nnth = 1",
    );
    let mut raw = rig.raw();
    raw.send(&message(&Command::new(1, GetSlotListArgs { module: 1 })));
    raw.send(&message(&Command::new(2, enquiry())));
    assert_eq!(raw.reply().tag, 2);
    assert_eq!(raw.reply().tag, 1);
}

#[test]
fn two_replies_change_places() {
    let rig = Rig::ready(1);
    playing(
        &rig,
        "[[fault]]\ndo = 'swap-replies'\ncommand = 'GenerateKeyPair'\nnth = 1",
    );
    let wire = rig.client();
    let make = || GenerateKeyPairArgs {
        module: 1,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                lenbits: 1024,
                ..Default::default()
            }),
        },
        ..Default::default()
    };
    let (one, two) = (wire.submit(make(), None), wire.submit(make(), None));
    assert!(wire.wait(two.unwrap()).is_ok());
    assert!(wire.wait(one.unwrap()).is_ok());
    // With nothing else in work, nothing is held back for ever.
    playing(&rig, "[[fault]]\ndo = 'swap-replies'\nevery = 1");
    slots(&wire).unwrap();
    // Nor is one that is held back lost to another.
    let three = [(); 3].map(|()| wire.submit(make(), None).unwrap());
    for pending in three {
        assert!(wire.wait(pending).is_ok());
    }
    // One of the hardserver's own waits for the module's.
    playing(
        &rig,
        "[[fault]]\ndo = { delay = 300 }\ncommand = 'GetSlotList'\nnth = 1
         [[fault]]\ndo = 'swap-replies'\ncommand = 'NewEnquiry'\nnth = 1",
    );
    let start = std::time::Instant::now();
    let late = wire.submit(GetSlotListArgs { module: 1 }, None).unwrap();
    wire.transact(enquiry()).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
    wire.wait(late).unwrap();
}

#[test]
fn what_the_hardserver_never_answers_holds_up_nobody() {
    let rig = Rig::ready(1);
    playing(
        &rig,
        "[[fault]]\ndo = 'stall'\ncommand = 'NewEnquiry'\nnth = 1",
    );
    let given_up = impatient(&rig);
    let client = given_up
        .transact(NewClientArgs { flags: 0 })
        .unwrap()
        .client;
    let stalled = given_up.transact(enquiry());
    assert!(
        matches!(stalled, Err(ClientError::TimedOut { .. })),
        "{stalled:?}"
    );
    drop(given_up);
    // Its client ends with its connection: in a moment.
    let join = || ExistingClientArgs { flags: 0, client };
    for _ in 0..1000 {
        let other = rig.connect();
        if let Err(ClientError::Status { status, .. }) = other.transact(join()) {
            assert_eq!(status, Status::ClientUnknown);
            return;
        }
        drop(other);
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the client is there still");
}

#[test]
fn a_module_stalls_until_it_is_reset() {
    let rig = Rig::ready(1);
    let client = playing(
        &rig,
        "[[fault]]\ndo = 'stall'\ncommand = 'GetSlotList'\nevery = 1",
    );
    let wire = rig.connect();
    let pending = wire.submit(GetSlotListArgs { module: 1 }, None).unwrap();
    assert!(matches!(
        slots(&impatient(&rig)),
        Err(ClientError::TimedOut { .. })
    ));
    wire.transact(enquiry()).unwrap();
    let _: api::Module = client.post("/modules/1/clear", &()).unwrap();
    match wire.wait(pending) {
        Err(ClientError::Status { status, .. }) => assert_eq!(status, Status::UnitReset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn replies_and_connections_are_lost() {
    let rig = Rig::ready(1);
    let lost = |plan| {
        playing(&rig, plan);
        slots(&impatient(&rig)).unwrap_err()
    };
    let error = lost("[[fault]]\ndo = 'drop-reply'\nnth = 1");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    for plan in [
        "[[fault]]\ndo = 'half-reply'\nnth = 1",
        "[[fault]]\ndo = 'reset-connection'\nnth = 1",
    ] {
        let error = lost(plan);
        assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    }
    slots(&rig.connect()).unwrap();
}

#[test]
fn a_module_fails_in_the_middle_of_a_command() {
    let rig = Rig::ready(1);
    let client = playing(
        &rig,
        "[[fault]]\ndo = 'fail-module'\ncommand = 'Import'\nnth = 1",
    );
    let wire = rig.client();
    assert_eq!(refusal(&wire, import_aes(1, 1)), Status::HardwareFailed);
    let module: api::Module = client.get("/modules/1").unwrap();
    assert_eq!((module.mode, module.objects), (api::ModuleMode::Failed, 0));
}

#[test]
fn what_is_stalled_when_its_module_fails_is_answered() {
    let rig = Rig::ready(1);
    playing(
        &rig,
        "[[fault]]\ndo = 'stall'\ncommand = 'GetSlotList'\nnth = 1\n\
         [[fault]]\ndo = 'fail-module'\ncommand = 'Import'\nnth = 1",
    );
    let wire = rig.client();
    let pending = wire.submit(GetSlotListArgs { module: 1 }, None).unwrap();
    assert_eq!(refusal(&wire, import_aes(1, 1)), Status::HardwareFailed);
    match wire.wait(pending) {
        Err(ClientError::Status { status, .. }) => assert_eq!(status, Status::HardwareFailed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_card_is_pulled_before_a_command_reaches_it() {
    let rig = Rig::ready(1);
    let client = playing(
        &rig,
        "[[fault]]\ndo = 'pull-cards'\ncommand = 'FormatToken'\nnth = 2",
    );
    let name = api::CardName {
        name: "one".to_owned(),
    };
    let _: Vec<api::Card> = client.post("/cards", &name).unwrap();
    let _: api::Module = client.put("/modules/1/slots/0/card", &name).unwrap();
    let format = || FormatTokenArgs {
        flags: 0,
        token: PhysToken {
            module: 1,
            slot: 0,
            ic: 1,
        },
        auth_key: None,
    };
    let wire = rig.client();
    wire.transact(format()).unwrap();
    assert_eq!(refusal(&wire, format()), Status::PhysTokenNotPresent);
    assert_eq!(slots(&wire).unwrap().slots[0].token.ic, 0);
}

#[test]
fn the_memory_is_full_wiped_or_not_to_be_written() {
    let rig = Rig::ready(1);
    let area = |name: u8| NVMemAllocArgs {
        module: 1,
        info: FileInfo {
            flags: 0,
            length: 16,
            id: [name; 11],
        },
        ..Default::default()
    };
    let wire = rig.client();
    wire.transact(area(1)).unwrap();
    let names = || -> Vec<u8> {
        let list = NVMemListArgs {
            module: 1,
            flags: 0,
        };
        let files = wire.transact(list).unwrap().infos;
        files.iter().map(|file| file.id[0]).collect()
    };
    playing(
        &rig,
        "[[fault]]\ndo = 'write-fails'\ncommand = 'NVMemAlloc'\nnth = 1",
    );
    assert_eq!(refusal(&wire, area(2)), Status::Failed);
    assert_eq!(names(), [1]);
    wire.transact(area(2)).unwrap();

    playing(
        &rig,
        "[[fault]]\ndo = 'fill-nvram'\ncommand = 'NVMemAlloc'\nnth = 1",
    );
    assert_eq!(refusal(&wire, area(3)), Status::NoModuleMemory);
    assert!(names().len() > 2);

    playing(
        &rig,
        "[[fault]]\ndo = 'wipe-nvram'\ncommand = 'NVMemAlloc'\nnth = 1",
    );
    wire.transact(area(4)).unwrap();
    assert_eq!(names(), [4]);
}

#[test]
fn the_clock_jumps() {
    let rig = Rig::ready(1);
    let client = playing(
        &rig,
        "[[fault]]\ndo = { clock = -3600 }\ncommand = 'GetSlotList'\nnth = 1",
    );
    let time = RTCTime {
        currenttimelow: 1_000_000,
        ..Default::default()
    };
    let set = SetRTCArgs {
        module: 1,
        flags: 0,
        time,
    };
    rig.client().transact(set).unwrap();
    let rtc = || {
        let get = GetRTCArgs {
            module: 1,
            flags: 0,
        };
        rig.client().transact(get).unwrap().time.currenttimelow
    };
    assert!((1_000_000..1_003_000).contains(&rtc()));
    let before: api::Clock = client.get("/clock").unwrap();
    slots(&rig.connect()).unwrap();
    let after: api::Clock = client.get("/clock").unwrap();
    assert_eq!((before.ahead, after.ahead), (0, -3600));
    assert!(after.unix < before.unix);
    assert!(
        (996_400..999_400).contains(&rtc()),
        "the module's clock too"
    );
    let set = api::Clock {
        ahead: 100,
        unix: None,
    };
    let set: api::Clock = client.put("/clock", &set).unwrap();
    assert_eq!(set.ahead, 100);
}

#[test]
fn a_module_gets_hot_and_cools_down() {
    let rig = Rig::ready(2);
    let shown = |module, id| {
        let node = [
            StatNodeTag::PerModule.0,
            module,
            StatNodeTag::ModuleEnvStats.0,
        ];
        rig.statistic(&node, id)
    };
    let before = shown(1, StatID::CurrentCPUTemp1);
    assert!(before < 80);
    let warm = |celsius: u32| {
        let plan = format!(
            "[[fault]]\ndo = {{ temperature = {celsius} }}\ncommand = 'GetSlotList'\nnth = 1"
        );
        playing(&rig, &plan);
        slots(&rig.connect()).unwrap();
    };
    warm(95);
    assert_eq!(shown(1, StatID::CurrentCPUTemp1), 95);
    assert_eq!(shown(2, StatID::CurrentCPUTemp1), before);
    warm(30);
    assert_eq!(shown(1, StatID::CurrentTempC), 30);
    assert_eq!(shown(1, StatID::MaxTempC), 95);
    assert_eq!(shown(1, StatID::MinTempC), 30);
}

#[test]
fn what_cannot_be_played_changes_nothing() {
    let rig = Rig::ready(1);
    let client = playing(
        &rig,
        "[[fault]]\ndo = 'drop-reply'\ncommand = 'NoOp'\nevery = 1",
    );
    let plan: Plan = toml::from_str("[[fault]]\ndo = 'stall'\ncommand = 'Sing'\nnth = 1").unwrap();
    match client.put::<Report>("/faults", &plan) {
        Err(Error::Refused(words)) => assert_eq!(words, "fault 1: there is no command `Sing'"),
        other => panic!("{other:?}"),
    }
    let report: Report = client.get("/faults").unwrap();
    assert_eq!(report.faults[0].rule.command.as_deref(), Some("NoOp"));
    assert!(toml::from_str::<Plan>("[[fault]]\ndo = 'explode'\nnth = 1").is_err());
    assert!(toml::from_str::<Plan>("[[fault]]\ndo = 'stall'\nnht = 1").is_err());
}

#[test]
fn a_card_that_is_torn_in_a_write_keeps_what_was_on_it() {
    let rig = Rig::ready(1);
    let control = Client::new(rig.server.endpoints().control.clone());
    let name = api::CardName {
        name: "torn".to_owned(),
    };
    let _: Vec<api::Card> = control.post("/cards", &name).unwrap();
    let insert = || {
        let place = "/modules/1/slots/0/card";
        let _: api::Module = control.put(place, &name).unwrap();
    };
    insert();
    let wire = rig.client();
    let token = |ic| PhysToken {
        module: 1,
        slot: 0,
        ic,
    };
    let file = FileInfo {
        id: *b"state\0\0\0\0\0\0",
        ..FileInfo::default()
    };
    let write = |ic, data: &[u8]| WriteFileArgs {
        flags: 0,
        token: token(ic),
        file: file.clone(),
        data: data.to_vec(),
    };
    let read = |ic| ReadFileArgs {
        flags: 0,
        token: token(ic),
        file: file.clone(),
    };
    let format = FormatTokenArgs {
        flags: 0,
        token: token(1),
        auth_key: None,
    };
    wire.transact(format).unwrap();
    wire.transact(write(1, b"content 0")).unwrap();
    let mut ic = 1;
    let mut content = b"content 0".to_vec();
    // Cut everywhere: in the header, in the file, at the end, and not at all.
    for (turn, bytes) in (1..).zip([0, 1, 20, 60, 80, 1_000_000]) {
        let plan =
            format!("[[fault]]\ndo = {{ tear-card = {bytes} }}\ncommand = 'WriteFile'\nnth = 1");
        playing(&rig, &plan);
        let new = format!("content {turn}").into_bytes();
        assert_eq!(refusal(&wire, write(ic, &new)), Status::TokenIOError);
        assert_eq!(refusal(&wire, read(ic)), Status::PhysTokenNotPresent);
        insert();
        ic += 1;
        if bytes == 1_000_000 {
            content = new;
        }
        assert_eq!(
            wire.transact(read(ic)).unwrap().data,
            content,
            "{bytes} bytes"
        );
        wire.transact(write(ic, &content)).unwrap();
    }
}

#[test]
fn commands_of_the_hardserver_go_wrong_too() {
    let rig = Rig::ready(2);
    let plan = "
        [[fault]]
        do = { status = 'NoMemory' }
        command = 'NewClient'
        nth = 1
        [[fault]]
        do = { delay = 300 }
        command = 'MergeKeyIDs'
        nth = 1
        [[fault]]
        do = 'drop-reply'
        command = 'MergeKeyIDs'
        nth = 2
        [[fault]]
        do = 'reset-connection'
        command = 'NewEnquiry'
        nth = 1
        [[fault]]
        do = 'stall'
        nth = 3";
    let client = playing(&rig, plan);
    let wire = impatient(&rig);
    let new = || NewClientArgs { flags: 0 };
    assert_eq!(refusal(&wire, new()), Status::NoMemory);
    wire.transact(new()).unwrap();

    let keys = [1, 2].map(|module| wire.transact(import_aes(module, 7)).unwrap().key);
    let merge = || MergeKeyIDsArgs {
        keys: keys.to_vec(),
    };
    let patient = rig.connect();
    let start = std::time::Instant::now();
    // Refused, since it has no client; late all the same.
    refusal(&patient, merge());
    assert!(start.elapsed() >= Duration::from_millis(300));
    let lost = wire.transact(merge());
    assert!(
        matches!(lost, Err(ClientError::TimedOut { .. })),
        "{lost:?}"
    );
    wire.transact(merge()).unwrap();

    let cut = patient.transact(enquiry());
    assert!(matches!(cut, Err(ClientError::Lost { .. })), "{cut:?}");
    wire.transact(enquiry()).unwrap();

    let report: Report = client.delete("/faults").unwrap();
    let met: Vec<u64> = report.faults.iter().map(|fault| fault.met).collect();
    // A rule for all commands counts those that came to a module.
    assert_eq!(met, [2, 3, 3, 2, 2]);
    assert!(report.strikes.iter().all(|strike| strike.module == 0));
    assert_eq!(report.strikes.len(), 4);
}

#[test]
fn a_rule_that_can_never_strike_is_refused_by_name() {
    let rig = Rig::ready(2);
    let every = ConfigurePoolModuleArgs::default();
    rig.privileged().transact(every).unwrap();
    let client = Client::new(rig.server.endpoints().control.clone());
    for (rule, words) in [
        ("module = 77", "fault 2: there is no module 77"),
        (
            "module = 3",
            "fault 2: module 3 is the pool: its commands come to its members",
        ),
        (
            "command = 'NewEnquiry'\nmodule = 1",
            "fault 2: `NewEnquiry' never comes to a module: the hardserver answers it",
        ),
    ] {
        let plan =
            format!("[[fault]]\ndo = 'stall'\nnth = 9\n[[fault]]\ndo = 'stall'\nnth = 1\n{rule}");
        let plan: Plan = toml::from_str(&plan).unwrap();
        match client.put::<Report>("/faults", &plan) {
            Err(Error::Refused(refusal)) => assert_eq!(refusal, words),
            other => panic!("{other:?}"),
        }
        let none: Report = client.get("/faults").unwrap();
        assert!(none.faults.is_empty(), "nothing is played");
    }
}

/// The hands at the reader of module 1, and the card that they put into it.
struct Hands {
    control: Client,
    card: api::CardName,
}

impl Hands {
    fn with_card(rig: &Rig, name: &str) -> Hands {
        let control = Client::new(rig.server.endpoints().control.clone());
        let card = api::CardName {
            name: name.to_owned(),
        };
        let _: Vec<api::Card> = control.post("/cards", &card).unwrap();
        Hands { control, card }
    }

    /// Puts the card in; where it is then.
    fn insert(&self) -> PhysToken {
        let place = "/modules/1/slots/0/card";
        let module: api::Module = self.control.put(place, &self.card).unwrap();
        PhysToken {
            module: 1,
            slot: 0,
            ic: module.slots[0].insertions,
        }
    }
}

#[test]
fn a_card_that_is_pulled_in_a_read_gives_no_file() {
    let rig = Rig::ready(1);
    let hands = Hands::with_card(&rig, "file");
    let wire = rig.client();
    let mut token = hands.insert();
    wire.transact(FormatTokenArgs {
        token: token.clone(),
        ..Default::default()
    })
    .unwrap();
    let file = FileInfo {
        id: *b"state\0\0\0\0\0\0",
        ..FileInfo::default()
    };
    wire.transact(WriteFileArgs {
        token: token.clone(),
        file: file.clone(),
        data: b"content".to_vec(),
        ..Default::default()
    })
    .unwrap();
    for bytes in [0, 1, 60] {
        playing(
            &rig,
            &format!("[[fault]]\ndo = {{ cut-read = {bytes} }}\ncommand = 'ReadFile'\nnth = 1"),
        );
        let read = |token: &PhysToken| ReadFileArgs {
            flags: 0,
            token: token.clone(),
            file: file.clone(),
        };
        assert_eq!(refusal(&wire, read(&token)), Status::TokenIOError);
        // Its slot knows that it is gone.
        assert_eq!(refusal(&wire, read(&token)), Status::PhysTokenNotPresent);
        token = hands.insert();
        assert_eq!(wire.transact(read(&token)).unwrap().data, b"content");
    }
}

#[test]
fn a_token_whose_card_is_pulled_in_a_read_stays_as_it_was() {
    let rig = Rig::ready(1);
    let wire = rig.client();
    let hands = ["one", "two"].map(|name| Hands::with_card(&rig, name));
    let params = TokenParams {
        flags: TokenParams::NOT_PERSISTENT,
        sharesneeded: 2,
        sharestotal: 2,
        timelimit: 0,
    };
    // Under a null module key: it needs no world.
    let hkm = [0; 20];
    let made = wire
        .transact(GenerateLogicalTokenArgs {
            module: 1,
            hkm,
            params: params.clone(),
        })
        .unwrap();
    let remove = || {
        let place = "/modules/1/slots/0/card";
        let _: Option<String> = hands[0].control.delete(place).unwrap();
    };
    for (i, hands) in (1..).zip(&hands) {
        let token = hands.insert();
        wire.transact(FormatTokenArgs {
            token: token.clone(),
            ..Default::default()
        })
        .unwrap();
        wire.transact(WriteShareArgs {
            token,
            idkt: made.idkt,
            i,
            ..Default::default()
        })
        .unwrap();
        remove();
    }
    let idkt = wire
        .transact(LoadLogicalTokenArgs {
            module: 1,
            hkt: made.hkt,
            hkm,
            params,
        })
        .unwrap()
        .idkt;
    let read = |token: PhysToken, i| ReadShareArgs {
        token,
        idkt,
        i,
        ..Default::default()
    };
    let state = || {
        let info = wire.transact(GetLogicalTokenInfoArgs { idkt }).unwrap();
        let shares: Vec<_> = info.shares.iter().map(|share| share.state).collect();
        (info.state, info.sharesneeded, shares)
    };
    let cut = |bytes: u32| {
        playing(
            &rig,
            &format!("[[fault]]\ndo = {{ cut-read = {bytes} }}\ncommand = 'ReadShare'\nnth = 1"),
        );
    };
    use LogTokenShareState as Share;
    let nothing_read = (
        LogTokenState::Reading,
        2,
        vec![Share::NotYetRead, Share::NotYetRead],
    );
    let one_read = (
        LogTokenState::Reading,
        1,
        vec![Share::OK, Share::NotYetRead],
    );

    assert_eq!(state(), nothing_read);
    cut(50);
    assert_eq!(
        refusal(&wire, read(hands[0].insert(), 1)),
        Status::TokenIOError
    );
    assert_eq!(state(), nothing_read);
    let reply = wire.transact(read(hands[0].insert(), 1)).unwrap();
    assert_eq!((reply.sharesleft, state()), (1, one_read.clone()));
    remove();
    cut(50);
    assert_eq!(
        refusal(&wire, read(hands[1].insert(), 2)),
        Status::TokenIOError
    );
    assert_eq!(state(), one_read);

    // A card that was read as a whole before it was pulled has given its share, and a token that lasts as long as its card
    // is gone with it.
    cut(1_000_000);
    let reply = wire.transact(read(hands[1].insert(), 2)).unwrap();
    assert_eq!(reply.sharesleft, 0);
    let key = wire.transact(import_aes(1, 1)).unwrap().key;
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt });
    let blob = MakeBlobArgs {
        format: BlobFormat::Token,
        idka: key,
        blobkey,
        ..Default::default()
    };
    assert_eq!(refusal(&wire, blob), Status::PhysTokenNotPresent);
}

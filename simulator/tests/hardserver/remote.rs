//! Two hardservers, one of which imports the other's module over TCP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ncore::client::Connection;
use ncore::types::*;
use simulator::control::client::{Client, Error};
use simulator::faults::{Plan, Report};
use simulator::options::{HsClient, Import};
use simulator::{KnetiHash, Options, Server};
use tempfile::TempDir;

use crate::rig::{Rig, encrypt, generate_rsa, hash32, import_aes, permit, refusal, sign};

/// A hardserver that may be stopped and started again where it was.
struct Host {
    server: Option<Server>,
    options: Options,
    _folder: TempDir,
}

impl Host {
    /// One that is not yet started, and the hash of its key.
    fn new() -> (Host, KnetiHash) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            engines: 2,
            impath: "127.0.0.1:0".parse().unwrap(),
            connect_retry: Duration::from_millis(200),
            connect_broken: Duration::from_secs(20),
            ..Options::in_folder(folder.path())
        };
        options.prepare_folders().unwrap();
        let hash = KnetiHash::of_state(&options.state).unwrap();
        let host = Host {
            server: None,
            options,
            _folder: folder,
        };
        (host, hash)
    }

    fn start(&mut self) {
        let server = Server::start(&self.options).unwrap();
        if let Some(impath) = server.endpoints().impath {
            self.options.impath = impath;
        }
        self.server = Some(server);
    }

    fn stop(&mut self) {
        self.server.take().unwrap().shutdown();
    }

    fn rig(self) -> Rig {
        Rig {
            server: self.server.unwrap(),
            options: self.options,
            _folder: self._folder,
        }
    }
}

/// Two hosts with a module each, in one world. The importer's is its module 1, the exporter's is its module 2; the pool of
/// both has number 3.
struct Pair {
    exporter: Host,
    importer: Rig,
}

fn pair(privileged: bool) -> Pair {
    let (mut exporter, exporter_hash) = Host::new();
    let (mut importer, importer_hash) = Host::new();
    exporter.options.hs_clients = vec![HsClient {
        addr: Some("127.0.0.1".parse().unwrap()),
        keyhash: importer_hash,
        privileged: true,
    }];
    exporter.start();
    let server = exporter.server.as_ref().unwrap();
    operate(&wire(&exporter.options, true), 1);
    importer.options.imports = vec![Import {
        remote: exporter.options.impath,
        esn: server.endpoints().serial_numbers[0].clone(),
        keyhash: exporter_hash,
        privileged,
    }];
    importer.start();
    let importer = importer.rig();
    let inside = importer.privileged();
    operate(&inside, 1);
    inside.transact(ConfigurePoolModuleArgs::default()).unwrap();
    let pair = Pair { exporter, importer };
    pair.wait_for(Status::OK);
    pair
}

impl Pair {
    fn connection_status(&self) -> Status {
        let six = enquiry(&self.importer.connect(), 2).six;
        six.rmdata.unwrap().stinfo.st
    }

    /// Waits until the imported module's link is in this state.
    fn wait_for(&self, status: Status) {
        eventually("the link", || self.connection_status() == status);
    }
}

fn wire(options: &Options, privileged: bool) -> Connection {
    use ncore::client::{ConnectOptions, Endpoint};
    let socket = match privileged {
        true => &options.privileged_socket,
        false => &options.socket,
    };
    let endpoint = Endpoint::Unix(socket.clone());
    Connection::connect(&endpoint, ConnectOptions::default()).unwrap()
}

/// Puts a new module into the world of the security officer 01..01.
fn operate(privileged: &Connection, module: u32) {
    let clear = |mode| ClearUnitExArgs {
        flags: 0,
        module,
        mode,
    };
    privileged
        .transact(clear(ModuleMode::Initialisation))
        .unwrap();
    privileged.transact(InitialiseUnitArgs { module }).unwrap();
    privileged
        .transact(SetNSOPermsArgs {
            module,
            flags: 0,
            hknso: [1; 20],
            publicperms: NSOPerms { ops: 0x7_ffff },
        })
        .unwrap();
    privileged.transact(clear(ModuleMode::Operational)).unwrap();
}

fn enquiry(wire: &Connection, module: u32) -> EnqVerSixData {
    let args = NewEnquiryArgs {
        flags: 0,
        module,
        version: 6,
    };
    match wire.transact(args).unwrap().data {
        EnqVerData::Six(data) => data,
        other => panic!("{other:?}"),
    }
}

fn members(wire: &Connection) -> String {
    let info = wire.transact(GetPoolInfoArgs {
        flags: 0,
        type_: PoolInfo::StoreInfo,
        req: PoolInfoReqData::Empty,
    });
    String::from_utf8(info.unwrap().info).unwrap()
}

/// Waits for what another thread or process brings about.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < patience, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn exporter_objects(exporter: &Host) -> u32 {
    let args = StatGetValuesArgs {
        flags: 0,
        path_tags: vec![StatNodeTag::PerModule.0, 1, StatNodeTag::ModuleObjStats.0],
    };
    let reply = wire(&exporter.options, false).transact(args).unwrap();
    let is_count = |info: &StatInfo| info.id == StatID::ObjectCount;
    reply.values[reply.statinfos.iter().position(is_count).unwrap()]
}

#[test]
fn an_imported_module_is_one_more_with_its_own_serial_number() {
    let pair = pair(false);
    let wire = pair.importer.client();
    let serials = &pair.importer.server.endpoints().serial_numbers;
    assert_eq!(serials.len(), 2);
    assert_ne!(serials[0], serials[1]);
    let server = enquiry(&wire, 0);
    assert_eq!(server.one.hardwareserial, serials.join(" "));
    let own_hash = KnetiHash::of_state(&pair.importer.options.state).unwrap();
    assert_eq!(server.six.kneti, Some(own_hash.0));

    let module = enquiry(&wire, 2);
    assert_eq!(module.one.hardwareserial, serials[1]);
    assert_eq!(module.five.devicename, "Rt2");
    let remote = module.six.rmdata.unwrap().rm;
    let SocketAddr::V4(at) = pair.exporter.options.impath else {
        panic!("an address of version 4")
    };
    let expected = NetworkAddressFamilyINETValue {
        addr: at.ip().octets(),
        port: at.port().into(),
    };
    assert_eq!(
        remote.addr.unwrap().addr,
        NetworkAddressFamilyValue::INET(expected)
    );
    let there = enquiry(&self::wire(&pair.exporter.options, false), 0);
    assert_eq!(remote.hks.unwrap().v[0].hash, there.six.kneti.unwrap());
    assert_eq!(there.six.impathport, u32::from(at.port()));

    let slots = wire.transact(GetSlotListArgs { module: 2 }).unwrap().slots;
    assert!(slots.iter().all(|slot| slot.token.module == 2), "{slots:?}");
}

#[test]
fn objects_live_at_the_exporter_as_long_as_their_client_here() {
    let pair = pair(false);
    let (one, other) = (pair.importer.client(), pair.importer.client());
    let key = one.transact(import_aes(2, 7)).unwrap().key;
    let of_other = other.transact(import_aes(2, 8)).unwrap().key;
    assert_eq!(exporter_objects(&pair.exporter), 2);
    assert_eq!(pair.importer.objects(1), 0);
    let which = one.transact(GetWhichModuleArgs { key }).unwrap();
    assert_eq!(which.module, [2]);
    assert_eq!(refusal(&other, encrypt(key)), Status::UnknownID);

    // AES-256 in ECB mode of 16 bytes 05 under 32 bytes 07; computed with OpenSSL:
    // printf '\5%.0s' {1..16} | openssl enc -aes-256-ecb -nopad -K $(printf '07%.0s' {1..32}) | xxd -p
    let cipher = one.transact(encrypt(key)).unwrap().cipher;
    let MechCipher::Generic128(data) = cipher.data else {
        panic!("{:?}", cipher.data)
    };
    assert_eq!(data.cipher, hex("4f38e6cc7a5291d11869335a103d91e7"));

    let pairkeys = one.transact(generate_rsa(2, 1024)).unwrap();
    let signature = one.transact(sign(pairkeys.keypriv)).unwrap().sig;
    let verify = VerifyArgs {
        key: pairkeys.keypub,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: hash32(),
        sig: signature,
        ..Default::default()
    };
    one.transact(verify).unwrap();

    one.transact(DestroyArgs { key }).unwrap();
    assert_eq!(refusal(&one, encrypt(key)), Status::UnknownID);
    assert_eq!(exporter_objects(&pair.exporter), 3);
    drop(one);
    eventually("the end of a client", || {
        exporter_objects(&pair.exporter) == 1
    });
    other.transact(encrypt(of_other)).unwrap();
}

#[test]
fn a_file_of_an_imported_module_is_named_by_its_number_here() {
    let pair = pair(true);
    let wire = pair.importer.privileged();
    wire.transact(NewClientArgs::default()).unwrap();
    let spec = |module| FileSpec {
        flags: 0,
        file: FileInfo {
            flags: 0,
            length: 16,
            id: *b"of module 2",
        },
        dev: FileDevice::NVMem,
        details: FileDeviceDetails::NVMem(FileDeviceNVMemDetails { module }),
    };
    let create = |module| FileCreateArgs {
        flags: 0,
        file: spec(module),
        acl: permit(0),
    };
    wire.transact(create(2)).unwrap();
    assert_eq!(refusal(&wire, create(2)), Status::AlreadyExists);
    // The other module has none.
    wire.transact(create(1)).unwrap();
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn tickets_find_the_module_again() {
    let pair = pair(false);
    let (giver, taker) = (pair.importer.client(), pair.importer.client());
    let obj = giver.transact(import_aes(2, 7)).unwrap().key;
    let ticket = GetTicketArgs {
        obj,
        dest: TicketDestination::AnyClient,
        ..Default::default()
    };
    let ticket = giver.transact(ticket).unwrap().ticket;
    let redeem = RedeemTicketArgs {
        ticket,
        ..Default::default()
    };
    let key = taker.transact(redeem).unwrap().obj;
    let which = taker.transact(GetWhichModuleArgs { key }).unwrap();
    assert_eq!(which.module, [2]);
    taker.transact(encrypt(key)).unwrap();
}

#[test]
fn merged_keys_go_across_hosts_and_survive_one() {
    let mut pair = pair(false);
    let wire = pair.importer.client();
    let keys = [1, 2].map(|module| wire.transact(import_aes(module, 7)).unwrap().key);
    let other = wire.transact(import_aes(2, 8)).unwrap().key;
    let unlike = MergeKeyIDsArgs {
        keys: vec![keys[0], other],
    };
    assert_eq!(refusal(&wire, unlike), Status::InvalidMergedKey);
    let merge = MergeKeyIDsArgs {
        keys: keys.to_vec(),
    };
    let merged = wire.transact(merge).unwrap().newkey;
    let which = |key| wire.transact(GetWhichModuleArgs { key }).unwrap().module;
    assert_eq!(which(merged), [1, 2]);
    let cipher = wire.transact(encrypt(merged)).unwrap().cipher;
    for _ in 0..10 {
        assert_eq!(wire.transact(encrypt(merged)).unwrap().cipher, cipher);
    }
    pair.exporter.stop();
    pair.wait_for(Status::ServerConnectionLost);
    assert_eq!(wire.transact(encrypt(merged)).unwrap().cipher, cipher);
    assert_eq!(which(merged), [1]);
}

#[test]
fn a_module_whose_link_is_lost_has_failed_and_returns_without_its_objects() {
    let mut pair = pair(false);
    let wire = pair.importer.client();
    let key = wire.transact(import_aes(2, 7)).unwrap().key;
    pair.exporter.stop();
    pair.wait_for(Status::ServerConnectionLost);
    let no_op = NoOpArgs { module: 2 };
    assert_eq!(refusal(&wire, no_op.clone()), Status::HardwareFailed);
    assert_eq!(refusal(&wire, encrypt(key)), Status::HardwareFailed);
    assert_eq!(refusal(&wire, import_aes(2, 7)), Status::HardwareFailed);
    let module = enquiry(&wire, 2);
    let serials = &pair.importer.server.endpoints().serial_numbers;
    assert_eq!(module.one.hardwareserial, serials[1]);

    pair.exporter.start();
    pair.wait_for(Status::OK);
    wire.transact(no_op).unwrap();
    assert_eq!(refusal(&wire, encrypt(key)), Status::UnknownID);
    let key = wire.transact(import_aes(2, 7)).unwrap().key;
    wire.transact(encrypt(key)).unwrap();
}

#[test]
fn privileged_commands_need_an_import_that_is_privileged() {
    let clear = || ClearUnitArgs { module: 2 };
    let without = pair(false);
    assert_eq!(
        refusal(&without.importer.privileged(), clear()),
        Status::PrivilegedCommand
    );

    let pair = pair(true);
    let wire = pair.importer.client();
    let key = wire.transact(import_aes(2, 7)).unwrap().key;
    assert_eq!(refusal(&wire, clear()), Status::PrivilegedCommand);
    pair.importer.privileged().transact(clear()).unwrap();
    assert_eq!(refusal(&wire, encrypt(key)), Status::UnknownID);
    assert_eq!(exporter_objects(&pair.exporter), 0);
}

#[test]
fn who_is_not_known_is_refused_at_either_end() {
    let (mut exporter, exporter_hash) = Host::new();
    let (stranger, stranger_hash) = Host::new();
    let (_, importer_hash) = Host::new();
    exporter.options.hs_clients = vec![HsClient {
        addr: None,
        keyhash: importer_hash,
        privileged: false,
    }];
    exporter.start();
    let serials = &exporter.server.as_ref().unwrap().endpoints().serial_numbers;
    let import = |keyhash| Import {
        remote: exporter.options.impath,
        esn: serials[0].clone(),
        keyhash,
        privileged: false,
    };
    let mut stranger = stranger;
    // The exporter does not know the stranger; and who expects another key does not speak with the exporter.
    stranger.options.imports = vec![import(exporter_hash), import(stranger_hash)];
    stranger.start();
    let rig = stranger.rig();
    for module in [2, 3] {
        eventually("a refusal", || {
            let six = enquiry(&rig.connect(), module).six;
            six.rmdata.unwrap().stinfo.st == Status::ServerAccessDenied
        });
        let no_op = NoOpArgs { module };
        assert_eq!(refusal(&rig.connect(), no_op), Status::HardwareFailed);
    }
    let connections = [StatNodeTag::ServerGlobals.0];
    let args = StatGetValuesArgs {
        flags: 0,
        path_tags: connections.to_vec(),
    };
    let reply = wire(&exporter.options, false).transact(args).unwrap();
    let most = |info: &StatInfo| info.id == StatID::MaxClients;
    let most = reply.values[reply.statinfos.iter().position(most).unwrap()];
    assert_eq!(most, 1, "nobody got past the handshake");
}

#[test]
fn a_pool_goes_across_hosts_and_its_work_goes_on_when_one_is_gone() {
    let mut pair = pair(false);
    let wire = pair.importer.client();
    assert_eq!(members(&wire), "1 2");
    let made = wire.transact(generate_rsa(3, 1024)).unwrap();
    let signature = wire.transact(sign(made.keypriv)).unwrap().sig;
    let started = |exporter: &Host| {
        let client = Client::new(
            exporter
                .server
                .as_ref()
                .unwrap()
                .endpoints()
                .control
                .clone(),
        );
        let status: simulator::control::api::Status = client.get("/status").unwrap();
        status.modules[0].queue.started
    };
    let before = started(&pair.exporter);
    for _ in 0..20 {
        let again = wire.transact(sign(made.keypriv)).unwrap().sig;
        assert_eq!(again, signature, "it is the same key on both");
    }
    assert!(started(&pair.exporter) > before + 5);

    let importer = &pair.importer;
    let exporter = &mut pair.exporter;
    under_load(importer, |some_work| {
        for _ in 0..3 {
            some_work();
            exporter.stop();
            some_work();
            assert_eq!(members(&wire), "1");
            exporter.start();
            eventually("the module's return", || members(&wire) == "1 2");
        }
    });
    let before = started(&pair.exporter);
    for _ in 0..20 {
        let again = wire.transact(sign(made.keypriv)).unwrap().sig;
        assert_eq!(again, signature, "made again at the exporter");
    }
    assert!(started(&pair.exporter) > before + 5);
}

/// Has eight clients sign through the pool, none of which may fail, while something happens. It is given a way to wait until
/// they have done some work.
fn under_load(importer: &Rig, happens: impl FnOnce(&dyn Fn())) {
    let (over, signed) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let sign = || {
            let wire = importer.client();
            let key = wire.transact(generate_rsa(3, 512)).unwrap().keypriv;
            while !over.load(Ordering::SeqCst) {
                wire.transact(sign(key)).unwrap();
                signed.fetch_add(1, Ordering::SeqCst);
            }
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
        let some_work = || {
            let until = signed.load(Ordering::SeqCst) + 200;
            eventually("signatures", || {
                signed.load(Ordering::SeqCst) > until || clients.iter().any(|it| it.is_finished())
            });
        };
        happens(&some_work);
        some_work();
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_pool_goes_on_while_the_exporter_resets_its_module() {
    let pair = pair(false);
    let wire = pair.importer.client();
    let server = pair.exporter.server.as_ref().unwrap();
    let client = Client::new(server.endpoints().control.clone());
    let press = |button: &str| {
        let path = format!("/modules/1/{button}");
        let _: simulator::control::api::Module = client.post(&path, &()).unwrap();
    };
    under_load(&pair.importer, |some_work| {
        for _ in 0..3 {
            for button in ["clear", "power-cycle", "fail"] {
                some_work();
                press(button);
            }
            some_work();
            // Without work it would be noticed within a second; with work it is at once.
            assert_eq!(members(&wire), "1");
            press("retry");
            eventually("the module's return", || members(&wire) == "1 2");
        }
    });
}

#[test]
fn a_plan_reaches_no_further_than_the_link() {
    let pair = pair(false);
    let client = Client::new(pair.importer.server.endpoints().control.clone());
    let play = |rule: &str| {
        let plan: Plan = toml::from_str(&format!("[[fault]]\nnth = 1\n{rule}")).unwrap();
        client.put::<Report>("/faults", &plan)
    };
    let inside = play("do = 'fail-module'\nmodule = 2");
    let words = format!(
        "fault 1: module 2 is imported: that goes wrong inside it by the plan of {}",
        pair.exporter.options.impath
    );
    match inside {
        Err(Error::Refused(refusal)) => assert_eq!(refusal, words),
        other => panic!("{other:?}"),
    }
    // Without a number the rule is about the importer's own module.
    play("do = 'fail-module'\ncommand = 'NoOp'").unwrap();
    let wire = pair.importer.connect();
    wire.transact(NoOpArgs { module: 2 }).unwrap();
    assert_eq!(
        refusal(&wire, NoOpArgs { module: 1 }),
        Status::HardwareFailed
    );
    // What goes wrong on the way is the importer's, too.
    play("do = { status = 'Failed' }\nmodule = 2").unwrap();
    assert_eq!(refusal(&wire, NoOpArgs { module: 2 }), Status::Failed);
}

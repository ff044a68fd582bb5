//! Several modules as one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ncore::client::{ClientError, Connection};
use ncore::types::*;
use simulator::control::api;
use simulator::control::client::Client;
use simulator::faults::{Plan, Report};
use simulator::profile::{Operation, Profile, Timing};

use crate::rig::{Rig, generate_rsa, import_aes, permit, refusal, sign};

/// Two modules in one world and one in another, the first three of them in the pool: its number is 4.
fn pool() -> (Rig, Connection) {
    let rig = Rig::ready(3);
    let privileged = rig.privileged();
    for (module, hknso) in [(1, [1; 20]), (2, [1; 20]), (3, [2; 20])] {
        operate(&privileged, module, hknso, 0);
    }
    privileged
        .transact(ConfigurePoolModuleArgs {
            flags: 0,
            addmodules: vec![1, 2, 3],
        })
        .unwrap();
    let wire = rig.client();
    (rig, wire)
}

fn operate(privileged: &Connection, module: u32, hknso: [u8; 20], flags: u32) {
    let set = SetNSOPermsArgs {
        module,
        flags,
        hknso,
        publicperms: NSOPerms { ops: 0x7_ffff },
    };
    privileged.transact(set).unwrap();
    let clear = ClearUnitExArgs {
        flags: 0,
        module,
        mode: ModuleMode::Operational,
    };
    privileged.transact(clear).unwrap();
}

fn initialise(privileged: &Connection, module: u32) {
    let clear = ClearUnitExArgs {
        flags: 0,
        module,
        mode: ModuleMode::Initialisation,
    };
    privileged.transact(clear).unwrap();
    privileged.transact(InitialiseUnitArgs { module }).unwrap();
}

fn encrypt(key: u32) -> EncryptArgs {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: b"through the pool".to_vec(),
    });
    EncryptArgs {
        key,
        mech: Mech::RijndaelmECBpPKCS5,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data,
        },
        ..Default::default()
    }
}

fn started(rig: &Rig) -> [u64; 3] {
    let client = Client::new(rig.server.endpoints().control.clone());
    let status: api::Status = client.get("/status").unwrap();
    [0, 1, 2].map(|index| status.modules[index].queue.started)
}

fn members(wire: &Connection) -> String {
    let info = wire.transact(GetPoolInfoArgs {
        flags: 0,
        type_: PoolInfo::StoreInfo,
        req: PoolInfoReqData::Empty,
    });
    String::from_utf8(info.unwrap().info).unwrap()
}

/// Copies on members go with the last that uses them, which may be a command whose answer is here already.
fn await_no_objects(rig: &Rig) {
    let end = Instant::now() + Duration::from_secs(10);
    while rig.objects(1) + rig.objects(2) > 0 {
        assert!(Instant::now() < end, "copies are left");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn button(rig: &Rig, module: u32, button: &str) {
    let client = Client::new(rig.server.endpoints().control.clone());
    let path = format!("/modules/{module}/{button}");
    let _: api::Module = client.post(&path, &()).unwrap();
}

#[test]
fn there_is_no_pool_until_somebody_privileged_makes_one() {
    let rig = Rig::ready(1);
    let wire = rig.client();
    let info = || GetPoolInfoArgs {
        flags: 0,
        type_: PoolInfo::StoreInfo,
        req: PoolInfoReqData::Empty,
    };
    assert_eq!(refusal(&wire, info()), Status::NotPoolModule);
    assert_eq!(refusal(&wire, import_aes(2, 1)), Status::InvalidModule);
    let make = ConfigurePoolModuleArgs {
        flags: 0,
        addmodules: vec![9],
    };
    assert_eq!(refusal(&wire, make.clone()), Status::PrivilegedCommand);
    assert_eq!(refusal(&rig.privileged(), make), Status::InvalidModule);
    assert_eq!(refusal(&wire, info()), Status::NotPoolModule);
}

#[test]
fn the_pool_shows_itself_as_one_module_of_its_members() {
    let (rig, wire) = pool();
    let enquiry = |module| {
        let args = NewEnquiryArgs {
            flags: 0,
            module,
            version: 6,
        };
        match wire.transact(args).unwrap().data {
            EnqVerData::Six(data) => data,
            data => panic!("{data:?}"),
        }
    };
    let data = enquiry(4);
    assert_eq!(data.five.moduletype, ModuleType::PoolModule);
    let serials = &rig.server.endpoints().serial_numbers[..2];
    assert_eq!(data.one.hardwareserial, serials.join(" "));
    let capacity = |data: EnqVerSixData| {
        let one = data.one;
        [
            one.speedindex,
            one.recommendedminq,
            one.recommendedmaxq,
            data.six.reclongqueue,
        ]
    };
    let one = capacity(enquiry(1));
    assert_eq!(capacity(data), one.map(|of_one| 2 * of_one));
    assert!(one.into_iter().all(|of_one| of_one > 0));
    assert_eq!(members(&wire), "1 2", "the third is in another world");

    let client = Client::new(rig.server.endpoints().control.clone());
    let status: api::Status = client.get("/status").unwrap();
    let pool = api::Pool {
        number: 4,
        modules: vec![1, 2, 3],
        members: vec![1, 2],
    };
    assert_eq!(status.pool, Some(pool));
}

#[test]
fn a_key_is_on_every_member_and_follows_them() {
    let (rig, wire) = pool();
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    let which = wire.transact(GetWhichModuleArgs { key }).unwrap();
    assert_eq!(which.module, [4]);
    let before = started(&rig);
    let cipher = wire.transact(encrypt(key)).unwrap().cipher;
    for _ in 0..20 {
        assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
    }
    let after = started(&rig);
    assert!(
        after[0] > before[0] + 5 && after[1] > before[1] + 5,
        "{after:?}"
    );
    assert_eq!(after[2], before[2]);

    button(&rig, 1, "fail");
    assert_eq!(members(&wire), "2");
    assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
    button(&rig, 2, "fail");
    assert_eq!(members(&wire), "");
    assert_eq!(refusal(&wire, encrypt(key)), Status::HardwareFailed);
    button(&rig, 1, "retry");
    assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
    button(&rig, 1, "clear");
    assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
}

#[test]
fn a_module_that_is_plugged_in_joins_a_pool_of_all() {
    let (rig, wire) = pool();
    let all = ConfigurePoolModuleArgs::default();
    let privileged = rig.privileged();
    privileged.transact(all).unwrap();
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    let cipher = wire.transact(encrypt(key)).unwrap().cipher;
    let added = rig.server.add_module().unwrap();
    assert_eq!(added, 5, "the pool keeps its number");
    initialise(&privileged, added);
    assert_eq!(members(&wire), "1 2");
    operate(&privileged, added, [1; 20], 0);
    assert_eq!(members(&wire), "1 2 5");
    for module in [1, 2] {
        rig.server.unplug(module).unwrap();
    }
    assert_eq!(members(&wire), "5");
    assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
    rig.server.plug_in(1).unwrap();
    rig.server.unplug(5).unwrap();
    assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
    let which = wire.transact(GetWhichModuleArgs { key }).unwrap();
    assert_eq!(which.module, [4]);
}

#[test]
fn a_generated_pair_is_the_same_on_every_member() {
    let (rig, wire) = pool();
    let made = wire
        .transact(GenerateKeyPairArgs {
            module: 4,
            params: KeyGenParams {
                type_: KeyType::RSAPrivate,
                params: KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                    lenbits: 1024,
                    ..Default::default()
                }),
            },
            aclpriv: permit(ActOpPermissionsDetails::SIGN),
            aclpub: permit(ActOpPermissionsDetails::EXPORT_AS_PLAIN),
            ..Default::default()
        })
        .unwrap();
    let export = |key| wire.transact(ExportArgs { key }).unwrap().data;
    let public = export(made.keypub);
    let hash = |key| wire.transact(GetKeyInfoArgs { key }).unwrap().hash;
    let private = hash(made.keypriv);
    for (down, up) in [(1, 2), (2, 1)] {
        button(&rig, down, "fail");
        assert_eq!(export(made.keypub), public);
        assert_eq!(hash(made.keypriv), private);
        button(&rig, down, "retry");
        let _ = up;
    }
    wire.transact(DestroyArgs { key: made.keypriv }).unwrap();
    assert_eq!(
        refusal(&wire, GetKeyInfoArgs { key: made.keypriv }),
        Status::UnknownID
    );
    assert_eq!(hash(made.keypub), private, "the other half is still there");
    wire.transact(DestroyArgs { key: made.keypub }).unwrap();
    // And its copies go with the last half.
    await_no_objects(&rig);
}

#[test]
fn what_a_pool_does_not_do_is_refused_for_that_reason() {
    let (_rig, wire) = pool();
    let pool_key = wire.transact(import_aes(4, 7)).unwrap().key;
    let own_key = wire.transact(import_aes(1, 7)).unwrap().key;
    let refused = |answer: Result<(), ClientError>| match answer {
        Err(ClientError::Status { status, info, .. }) => {
            assert_eq!(status, Status::CrossModule);
            let StatusInfo::CrossModule(info) = *info else {
                panic!("no reasons")
            };
            assert_eq!(info.reasons[0].type_, CrossModReason::NoPoolModuleSupport);
        }
        other => panic!("{other:?}"),
    };
    refused(wire.transact(GetSlotListArgs { module: 4 }).map(drop));
    let areas = NVMemListArgs {
        module: 4,
        flags: 0,
    };
    refused(wire.transact(areas).map(drop));
    let token = GenerateLogicalTokenArgs {
        module: 4,
        hkm: [0; 20],
        params: TokenParams {
            flags: 0,
            sharesneeded: 1,
            sharestotal: 1,
            timelimit: 0,
        },
    };
    refused(wire.transact(token).map(drop));
    let list = SetACLArgs {
        key: pool_key,
        newacl: permit(0),
        ..Default::default()
    };
    refused(wire.transact(list).map(drop));
    refused(wire.transact(DuplicateArgs { key: pool_key }).map(drop));
    let merged = MergeKeyIDsArgs {
        keys: vec![pool_key, own_key],
    };
    assert_eq!(refusal(&wire, merged), Status::InvalidMergedKey);
}

#[test]
fn keys_whose_uses_or_time_are_limited_are_not_for_pools() {
    let (rig, wire) = pool();
    let counter = UseLimNonVolatileDetails {
        range: NVMemRange { first: 0, last: 3 },
        ..Default::default()
    };
    let global = UseLimGlobalDetails {
        id: [1; 20],
        max: 9,
    };
    for (type_, details) in [
        (UseLim::NonVolatile, UseLimDetails::NonVolatile(counter)),
        (UseLim::Global, UseLimDetails::Global(global)),
        (
            UseLim::Time,
            UseLimDetails::Time(UseLimTimeDetails { seconds: 600 }),
        ),
    ] {
        let mut args = import_aes(4, 7);
        args.acl.groups[0].limits = vec![UseLimit { type_, details }];
        assert_eq!(refusal(&wire, args), Status::UseLimitsUnavailable);
    }
    assert_eq!(rig.objects(1) + rig.objects(2), 0, "nothing stays behind");
}

#[test]
fn a_module_with_other_module_keys_is_in_another_world() {
    let rig = Rig::ready(3);
    let privileged = rig.privileged();
    let wire = rig.client();
    for (module, key) in [(1, 1), (2, 2), (3, 1)] {
        let mut import = import_aes(module, key);
        import.acl = permit(ActOpPermissionsDetails::USE_AS_KM);
        let idka = wire.transact(import).unwrap().key;
        let set = SetKMArgs {
            module,
            flags: 0,
            idka,
        };
        wire.transact(set).unwrap();
        operate(&privileged, module, [1; 20], 0);
    }
    let all = ConfigurePoolModuleArgs::default();
    privileged.transact(all).unwrap();
    assert_eq!(members(&wire), "1 3");
    let list = wire.transact(GetKMListArgs {
        module: 4,
        ..Default::default()
    });
    let list = list.unwrap();
    assert_eq!((list.hknso, list.hkms.len()), ([1; 20], 2));
}

#[test]
fn a_channel_is_on_one_member_and_lost_with_it() {
    let (rig, wire) = pool();
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    let open = || {
        let opened = wire.transact(ChannelOpenArgs {
            module: 4,
            type_: ChannelType::Simple,
            mode: ChannelMode::Encrypt,
            mech: Mech::RijndaelmECBpNONE,
            key: Some(key),
            ..Default::default()
        });
        opened.unwrap().idch
    };
    let update = |idch| ChannelUpdateArgs {
        idch,
        input: vec![5; 16],
        ..Default::default()
    };
    button(&rig, 2, "fail");
    let channel = open();
    button(&rig, 2, "retry");
    let output = wire.transact(update(channel)).unwrap().output;
    for _ in 0..5 {
        assert_eq!(wire.transact(update(channel)).unwrap().output, output);
    }
    button(&rig, 1, "fail");
    assert_eq!(refusal(&wire, update(channel)), Status::UnknownID);
    assert_eq!(wire.transact(update(open())).unwrap().output, output);
    button(&rig, 1, "retry");
    assert_eq!(refusal(&wire, update(channel)), Status::UnknownID);
    wire.transact(DestroyArgs { key: channel }).unwrap();
}

#[test]
fn the_flag_of_the_header_sends_a_command_to_the_pool() {
    let (rig, wire) = pool();
    let hash = || HashArgs {
        mech: Mech::SHA256Hash,
        plain: encrypt(0).plain,
        ..Default::default()
    };
    let flag = ncore::message::command_flags::POOL_MODULE;
    let before = started(&rig);
    for _ in 0..4 {
        wire.transact_with(hash(), flag, None).unwrap();
    }
    let after = started(&rig);
    assert_eq!(after[2], before[2], "the third module is not in the pool");
    assert_eq!(after[0] + after[1], before[0] + before[1] + 4);
    let status = |answer: Result<(), ClientError>| answer.unwrap_err().status();
    let elsewhere = wire.transact_with(import_aes(1, 7), flag, None).map(drop);
    assert_eq!(status(elsewhere), Status::NotPoolModule);
    let key = wire
        .transact_with(import_aes(0, 7), flag, None)
        .unwrap()
        .key;
    let which = wire.transact(GetWhichModuleArgs { key }).unwrap();
    assert_eq!(which.module, [4]);
    let own = wire.transact(import_aes(1, 7)).unwrap().key;
    let crossed = wire.transact_with(encrypt(own), flag, None).map(drop);
    assert_eq!(status(crossed), Status::CrossModule);
}

#[test]
fn a_command_that_a_member_was_at_when_it_failed_is_done_by_another() {
    let (rig, wire) = pool();
    let control = Client::new(rig.server.endpoints().control.clone());
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    let cipher = wire.transact(encrypt(key)).unwrap().cipher;
    for ending in ["fail", "clear", "power-cycle"] {
        // The reply of the first member waits until the module is reset.
        let plan = "[[fault]]\ndo = 'stall'\ncommand = 'Encrypt'\nnth = 1";
        let plan: Plan = toml::from_str(plan).unwrap();
        let _: Report = control.put("/faults", &plan).unwrap();
        let pending = wire.submit(encrypt(key), None).unwrap();
        let at_work = loop {
            let status: api::Status = control.get("/status").unwrap();
            let mut modules = status.modules.iter();
            if let Some(module) = modules.find(|module| module.queue.outstanding > 0) {
                break module.number;
            }
        };
        button(&rig, at_work, ending);
        assert_eq!(wire.wait(pending).unwrap().cipher, cipher, "{ending}");
        if ending == "fail" {
            button(&rig, at_work, "retry");
        }
    }
    // A channel's state went with its member.
    let opened = wire.transact(ChannelOpenArgs {
        module: 4,
        type_: ChannelType::Simple,
        mode: ChannelMode::Encrypt,
        mech: Mech::RijndaelmECBpNONE,
        key: Some(key),
        ..Default::default()
    });
    let update = ChannelUpdateArgs {
        idch: opened.unwrap().idch,
        input: vec![5; 16],
        ..Default::default()
    };
    let plan = "[[fault]]\ndo = 'stall'\ncommand = 'ChannelUpdate'\nnth = 1";
    let plan: Plan = toml::from_str(plan).unwrap();
    let _: Report = control.put("/faults", &plan).unwrap();
    let pending = wire.submit(update, None).unwrap();
    for module in [1, 2] {
        button(&rig, module, "fail");
    }
    match wire.wait(pending) {
        Err(ClientError::Status { status, .. }) => assert_eq!(status, Status::UnitReset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_keep_the_pace_of_their_unit() {
    let timing = Timing {
        profile: Profile::find("edge").unwrap(),
        scale: 0.05,
        delays: false,
    };
    let rig = Rig::ready_with(|options| options.timings = vec![timing]);
    let privileged = rig.privileged();
    operate(&privileged, 1, [1; 20], 0);
    let all = ConfigurePoolModuleArgs::default();
    privileged.transact(all).unwrap();
    let wire = rig.client();
    let pair = wire.transact(generate_rsa(2, 512)).unwrap();
    let start = Instant::now();
    wire.transact(sign(pair.keypriv)).unwrap();
    assert!(start.elapsed() >= timing.service(Operation::Rsa(512)));
}

#[test]
fn a_destroyed_key_leaves_nothing_on_any_member() {
    let (rig, wire) = pool();
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    for _ in 0..4 {
        wire.transact(encrypt(key)).unwrap();
    }
    assert_eq!(rig.objects(1) + rig.objects(2), 2);
    wire.transact(DestroyArgs { key }).unwrap();
    await_no_objects(&rig);
    assert_eq!(refusal(&wire, encrypt(key)), Status::UnknownID);
}

#[test]
fn a_world_of_level_3_makes_no_keys_through_its_pool() {
    let rig = Rig::ready(2);
    let privileged = rig.privileged();
    for module in [1, 2] {
        let flags = SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2;
        operate(&privileged, module, [1; 20], flags);
    }
    privileged
        .transact(ConfigurePoolModuleArgs::default())
        .unwrap();
    assert_eq!(
        refusal(&rig.client(), import_aes(3, 1)),
        Status::StrictFIPS140
    );
}

#[test]
fn a_hardserver_can_have_a_pool_of_every_module_from_the_start() {
    let rig = Rig::ready_with(|options| {
        options.modules = 2;
        options.pool = true;
    });
    let privileged = rig.privileged();
    for module in [1, 2] {
        operate(&privileged, module, [1; 20], 0);
    }
    let wire = rig.client();
    let key = wire.transact(import_aes(3, 7)).unwrap().key;
    button(&rig, 1, "fail");
    wire.transact(encrypt(key)).unwrap();
}

#[test]
fn a_pool_goes_with_its_modules_into_another_world() {
    let (rig, wire) = pool();
    assert_eq!(members(&wire), "1 2");
    // While one of its modules is of its world, there it stays; if that one has failed it has no members.
    let privileged = rig.privileged();
    initialise(&privileged, 1);
    operate(&privileged, 1, [3; 20], 0);
    assert_eq!(members(&wire), "2");
    button(&rig, 2, "fail");
    assert_eq!(members(&wire), "");
    button(&rig, 2, "retry");
    assert_eq!(members(&wire), "2");
    initialise(&privileged, 2);
    operate(&privileged, 2, [3; 20], 0);
    assert_eq!(members(&wire), "1 2");
}

#[test]
fn commands_in_work_go_to_another_member() {
    let (rig, wire) = pool();
    let key = wire.transact(import_aes(4, 7)).unwrap().key;
    let cipher = wire.transact(encrypt(key)).unwrap().cipher;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let signing: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        assert_eq!(wire.transact(encrypt(key)).unwrap().cipher, cipher);
                    }
                })
            })
            .collect();
        // One of them is always up.
        for _ in 0..10 {
            for module in [1, 2] {
                button(&rig, module, "fail");
                button(&rig, module, "retry");
                button(&rig, module, "clear");
            }
        }
        over.store(true, Ordering::SeqCst);
        for thread in signing {
            thread.join().unwrap();
        }
    });
}

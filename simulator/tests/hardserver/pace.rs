//! A hardserver that keeps the pace of a unit: replies leave when the unit would have them.

use std::time::Instant;

use ncore::client::ClientError;
use ncore::message::Command;
use ncore::types::*;
use simulator::profile::{Operation, Profile, Timing};

use crate::raw::burst;
use crate::rig::{Rig, encrypt, generate_rsa, import_aes, refusal, sign};

/// One engine, and ten seconds for an RSA-2048 signature.
fn slow() -> Timing {
    Timing {
        profile: Profile::find("edge").unwrap(),
        scale: 0.05,
        delays: false,
    }
}

#[test]
fn a_reply_does_not_leave_before_its_time() {
    let rig = Rig::ready_with(|options| options.timings = vec![slow()]);
    let client = rig.client();
    let key = client.transact(import_aes(1, 1)).unwrap().key;
    let start = Instant::now();
    client.transact(encrypt(key)).unwrap();
    assert!(start.elapsed() >= slow().overhead());
    let start = Instant::now();
    let pair = client.transact(generate_rsa(1, 512)).unwrap();
    client.transact(sign(pair.keypriv)).unwrap();
    assert!(start.elapsed() >= slow().service(Operation::Rsa(512)));
}

/// More commands at once than a connection may have in work: those beyond begin when replies leave, without a byte more.
#[test]
fn commands_beyond_the_limit_of_a_connection_begin_when_held_replies_leave() {
    const COMMANDS: u32 = 300;
    let slower = Timing {
        scale: 0.01,
        ..slow()
    };
    let rig = Rig::ready_with(|options| options.timings = vec![slower]);
    let mut raw = rig.raw();
    let command = |tag| Command::new(tag, GenerateRandomArgs { lenbytes: 8 });
    raw.write(&burst((0..COMMANDS).map(command)));
    let mut tags: Vec<u32> = (0..COMMANDS).map(|_| raw.reply().tag).collect();
    tags.sort_unstable();
    assert!(tags.into_iter().eq(0..COMMANDS));
}

#[test]
fn what_is_held_ends_with_the_reset_of_its_module() {
    for fail in [false, true] {
        let rig = Rig::ready_with(|options| options.timings = vec![slow()]);
        let client = rig.client();
        let pair = client.transact(generate_rsa(1, 2048)).unwrap();
        let pending = client.submit(sign(pair.keypriv), None).unwrap();
        // The reply to a later command shows that the module has the earlier one.
        client.transact(NoOpArgs { module: 1 }).unwrap();
        let privileged = rig.privileged();
        let expected = if fail {
            privileged.transact(FailArgs { module: 1 }).unwrap();
            Status::HardwareFailed
        } else {
            privileged.transact(ClearUnitArgs { module: 1 }).unwrap();
            Status::UnitReset
        };
        match client.wait(pending) {
            Err(ClientError::Status { status, .. }) => assert_eq!(status, expected),
            other => panic!("a signature of a module that was reset: {other:?}"),
        }
    }
}

fn enquiry(rig: &Rig, module: u32) -> EnqVerSixData {
    let args = NewEnquiryArgs {
        flags: 0,
        version: 6,
        module,
    };
    match rig.connect().transact(args).unwrap().data {
        EnqVerData::Six(six) => six,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_unit_shows_its_own_queue_and_name_and_that_it_is_emulated() {
    let rig = Rig::with(|options| {
        options.timings = vec![slow()];
        options.modules = 2;
    });
    let module = enquiry(&rig, 1);
    assert_eq!(
        (module.one.recommendedminq, module.one.recommendedmaxq),
        (1, 4)
    );
    assert!(
        module.five.productname.starts_with("nC4031U-10"),
        "{}",
        module.five.productname
    );
    assert!(module.five.productname.contains("guards nothing"));
    let server = enquiry(&rig, 0);
    assert_eq!(
        (server.one.recommendedminq, server.one.recommendedmaxq),
        (2, 8)
    );
}

#[test]
fn each_module_keeps_the_pace_of_its_own_unit() {
    let fast = Timing {
        profile: Profile::find("xc-high").unwrap(),
        ..slow()
    };
    let rig = Rig::with(|options| {
        options.timings = vec![slow(), fast];
        options.modules = 3;
    });
    let queue = |module| {
        let args = NewEnquiryArgs {
            flags: 0,
            version: 1,
            module,
        };
        match rig.connect().transact(args).unwrap().data {
            EnqVerData::One(one) => (one.one.recommendedminq, one.one.recommendedmaxq),
            other => panic!("{other:?}"),
        }
    };
    let [edge, xc] = [slow(), fast].map(|timing| timing.profile.queue);
    assert_ne!(edge, xc);
    // Those beyond the list keep the last one's.
    assert_eq!([queue(1), queue(2), queue(3)], [edge, xc, xc]);
}

#[test]
fn a_module_that_is_no_unit_stands_beside_units() {
    let rig = Rig::ready_with(|options| {
        options.timings = vec![slow(), Timing::FASTEST];
        options.modules = 2;
    });
    let (unit, none) = (enquiry(&rig, 1), enquiry(&rig, 2));
    assert_ne!(unit.five.moduletype, ModuleType::Emulator);
    assert_eq!(none.five.moduletype, ModuleType::Emulator);
    let queue = (none.one.recommendedminq, none.one.recommendedmaxq);
    assert_eq!(queue, (1, 64));
    // On the unit it would take as long as an operation on 512 bits does there.
    let client = rig.client();
    let pair = client.transact(generate_rsa(2, 512)).unwrap();
    let start = Instant::now();
    client.transact(sign(pair.keypriv)).unwrap();
    assert!(start.elapsed() < slow().service(Operation::Rsa(512)));
}

#[test]
fn the_non_volatile_memory_is_as_large_as_the_units_unless_it_is_said() {
    let area = |length| NVMemAllocArgs {
        module: 1,
        flags: 0,
        info: FileInfo {
            flags: 0,
            length,
            id: *b"area\0\0\0\0\0\0\0",
        },
        acl: ACL::default(),
    };
    let fits = |said, most| {
        let rig = Rig::ready_with(|options| {
            options.timings = vec![slow()];
            options.nvram_size = said;
        });
        let client = rig.client();
        // Beside its content an area takes its name and list.
        assert_eq!(refusal(&client, area(most)), Status::NoModuleMemory);
        client.transact(area(most - 100)).unwrap();
    };
    fits(None, 16 * 1024);
    fits(Some(5000), 5000);
}

#[test]
fn a_wrong_pass_phrase_makes_the_next_one_wait() {
    let timing = Timing {
        scale: 100.0,
        delays: true,
        ..slow()
    };
    let rig = Rig::ready_with(|options| options.timings = vec![timing]);
    let client = rig.client();
    let params = TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    // Under a null module key: it needs no world.
    let hkm = [0; 20];
    let made = client
        .transact(GenerateLogicalTokenArgs {
            module: 1,
            hkm,
            params: params.clone(),
        })
        .unwrap();
    let mut token = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    token.ic = client
        .transact(InsertSoftTokenArgs {
            token: token.clone(),
            ..Default::default()
        })
        .unwrap()
        .ic;
    client
        .transact(FormatTokenArgs {
            token: token.clone(),
            ..Default::default()
        })
        .unwrap();
    client
        .transact(WriteShareArgs {
            token: token.clone(),
            idkt: made.idkt,
            i: 1,
            pin: Some([1; 20]),
            ..Default::default()
        })
        .unwrap();
    let remove = RemoveSoftTokenArgs {
        token: token.clone(),
        ..Default::default()
    };
    let data = client.transact(remove).unwrap().data;
    let idkt = client
        .transact(LoadLogicalTokenArgs {
            module: 1,
            hkt: made.hkt,
            hkm,
            params,
        })
        .unwrap()
        .idkt;
    let read = |pin| {
        client.transact(ReadSoftTokenShareArgs {
            flags: 0,
            token: token.clone(),
            idkt,
            i: 1,
            pin: Some([pin; 20]),
            data: data.clone(),
        })
    };
    let start = Instant::now();
    match read(2) {
        Err(ClientError::Status { status, .. }) => assert_eq!(status, Status::DecryptFailed),
        other => panic!("a wrong pass phrase: {other:?}"),
    }
    assert_eq!(read(1).unwrap().sharesleft, 0);
    assert!(start.elapsed() >= timing.delay(Operation::Retry));
}

#[test]
fn a_module_tells_how_busy_its_engines_are() {
    let rig = Rig::ready_with(|options| options.timings = vec![slow()]);
    let node = [StatNodeTag::PerModule.0, 1, StatNodeTag::ModuleJobStats.0];
    let load = || rig.statistic(&node, StatID::CPULoadPercent);
    let client = rig.client();
    let pair = client.transact(generate_rsa(1, 2048)).unwrap();
    assert_eq!(load(), 0);
    let _pending = client.submit(sign(pair.keypriv), None).unwrap();
    // The reply to a later command shows that the module has the earlier one, which takes its one engine ten seconds.
    client.transact(NoOpArgs { module: 1 }).unwrap();
    assert_eq!(load(), 100);
}

//! NewEnquiry and statistics.

use ncore::types::*;

use crate::rig::{Rig, refusal};

fn enquire(rig: &Rig, module: u32, version: u32) -> NewEnquiryReply {
    rig.connect()
        .transact(NewEnquiryArgs {
            flags: 0,
            version,
            module,
        })
        .unwrap()
}

fn six(rig: &Rig, module: u32) -> EnqVerSixData {
    match enquire(rig, module, 6).data {
        EnqVerData::Six(data) => data,
        other => panic!("level six was asked for: {other:?}"),
    }
}

#[test]
fn every_level_repeats_the_lower_ones() {
    let rig = Rig::new(2);
    for module in 0..=2 {
        let EnqVerSixData {
            one,
            two,
            three,
            four,
            five,
            six,
        } = six(&rig, module);
        let expected = [
            EnqVerData::Empty,
            EnqVerData::One(EnqVerOneData { one: one.clone() }),
            EnqVerData::Two(EnqVerTwoData {
                one: one.clone(),
                two: two.clone(),
            }),
            EnqVerData::Three(EnqVerThreeData {
                one: one.clone(),
                two: two.clone(),
                three: three.clone(),
            }),
            EnqVerData::Four(EnqVerFourData {
                one: one.clone(),
                two: two.clone(),
                three: three.clone(),
                four: four.clone(),
            }),
            EnqVerData::Five(EnqVerFiveData {
                one: one.clone(),
                two: two.clone(),
                three: three.clone(),
                four: four.clone(),
                five: five.clone(),
            }),
            EnqVerData::Six(EnqVerSixData {
                one,
                two,
                three,
                four,
                five,
                six,
            }),
        ];
        for (level, data) in (0..).zip(expected) {
            let reply = enquire(&rig, module, level);
            assert_eq!(
                (reply.module, reply.version, reply.data),
                (module, EnqVer(level), data)
            );
        }
        assert_eq!(enquire(&rig, module, 99).version, EnqVer::Six);
    }
}

#[test]
fn says_that_it_guards_nothing() {
    let rig = Rig::new(1);
    for module in 0..=1 {
        let data = six(&rig, module);
        assert!(
            data.five.productname.contains("guards nothing"),
            "{}",
            data.five.productname
        );
        assert!(
            data.one.softwaredetails.contains("guards nothing"),
            "{}",
            data.one.softwaredetails
        );
    }
}

#[test]
fn the_server_lists_the_serial_numbers_of_all_modules() {
    let rig = Rig::new(3);
    let serials: Vec<String> = (1..=3)
        .map(|module| six(&rig, module).one.hardwareserial)
        .collect();
    assert_eq!(six(&rig, 0).one.hardwareserial, serials.join(" "));
    assert_eq!(rig.server.endpoints().serial_numbers, serials);
    let groups: Vec<&str> = serials[0].split('-').collect();
    let is_group = |group: &&str| {
        group.len() == 4
            && group
                .bytes()
                .all(|c| c.is_ascii_digit() || (b'A'..=b'F').contains(&c))
    };
    assert!(
        groups.len() == 3 && groups.iter().all(is_group),
        "{serials:?}"
    );
}

#[test]
fn the_flags_tell_the_mode() {
    let rig = Rig::new(1);
    let flags = || six(&rig, 1).one.flags;
    let modes = EnquiryDataOne::INITIALISATION_MODE
        | EnquiryDataOne::MAINTENANCE_MODE
        | EnquiryDataOne::PRE_MAINT_INIT_MODE;
    assert_eq!(flags() & modes, 0);
    let privileged = rig.privileged();
    let clear = |mode| {
        privileged
            .transact(ClearUnitExArgs {
                flags: 0,
                module: 1,
                mode,
            })
            .unwrap()
    };
    clear(ModuleMode::Initialisation);
    assert_eq!(
        flags() & modes,
        EnquiryDataOne::INITIALISATION_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE
    );
    privileged
        .transact(InitialiseUnitArgs { module: 1 })
        .unwrap();
    assert_eq!(flags() & modes, EnquiryDataOne::INITIALISATION_MODE);
    clear(ModuleMode::Maintenance);
    assert_eq!(
        flags() & modes,
        EnquiryDataOne::MAINTENANCE_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE
    );
    privileged.transact(MaintenanceArgs { module: 1 }).unwrap();
    assert_eq!(flags() & modes, EnquiryDataOne::MAINTENANCE_MODE);
    clear(ModuleMode::Operational);
    privileged.transact(FailArgs { module: 1 }).unwrap();
    assert_eq!(
        flags() & modes,
        0,
        "a failed module still answers enquiries"
    );
}

#[test]
fn a_module_there_is_not_is_invalid() {
    let rig = Rig::new(2);
    let args = NewEnquiryArgs {
        flags: 0,
        version: 6,
        module: 3,
    };
    assert_eq!(refusal(&rig.connect(), args), Status::InvalidModule);
    assert_eq!(
        refusal(&rig.connect(), NoOpArgs { module: 3 }),
        Status::InvalidModule
    );
    assert_eq!(
        refusal(&rig.connect(), NoOpArgs { module: u32::MAX }),
        Status::InvalidModule
    );
}

#[test]
fn the_tree_of_statistics_leads_to_values_everywhere() {
    let rig = Rig::new(2);
    let connection = rig.connect();
    let mut paths = vec![Vec::new()];
    let mut leaves = 0;
    while let Some(path) = paths.pop() {
        let node = connection
            .transact(StatEnumTreeArgs {
                flags: 0,
                path_tags: path.clone(),
            })
            .unwrap();
        let values = connection
            .transact(StatGetValuesArgs {
                flags: 0,
                path_tags: path.clone(),
            })
            .unwrap();
        assert_eq!(values.statinfos, node.statinfos, "{path:?}");
        assert_eq!(values.values.len(), node.statinfos.len(), "{path:?}");
        let texts = values
            .statinfos
            .iter()
            .filter(|info| info.flags & StatInfo::STRING != 0)
            .count();
        assert_eq!(
            values.strings.map_or(0, |strings| strings.v.len()),
            texts,
            "{path:?}"
        );
        leaves += usize::from(node.subnodetags.is_empty());
        paths.extend(
            node.subnodetags
                .into_iter()
                .map(|tag| [path.clone(), vec![tag]].concat()),
        );
    }
    assert!(leaves > 8, "{leaves}");
    for path_tags in [
        vec![99],
        vec![StatNodeTag::PerModule.0, 3],
        vec![StatNodeTag::ServerGlobals.0, 1],
    ] {
        let args = StatEnumTreeArgs {
            flags: 0,
            path_tags,
        };
        assert_eq!(refusal(&connection, args), Status::UnknownParameter);
    }
}

#[test]
fn commands_and_bytes_are_counted() {
    let rig = Rig::new(1);
    let globals = [StatNodeTag::ServerGlobals.0];
    let connection = rig.connect();
    let before = rig.statistic(&globals, StatID::CmdCount);
    let bytes = rig.statistic(&globals, StatID::CmdBytes);
    for _ in 0..10 {
        connection.transact(NoOpArgs { module: 1 }).unwrap();
    }
    // Each question about a statistic is a command too: a header, a count and one tag, after the flags.
    assert_eq!(rig.statistic(&globals, StatID::CmdCount), before + 10 + 2);
    assert_eq!(
        rig.statistic(&globals, StatID::CmdBytes),
        bytes + 10 * 20 + 3 * 28 - 28
    );
    let jobs = [StatNodeTag::PerModule.0, 1, StatNodeTag::ModuleJobStats.0];
    assert_eq!(rig.statistic(&jobs, StatID::CmdCount), 10);
    assert_eq!(rig.statistic(&jobs, StatID::CmdBytes), 200);
    assert_eq!(rig.statistic(&jobs, StatID::ReplyBytes), 160);
}

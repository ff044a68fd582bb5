//! The clock through the module: who may set it, and what it survives.

use std::time::Duration;

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::store::{MemoryStore, RedbStore, Store};

fn set(seconds: u64, nanos: u32) -> SetRTCArgs {
    SetRTCArgs {
        module: 1,
        flags: 0,
        time: RTCTime {
            currenttimehigh: (seconds >> 32) as u32,
            currenttimelow: seconds as u32,
            currenttimenanos: nanos,
            precision: 0,
        },
    }
}

const GET: GetRTCArgs = GetRTCArgs {
    module: 1,
    flags: 0,
};

fn time(rig: &mut Rig) -> (u64, u32) {
    let time = rig.ok(GET).time;
    let seconds = u64::from(time.currenttimehigh) << 32 | u64::from(time.currenttimelow);
    (seconds, time.currenttimenanos)
}

#[test]
fn a_clock_goes_on_through_power_cuts_and_initialisation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module1.redb");
    let power_on = || Rig::with(1, b"test", Box::new(RedbStore::open(&path).unwrap()));
    let mut rig = power_on();
    rig.initialise();
    rig.refused(GET, Status::RTCNotSet);
    rig.uptime = Duration::from_millis(1_500);
    rig.ok(set(5 << 32, 250));
    rig.uptime = Duration::from_millis(4_000);
    assert_eq!(time(&mut rig), ((5 << 32) + 2, 500_000_250));
    rig.become_operational(EVERYTHING);
    assert_eq!(time(&mut rig), ((5 << 32) + 2, 500_000_250));
    drop(rig);
    let mut rig = power_on();
    // The host's clock went on meanwhile.
    rig.uptime = Duration::from_millis(61_500);
    assert_eq!(time(&mut rig), ((5 << 32) + 60, 250));
    rig.initialise();
    assert_eq!(time(&mut rig), ((5 << 32) + 60, 250));
    rig.ok(set(7, 0));
    assert_eq!(time(&mut rig), (7, 0));
}

#[test]
fn setting_the_clock_is_the_officers_and_counted() {
    let mut rig = Rig::initialising();
    let adjusts = |rig: &mut Rig| {
        rig.ok(PollModuleStateArgs {
            flags: 0,
            module: 1,
        })
        .rtcadjusts
    };
    assert_eq!(adjusts(&mut rig), 0);
    rig.ok(set(9, 9));
    assert_eq!(adjusts(&mut rig), 1);
    rig.refused(set(9, 1_000_000_000), Status::InvalidParameter);
    rig.refused(
        SetRTCArgs {
            flags: 1,
            ..set(9, 0)
        },
        Status::UnknownFlag,
    );
    rig.refused(GetRTCArgs { flags: 1, ..GET }, Status::UnknownFlag);
    rig.become_operational(EVERYTHING & !NSOPerms::OPS_SET_RTC);
    rig.refused(set(10, 0), Status::AccessDenied);
    assert_eq!(time(&mut rig), (9, 9));
    assert_eq!(adjusts(&mut rig), 1);
    let mut rig = Rig::initialising();
    rig.become_operational(EVERYTHING & !NSOPerms::OPS_GET_RTC);
    rig.ok(set(10, 0));
    rig.refused(GET, Status::AccessDenied);
}

#[test]
fn a_damaged_record_of_the_clock_stops_the_module() {
    let store = MemoryStore::default();
    store.save(&[("clock", b"SSRTxxxx")]).unwrap();
    let error = crate::module::clock::Clock::load(&store).err().unwrap();
    assert!(error.to_string().contains("damaged"), "{error}");
}

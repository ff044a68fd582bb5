//! The module's real-time clock, on hardservers of the cases' own: setting it is a security officer's.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::EVERYTHING;
use crate::wire::Wire;

const CLOCK: &str = "PROTOCOL, section 4.6";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "clock.time.goes-on",
        "A clock has no time until it is set, and goes on from there through resets, restarts and initialisation",
        CLOCK,
        goes_on,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::GetRTC, Status::RTCNotSet),
        replies(Cmd::SetRTC),
        replies(Cmd::GetRTC),
        replies(Cmd::PollModuleState),
    ]),
    Case::new(
        "clock.time.refused",
        "What is no time is refused, and nothing changes",
        CLOCK,
        refused,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::SetRTC, Status::InvalidParameter),
        denies(Cmd::SetRTC, Status::UnknownFlag),
        denies(Cmd::SetRTC, Status::InvalidModule),
        denies(Cmd::GetRTC, Status::UnknownFlag),
        denies(Cmd::GetRTC, Status::InvalidModule),
    ]),
    Case::new(
        "clock.officer.alone",
        "Where the officer reserved it, nobody else sets the clock, and everybody reads it",
        "PROTOCOL, sections 4.2 and 4.6",
        officer_alone,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::SetRTC, Status::AccessDenied),
        replies(Cmd::GetRTC),
    ]),
];

/// A time far from the host's, in seconds: beyond the low word.
const FUTURE: u64 = 3 << 32;

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

fn time(wire: &Wire) -> anyhow::Result<Duration> {
    let time = wire.send(GET)?.time;
    ensure!(time.currenttimenanos < 1_000_000_000, "{time:?}");
    let seconds = u64::from(time.currenttimehigh) << 32 | u64::from(time.currenttimelow);
    Ok(Duration::new(seconds, time.currenttimenanos))
}

/// The clock must show this time and what went by since, as far as the host's clock can tell.
fn shows(wire: &Wire, start: Duration, since: SystemTime) -> anyhow::Result<()> {
    let shown = time(wire)?;
    let passed = SystemTime::now().duration_since(since)?;
    ensure!(
        (start..=start + passed).contains(&shown),
        "{shown:?} after {start:?} and {passed:?}"
    );
    Ok(())
}

fn goes_on(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    spare.initialise(1)?;
    let wire = spare.wire()?;
    is(
        status(wire.send(GET)),
        Status::RTCNotSet,
        "a clock before it is set",
    )?;
    let start = Duration::new(FUTURE, 5);
    let since = SystemTime::now();
    wire.send(set(FUTURE, 5))?;
    shows(&wire, start, since)?;
    let adjusts = wire.send(PollModuleStateArgs {
        module: 1,
        flags: 0,
    })?;
    is(adjusts.rtcadjusts, 1, "the settings of the clock")?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    shows(&spare.wire()?, start, since)?;
    spare.restart()?;
    shows(&spare.wire()?, start, since)?;
    spare.initialise(1)?;
    shows(&spare.wire()?, start, since)?;
    // Back again, by a long way.
    let since = SystemTime::now();
    spare.wire()?.send(set(60, 0))?;
    shows(&spare.wire()?, Duration::from_secs(60), since)?;
    Ok(Outcome::Passed)
}

fn refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let wire = spare.wire()?;
    let late = status(wire.send(set(1, 1_000_000_000)));
    is(late, Status::InvalidParameter, "a second of nanoseconds")?;
    for flags in [1, 1 << 31] {
        let args = SetRTCArgs { flags, ..set(1, 1) };
        is(status(wire.send(args)), Status::UnknownFlag, "a flag")?;
        let args = GetRTCArgs { flags, ..GET };
        is(status(wire.send(args)), Status::UnknownFlag, "a flag")?;
    }
    let args = SetRTCArgs {
        module: 9,
        ..set(1, 1)
    };
    is(
        status(wire.send(args)),
        Status::InvalidModule,
        "a module that is not there",
    )?;
    let args = GetRTCArgs { module: 9, ..GET };
    is(
        status(wire.send(args)),
        Status::InvalidModule,
        "a module that is not there",
    )?;
    is(status(wire.send(GET)), Status::RTCNotSet, "the clock")?;
    Ok(Outcome::Passed)
}

fn officer_alone(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let since = SystemTime::now();
    spare.wire()?.send(set(FUTURE, 0))?;
    spare.operate(1, [7; 20], EVERYTHING & !NSOPerms::OPS_SET_RTC)?;
    let wire = spare.wire()?;
    is(
        status(wire.send(set(1, 0))),
        Status::AccessDenied,
        "another time",
    )?;
    shows(&wire, Duration::from_secs(FUTURE), since)?;
    Ok(Outcome::Passed)
}

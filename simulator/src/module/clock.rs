//! The module's real-time clock: Cmd_GetRTC, Cmd_SetRTC (PROTOCOL section 4.6).
//!
//! It goes as the host's clock does. What a module keeps is by how much it is ahead, through power cuts and, since nothing
//! public says otherwise, through initialisation.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;
use ncore::types::{GetRTCArgs, GetRTCReply, NSOPerms, RTCTime, ReplyBody, SetRTCArgs};

use super::call::{Call, Outcome, body, check_flags, later};
use super::world::PowerOnError;
use crate::record::{self, Kind};
use crate::store::Store;

/// What M_RTCTime says of the clock's precision. No public source tells the unit; taken for nanoseconds, as fine as the
/// time itself is given.
const PRECISION: u32 = 1;

/// The record of a clock that was set: the nanoseconds by which it is ahead of the host's.
const NAME: &str = "clock";
const KIND: Kind = Kind {
    magic: *b"SSRT",
    version: 1,
};

/// The clock. RTCNotSet until it is set for the first time.
pub(super) struct Clock {
    /// Nanoseconds by which it is ahead of the host's clock, negative if it is behind.
    ahead: Mutex<Option<i128>>,
    /// Held while it is saved, so that one setting follows another.
    saving: Mutex<()>,
    adjusts: AtomicU32,
}

impl Clock {
    /// The clock as it was saved.
    pub(super) fn load(store: &dyn Store) -> Result<Clock, PowerOnError> {
        let ahead = match store.load(NAME)? {
            Some(record) => Some(record::decode(KIND, &record)?),
            None => None,
        };
        Ok(Clock {
            ahead: Mutex::new(ahead),
            saving: Mutex::default(),
            adjusts: AtomicU32::new(0),
        })
    }

    /// Takes the clock from what is saved now, after a power cut.
    pub(super) fn load_again(&self, store: &dyn Store) -> Result<(), PowerOnError> {
        *self.ahead() = *Clock::load(store)?.ahead();
        Ok(())
    }

    /// How often it was set since the module was switched on.
    pub(super) fn adjusts(&self) -> u32 {
        self.adjusts.load(Ordering::Relaxed)
    }

    fn ahead(&self) -> MutexGuard<'_, Option<i128>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cmd_GetRTC: RTCNotSet before the clock is set.
pub(super) fn time(call: Call, args: GetRTCArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_GET_RTC)?;
    let ahead = call.module.clock.ahead().ok_or(Status::RTCNotSet)?;
    let time = shown(call.now.unix, ahead);
    body(GetRTCReply { time })
}

/// Cmd_SetRTC: the officer's, or of whoever it delegates that to. InvalidParameter for a second of nanoseconds or more; the
/// precision is not looked at. Failed if it cannot be saved, and then the clock is as it was.
pub(super) fn set(call: Call, args: SetRTCArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_SET_RTC)?;
    let ahead = ahead(&args.time, call.now.unix)?;
    later(move || {
        let clock = &call.module.clock;
        let _saving = clock.saving.lock().unwrap_or_else(PoisonError::into_inner);
        call.still_valid()?;
        let record = record::encode(KIND, &ahead).map_err(|_| Status::Failed)?;
        let saved = call.module.store.save(&[(NAME, &record)]);
        saved.map_err(|error| {
            tracing::error!(module = call.module.number(), %error, "clock not saved");
            Status::Failed
        })?;
        *clock.ahead() = Some(ahead);
        clock.adjusts.fetch_add(1, Ordering::Relaxed);
        Ok(ReplyBody::Empty)
    })
}

/// By how many nanoseconds a time is ahead of the host's.
fn ahead(time: &RTCTime, unix: Duration) -> Result<i128, Status> {
    if time.currenttimenanos >= 1_000_000_000 {
        return Err(Status::InvalidParameter);
    }
    let seconds = u64::from(time.currenttimehigh) << 32 | u64::from(time.currenttimelow);
    let time = Duration::new(seconds, time.currenttimenanos);
    Ok(nanos(time) - nanos(unix))
}

/// What a clock that is ahead of the host's by this much shows. It stops at either end of what it can show.
fn shown(unix: Duration, ahead: i128) -> RTCTime {
    let nanos = (nanos(unix) + ahead).clamp(0, nanos(Duration::MAX));
    let seconds = (nanos / 1_000_000_000) as u64;
    RTCTime {
        currenttimehigh: (seconds >> 32) as u32,
        currenttimelow: seconds as u32,
        currenttimenanos: (nanos % 1_000_000_000) as u32,
        precision: PRECISION,
    }
}

/// Far from the ends of the type, whatever the time.
fn nanos(time: Duration) -> i128 {
    time.as_nanos() as i128
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(seconds: u64, nanos: u32) -> RTCTime {
        RTCTime {
            currenttimehigh: (seconds >> 32) as u32,
            currenttimelow: seconds as u32,
            currenttimenanos: nanos,
            precision: PRECISION,
        }
    }

    #[test]
    fn a_clock_stops_at_either_end() {
        let far = ahead(&time(u64::MAX, 999_999_999), Duration::ZERO).unwrap();
        let last = time(u64::MAX, 999_999_999);
        assert_eq!(shown(Duration::from_secs(9), far), last);
        // The host's clock was put back behind the moment at which this one was set.
        let behind = ahead(&time(5, 0), Duration::from_secs(100)).unwrap();
        assert_eq!(shown(Duration::from_secs(3), behind), time(0, 0));
    }

    proptest! {
        #[test]
        fn a_clock_goes_on_from_what_it_was_set_to(
            seconds in 0..u64::MAX / 2,
            nanos in 0u32..1_000_000_000,
            unix in 0..u64::MAX / 4,
            later in 0..u64::MAX / 4,
        ) {
            let unix = Duration::from_secs(unix);
            let ahead = ahead(&time(seconds, nanos), unix).unwrap();
            let now = unix + Duration::from_secs(later);
            prop_assert_eq!(shown(now, ahead), time(seconds + later, nanos));
        }
    }
}

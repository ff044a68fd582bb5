//! What a module counts, for the hardserver's statistics (Cmd_StatEnumTree, Cmd_StatGetValues).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ncore::types::{StatID, StatInfo, StatNodeTag};

/// A counter; it wraps, as the protocol's counters do.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU32);

impl Counter {
    pub(super) fn add(&self, more: u32) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn value(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything a module counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commands: Counter,
    pub(super) replies: Counter,
    pub(super) objects_created: Counter,
    pub(super) objects_destroyed: Counter,
    pub(super) resets: Counter,
}

/// One value of one node of a module's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// The node below the module's own.
    pub node: StatNodeTag,
    /// What it is.
    pub id: StatID,
    /// How to read it: flags of M_StatInfo.
    pub flags: u32,
    /// The value.
    pub value: u32,
}

impl Counters {
    /// The values now. `objects` is the number of objects in memory, `uptime` the time since power-on.
    pub(super) fn values(&self, objects: u32, uptime: Duration) -> Vec<Statistic> {
        let counter = |node, id, counter: &Counter| Statistic {
            node,
            id,
            flags: StatInfo::COUNTER,
            value: counter.value(),
        };
        let level = |node, id, value| Statistic {
            node,
            id,
            flags: 0,
            value,
        };
        let seconds = u32::try_from(uptime.as_secs()).unwrap_or(u32::MAX);
        vec![
            counter(
                StatNodeTag::ModuleJobStats,
                StatID::CmdCount,
                &self.commands,
            ),
            counter(
                StatNodeTag::ModuleJobStats,
                StatID::ReplyCount,
                &self.replies,
            ),
            counter(
                StatNodeTag::ModuleObjStats,
                StatID::ObjectsCreated,
                &self.objects_created,
            ),
            counter(
                StatNodeTag::ModuleObjStats,
                StatID::ObjectsDestroyed,
                &self.objects_destroyed,
            ),
            level(StatNodeTag::ModuleObjStats, StatID::ObjectCount, objects),
            level(StatNodeTag::ModuleEnvStats, StatID::Uptime, seconds),
            counter(
                StatNodeTag::ModuleServerStats,
                StatID::DeviceRestarts,
                &self.resets,
            ),
        ]
    }
}

//! StatEnumTree and StatGetValues: counts of the server, its connections and its modules, as a tree of numbered nodes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ncore::types::{
    StatEnumTreeArgs, StatEnumTreeReply, StatGetValuesArgs, StatGetValuesReply, StatID, StatInfo,
    StatNodeTag, Status, WrapVecASCIIString,
};

use super::Hardserver;
use super::connection::Connection;
use super::dispatch::refuse_flags;
use super::modules::Slot;
use super::sensors;
use crate::job::Now;

/// One node: values, or nodes below, or both.
#[derive(Default)]
struct Node {
    values: Vec<(StatID, Value)>,
    below: Vec<u32>,
}

enum Value {
    /// Only ever grows, modulo 2^32.
    Counter(u64),
    /// What is the case now.
    Level(u64),
    Text(String),
    /// A module's own.
    Raw {
        flags: u32,
        value: u32,
    },
}

impl Hardserver {
    /// StatEnumTree: what a node has and what is below it. UnknownParameter if there is no such node.
    pub(super) fn stat_tree(&self, args: &StatEnumTreeArgs) -> Result<StatEnumTreeReply, Status> {
        refuse_flags(args.flags)?;
        let node = self.node(&args.path_tags).ok_or(Status::UnknownParameter)?;
        let statinfos = node
            .values
            .iter()
            .map(|(id, value)| value.info(*id))
            .collect();
        Ok(StatEnumTreeReply {
            flags: 0,
            statinfos,
            subnodetags: node.below,
        })
    }

    /// StatGetValues: the values of a node. A text has its place among the strings as its value.
    pub(super) fn stat_values(
        &self,
        args: &StatGetValuesArgs,
    ) -> Result<StatGetValuesReply, Status> {
        refuse_flags(args.flags)?;
        let node = self.node(&args.path_tags).ok_or(Status::UnknownParameter)?;
        let mut strings = Vec::new();
        let (statinfos, values) = node
            .values
            .into_iter()
            .map(|(id, value)| (value.info(id), value.word(&mut strings)))
            .unzip();
        let strings = (!strings.is_empty()).then_some(WrapVecASCIIString { v: strings });
        Ok(StatGetValuesReply {
            flags: 0,
            statinfos,
            values,
            strings,
        })
    }

    fn node(&self, path: &[u32]) -> Option<Node> {
        let Some((&top, rest)) = path.split_first() else {
            let tops = [
                StatNodeTag::ServerGlobals,
                StatNodeTag::Connections,
                StatNodeTag::PerModule,
                StatNodeTag::PerDevice,
            ];
            return Some(Node {
                below: tops.map(|tag| tag.0).to_vec(),
                ..Node::default()
            });
        };
        match (StatNodeTag(top), rest) {
            (StatNodeTag::ServerGlobals, []) => Some(self.globals()),
            (StatNodeTag::Connections, []) => Some(Node {
                below: self
                    .connections
                    .all()
                    .iter()
                    .map(|connection| connection.number as u32)
                    .collect(),
                ..Node::default()
            }),
            (StatNodeTag::Connections, [number]) => {
                let connection = self.connections.get(u64::from(*number))?;
                Some(connection_node(&connection, self.now().uptime))
            }
            (StatNodeTag::PerModule | StatNodeTag::PerDevice, []) => Some(Node {
                below: self.modules.iter().map(|slot| slot.number).collect(),
                ..Node::default()
            }),
            (StatNodeTag::PerModule, [number, rest @ ..]) => {
                let slot = &self.modules[self.modules.index_of(*number).ok()?];
                below_module(module_values(slot, self.now()), rest)
            }
            (StatNodeTag::PerDevice, [number, rest @ ..]) => {
                let slot = &self.modules[self.modules.index_of(*number).ok()?];
                below_module(device_values(slot), rest)
            }
            _ => None,
        }
    }

    fn globals(&self) -> Node {
        let counts = &self.counts;
        let counter = |count: &AtomicU64| Value::Counter(count.load(Ordering::Relaxed));
        Node {
            values: vec![
                (StatID::Uptime, Value::Level(self.now().uptime.as_secs())),
                (StatID::CmdCount, counter(&counts.commands)),
                (StatID::CmdBytes, counter(&counts.command_bytes)),
                (StatID::CmdMarshalErrors, counter(&counts.marshal_errors)),
                (StatID::ReplyCount, counter(&counts.replies)),
                (StatID::ReplyBytes, counter(&counts.reply_bytes)),
                (StatID::ReplyMarshalErrors, counter(&counts.reply_errors)),
                (
                    StatID::ClientCount,
                    Value::Level(self.connections.count() as u64),
                ),
                (StatID::MaxClients, Value::Level(self.connections.most())),
                (StatID::DeviceFails, counter(&counts.device_fails)),
                (StatID::DeviceRestarts, counter(&counts.device_restarts)),
            ],
            ..Node::default()
        }
    }
}

fn connection_node(connection: &Connection, uptime: Duration) -> Node {
    let traffic = &connection.traffic;
    let counter = |count: &AtomicU64| Value::Counter(count.load(Ordering::Relaxed));
    let mut values = vec![
        (
            StatID::Uptime,
            Value::Level(uptime.saturating_sub(connection.opened).as_secs()),
        ),
        (StatID::CmdCount, counter(&traffic.commands)),
        (StatID::CmdBytes, counter(&traffic.command_bytes)),
        (StatID::ReplyCount, counter(&traffic.replies)),
        (StatID::ReplyBytes, counter(&traffic.reply_bytes)),
        (
            StatID::QOutstanding,
            Value::Level(connection.flow.in_flight() as u64),
        ),
    ];
    if let Some(client) = connection.client() {
        values.push((StatID::ClientNumber, Value::Level(client.ordinal())));
        if let Some(process) = &client.process {
            values.push((StatID::ClientProcessID, Value::Level(u64::from(process.id))));
            values.push((StatID::ClientProcessName, Value::Text(process.name.clone())));
        }
    }
    Node {
        values,
        ..Node::default()
    }
}

type ModuleValues = Vec<(StatNodeTag, StatID, Value)>;

fn module_values(slot: &Slot, now: Now) -> ModuleValues {
    // What an imported module counts itself, and how it is, stays with its exporter.
    let own = slot.unit.own();
    let counted = own.map(|own| own.module.statistics(now.uptime));
    let mut values: ModuleValues = counted
        .into_iter()
        .flatten()
        .map(|own| {
            (
                own.node,
                own.id,
                Value::Raw {
                    flags: own.flags,
                    value: own.value,
                },
            )
        })
        .collect();
    for (id, count) in [
        (StatID::CmdBytes, &slot.command_bytes),
        (StatID::ReplyBytes, &slot.reply_bytes),
    ] {
        values.push((
            StatNodeTag::ModuleJobStats,
            id,
            Value::Counter(count.load(Ordering::Relaxed)),
        ));
    }
    let mut environment = vec![(StatID::SerialNumber, Value::Text(slot.unit.esn()))];
    if let Some(own) = own {
        // To this module a command is one write of the host and a reply one read, and neither fails.
        for (id, count) in [
            (StatID::HostWriteCount, slot.started.load(Ordering::Relaxed)),
            (StatID::HostWriteErrors, 0),
            (StatID::HostReadCount, slot.replies.load(Ordering::Relaxed)),
            (StatID::HostReadErrors, 0),
        ] {
            values.push((StatNodeTag::ModuleJobStats, id, Value::Counter(count)));
        }
        let load = Value::Level(slot.load_percent().into());
        values.push((StatNodeTag::ModuleJobStats, StatID::CPULoadPercent, load));
        // It keeps no cache of keys that could be full.
        for id in [
            StatID::CacheEntryCount,
            StatID::CacheEntriesInserted,
            StatID::CacheEntriesRemoved,
        ] {
            values.push((StatNodeTag::ModuleCacheStats, id, Value::Level(0)));
        }
        let time = Value::Level(now.unix.as_secs());
        environment.push((StatID::CurrentTime, time));
        environment.extend(sensors::memory().map(|(id, bytes)| (id, Value::Level(bytes))));
        let shown = own.sensors.values();
        environment.extend(shown.map(|(id, value)| (id, Value::Level(value.into()))));
    }
    let below = |(id, value)| (StatNodeTag::ModuleEnvStats, id, value);
    values.extend(environment.into_iter().map(below));
    values
}

fn device_values(slot: &Slot) -> ModuleValues {
    let node = StatNodeTag::ModuleServerStats;
    let outstanding = slot.outstanding.load(Ordering::Relaxed) as u64;
    vec![
        (
            node,
            StatID::JobsStarted,
            Value::Counter(slot.started.load(Ordering::Relaxed)),
        ),
        (node, StatID::JobsOutstanding, Value::Level(outstanding)),
    ]
}

/// The node of a module itself, or one below it.
fn below_module(values: ModuleValues, path: &[u32]) -> Option<Node> {
    match path {
        [] => {
            let mut below: Vec<u32> = values.iter().map(|(node, ..)| node.0).collect();
            below.sort_unstable();
            below.dedup();
            Some(Node {
                below,
                ..Node::default()
            })
        }
        [tag] => {
            let values: Vec<_> = values
                .into_iter()
                .filter(|(node, ..)| node.0 == *tag)
                .map(|(_, id, value)| (id, value))
                .collect();
            (!values.is_empty()).then_some(Node {
                values,
                ..Node::default()
            })
        }
        _ => None,
    }
}

impl Value {
    fn info(&self, id: StatID) -> StatInfo {
        let flags = match self {
            Value::Counter(_) => StatInfo::COUNTER,
            Value::Level(_) => 0,
            Value::Text(_) => StatInfo::STRING,
            Value::Raw { flags, .. } => *flags,
        };
        StatInfo { id, flags }
    }

    fn word(self, strings: &mut Vec<String>) -> u32 {
        match self {
            // The low 32 bits: counters wrap.
            Value::Counter(value) => value as u32,
            Value::Level(value) => u32::try_from(value).unwrap_or(u32::MAX),
            Value::Raw { value, .. } => value,
            Value::Text(text) => {
                let place = strings.len() as u32;
                strings.push(text);
                place
            }
        }
    }
}

//! The seam between the hardserver and a module: one command on its way in, and what became of it.
//!
//! The hardserver decodes, chooses the module and builds a [`Job`]; [`Module::begin`](crate::module::Module::begin)
//! answers cheap commands at once and hands back the arithmetic of the others as a closure, which the hardserver runs
//! on the module's engines. Everything a module may know of the world outside (time, randomness, who asks) is in the
//! job, so that a run can be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ncore::message::{Command, Reply};
use rand_chacha::ChaCha20Rng;

use crate::seed::Streams;

/// One command for one module.
#[derive(Debug)]
pub struct Job {
    /// The decoded command. Identifiers of merged keys are already replaced by this module's member.
    pub command: Command,
    /// The module's number as whoever asks knows it: tickets and lists of slots carry it.
    pub number: u32,
    /// Who asks.
    pub client: Client,
    /// The time when the hardserver took the command in.
    pub now: Now,
    /// The randomness of this command.
    pub streams: Streams,
}

impl Job {
    /// This command's random stream for one purpose; see [`Streams::stream`].
    pub fn stream(&self, purpose: &str) -> ChaCha20Rng {
        self.streams.stream(purpose)
    }
}

/// What became of a job.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once or twice on its way; a box would cost more"
)]
pub enum Begun {
    /// The command is done.
    Reply(Reply),
    /// The command is admitted (permissions checked, use limits charged) and its arithmetic is still to be done. The
    /// closure may run on any thread and takes no lock while it computes.
    Work(Work),
}

/// The rest of a command: arithmetic, then the reply.
pub type Work = Box<dyn FnOnce() -> Reply + Send + 'static>;

impl std::fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Begun::Reply(reply) => formatter.debug_tuple("Reply").field(reply).finish(),
            Begun::Work(_) => formatter.write_str("Work(..)"),
        }
    }
}

impl Begun {
    /// Runs what is left on this thread.
    pub fn finish(self) -> Reply {
        match self {
            Begun::Reply(reply) => reply,
            Begun::Work(work) => work(),
        }
    }
}

/// Who asks: the part of a client, and of the connection it used, that a module may know.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's number in this run of the hardserver, from 1 in order of creation. A connection that never obtained
    /// a client has a number too (of the same sequence), so that its commands have random streams of their own.
    pub ordinal: u64,
    /// SHA-1 of the 20-byte ClientID, which names the client in tickets. None on a connection without a client: such
    /// commands may create no object (ClientUnknown).
    pub hash: Option<[u8; 20]>,
    /// Whether the connection came in by a privileged endpoint.
    pub privileged: bool,
    /// Allocates the client's object identifiers.
    pub key_ids: Arc<KeyIds>,
}

/// The object identifiers (M_KeyID) of one client, which are never zero (PROTOCOL section 3, item 4).
///
/// They are allocated when a command begins, in the order in which the client's commands arrive, so that the order in
/// which the engines finish does not show.
#[derive(Debug)]
pub struct KeyIds(Source);

#[derive(Debug)]
enum Source {
    /// A mask XOR a counter from 1.
    Counter { mask: u32, next: AtomicU32 },
    /// Those of one command that another hardserver sent, in turn.
    Given { ids: [u32; 2], next: AtomicU32 },
}

impl KeyIds {
    /// An allocator whose mask is the client's random word.
    pub fn new(mask: u32) -> KeyIds {
        KeyIds(Source::Counter {
            mask,
            next: AtomicU32::new(1),
        })
    }

    /// The identifiers that another hardserver allocated for one command, which makes two objects at most.
    pub fn given(ids: [u32; 2]) -> KeyIds {
        KeyIds(Source::Given {
            ids,
            next: AtomicU32::new(0),
        })
    }

    /// The next identifier.
    pub fn allocate(&self) -> u32 {
        match &self.0 {
            Source::Counter { mask, next } => loop {
                let id = next.fetch_add(1, Ordering::Relaxed) ^ mask;
                if id != 0 {
                    return id;
                }
            },
            Source::Given { ids, next } => {
                let place = next.fetch_add(1, Ordering::Relaxed);
                ids[usize::from(place % 2 == 1)]
            }
        }
    }
}

/// The time, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Time since the daemon started; never goes back. Time limits are measured with it.
    pub uptime: Duration,
    /// Time since 1970-01-01 00:00 UTC.
    pub unix: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_count_up_under_the_mask_and_skip_zero() {
        let ids = KeyIds::new(0x8329_fcbe);
        assert_eq!([ids.allocate(), ids.allocate()], [0x8329_fcbf, 0x8329_fcbc]);
        // A mask of 2 would give 0 for the second identifier.
        let ids = KeyIds::new(2);
        assert_eq!([ids.allocate(), ids.allocate()], [3, 1]);
        let ids = KeyIds::given([7, 9]);
        assert_eq!([ids.allocate(), ids.allocate()], [7, 9]);
    }
}

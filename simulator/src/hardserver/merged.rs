//! Merged keys: one identifier for copies of the same key on several modules (MergeKeyIDs, UpdateMergedKey).
//!
//! Copies that are gone, because their module failed or was reset or because they were destroyed, are dropped when the
//! key is next used. A command that was already on its way to such a module fails, and it is the client that tries
//! again: only pools do that in the hardserver.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ncore::Status;

use super::clients::{Client, Location};

/// The members of a merged key.
#[derive(Debug)]
pub(super) struct Merged {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    members: Vec<u32>,
    /// What became of the member that was dropped last.
    last_drop: Status,
}

impl Merged {
    /// A key with these members, each named once.
    pub(super) fn new(members: impl IntoIterator<Item = u32>) -> Merged {
        let merged = Merged {
            state: Mutex::new(State {
                members: Vec::new(),
                last_drop: Status::UnknownID,
            }),
        };
        merged.add(members);
        merged
    }

    /// The members that can be used, each with its module's place in the table. If none is left: HardwareFailed if the
    /// last one's module failed, UnknownID otherwise.
    pub(super) fn alive(&self, client: &Client) -> Result<Vec<(usize, u32)>, Status> {
        let mut state = self.lock();
        let mut alive = Vec::with_capacity(state.members.len());
        let mut last_drop = state.last_drop;
        state.members.retain(|&member| match client.locate(member) {
            Ok(Location::Module { index, .. }) => {
                alive.push((index, member));
                true
            }
            // Merged keys and objects of the pool are no members.
            Ok(Location::Merged(_) | Location::Pool(_)) => false,
            Err(status) => {
                last_drop = status;
                false
            }
        });
        state.last_drop = last_drop;
        if alive.is_empty() {
            Err(last_drop)
        } else {
            Ok(alive)
        }
    }

    /// Whether this is a member.
    pub(super) fn has(&self, member: u32) -> bool {
        self.lock().members.contains(&member)
    }

    /// Adds members that are not there yet.
    pub(super) fn add(&self, members: impl IntoIterator<Item = u32>) {
        let mut state = self.lock();
        for member in members {
            if !state.members.contains(&member) {
                state.members.push(member);
            }
        }
    }

    /// Removes a member.
    pub(super) fn remove(&self, member: u32) {
        self.lock().members.retain(|&other| other != member);
    }

    /// Every member, also those whose end has not shown yet.
    pub(super) fn members(&self) -> Vec<u32> {
        self.lock().members.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

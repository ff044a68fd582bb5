//! The slots of a module.

use ncore::Status;
use ncore::types::{GetSlotInfoArgs, GetSlotInfoReply, GetSlotListArgs, SlotListData};
use nfkm::Client;
use nfkm::cards::{self, CardContent, Known};

/// A slot and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its line in the module's list.
    pub listed: SlotListData,
    /// What is on its card, or why that is not known.
    pub content: Result<GetSlotInfoReply, Status>,
    /// Whether the module cannot see what is on it, since it lacks the key to which the card is bound.
    pub locked: bool,
}

impl Slot {
    /// What kind of card is in it.
    pub fn card(&self, known: &Known) -> CardContent {
        let answer = match &self.content {
            Ok(_) if self.locked => Err(Status::TokenAuthFailed),
            Ok(content) => Ok(content),
            Err(status) => Err(*status),
        };
        CardContent::of(self.listed.token.ic, answer, known)
    }
}

/// Looks at every slot of a module. None in a module that has failed.
///
/// # Errors
/// [`nfkm::Error::Connection`].
pub fn look(client: &Client, module: u32) -> Result<Vec<Slot>, nfkm::Error> {
    let listed = match client.transact(GetSlotListArgs { module }) {
        Ok(reply) => reply.slots,
        Err(nfkm::Error::Status { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut slots = Vec::new();
    for listed in listed {
        let content = match client.transact(GetSlotInfoArgs {
            module,
            slot: listed.token.slot,
        }) {
            Ok(reply) => Ok(reply),
            Err(nfkm::Error::Status { status, .. }) => Err(status),
            Err(error) => return Err(error),
        };
        let locked = match &content {
            Ok(content) => cards::is_locked(client, module, content)?,
            Err(_) => false,
        };
        slots.push(Slot {
            listed,
            content,
            locked,
        });
    }
    Ok(slots)
}

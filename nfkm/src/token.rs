//! Logical tokens of operator card sets and softcards, loaded and ready to protect keys.

use std::sync::{Arc, OnceLock};

use ncore::types::PhysToken;

use crate::Error;
use crate::Hash;
use crate::cards;
use crate::client::{Client, KeyId};
use crate::modules::Module;

/// A loaded token. Clones share it; it is unloaded with its last clone, of which every key loaded under it has one.
///
/// Unlike a key it is not loaded again when a module is cleared or the connection is lost: that takes cards and pass
/// phrases, and so whoever loaded it.
#[derive(Clone, Debug)]
pub struct LoadedToken(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Arc<Client>,
    hkltu: Hash,
    softcard: bool,
    members: Vec<Member>,
    /// Whether another process loaded it and unloads it.
    borrowed: bool,
}

/// A token on one module.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) module: u32,
    pub(crate) id: KeyId,
    /// The soft token slot with a card that must stay there as long as the token.
    pub(crate) card: Option<PhysToken>,
    /// What the module said when it did not know the token any more.
    gone: OnceLock<Arc<Error>>,
}

impl Member {
    pub(crate) fn new(module: u32, id: KeyId, card: Option<PhysToken>) -> Member {
        Member {
            module,
            id,
            card,
            gone: OnceLock::new(),
        }
    }
}

impl LoadedToken {
    pub(crate) fn new(
        client: Arc<Client>,
        hkltu: Hash,
        softcard: bool,
        members: Vec<Member>,
    ) -> LoadedToken {
        LoadedToken(Arc::new(Inner {
            client,
            hkltu,
            softcard,
            members,
            borrowed: false,
        }))
    }

    /// A token that another process of the same client keeps loaded.
    pub(crate) fn borrowed(
        client: Arc<Client>,
        hkltu: Hash,
        softcard: bool,
        members: Vec<Member>,
    ) -> LoadedToken {
        LoadedToken(Arc::new(Inner {
            client,
            hkltu,
            softcard,
            members,
            borrowed: true,
        }))
    }

    /// The token's hash, which names the card set or softcard.
    pub fn hash(&self) -> Hash {
        self.0.hkltu
    }

    /// Whether it is a softcard's.
    pub fn is_softcard(&self) -> bool {
        self.0.softcard
    }

    /// The modules on which it is loaded, by number, as far as is known.
    pub fn modules(&self) -> Vec<u32> {
        self.present().map(|member| member.module).collect()
    }

    /// Its identifier on each module.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, KeyId)> {
        self.0
            .members
            .iter()
            .map(|member| (member.module, member.id))
    }

    /// The client its identifiers belong to.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.0.client
    }

    /// Its identifier on a module, if it is loaded there.
    pub(crate) fn on(&self, module: u32) -> Option<KeyId> {
        let member = self.present().find(|member| member.module == module);
        member.map(|member| member.id)
    }

    /// The module does not know it any more, as this error of it tells: it was cleared, or the card left.
    pub(crate) fn is_gone_from(&self, module: u32, cause: &Arc<Error>) {
        for member in &self.0.members {
            if member.module == module {
                // What it said first is why.
                let _ = member.gone.set(Arc::clone(cause));
            }
        }
    }

    /// Why it is gone from a module, if it is from any.
    pub(crate) fn why_gone(&self) -> Option<Arc<Error>> {
        self.0
            .members
            .iter()
            .find_map(|member| member.gone.get().cloned())
    }

    fn present(&self) -> impl Iterator<Item = &Member> {
        let is_there = |member: &&Member| member.gone.get().is_none();
        self.0.members.iter().filter(is_there)
    }
}

/// Of these modules those on which a key can be loaded, with what it is loaded under there.
pub(crate) fn places(
    modules: Vec<Module>,
    token: Option<&LoadedToken>,
) -> impl Iterator<Item = (Module, Option<KeyId>)> {
    modules.into_iter().filter_map(move |module| match token {
        None => Some((module, None)),
        Some(token) => token.on(module.number).map(|id| (module, Some(id))),
    })
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.borrowed || self.client.is_lost() {
            return;
        }
        for member in self.members.drain(..) {
            self.client.destroy(member.id);
            if let Some(card) = member.card {
                // It may be gone: a slot is emptied by whoever needs it.
                let _ = cards::remove_image(&self.client, card);
            }
        }
    }
}

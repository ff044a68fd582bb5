//! A card in a slot of a module.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ncore::Status;
use ncore::types::{
    GetKMListArgs, GetSlotInfoArgs, GetSlotInfoReply, GetSlotListArgs, InsertSoftTokenArgs,
    PhysToken, PollSlotData, PollSlotListArgs, RemoveSoftTokenArgs, SlotListData, SlotType,
};

use super::content::{CardContent, Known};
use crate::client::Client;
use crate::error::Error;
use crate::{ZERO_HASH, atomic};

/// A card in a slot of a module: in a reader, or an image in a soft token slot.
pub(crate) struct InSlot<'a> {
    /// The slot, and the card's insertion.
    pub(crate) token: PhysToken,
    /// The file it came from, if it did.
    file: Option<&'a Path>,
    /// Why the module did not take it: then it is in no slot.
    refused: Option<Status>,
}

/// What tells a card from others while it stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Its file.
    File(PathBuf),
    /// Its insertion into a reader.
    Reader(PhysToken),
}

impl<'a> InSlot<'a> {
    /// The card that somebody put into a reader.
    pub(crate) fn in_reader(token: PhysToken) -> InSlot<'a> {
        InSlot {
            token,
            file: None,
            refused: None,
        }
    }

    /// Puts the card in a file into a soft token slot.
    ///
    /// # Errors
    /// [`Error::Cards`] for a module without such a slot, [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(crate) fn put_in(
        client: &Client,
        module: u32,
        file: &'a Path,
    ) -> Result<InSlot<'a>, Error> {
        let data = match fs::read(file) {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(file)(error)),
        };
        let (token, refused) = match insert_image(client, module, data) {
            Ok(token) => (token, None),
            Err(Error::Status {
                status: status @ (Status::UnknownTokenType | Status::BadTokenData),
                ..
            }) => (
                PhysToken {
                    module,
                    slot: 0,
                    ic: 1,
                },
                Some(status),
            ),
            Err(error) => return Err(error),
        };
        Ok(InSlot {
            token,
            file: Some(file),
            refused,
        })
    }

    /// Whether the card is in the slot: a file may hold no card at all.
    pub(crate) fn is_taken(&self) -> bool {
        self.refused.is_none()
    }

    /// What the module says is on the card; TokenAuthFailed, as from a command that reads it, if the module cannot see that.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub(crate) fn content(
        &self,
        client: &Client,
    ) -> Result<Result<GetSlotInfoReply, Status>, Error> {
        if let Some(status) = self.refused {
            return Ok(Err(status));
        }
        match client.transact(GetSlotInfoArgs {
            module: self.token.module,
            slot: self.token.slot,
        }) {
            Ok(content) if is_locked(client, self.token.module, &content)? => {
                Ok(Err(Status::TokenAuthFailed))
            }
            Ok(content) => Ok(Ok(content)),
            Err(Error::Status { status, .. }) => Ok(Err(status)),
            Err(error) => Err(error),
        }
    }

    /// Takes the card out, if it came from a file, and keeps what was written on it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(crate) fn take_out(self, client: &Client, changed: bool) -> Result<(), Error> {
        let (Some(file), None) = (self.file, self.refused) else {
            return Ok(());
        };
        let image = remove_image(client, self.token)?;
        match changed {
            true => atomic::replace(file, &image).map_err(Error::file(file)),
            false => Ok(()),
        }
    }

    /// Why a share of the card was not read: AccessDenied in words where the slot says why.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Connection`].
    pub(crate) fn explain(&self, client: &Client, error: Error) -> Error {
        if error.status() != Some(Status::AccessDenied) {
            return error;
        }
        let module = self.token.module;
        let Ok(listed) = client.transact(GetSlotListArgs { module }) else {
            return error;
        };
        let is_remote = |slot: &SlotListData| {
            slot.token.slot == self.token.slot && slot.flags & SlotListData::REMOTE_MODULE != 0
        };
        match listed.slots.iter().any(is_remote) {
            true => Error::Cards(format!(
                "{}: its slot belongs to a remote module, and its set is not remotely readable",
                self.name()
            )),
            false => error,
        }
    }

    /// What tells it from others.
    pub(crate) fn stay(&self) -> Stay {
        match self.file {
            Some(file) => Stay::File(file.to_owned()),
            None => Stay::Reader(self.token.clone()),
        }
    }

    /// What to call it in an error.
    pub(crate) fn name(&self) -> String {
        match self.file {
            Some(file) => file.display().to_string(),
            None => format!(
                "the card in module #{} slot #{}",
                self.token.module, self.token.slot
            ),
        }
    }
}

/// Whether a card is bound to a module key that the module lacks. GetSlotInfo shows of such a card neither shares nor
/// files, as of a blank one: a module that was erased sees the cards of its own world so.
///
/// # Errors
/// [`Error::Connection`].
pub fn is_locked(client: &Client, module: u32, content: &GetSlotInfoReply) -> Result<bool, Error> {
    let shows_nothing = content.tokens.is_empty() && content.files.is_empty();
    if content.auth_key == ZERO_HASH || !shows_nothing {
        return Ok(false);
    }
    match client.transact(GetKMListArgs {
        module,
        ..GetKMListArgs::default()
    }) {
        Ok(keys) => Ok(!keys.hkms.contains(&content.auth_key)),
        // A module that does not tell its keys is not one to call a card blank by.
        Err(Error::Status { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// What is in each card reader of a module.
///
/// # Errors
/// [`Error::Status`], [`Error::Connection`].
pub(crate) fn in_readers(
    client: &Client,
    module: u32,
    known: &Known,
) -> Result<Vec<(PhysToken, CardContent)>, Error> {
    let slots = client.transact(GetSlotListArgs { module })?.slots;
    let readers = slots
        .into_iter()
        .filter(|slot| slot.type_ == SlotType::SmartCard);
    let look = |slot: SlotListData| {
        let card = InSlot::in_reader(slot.token);
        let answer = card.content(client)?;
        let answer = answer.as_ref().map_err(|status| *status);
        let content = CardContent::of(card.token.ic, answer, known);
        Ok((card.token, content))
    };
    readers.map(look).collect()
}

/// The card readers of a module, with their counts of changes.
///
/// # Errors
/// [`Error::Status`], [`Error::Connection`].
pub(super) fn readers(client: &Client, module: u32) -> Result<Vec<PollSlotData>, Error> {
    let args = PollSlotListArgs {
        module,
        ..PollSlotListArgs::default()
    };
    let mut slots = client.transact(args)?.slots;
    slots.retain(|slot| slot.sld.type_ == SlotType::SmartCard);
    Ok(slots)
}

/// Returns when a card comes or goes, and after a while anyway.
///
/// # Errors
/// Those of [`readers`].
pub(super) fn wait_for_change(
    client: &Client,
    module: u32,
    seen: &[PollSlotData],
) -> Result<(), Error> {
    let began = Instant::now();
    while began.elapsed() < WAIT && readers(client, module)? == seen {
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// How long a change in the readers is waited for before the operator is asked again.
const WAIT: Duration = Duration::from_millis(500);

/// Puts a card image, empty for a blank card, into a soft token slot of the module. A slot in use is waited for a little:
/// then its user was interrupted, and what is in it goes.
///
/// # Errors
/// [`Error::Cards`] for a module without such a slot, [`Error::Status`], [`Error::Connection`].
pub(crate) fn insert_image(
    client: &Client,
    module: u32,
    image: Vec<u8>,
) -> Result<PhysToken, Error> {
    let began = Instant::now();
    loop {
        let slots = client.transact(GetSlotListArgs { module })?.slots;
        let mut soft = slots
            .into_iter()
            .filter(|slot| slot.type_ == SlotType::SoftToken)
            .map(|slot| slot.token);
        let first = soft
            .next()
            .ok_or_else(|| Error::Cards(format!("module #{module} has no slot for card files")))?;
        let mut token = std::iter::once(first.clone())
            .chain(soft)
            .find(|token| token.ic == 0)
            .unwrap_or(first);
        if token.ic != 0 && began.elapsed() < PATIENCE {
            thread::sleep(LOOK_EVERY);
            continue;
        }
        if token.ic != 0 {
            remove_image(client, token.clone())?;
        }
        match client.transact(InsertSoftTokenArgs {
            token: token.clone(),
            data: image.clone(),
            ..InsertSoftTokenArgs::default()
        }) {
            Ok(reply) => {
                token.ic = reply.ic;
                return Ok(token);
            }
            Err(Error::Status {
                status: Status::SlotFull,
                ..
            }) if began.elapsed() < PATIENCE => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes a card image out of a soft token slot.
///
/// # Errors
/// [`Error::Status`] with PhysTokenNotPresent if it is not there any more; [`Error::Connection`].
pub(crate) fn remove_image(client: &Client, token: PhysToken) -> Result<Vec<u8>, Error> {
    let args = RemoveSoftTokenArgs {
        token,
        ..RemoveSoftTokenArgs::default()
    };
    Ok(client.transact(args)?.data)
}

/// How long a soft token slot may be in use by somebody else, who needs it for one card at a time.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often a slot is looked at whose change is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

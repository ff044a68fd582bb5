//! Administrator cards: how they come to a module, and how shares get on and off them (PROTOCOL section 4.5).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ncore::Status;
use ncore::types::{
    FormatTokenArgs, GetSlotInfoArgs, GetSlotInfoReply, GetSlotListArgs, InsertSoftTokenArgs,
    PhysToken, ReadShareArgs, RemoveSoftTokenArgs, SlotType, TokenInfo, WriteShareArgs,
};
use sha1::{Digest, Sha1};

use super::operator::{Card, Notice, Operator, Purpose};
use crate::Hash;
use crate::atomic;
use crate::client::{Client, KeyId};
use crate::error::Error;

/// Where the administrator cards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardSource {
    /// In the modules' card readers, changed by hand.
    Readers,
    /// In these files, one a card. Each is put into a soft token slot of the module and taken out again
    /// (Cmd_InsertSoftToken, Cmd_RemoveSoftToken). A file that does not exist is a blank card.
    Files(Vec<PathBuf>),
}

/// What a pass phrase is on the wire: its SHA-1.
type Pin = [u8; 20];

/// The administrator card set while an operation goes on: its cards, and the pass phrases that were given.
pub(super) struct CardSet<'a> {
    source: &'a CardSource,
    operator: &'a mut dyn Operator,
    /// By the card's number. The cards are read again for each further module; nobody is asked twice.
    pins: BTreeMap<u32, Option<Pin>>,
}

/// A token whose shares are being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) id: KeyId,
    pub(super) hkt: Hash,
    /// Shares still needed.
    pub(super) left: u32,
}

impl<'a> CardSet<'a> {
    pub(super) fn new(source: &'a CardSource, operator: &'a mut dyn Operator) -> CardSet<'a> {
        CardSet {
            source,
            operator,
            pins: BTreeMap::new(),
        }
    }

    pub(super) fn operator(&mut self) -> &mut dyn Operator {
        self.operator
    }

    /// Whether shares go through soft token slots, which a token must allow.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self.source, CardSource::Files(_))
    }

    /// Checks, before anything is changed, that `cards` cards can be written.
    ///
    /// # Errors
    /// [`Error::Cards`] when fewer files were named, or one twice.
    pub(super) fn check_enough(&self, cards: u32) -> Result<(), Error> {
        let CardSource::Files(files) = self.source else {
            return Ok(());
        };
        let mut distinct = files.clone();
        distinct.sort();
        distinct.dedup();
        if distinct.len() != files.len() {
            return Err(Error::Cards("a card file is named twice".to_owned()));
        }
        if files.len() < cards as usize {
            return Err(Error::Cards(format!(
                "{cards} cards are needed, {} card files are named",
                files.len()
            )));
        }
        Ok(())
    }

    /// Writes share i of each token on card i, for all cards of the set.
    ///
    /// # Errors
    /// [`Error::Cards`], [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(super) fn write(
        &mut self,
        client: &Client,
        module: u32,
        cards: u32,
        tokens: &[KeyId],
    ) -> Result<(), Error> {
        let mut used = Vec::new();
        for share in 1..=cards {
            self.operator.notice(Notice::Progress {
                purpose: Purpose::Write,
                module,
                done: share - 1,
                total: cards,
            });
            let slot = self.blank_card(client, module, share, &mut used)?;
            let card = Card {
                module,
                slot: slot.token.slot,
                number: share,
            };
            let pin = self.pin(Purpose::Write, card)?;
            self.operator.notice(Notice::Card {
                purpose: Purpose::Write,
                card,
                passphrase: pin.is_some(),
            });
            client.transact(FormatTokenArgs {
                token: slot.token.clone(),
                ..FormatTokenArgs::default()
            })?;
            for idkt in tokens {
                let token = slot.token.clone();
                client.transact(WriteShareArgs {
                    token,
                    idkt: *idkt,
                    i: share,
                    pin,
                    ..WriteShareArgs::default()
                })?;
            }
            slot.take_out(client, true)?;
        }
        self.operator.notice(Notice::CardsDone {
            purpose: Purpose::Write,
        });
        Ok(())
    }

    /// Reads shares of the tokens from cards until each has enough.
    ///
    /// # Errors
    /// [`Error::Cards`] when the cards do not suffice; [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(super) fn read(
        &mut self,
        client: &Client,
        module: u32,
        mut tokens: Vec<Reading>,
    ) -> Result<(), Error> {
        let needed = tokens.iter().map(|token| token.left).max().unwrap_or(0);
        let mut used = Vec::new();
        let mut number = 0;
        while let Some(left) = tokens
            .iter()
            .map(|token| token.left)
            .max()
            .filter(|left| *left > 0)
        {
            self.operator.notice(Notice::Progress {
                purpose: Purpose::Read,
                module,
                done: needed - left,
                total: needed,
            });
            number += 1;
            let slot = self.next_card(client, module, number, &mut used)?;
            let content = slot.content(client)?;
            self.show(module, &slot.token, &content, Some(&tokens));
            let read = self.read_card(client, module, &slot.token, content.as_ref(), &mut tokens);
            slot.take_out(client, false)?;
            read?;
        }
        self.operator.notice(Notice::CardsDone {
            purpose: Purpose::Read,
        });
        Ok(())
    }

    /// Reads one card's shares into the tokens that still need one.
    fn read_card(
        &mut self,
        client: &Client,
        module: u32,
        place: &PhysToken,
        content: Option<&GetSlotInfoReply>,
        tokens: &mut [Reading],
    ) -> Result<(), Error> {
        let mut noticed = false;
        for token in tokens.iter_mut().filter(|token| token.left > 0) {
            let Some(share) = content.and_then(|content| {
                content
                    .tokens
                    .iter()
                    .find(|share| token.hkt.starts_with(&share.hkt))
            }) else {
                continue;
            };
            let card = Card {
                module,
                slot: place.slot,
                number: share.i,
            };
            loop {
                let pin = match share.flags & TokenInfo::PIN_PRESENT != 0 {
                    true => self.pin(Purpose::Read, card)?,
                    false => None,
                };
                let args = ReadShareArgs {
                    token: place.clone(),
                    idkt: token.id,
                    i: share.i,
                    pin,
                    ..ReadShareArgs::default()
                };
                match client.transact(args) {
                    Ok(reply) => {
                        self.pins.insert(share.i, pin);
                        if !std::mem::replace(&mut noticed, true) {
                            let passphrase = pin.is_some();
                            self.operator.notice(Notice::Card {
                                purpose: Purpose::Read,
                                card,
                                passphrase,
                            });
                        }
                        token.left = reply.sharesleft;
                        break;
                    }
                    Err(Error::Status {
                        status: Status::DecryptFailed,
                        ..
                    }) if pin.is_some() => {
                        // A wrong pass phrase locks nothing; the operator decides how often to try.
                        self.pins.remove(&share.i);
                        self.operator.wrong_passphrase(card)?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// A card that may be written over.
    fn blank_card(
        &mut self,
        client: &Client,
        module: u32,
        number: u32,
        used: &mut Vec<(u32, u32)>,
    ) -> Result<InSlot<'a>, Error> {
        loop {
            let slot = self.next_card(client, module, number, used)?;
            let content = slot.content(client)?;
            let is_blank = content
                .as_ref()
                .is_none_or(|content| content.tokens.is_empty() && content.files.is_empty());
            self.show(module, &slot.token, &content, None);
            let card = Card {
                module,
                slot: slot.token.slot,
                number,
            };
            if is_blank || self.operator.may_overwrite(card)? {
                return Ok(slot);
            }
            let refused = slot.name();
            slot.take_out(client, false)?;
            if self.is_soft() {
                return Err(Error::Cards(format!("{refused} is not a blank card")));
            }
        }
    }

    /// The next card: the file of this number, or a card in a reader that was not used yet.
    fn next_card(
        &mut self,
        client: &Client,
        module: u32,
        number: u32,
        used: &mut Vec<(u32, u32)>,
    ) -> Result<InSlot<'a>, Error> {
        let slots = |kind| -> Result<Vec<PhysToken>, Error> {
            let list = client.transact(GetSlotListArgs { module })?.slots;
            Ok(list
                .into_iter()
                .filter(|slot| slot.type_ == kind)
                .map(|slot| slot.token)
                .collect())
        };
        if let CardSource::Files(files) = self.source {
            let file = files
                .get(number as usize - 1)
                .ok_or_else(|| Error::Cards("the card files named are not enough".to_owned()))?;
            let slot = slots(SlotType::SoftToken)?
                .into_iter()
                .next()
                .ok_or_else(|| {
                    Error::Cards(format!("module #{module} has no slot for card files"))
                })?;
            return InSlot::put_in(client, slot, file);
        }
        loop {
            let readers = slots(SlotType::SmartCard)?;
            if readers.is_empty() {
                return Err(Error::Cards(format!("module #{module} has no card reader")));
            }
            let fresh = readers
                .iter()
                .find(|token| token.ic != 0 && !used.contains(&(token.slot, token.ic)));
            if let Some(token) = fresh {
                used.push((token.slot, token.ic));
                return Ok(InSlot {
                    token: token.clone(),
                    file: None,
                });
            }
            for reader in readers.iter().filter(|reader| reader.ic == 0) {
                self.operator.notice(Notice::Slot {
                    module,
                    slot: reader.slot,
                    content: "empty".to_owned(),
                });
            }
            self.operator.other_card(module)?;
        }
    }

    fn show(
        &mut self,
        module: u32,
        token: &PhysToken,
        content: &Option<GetSlotInfoReply>,
        wanted: Option<&[Reading]>,
    ) {
        let ours = |share: &&TokenInfo| {
            wanted
                .is_some_and(|tokens| tokens.iter().any(|token| token.hkt.starts_with(&share.hkt)))
        };
        let content = match content {
            None => "unformatted card".to_owned(),
            Some(content) => match content.tokens.iter().find(ours) {
                Some(share) => format!("Admin Card #{}", share.i),
                None if content.tokens.is_empty() && content.files.is_empty() => {
                    "blank card".to_owned()
                }
                None => "unknown card".to_owned(),
            },
        };
        self.operator.notice(Notice::Slot {
            module,
            slot: token.slot,
            content,
        });
    }

    fn pin(&mut self, purpose: Purpose, card: Card) -> Result<Option<Pin>, Error> {
        if let Some(pin) = self.pins.get(&card.number) {
            return Ok(*pin);
        }
        let passphrase = self.operator.passphrase(purpose, card)?;
        let pin = passphrase
            .filter(|text| !text.is_empty())
            .map(|text| Sha1::digest(text.as_bytes()).into());
        if purpose == Purpose::Write {
            self.pins.insert(card.number, pin);
        }
        Ok(pin)
    }
}

/// A card in a slot of a module.
struct InSlot<'a> {
    token: PhysToken,
    /// The file it came from, if it did.
    file: Option<&'a Path>,
}

impl<'a> InSlot<'a> {
    /// Puts the card in a file into a soft token slot.
    fn put_in(client: &Client, mut token: PhysToken, file: &'a Path) -> Result<InSlot<'a>, Error> {
        if token.ic != 0 {
            // Left there by somebody who was interrupted; the module is being set up, so nobody uses it.
            client.transact(RemoveSoftTokenArgs {
                token: token.clone(),
                ..RemoveSoftTokenArgs::default()
            })?;
        }
        let data = match fs::read(file) {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(file)(error)),
        };
        token.ic = client
            .transact(InsertSoftTokenArgs {
                token: token.clone(),
                data,
                ..InsertSoftTokenArgs::default()
            })?
            .ic;
        Ok(InSlot {
            token,
            file: Some(file),
        })
    }

    /// What is on the card; None when it is not formatted, or holds nothing a module can read.
    fn content(&self, client: &Client) -> Result<Option<GetSlotInfoReply>, Error> {
        match client.transact(GetSlotInfoArgs {
            module: self.token.module,
            slot: self.token.slot,
        }) {
            Ok(content) => Ok(Some(content)),
            Err(Error::Status {
                status: Status::TokenNotFormatted | Status::UnknownTokenType | Status::BadTokenData,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the card out, if it came from a file, and keeps what was written on it.
    fn take_out(self, client: &Client, changed: bool) -> Result<(), Error> {
        let Some(file) = self.file else { return Ok(()) };
        let image = client
            .transact(RemoveSoftTokenArgs {
                token: self.token,
                ..RemoveSoftTokenArgs::default()
            })?
            .data;
        match changed {
            true => atomic::replace(file, &image).map_err(Error::file(file)),
            false => Ok(()),
        }
    }

    fn name(&self) -> String {
        match self.file {
            Some(file) => file.display().to_string(),
            None => format!(
                "the card in module #{} slot #{}",
                self.token.module, self.token.slot
            ),
        }
    }
}

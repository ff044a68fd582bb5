//! The cards of one set while an operation goes on: asking for them, writing shares on them, reading shares from them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ncore::Status;
use ncore::types::{
    FormatTokenArgs, GetSlotInfoReply, PhysToken, ReadShareArgs, TokenInfo, WriteShareArgs,
};

use super::content::{CardContent, Known};
use super::operator::{Card, Notice, Operator, Purpose, SetName};
use super::slot::{InSlot, Stay, readers, wait_for_change};
use super::{CardSource, Pin, pin};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::kmdata::{AdminTokenRecord, CardSetRecord};
use crate::{Hash, ZERO_HASH, atomic};

/// The cards of one set while an operation goes on, and the pass phrases that were given for them.
pub(crate) struct Cards<'a> {
    source: &'a CardSource,
    operator: &'a mut dyn Operator,
    set: SetName,
    known: Known,
    /// By the card's number. The cards are read again for each further module; nobody is asked twice.
    pins: BTreeMap<u32, Option<Pin>>,
    /// Whether administrator cards of this world are never written over.
    keeps_administrators: bool,
    /// Which cards that are not blank may be written over, as the operator said.
    answers: Vec<(Stay, bool)>,
    /// Whether the operator has been told already what reading the cards would tell.
    quiet: bool,
}

/// A token whose shares are to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewToken {
    pub(crate) id: KeyId,
    pub(crate) hkt: Hash,
    /// How many shares it has. Further cards get the first ones again, which one card can open anyway.
    pub(crate) total: u32,
    /// Whether its shares need no pass phrase.
    pub(crate) open: bool,
}

/// A token whose shares are being read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) id: KeyId,
    pub(crate) hkt: Hash,
    /// Shares still needed.
    pub(crate) left: u32,
}

impl<'a> Cards<'a> {
    pub(crate) fn new(
        source: &'a CardSource,
        operator: &'a mut dyn Operator,
        set: SetName,
        known: Known,
    ) -> Cards<'a> {
        Cards {
            source,
            operator,
            set,
            known,
            pins: BTreeMap::new(),
            keeps_administrators: false,
            answers: Vec::new(),
            quiet: false,
        }
    }

    pub(crate) fn operator(&mut self) -> &mut dyn Operator {
        self.operator
    }

    /// From now on administrator cards of this world are not offered to be written over: they are still needed.
    pub(crate) fn keep_administrators(&mut self) {
        self.keeps_administrators = true;
    }

    /// Whether the operator has been told already what reading the cards would tell: they are read again for a module that
    /// forgot them.
    pub(crate) fn be_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// From now on the cards of these administrator tokens are known by name.
    pub(crate) fn learn_tokens<'t>(&mut self, tokens: impl Iterator<Item = &'t AdminTokenRecord>) {
        self.known.tokens.extend(tokens.cloned());
    }

    /// From now on the cards of this set are known by name.
    pub(crate) fn learn_set(&mut self, set: &CardSetRecord) {
        self.known.sets.push(set.clone());
    }

    /// Whether shares go through soft token slots, which a token must allow.
    pub(crate) fn is_soft(&self) -> bool {
        self.source.is_soft()
    }

    /// Whether the cards are in files of which none is there yet.
    pub(crate) fn are_new(&self) -> bool {
        match self.source {
            CardSource::Files(files) => files.iter().all(|file| !file.exists()),
            CardSource::Readers => false,
        }
    }

    /// The pass phrase that was given for a card.
    pub(crate) fn given_pin(&self, number: u32) -> Option<Pin> {
        self.pins.get(&number).copied().flatten()
    }

    /// Checks, before anything is changed, that `cards` cards can be written.
    ///
    /// # Errors
    /// [`Error::Cards`] when fewer files were named, or one twice; [`Error::File`] when one could not be written.
    pub(crate) fn check_enough(&self, cards: u32) -> Result<(), Error> {
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
        for file in files.iter().take(cards as usize) {
            atomic::check_writable(file).map_err(Error::file(file))?;
        }
        Ok(())
    }

    /// Looks, before the module is erased, at the cards that are to be written in it: at each file, or at the first card
    /// that is in a reader or comes into one. What the operator says of those that are not blank holds afterwards.
    ///
    /// # Errors
    /// Those of [`Cards::write`]; [`Error::Cards`] for a card that the erased module could not write.
    pub(crate) fn look(&mut self, client: &Client, module: u32, cards: u32) -> Result<(), Error> {
        let looks = if self.is_soft() { cards } else { 1 };
        let mut used = Vec::new();
        for number in 1..=looks {
            let slot = self.blank_card(client, module, number, &[], &mut used)?;
            let bound = slot
                .content(client)?
                .is_ok_and(|content| content.auth_key != ZERO_HASH);
            let name = slot.name();
            slot.take_out(client, false)?;
            if bound {
                return Err(Error::Cards(format!(
                    "{name} is bound to a key that the module loses when it is erased: erase the card first, or use another"
                )));
            }
        }
        Ok(())
    }

    /// Writes share i of each token on card i, for all cards of the set. The cards are bound to the module key
    /// `auth_key`, if there is one: modules without it can neither read nor erase them.
    ///
    /// # Errors
    /// [`Error::Cards`], [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(crate) fn write(
        &mut self,
        client: &Client,
        module: u32,
        cards: u32,
        auth_key: Option<Hash>,
        tokens: &[NewToken],
        fips: Option<&FipsAuthorisation<'_>>,
    ) -> Result<(), Error> {
        let mut used = Vec::new();
        for share in 1..=cards {
            self.operator.notice(Notice::Progress {
                purpose: Purpose::Write,
                module,
                done: share - 1,
                total: cards,
            });
            let slot = self.blank_card(client, module, share, tokens, &mut used)?;
            let card = self.card(&slot.token, share);
            let pin = self.pin(Purpose::Write, &card)?;
            self.operator.notice(Notice::Card {
                purpose: Purpose::Write,
                card,
                passphrase: pin.is_some(),
            });
            client.transact(FormatTokenArgs {
                token: slot.token.clone(),
                auth_key,
                ..FormatTokenArgs::default()
            })?;
            for new in tokens {
                let args = WriteShareArgs {
                    token: slot.token.clone(),
                    idkt: new.id,
                    i: (share - 1) % new.total + 1,
                    pin: pin.filter(|_| !new.open),
                    ..WriteShareArgs::default()
                };
                match fips {
                    Some(fips) => fips.transact(args)?,
                    None => client.transact(args)?,
                };
            }
            slot.take_out(client, true)?;
        }
        self.operator.notice(Notice::CardsDone {
            purpose: Purpose::Write,
        });
        Ok(())
    }

    /// Reads shares of the tokens from cards until each has enough. The last card stays where it is if `keep_last` says
    /// so; then its slot is the answer if it is one that a client empties.
    ///
    /// # Errors
    /// [`Error::Cards`] when the cards do not suffice, [`Error::WrongPassphrase`] when the operator gives up;
    /// [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(crate) fn read(
        &mut self,
        client: &Client,
        module: u32,
        mut tokens: Vec<Reading>,
        keep_last: bool,
    ) -> Result<Option<PhysToken>, Error> {
        self.read_shares(client, module, &mut tokens, keep_last, false)
    }

    /// The same with the cards that are at hand: all card files, or the cards that are in readers, of which one is waited for.
    /// Whether they gave the token enough shares.
    ///
    /// # Errors
    /// Those of [`Cards::read`].
    pub(crate) fn read_at_hand(
        &mut self,
        client: &Client,
        module: u32,
        token: Reading,
    ) -> Result<bool, Error> {
        let mut tokens = [token];
        self.read_shares(client, module, &mut tokens, false, true)?;
        Ok(tokens.iter().all(|token| token.left == 0))
    }

    fn read_shares(
        &mut self,
        client: &Client,
        module: u32,
        tokens: &mut [Reading],
        keep_last: bool,
        at_hand: bool,
    ) -> Result<Option<PhysToken>, Error> {
        let needed = tokens.iter().map(|token| token.left).max().unwrap_or(0);
        let mut used = Vec::new();
        let mut met = Vec::new();
        let mut read = Vec::new();
        let mut kept = None;
        let mut number = 0;
        loop {
            let left = tokens.iter().map(|token| token.left).max().unwrap_or(0);
            if left == 0 {
                break;
            }
            if at_hand && left < needed && !self.has_next(client, module, &used)? {
                return Ok(None);
            }
            self.tell(Notice::Progress {
                purpose: Purpose::Read,
                module,
                done: needed - left,
                total: needed,
            });
            number += 1;
            let Some(slot) = self.next_card(client, module, number, &mut used)? else {
                return Err(Error::Cards(too_few(left, &met)));
            };
            let content = slot.content(client)?;
            let known = self.judge(&slot, &content);
            self.show(&slot, &known);
            met.push(format!("{}: {known}", slot.name()));
            let done = match &content {
                Ok(content) => self.read_card(client, &slot, content, tokens, &mut read),
                Err(_) => Ok(()),
            };
            // Its token was loaded before, and the time of that one is over: it must leave the slot first.
            let must_leave = |error: &Error| error.status() == Some(Status::TimeLimitExceeded);
            if !self.is_soft() && done.as_ref().is_err_and(must_leave) {
                self.operator.notice(Notice::Slot {
                    module,
                    slot: slot.token.slot,
                    content: "the time of its token is over: take the card out and put it in again"
                        .to_owned(),
                });
                continue;
            }
            let stays = keep_last && self.is_soft() && tokens.iter().all(|token| token.left == 0);
            if stays && done.is_ok() {
                kept = Some(slot.token);
            } else {
                slot.take_out(client, false)?;
            }
            done?;
        }
        self.tell(Notice::CardsDone {
            purpose: Purpose::Read,
        });
        Ok(kept)
    }

    /// Reads one card's shares into the tokens that still need one. A card that was read before, or its copy, gives none.
    fn read_card(
        &mut self,
        client: &Client,
        slot: &InSlot<'_>,
        content: &GetSlotInfoReply,
        tokens: &mut [Reading],
        read: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let place = &slot.token;
        let mut noticed = false;
        for token in tokens.iter_mut().filter(|token| token.left > 0) {
            let is_wanted = |share: &&TokenInfo| token.hkt.starts_with(&share.hkt);
            let Some(share) = content.tokens.iter().find(is_wanted) else {
                continue;
            };
            if !noticed && read.contains(&share.i) {
                return Ok(());
            }
            let card = self.card(place, share.i);
            let mut tries = 0;
            loop {
                let pin = match share.flags & TokenInfo::PIN_PRESENT != 0 {
                    true => self.pin(Purpose::Read, &card)?,
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
                        if share.flags & TokenInfo::PIN_PRESENT != 0 {
                            self.pins.insert(share.i, pin);
                        }
                        if !std::mem::replace(&mut noticed, true) {
                            read.push(share.i);
                            self.tell(Notice::Card {
                                purpose: Purpose::Read,
                                card,
                                passphrase: pin.is_some(),
                            });
                        }
                        token.left = reply.sharesleft;
                        break;
                    }
                    Err(Error::Status {
                        status: Status::DecryptFailed,
                        ..
                    }) if share.flags & TokenInfo::PIN_PRESENT != 0 => {
                        // A wrong pass phrase locks nothing; the operator decides how often to try.
                        self.pins.remove(&share.i);
                        tries += 1;
                        if !self.operator.wrong_passphrase(&card, tries)? {
                            return Err(Error::WrongPassphrase {
                                place: card.to_string(),
                                tries,
                            });
                        }
                    }
                    Err(error) => return Err(slot.explain(client, error)),
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
        tokens: &[NewToken],
        used: &mut Vec<(u32, u32)>,
    ) -> Result<InSlot<'a>, Error> {
        loop {
            let Some(slot) = self.next_card(client, module, number, used)? else {
                return Err(Error::Cards(
                    "the card files named are not enough".to_owned(),
                ));
            };
            let answer = slot.content(client)?;
            let content = self.judge(&slot, &answer);
            // Who only looks says nothing of a card that is as it should be: it is said when it is written.
            if !(tokens.is_empty() && content.is_blank()) {
                self.show(&slot, &content);
            }
            let written = answer.is_ok_and(|content| {
                let is_new = |share: &TokenInfo| {
                    tokens.iter().any(|token| token.hkt.starts_with(&share.hkt))
                };
                content.tokens.iter().any(is_new)
            });
            // The cards of this very set, those of another world, and, for operators, the administrators' are not offered.
            let may_be_asked = match &content {
                CardContent::Foreign => false,
                CardContent::Admin { .. } => {
                    self.set == SetName::Admin && !self.keeps_administrators
                }
                // What no slot took may be any file.
                CardContent::Unknown | CardContent::Damaged => slot.is_taken(),
                _ => true,
            };
            let found = format!("{} is not a blank card: {content}", slot.name());
            if content.is_blank()
                || !written && may_be_asked && self.agrees(&slot, number, &found)?
            {
                return Ok(slot);
            }
            slot.take_out(client, false)?;
            if self.is_soft() {
                return Err(Error::Cards(match may_be_asked {
                    true => format!("{found}; name another, or have it written over"),
                    false => format!("{found}; name another"),
                }));
            }
        }
    }

    /// Whether the operator agrees that a card is written over, who is asked once for each.
    fn agrees(&mut self, slot: &InSlot<'_>, number: u32, found: &str) -> Result<bool, Error> {
        let stay = slot.stay();
        if let Some((_, answer)) = self.answers.iter().find(|(other, _)| *other == stay) {
            return Ok(*answer);
        }
        let card = self.card(&slot.token, number);
        let answer = self.operator.may_overwrite(&card, found)?;
        self.answers.push((stay, answer));
        Ok(answer)
    }

    /// The next card: the file of this number, None after the last; or a card in a reader that was not used yet.
    fn next_card(
        &mut self,
        client: &Client,
        module: u32,
        number: u32,
        used: &mut Vec<(u32, u32)>,
    ) -> Result<Option<InSlot<'a>>, Error> {
        if let CardSource::Files(files) = self.source {
            let file = files.get(number as usize - 1);
            return file
                .map(|file| InSlot::put_in(client, module, file))
                .transpose();
        }
        let began = Instant::now();
        let mut waits = false;
        loop {
            let readers = readers(client, module)?;
            if readers.is_empty() {
                return Err(Error::Cards(format!("module #{module} has no card reader")));
            }
            let places = || readers.iter().map(|reader| &reader.sld.token);
            let fresh = places().find(|token| is_fresh(token, used));
            if let Some(token) = fresh {
                used.push((token.slot, token.ic));
                return Ok(Some(InSlot::in_reader(token.clone())));
            }
            let waited = if waits {
                began.elapsed()
            } else {
                for reader in places().filter(|reader| reader.ic == 0) {
                    self.tell(Notice::Slot {
                        module,
                        slot: reader.slot,
                        content: CardContent::Empty.to_string(),
                    });
                }
                Duration::ZERO
            };
            waits = true;
            self.operator.other_card(module, waited)?;
            wait_for_change(client, module, &readers)?;
        }
    }

    /// Whether another card can be had without anybody's hand.
    fn has_next(&self, client: &Client, module: u32, used: &[(u32, u32)]) -> Result<bool, Error> {
        if self.is_soft() {
            return Ok(true);
        }
        let readers = readers(client, module)?;
        let mut places = readers.iter().map(|reader| &reader.sld.token);
        Ok(places.any(|token| is_fresh(token, used)))
    }

    fn judge(&self, slot: &InSlot<'_>, answer: &Result<GetSlotInfoReply, Status>) -> CardContent {
        let answer = answer.as_ref().map_err(|status| *status);
        CardContent::of(slot.token.ic, answer, &self.known)
    }

    /// Tells what reading the cards shows.
    fn tell(&mut self, notice: Notice) {
        if !self.quiet {
            self.operator.notice(notice);
        }
    }

    fn show(&mut self, slot: &InSlot<'_>, content: &CardContent) {
        self.tell(Notice::Slot {
            module: slot.token.module,
            slot: slot.token.slot,
            content: content.to_string(),
        });
    }

    fn card(&self, place: &PhysToken, number: u32) -> Card {
        Card {
            module: place.module,
            slot: place.slot,
            number,
            set: self.set.clone(),
        }
    }

    fn pin(&mut self, purpose: Purpose, card: &Card) -> Result<Option<Pin>, Error> {
        if let Some(pin) = self.pins.get(&card.number) {
            return Ok(*pin);
        }
        let pin = pin(self.operator.passphrase(purpose, card)?.as_deref());
        if purpose == Purpose::Write {
            self.pins.insert(card.number, pin);
        }
        Ok(pin)
    }
}

/// Whether a reader holds a card that was not used yet.
fn is_fresh(token: &PhysToken, used: &[(u32, u32)]) -> bool {
    token.ic != 0 && !used.contains(&(token.slot, token.ic))
}

fn too_few(left: u32, met: &[String]) -> String {
    let cards = if left == 1 { "card is" } else { "cards are" };
    let met = if met.is_empty() {
        "no card files are named".to_owned()
    } else {
        met.join(", ")
    };
    format!("{left} more {cards} needed ({met})")
}

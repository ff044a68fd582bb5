//! Single cards, and their pass phrases: checked, changed, and replaced with the administrator cards.

use std::sync::Arc;

use ncore::Status;
use ncore::types::{
    AdminKey, AdminToken, ChangeSharePINArgs, FormatTokenArgs, GetSlotInfoReply,
    LoadLogicalTokenArgs, ReadShareArgs, TokenInfo, TokenParams,
};

use crate::cards::{
    self, CardContent, CardSource, Cards, InSlot, Known, Operator, Pin, SetName, pin,
};
use crate::client::Client;
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::kmdata::{CardRecord, SoftcardRecord};
use crate::session::Session;
use crate::world::World;
use crate::world::admin::authority;
use crate::{Hash, pin_recovery};

/// A card in a slot, to be looked at or erased, and to have its pass phrase checked or changed.
pub struct PresentCard<'a> {
    session: &'a Session,
    client: Arc<Client>,
    world: World,
    slot: InSlot<'a>,
    shares: Vec<TokenInfo>,
    content: CardContent,
    changed: bool,
}

impl Session {
    /// Does something with each card that is in a reader of the module, or with each of the card files, one after the
    /// other.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::NoSuchModule`], [`Error::NoUsableModule`], [`Error::Cards`], [`Error::File`],
    /// [`Error::Status`], [`Error::Connection`], and those of `action`.
    pub fn each_card(
        &self,
        module: u32,
        source: &CardSource,
        action: &mut dyn FnMut(&mut PresentCard<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        let known = self.known_cards(&world)?;
        let mut handle = |slot| {
            let mut card = PresentCard::look(self, &client, &world, slot, &known)?;
            let done = action(&mut card);
            let changed = card.changed;
            card.slot.take_out(&client, changed)?;
            done
        };
        match source {
            CardSource::Files(files) => {
                for file in files {
                    handle(InSlot::put_in(&client, module, file)?)?;
                }
            }
            CardSource::Readers => {
                for (token, content) in cards::in_readers(&client, module, &known)? {
                    if content != CardContent::Empty {
                        handle(InSlot::in_reader(token))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives a softcard a new pass phrase with the administrator cards, read in this module.
    ///
    /// # Errors
    /// [`Error::Parameters`] when its pass phrase cannot be recovered; [`Error::Cards`], [`Error::WrongPassphrase`],
    /// [`Error::NoUsableModule`], [`Error::Status`], [`Error::File`].
    pub fn recover_softcard(
        &self,
        softcard: &SoftcardRecord,
        new: Option<&str>,
        module: u32,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let sealed = softcard.pin.as_ref().ok_or_else(not_recoverable)?;
        self.usable_module(&client, &world, module)?;
        let old = recovered_pin(&client, module, &world, sealed, source, operator)?;
        self.replace_pin(softcard, old, pin(new))
    }

    /// What the pass phrase of an operator card is on the wire, out of the recovery copy on this host.
    ///
    /// The administrator cards are read before the card whose pass phrase is to be replaced is in a slot.
    ///
    /// # Errors
    /// Those of [`Session::recover_softcard`].
    pub fn recovered_passphrase(
        &self,
        hkltu: &Hash,
        number: u32,
        module: u32,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<RecoveredPassphrase, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        let card = self.folder().card(&world.hknso, hkltu, number)?;
        let sealed = card.pin.ok_or_else(not_recoverable)?;
        recovered_pin(&client, module, &world, &sealed, source, operator).map(RecoveredPassphrase)
    }
}

/// A pass phrase that the administrator cards brought back, as it goes on the wire: its text is not to be had.
pub struct RecoveredPassphrase(Option<Pin>);

impl<'a> PresentCard<'a> {
    fn look(
        session: &'a Session,
        client: &Arc<Client>,
        world: &World,
        slot: InSlot<'a>,
        known: &Known,
    ) -> Result<PresentCard<'a>, Error> {
        let answer = slot.content(client)?;
        let answer: Result<&GetSlotInfoReply, Status> = answer.as_ref().map_err(|status| *status);
        let content = CardContent::of(slot.token.ic, answer, known);
        let shares = answer.map_or_else(|_| Vec::new(), |content| content.tokens.clone());
        Ok(PresentCard {
            session,
            client: Arc::clone(client),
            world: world.clone(),
            slot,
            shares,
            content,
            changed: false,
        })
    }

    /// Where it is, for people: in a slot, or in its file if the module did not take it for a card.
    pub fn place(&self) -> String {
        match self.slot.is_taken() {
            true => format!(
                "Module {} slot {}",
                self.slot.token.module, self.slot.token.slot
            ),
            false => self.slot.name(),
        }
    }

    /// What it is.
    pub fn content(&self) -> &CardContent {
        &self.content
    }

    /// Whether any of its shares needs a pass phrase.
    pub fn has_passphrase(&self) -> bool {
        self.shares
            .iter()
            .any(|share| share.flags & TokenInfo::PIN_PRESENT != 0)
    }

    /// Checks a pass phrase.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`]; [`Error::Cards`] for a card that is not of this world's sets; [`Error::Status`],
    /// [`Error::Connection`].
    pub fn check_passphrase(&self, passphrase: Option<&str>) -> Result<(), Error> {
        let (share, token) = self.known_shares()?.swap_remove(0);
        let args = LoadLogicalTokenArgs {
            module: self.slot.token.module,
            hkt: token.hkt,
            hkm: token.hkm,
            params: token.params,
        };
        let id = self.client.transact(args)?.idkt;
        let read = self.client.transact(ReadShareArgs {
            token: self.slot.token.clone(),
            idkt: id,
            i: share.i,
            pin: given(&share, pin(passphrase)),
            ..ReadShareArgs::default()
        });
        self.client.destroy(id);
        read.map(drop)
            .map_err(|error| self.wrong(self.slot.explain(&self.client, error)))
    }

    /// Changes the pass phrase.
    ///
    /// # Errors
    /// Those of [`PresentCard::check_passphrase`]; [`Error::File`].
    pub fn change_passphrase(&mut self, old: Option<&str>, new: Option<&str>) -> Result<(), Error> {
        self.change(pin(old), pin(new))
    }

    /// Replaces a forgotten pass phrase that was recovered.
    ///
    /// # Errors
    /// Those of [`PresentCard::change_passphrase`].
    pub fn replace_passphrase(
        &mut self,
        recovered: &RecoveredPassphrase,
        new: Option<&str>,
    ) -> Result<(), Error> {
        self.change(recovered.0, pin(new))
    }

    /// Erases the card: it is blank then, and bound to no module key.
    ///
    /// # Errors
    /// [`Error::Status`], with TokenAuthFailed for a card of another world; [`Error::Connection`].
    pub fn erase(&mut self) -> Result<(), Error> {
        self.client.transact(FormatTokenArgs {
            token: self.slot.token.clone(),
            ..FormatTokenArgs::default()
        })?;
        self.content = CardContent::Blank;
        self.shares.clear();
        self.changed = true;
        Ok(())
    }

    fn change(&mut self, old: Option<Pin>, new: Option<Pin>) -> Result<(), Error> {
        for (share, token) in self.known_shares()? {
            let args = ChangeSharePINArgs {
                token: self.slot.token.clone(),
                hkm: token.hkm,
                hkt: share.hkt,
                i: share.i,
                oldpin: given(&share, old),
                newpin: new,
                ..ChangeSharePINArgs::default()
            };
            let changed = self.client.transact(args);
            changed.map_err(|error| self.wrong(error))?;
            self.changed = true;
        }
        let CardContent::Operator { number, set, .. } = &self.content else {
            return Ok(());
        };
        let folder = self.session.folder();
        let card = folder.card(&self.world.hknso, &set.hkltu, *number)?;
        if card.pin.is_none() {
            return Ok(());
        }
        let module = self.slot.token.module;
        let fips = FipsAuthorisation::obtain(self.session, &self.client, module, &self.world)?;
        let pin = pin_recovery::seal(&self.client, module, &self.world, new, &fips)?;
        folder.write_card(&self.world.hknso, &CardRecord { pin, ..card })
    }

    /// The shares of this world's tokens on the card, at least one, and the tokens.
    fn known_shares(&self) -> Result<Vec<(TokenInfo, Token)>, Error> {
        let token = |share: &TokenInfo| match &self.content {
            CardContent::Operator { set, .. } if set.hkltu.starts_with(&share.hkt) => Some(Token {
                hkt: set.hkltu,
                hkm: self.world.hkm(),
                params: set.token_params(),
            }),
            CardContent::Admin { .. } => {
                let tokens = &self.world.record.tokens;
                let record = tokens
                    .iter()
                    .find(|token| token.hkt.starts_with(&share.hkt))?;
                Some(Token {
                    hkt: record.hkt,
                    hkm: record.hkm,
                    params: record.token_params(),
                })
            }
            _ => None,
        };
        let known: Vec<_> = self
            .shares
            .iter()
            .filter_map(|share| Some((share.clone(), token(share)?)))
            .collect();
        match known.is_empty() {
            true => Err(Error::Cards(format!(
                "{} is not a card of this world: {}",
                self.slot.name(),
                self.content
            ))),
            false => Ok(known),
        }
    }

    fn wrong(&self, error: Error) -> Error {
        match error {
            Error::Status {
                status: Status::DecryptFailed,
                ..
            } => Error::WrongPassphrase {
                place: format!("{}: {}", self.place(), self.content),
                tries: 1,
            },
            error => error,
        }
    }
}

/// A token of which a card has a share.
struct Token {
    hkt: Hash,
    hkm: Hash,
    params: TokenParams,
}

/// The pass phrase for a share, if that needs one.
fn given(share: &TokenInfo, pin: Option<Pin>) -> Option<Pin> {
    pin.filter(|_| share.flags & TokenInfo::PIN_PRESENT != 0)
}

fn recovered_pin(
    client: &Client,
    module: u32,
    world: &World,
    sealed: &[u8],
    source: &CardSource,
    operator: &mut dyn Operator,
) -> Result<Option<Pin>, Error> {
    let known = Known::new(Some(world), Vec::new());
    let mut cards = Cards::new(source, operator, SetName::Admin, known);
    let token = authority::load_token(client, module, world, AdminToken::P, &mut cards)?;
    let kp = authority::load_key(client, module, world, AdminKey::P, token);
    let pin = kp.and_then(|kp| {
        let pin = pin_recovery::open(client, kp, sealed);
        client.destroy(kp);
        pin
    });
    client.destroy(token);
    pin
}

fn not_recoverable() -> Error {
    Error::Parameters("this pass phrase cannot be recovered".to_owned())
}

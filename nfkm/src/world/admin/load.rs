//! Bringing a module into an existing world.

use ncore::Status;
use ncore::types::{
    AdminKey, AdminToken, GetKMLArgs, KMLType, KeyMgmtEntType, ModuleMode, SetKMArgs,
};

use super::authority;
use super::certificates::{self, certify};
use super::create::public_operations;
use super::suite::Suite;
use super::{Admin, Unit};
use crate::cards::{CardSource, Cards, Known, Notice, Operator, SetName};
use crate::client::KeyId;
use crate::error::Error;
use crate::keygen::now;
use crate::kmdata::{KmlRecord, ModuleRecord};
use crate::modules::{Enquiry, Mode};
use crate::world::World;

impl Admin {
    /// Loads the folder's world on modules. Each is erased first, once the cards at hand were read in it: a wrong card or
    /// pass phrase leaves it as it was. Cards that go through one reader are read there once, the others after the erasing.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Cards`], [`Error::WrongPassphrase`], [`Error::NoSuchModule`], [`Error::IsPool`],
    /// [`Error::ModuleFailed`], [`Error::Malformed`] for a world file that contradicts itself, [`Error::Status`],
    /// [`Error::Connection`], [`Error::File`].
    pub fn load(
        &self,
        modules: &[u32],
        source: &CardSource,
        share_target: bool,
        operator: &mut dyn Operator,
    ) -> Result<World, Error> {
        let world = World::required(self.folder())?;
        let known = Known::new(Some(&world), Vec::new());
        let mut cards = Cards::new(source, operator, SetName::Admin, known);
        let units = self.units(modules)?;
        for unit in &units {
            self.load_on(
                unit,
                &world,
                &mut cards,
                share_target,
                KMLType::DSAp3072s256,
            )?;
        }
        Ok(world)
    }

    pub(super) fn load_on(
        &self,
        unit: &Unit<'_>,
        world: &World,
        cards: &mut Cards<'_>,
        share_target: bool,
        kml: KMLType,
    ) -> Result<(), Error> {
        cards.operator().notice(Notice::Loading {
            module: unit.module,
        });
        let suite = Suite::of(world)?;
        let suffice = unit.try_cards(world, cards)?;
        unit.initialise(kml)?;
        cards.be_quiet(suffice);
        let loaded = unit.load(world, suite, cards, share_target);
        cards.be_quiet(false);
        let record = loaded.inspect_err(|_| unit.say_erased(true, cards.operator()))?;
        self.folder().write_module(&world.hknso, &record)?;
        cards.operator().notice(Notice::Loaded {
            module: unit.module,
            hknso: world.hknso,
        });
        Ok(())
    }
}

impl Unit<'_> {
    /// Reads the cards at hand while the module still has what it has; whether they are a quorum. A module that was erased
    /// already is not asked.
    fn try_cards(&self, world: &World, cards: &mut Cards<'_>) -> Result<bool, Error> {
        let waits = match Enquiry::of(self.client, self.module)?.mode() {
            Mode::Operational => false,
            Mode::PreInitialisation => true,
            _ => return Ok(false),
        };
        // No card is read in that mode, and a reset loses less than what comes next. A switch may hold the module there.
        if waits {
            match self.enter(ModuleMode::Operational) {
                Err(Error::Status { .. }) => return Ok(false),
                entered => entered?,
            }
        }
        let read = authority::try_token(self.client, self.module, world, AdminToken::M, cards);
        if waits && read.is_err() {
            self.enter(ModuleMode::Initialisation)?;
        }
        read.map_err(|error| self.named(error))
    }

    /// Loads a world on the module, which was initialised for it.
    fn load(
        &self,
        world: &World,
        suite: Suite,
        cards: &mut Cards<'_>,
        share_target: bool,
    ) -> Result<ModuleRecord, Error> {
        certificates::check_module_keys(self.client, self.module, world, suite)?;

        let (client, module) = (self.client, self.module);
        let token = authority::load_token(client, module, world, AdminToken::M, cards)?;
        let km = authority::load_key(client, module, world, AdminKey::M, token)?;
        let kmc = authority::load_key(client, module, world, AdminKey::MC, token)?;
        self.client.transact(SetKMArgs {
            module: self.module,
            idka: km,
            ..SetKMArgs::default()
        })?;
        let record = self.module_record(kmc, suite, share_target)?;
        let public = public_operations(world.record.debug_for_all);
        self.set_officer(world.hknso, public, world.modes())?;
        self.enter(ModuleMode::Operational)?;
        Ok(record)
    }

    /// What the host keeps of the module: its KML, certified by the world.
    pub(super) fn module_record(
        &self,
        kmc: KeyId,
        suite: Suite,
        share_target: bool,
    ) -> Result<ModuleRecord, Error> {
        let kml = match self.client.transact(GetKMLArgs {
            module: self.module,
        }) {
            Ok(reply) => {
                let hash = self.client.key_info(reply.idka)?.hash;
                let (entry, message): (KeyMgmtEntType, _) =
                    certificates::module_signing_key(&self.esn, &hash);
                let certificate = certify(self.client, kmc, suite.signing_mech(), entry, message)?;
                Some(KmlRecord { hash, certificate })
            }
            // Not every module shows its KML this way; the world works without.
            Err(Error::Status {
                status: Status::NotYetImplemented | Status::UnknownCommand | Status::NotAvailable,
                ..
            }) => None,
            Err(error) => return Err(error),
        };
        Ok(ModuleRecord {
            esn: self.esn.clone(),
            programmed: now(),
            kml,
            share_target,
        })
    }
}

//! One admitted command on its way through the module.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ncore::Status;
use ncore::types::{ACL, ReplyBody};
use rand_chacha::ChaCha20Rng;

use super::acl::{self, Charge, Facts, Grant, Uses, Wanted};
use super::certs::Certificates;
use super::counters::{self, Counter};
use super::key::Key;
use super::nvram::Nvram;
use super::objects::{Object, Objects};
use super::world::World;
use super::{Hex, Inner, KeyHash, Module, strict};
use crate::job::{Client, Now};
use crate::seed::Streams;

/// What a command family makes of a command: an answer, or the arithmetic that is left.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once or twice on its way; a box would cost more"
)]
pub(super) enum Done {
    /// The reply's body.
    Body(ReplyBody),
    /// Arithmetic, storage or cards: what may take long and holds no lock of the module meanwhile.
    Later(Later),
}

/// The rest of a command.
pub(super) type Later = Box<dyn FnOnce() -> Result<ReplyBody, Status> + Send + 'static>;

/// What a command family returns.
pub(super) type Outcome = Result<Done, Status>;

/// A reply without a body.
pub(super) fn done() -> Outcome {
    Ok(Done::Body(ReplyBody::Empty))
}

/// A reply with a body.
pub(super) fn body(body: impl Into<ReplyBody>) -> Outcome {
    Ok(Done::Body(body.into()))
}

/// The rest of a command, to be done later.
pub(super) fn later(work: impl FnOnce() -> Result<ReplyBody, Status> + Send + 'static) -> Outcome {
    Ok(Done::Later(Box::new(work)))
}

/// An admitted command: everything but its arguments.
pub(super) struct Call {
    pub(super) module: Arc<Module>,
    /// The module's number as whoever asks knows it.
    pub(super) number: u32,
    pub(super) client: Client,
    pub(super) now: Now,
    pub(super) streams: Streams,
    /// Identifiers for the objects the command makes.
    pub(super) ids: [u32; 2],
    /// The keys that certify the command.
    pub(super) certificates: Certificates,
    /// The module's keys and officer when the command was admitted.
    pub(super) world: Arc<World>,
    /// The module's count of resets then.
    pub(super) epoch: u64,
}

impl Call {
    /// This command's random stream for one purpose.
    pub(super) fn stream(&self, purpose: &str) -> ChaCha20Rng {
        self.streams.stream(purpose)
    }

    /// Looks something up among the objects.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Objects) -> T) -> T {
        look(&self.module.lock().objects)
    }

    /// The client's key of this identifier.
    pub(super) fn key(&self, id: u32) -> Result<Arc<Key>, Status> {
        self.look(|objects| objects.key(self.client.ordinal, id))
    }

    /// Asks the key's access control list, and charges the limits of the group that permits.
    pub(super) fn permit(&self, key: &Key, wanted: &Wanted<'_>) -> Result<(), Status> {
        self.permit_certified(key, wanted, &self.certificates)
    }

    /// Asks for one of the operations of Act_OpPermissions.
    pub(super) fn permit_operation(&self, key: &Key, bit: u32) -> Result<(), Status> {
        self.permit(key, &Wanted::Operation(bit))
    }

    /// As [`permit`](Self::permit), with the certificates given: the keys of the certificates themselves are asked
    /// before the command has any.
    pub(super) fn permit_certified(
        &self,
        key: &Key,
        wanted: &Wanted<'_>,
        certificates: &Certificates,
    ) -> Result<(), Status> {
        key.check_alive(self.now.uptime)?;
        let age = self.now.uptime.saturating_sub(key.made);
        let grant = self.decide(
            &key.acl(),
            wanted,
            certificates,
            age,
            &mut key.authorisation.uses(),
            Some(&key.hash),
        )?;
        // Outside every lock: a use that is counted in non-volatile memory waits for the disk.
        for charge in &grant.charges {
            if let Charge::NonVolatile(counter) = charge {
                self.module.counters.charge(self, counter)?;
            }
        }
        if grant.logged {
            tracing::info!(
                target: "key_usage", esn = self.world.esn, key = %Hex(&key.hash), wanted = ?wanted, "key used"
            );
        }
        Ok(())
    }

    /// Asks a list that belongs to no loaded object, such as a share's: nothing was loaded, so nothing has an age.
    pub(super) fn permit_by(&self, acl: &ACL, wanted: &Wanted<'_>) -> Result<(), Status> {
        self.decide(
            acl,
            wanted,
            &self.certificates,
            Duration::ZERO,
            &mut Uses::default(),
            None,
        )
        .map(drop)
    }

    /// Decides and charges, as one step to every other command.
    fn decide(
        &self,
        acl: &ACL,
        wanted: &Wanted<'_>,
        certificates: &Certificates,
        age: Duration,
        per_authorisation: &mut Uses,
        key: Option<&KeyHash>,
    ) -> Result<Grant, Status> {
        // The files' lists name keys, so only a key's uses are counted in non-volatile memory.
        let counter = |counter: &Counter| {
            let key = key.ok_or(Status::UseLimitsUnavailable)?;
            let module = &self.module;
            module.counters.check(counter, &module.nvram(), key)
        };
        let mut global = self.module.global_uses();
        let facts = Facts {
            certifiers: certificates.certifiers(),
            officer: self.world.officer_hash(),
            esn: &self.world.esn,
            age,
            global: &global,
            per_authorisation,
            nonvolatile: &counter,
        };
        let grant = acl::evaluate(acl, wanted, &facts)?;
        acl::charge(&grant, &mut global, per_authorisation)?;
        Ok(grant)
    }

    /// Checks an operation on the module that its security officer may have reserved (bits of M_NSOPerms).
    ///
    /// It is free while no officer is set, or if it is among the public operations. Otherwise the command must be
    /// certified by the officer's key, whose own list must allow it (Act_NSOPermissions), or by a key to which the
    /// officer delegated it. In a world of FIPS 140 level 3 some operations are never free, and StrictFIPS140 says that
    /// their authorisation is missing.
    pub(super) fn permit_module_operation(&self, op: u32) -> Result<(), Status> {
        let Some(officer) = &self.world.officer else {
            return Ok(());
        };
        let with_operator = self.world.strict_fips() && op & strict::WITH_OPERATOR != 0;
        if officer.public_perms & op == op && !with_operator {
            return Ok(());
        }
        let wanted = Wanted::OfficerOperation(op);
        if let Some(key) = self.certificates.signing_key(&officer.hash) {
            return self.permit_certified(&Arc::clone(key), &wanted, &Certificates::default());
        }
        if self.certificates.delegates(&officer.hash, &wanted) {
            Ok(())
        } else if with_operator {
            Err(Status::StrictFIPS140)
        } else {
            Err(Status::AccessDenied)
        }
    }

    /// Whether the module is still as it was when the command was admitted: UnitReset or HardwareFailed if not.
    pub(super) fn still_valid(&self) -> Result<(), Status> {
        match self.is_stale() {
            false => Ok(()),
            true => self.module.lock().reset_status(self.epoch),
        }
    }

    /// Whether the module was reset since the command was admitted. It takes no lock.
    pub(super) fn is_stale(&self) -> bool {
        self.module.epoch.load(Ordering::Acquire) != self.epoch
    }

    /// Changes the module's memory, unless it was reset since the command was admitted.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Inner) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut inner = self.module.lock();
        inner.reset_status(self.epoch)?;
        change(&mut inner)
    }

    /// Changes the module's non-volatile memory: first on the disk, then in memory. Failed if it cannot be saved, and then
    /// nothing has changed; UnitReset or HardwareFailed if the module was reset since the command was admitted.
    pub(super) fn change_nvram<T>(
        &self,
        change: impl FnOnce(&mut Nvram) -> Result<T, Status>,
    ) -> Result<T, Status> {
        self.module.change_nvram(|nvram| {
            self.still_valid()?;
            change(nvram)
        })
    }

    /// Puts a new object under the first or second identifier of the command; the identifier.
    pub(super) fn insert(&self, which: usize, object: Object) -> Result<u32, Status> {
        let id = self.ids[which];
        if let Object::Key(key) = &object {
            self.note_counted(&key.acl());
        }
        self.change(|inner| inner.objects.insert(self.client.ordinal, id, object))?;
        self.module.statistics.objects_created.add(1);
        Ok(id)
    }

    /// Notes that uses are counted in non-volatile memory, if this list of a key says so.
    pub(super) fn note_counted(&self, acl: &ACL) {
        if counters::counts(acl) {
            self.module.counted.store(true, Ordering::Release);
        }
    }

    /// The time since the daemon started.
    pub(super) fn uptime(&self) -> Duration {
        self.now.uptime
    }
}

/// Refuses flag bits other than the known ones.
pub(super) fn check_flags(flags: u32, known: u32) -> Result<(), Status> {
    if flags & !known == 0 {
        Ok(())
    } else {
        Err(Status::UnknownFlag)
    }
}

//! Access control lists: who may do what with an object (PROTOCOL section 4.3).
//!
//! [`evaluate`] is the only place where a permission is decided. It is a pure function of the list, of what is wanted
//! and of the facts of the moment; charging the limits it names is the caller's.

mod admit;
mod cases;
mod subset;
mod wanted;

use std::collections::HashMap;
use std::time::Duration;

use ncore::Status;
use ncore::types::{ACL, Mech, PermissionGroup, UseLimDetails, UseLimit};

pub(crate) use admit::admit;
pub(crate) use subset::is_subset;
pub(crate) use wanted::{InFile, Wanted};

use super::KeyHash;
use super::certs::Certifier;
use super::counters::Counter;

/// The name of a use limit's counter (M_LimitID).
pub(crate) type LimitId = [u8; 20];

/// How often limits have been used.
pub(crate) type Uses = HashMap<LimitId, u32>;

/// What a decision depends on besides the list.
pub(crate) struct Facts<'a> {
    /// The keys that certify the command.
    pub(crate) certifiers: &'a [Certifier],
    /// The hash of the security officer's key of this module.
    pub(crate) officer: Option<KeyHash>,
    /// The module's serial number.
    pub(crate) esn: &'a str,
    /// How long ago the object was made or loaded.
    pub(crate) age: Duration,
    /// Uses counted module-wide since the last reset.
    pub(crate) global: &'a Uses,
    /// Uses counted since the object's authorising token was loaded.
    pub(crate) per_authorisation: &'a Uses,
    /// Whether a use can be counted in non-volatile memory now; the status that says why not.
    pub(crate) nonvolatile: &'a dyn Fn(&Counter) -> Result<(), Status>,
}

/// A permission: what it costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The counters to count up by one.
    pub(crate) charges: Vec<Charge>,
    /// Whether the group asks for a record of the use (LogKeyUsage).
    pub(crate) logged: bool,
}

/// One counter to count up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// A global counter.
    Global(LimitId),
    /// A counter of the object's authorisation.
    PerAuthorisation(LimitId),
    /// A counter in non-volatile memory. Charging it writes to the disk, and is not [`charge`]'s.
    NonVolatile(Counter),
}

/// Decides whether the list permits what is wanted.
///
/// The first group in order that has a matching action, whose conditions hold and whose limits all have room grants it.
/// No group with a matching action and its conditions: AccessDenied. Such groups, but limits spent: UseLimitExceeded or
/// TimeLimitExceeded, by the first spent limit of the first such group.
pub(crate) fn evaluate(acl: &ACL, wanted: &Wanted<'_>, facts: &Facts<'_>) -> Result<Grant, Status> {
    let mut refusal = Status::AccessDenied;
    for group in &acl.groups {
        if !group
            .actions
            .iter()
            .any(|action| wanted.is_granted_by(action))
            || !conditions_hold(group, wanted, facts)
        {
            continue;
        }
        match charges(&group.limits, facts) {
            Ok(charges) => {
                let logged = group.flags & PermissionGroup::LOG_KEY_USAGE != 0;
                return Ok(Grant { charges, logged });
            }
            Err(spent) if refusal == Status::AccessDenied => refusal = spent,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// Most counters of either kind. A counter outlives its key, since another copy of the key may be loaded later; without an
/// end, keys with ever new limits would eat the host's memory.
const MAX_COUNTERS: usize = 100_000;

/// Counts a use of everything that a permission charges: all of it, or with NoModuleMemory, when there is no room for a new
/// counter, nothing.
pub(crate) fn charge(
    grant: &Grant,
    global: &mut Uses,
    per_authorisation: &mut Uses,
) -> Result<(), Status> {
    let mut new = [0; 2];
    for charge in &grant.charges {
        match charge {
            Charge::Global(id) => new[0] += usize::from(!global.contains_key(id)),
            Charge::PerAuthorisation(id) => {
                new[1] += usize::from(!per_authorisation.contains_key(id));
            }
            Charge::NonVolatile(_) => {}
        }
    }
    let has_room = |uses: &Uses, new| new == 0 || uses.len() + new <= MAX_COUNTERS;
    if !has_room(global, new[0]) || !has_room(per_authorisation, new[1]) {
        return Err(Status::NoModuleMemory);
    }
    for charge in &grant.charges {
        let counter = match charge {
            Charge::Global(id) => global.entry(*id).or_insert(0),
            Charge::PerAuthorisation(id) => per_authorisation.entry(*id).or_insert(0),
            Charge::NonVolatile(_) => continue,
        };
        *counter = counter.saturating_add(1);
    }
    Ok(())
}

/// Whether the command is certified as the group asks and runs on the module it names.
fn conditions_hold(group: &PermissionGroup, wanted: &Wanted<'_>, facts: &Facts<'_>) -> bool {
    let fresh = group.flags & PermissionGroup::FRESH_CERTS != 0;
    let certified = |hash: &KeyHash, mech: Mech| {
        facts
            .certifiers
            .iter()
            .any(|certifier| certifier.certifies(hash, mech, fresh, wanted))
    };
    let officer = group.flags & PermissionGroup::NSO_CERTIFIED != 0;
    group
        .moduleserial
        .as_ref()
        .is_none_or(|serial| serial == facts.esn)
        && group
            .certifier
            .as_ref()
            .is_none_or(|hash| certified(hash, Mech::Any))
        && group
            .certmech
            .as_ref()
            .is_none_or(|key| certified(&key.hash, key.mech))
        && (!officer
            || facts
                .officer
                .is_some_and(|hash| certified(&hash, Mech::Any)))
}

/// What using a group with these limits costs, or the status of the first limit that is spent.
fn charges(limits: &[UseLimit], facts: &Facts<'_>) -> Result<Vec<Charge>, Status> {
    let mut charges = Vec::new();
    for limit in limits {
        let (charge, uses, max) = match &limit.details {
            UseLimDetails::Global(limit) => (
                Charge::Global(limit.id),
                facts.global.get(&limit.id),
                limit.max,
            ),
            UseLimDetails::Auth(limit) => (
                Charge::PerAuthorisation(limit.id),
                facts.per_authorisation.get(&limit.id),
                limit.max,
            ),
            UseLimDetails::Time(limit)
                if facts.age >= Duration::from_secs(limit.seconds.into()) =>
            {
                return Err(Status::TimeLimitExceeded);
            }
            UseLimDetails::Time(_) => continue,
            UseLimDetails::NonVolatile(limit) => {
                let counter = Counter::of(limit).ok_or(Status::UseLimitsUnavailable)?;
                (facts.nonvolatile)(&counter)?;
                let charge = Charge::NonVolatile(counter);
                if !charges.contains(&charge) {
                    charges.push(charge);
                }
                continue;
            }
            // The obsolete form: `admit` lets no such list in.
            UseLimDetails::Empty => return Err(Status::UseLimitsUnavailable),
        };
        if uses.copied().unwrap_or(0) >= max {
            return Err(Status::UseLimitExceeded);
        }
        // A group that names one counter twice uses it once.
        if !charges.contains(&charge) {
            charges.push(charge);
        }
    }
    Ok(charges)
}

//! What a case is: a claim about the CSP, the hardserver or the module, where the claim comes from, and a function that
//! tries it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::capi::numbers::{
    PROV_DH_SCHANNEL, PROV_DSS, PROV_DSS_DH, PROV_RSA_AES, PROV_RSA_FULL, PROV_RSA_SCHANNEL,
};
use crate::coverage::{Cover, Subject};
use crate::rig::Rig;

/// The provider types of the RSA family. The one with the most algorithms comes first.
pub const RSA: &[u32] = &[PROV_RSA_AES, PROV_RSA_FULL, PROV_RSA_SCHANNEL];

/// One case. The tables of them are in [`crate::cases`].
pub struct Case {
    /// `family.subject.fact`, lower case. A family's cases are in one file, or in a few.
    pub id: &'static str,
    /// The claim, as a sentence without a full stop.
    pub title: &'static str,
    /// Where the claim comes from: a section of the CAPI guide, a page of Microsoft's reference, a command of the nCore
    /// API, an RFC.
    pub source: &'static str,
    /// The provider types it holds for; never empty. Without a provider to try, the first
    /// one's is taken. Cases that speak to no provider do not ask.
    pub types: &'static [u32],
    /// What the target must have; where it lacks something the case is skipped with that reason.
    pub needs: &'static [Need],
    /// The functions and commands it exercises, with their answers. A case that passes without having met every one of
    /// them has failed: see [`crate::runner`].
    pub covers: &'static [Cover],
    /// The case itself. An error is a failure.
    pub run: fn(&Rig) -> anyhow::Result<Outcome>,
}

/// The provider types of the guide.
pub const EVERY: &[u32] = &[
    PROV_RSA_AES,
    PROV_RSA_FULL,
    PROV_RSA_SCHANNEL,
    PROV_DSS,
    PROV_DSS_DH,
    PROV_DH_SCHANNEL,
];

impl Case {
    /// A case for every provider type of the guide, or for none; else as [`Case::new`].
    pub const fn any(
        id: &'static str,
        title: &'static str,
        source: &'static str,
        run: fn(&Rig) -> anyhow::Result<Outcome>,
    ) -> Case {
        Case::new(id, title, source, run).on(EVERY)
    }

    /// A case for the RSA family that needs a Security World and declares nothing yet.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        source: &'static str,
        run: fn(&Rig) -> anyhow::Result<Outcome>,
    ) -> Case {
        Case {
            id,
            title,
            source,
            types: RSA,
            needs: &[Need::World],
            covers: &[],
            run,
        }
    }

    /// For these provider types in place of [`RSA`].
    pub const fn on(self, types: &'static [u32]) -> Case {
        assert!(!types.is_empty());
        Case { types, ..self }
    }

    /// With these needs in place of [`Need::World`].
    pub const fn needs(self, needs: &'static [Need]) -> Case {
        Case { needs, ..self }
    }

    /// With these declarations.
    pub const fn covers(self, covers: &'static [Cover]) -> Case {
        Case { covers, ..self }
    }

    /// Whether it tries a provider of this type.
    pub fn tries(&self, prov_type: u32) -> bool {
        let speaks_to_one = |cover: &Cover| matches!(cover.subject, Subject::Function(_));
        self.covers.iter().any(speaks_to_one) && self.types.contains(&prov_type)
    }

    /// The first part of the id.
    pub fn family(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a case needs of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A Security World, loaded on every usable module.
    World,
    /// At least so many usable modules.
    Modules(u32),
    /// The privileged endpoint.
    Privileged,
    /// Modules that may be cleared, failed and initialised: nobody else uses them.
    Sacrifice,
    /// A hardserver that this harness started and may kill and start again.
    Control,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::World => f.write_str("a Security World"),
            Need::Modules(count) => write!(f, "{count} usable modules"),
            Need::Privileged => f.write_str("the privileged endpoint"),
            Need::Sacrifice => f.write_str("modules that nobody else uses"),
            Need::Control => f.write_str("a hardserver under our control"),
        }
    }
}

/// How a case ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The claim holds.
    Passed,
    /// The target says that it does not do this at all.
    Unsupported(String),
    /// The case could not be tried here.
    Skipped(String),
}

/// What the runner makes of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The claim holds.
    Passed,
    /// The claim does not hold, the case panicked, hung, or did not meet what it declares to cover.
    Failed(String),
    /// The claim does not hold, and a row of the list of differences says why: see [`crate::differences`].
    Differs(String),
    /// As [`Outcome::Unsupported`].
    Unsupported(String),
    /// As [`Outcome::Skipped`].
    Skipped(String),
}

impl Verdict {
    /// One lower-case word.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Differs(_) => "differs",
            Verdict::Unsupported(_) => "unsupported",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// Why, when it did not pass.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Passed => None,
            Verdict::Failed(reason)
            | Verdict::Differs(reason)
            | Verdict::Unsupported(reason)
            | Verdict::Skipped(reason) => Some(reason),
        }
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Verdict::Passed,
            Outcome::Unsupported(reason) => Verdict::Unsupported(reason),
            Outcome::Skipped(reason) => Verdict::Skipped(reason),
        }
    }
}

/// A case that has run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Which one.
    pub case: &'static Case,
    /// How it ended.
    pub verdict: Verdict,
    /// What the functions and commands answered, whatever the verdict.
    pub observed: BTreeSet<Cover>,
    /// From start to end.
    pub took: Duration,
}

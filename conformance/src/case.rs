//! What a case is: a claim about the CSP, the hardserver or the module, where the claim comes from, and a function that
//! tries it.

use std::fmt;
use std::time::Duration;

use crate::coverage::Cover;
use crate::rig::Rig;

/// One case. The tables of them are in [`crate::cases`], one file a family.
pub struct Case {
    /// `family.subject.fact`, lower case; the first part names the file the case is in.
    pub id: &'static str,
    /// The claim, as a sentence without a full stop.
    pub title: &'static str,
    /// Where the claim comes from: a section of the CAPI guide, a page of Microsoft's reference, a command of the nCore
    /// API, an RFC.
    pub source: &'static str,
    /// What the target must have; where it lacks something the case is skipped with that reason.
    pub needs: &'static [Need],
    /// The functions and commands it exercises, with their answers. A case that passes without having met every one of
    /// them has failed: see [`crate::runner`].
    pub covers: &'static [Cover],
    /// The case itself. An error is a failure.
    pub run: fn(&Rig) -> anyhow::Result<Outcome>,
}

impl Case {
    /// A case that needs a Security World and declares nothing yet.
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
            needs: &[Need::World],
            covers: &[],
            run,
        }
    }

    /// With these needs in place of [`Need::World`].
    pub const fn needs(self, needs: &'static [Need]) -> Case {
        Case { needs, ..self }
    }

    /// With these declarations.
    pub const fn covers(self, covers: &'static [Cover]) -> Case {
        Case { covers, ..self }
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
            Verdict::Unsupported(_) => "unsupported",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// Why, when it did not pass.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Passed => None,
            Verdict::Failed(reason) | Verdict::Unsupported(reason) | Verdict::Skipped(reason) => {
                Some(reason)
            }
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
    /// From start to end.
    pub took: Duration,
}

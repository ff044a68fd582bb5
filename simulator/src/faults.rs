//! Faults on purpose: a plan says what goes wrong at which command, and goes the same way every time it is played.
//!
//! Each rule counts the commands that it is about. Whether it strikes at one of them depends on that count, and, if it
//! goes by chance, on the plan's seed: not on time, and not on what threads do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ncore::types::{Cmd, Status};
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cards::Access;
use crate::module::support::{Support, support};
use crate::seed::Seed;

/// What is to go wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Decides what goes by chance.
    #[serde(default)]
    pub seed: String,
    /// The rules. Of several that strike at one command the first one counts.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Rule>,
}

/// One rule. Of `nth`, `every` and `chance` exactly one is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    #[serde(rename = "do")]
    pub effect: Effect,
    /// The name of the commands it is about, `Sign` for instance; all that come to a module if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The number of the module it is about; all if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<u32>,
    /// Strikes at this one of the commands, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Strikes at each so-manieth of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Strikes at each with this probability, more than 0 and at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// The most times it strikes, at least 1; any number if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What happens to a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The command is answered with this status, `HardwareFailed` for instance, and not carried out.
    Status(String),
    /// The reply waits so many milliseconds longer.
    Delay(u64),
    /// The command is carried out and not answered until the module is reset; one of the hardserver's own never.
    Stall,
    /// The command is carried out and never answered.
    DropReply,
    /// Half of the reply is written, then the connection ends.
    HalfReply,
    /// The connection ends instead of an answer; the command is not carried out.
    ResetConnection,
    /// The reply comes after the connection's next one, if another command is in work there.
    SwapReplies,
    /// The module fails while it carries out the command.
    FailModule,
    /// The cards are pulled from the module's readers when it begins to carry out the command.
    PullCards,
    /// The module's next write to what survives a power cut fails.
    WriteFails,
    /// Something else takes all that is left of the non-volatile memory.
    FillNvram,
    /// The non-volatile memory is erased.
    WipeNvram,
    /// The clock jumps by so many seconds.
    Clock(i64),
    /// The module is so warm from then on, in degrees Celsius.
    Temperature(u32),
    /// The daemon loses power while the command writes the module's state, after so many bytes. Nothing happens if it
    /// writes no more than that.
    TearState(u64),
    /// The cards are pulled from the module's readers while the command writes one, after so many bytes.
    TearCard(u64),
    /// The cards are pulled from the module's readers while the command reads one, after so many bytes.
    CutRead(u64),
}

/// A plan that cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("fault {number}: {what}")]
pub struct PlanError {
    /// Which rule, counted from 1.
    number: usize,
    what: String,
}

/// What became of a rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// Commands that it was about.
    pub met: u64,
    /// How often it struck.
    pub struck: u64,
}

/// One strike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Strike {
    /// Which rule, counted from 1.
    pub rule: usize,
    /// Which of the commands that it is about, counted from 1.
    pub command: u64,
    /// The command's name.
    pub name: String,
    /// The module's number; 0 for a command that the hardserver answers.
    pub module: u32,
}

/// How a plan goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// The plan's seed.
    pub seed: String,
    /// What became of each rule.
    pub faults: Vec<Outcome>,
    /// The strikes in the order in which they came, up to the first thousand.
    pub strikes: Vec<Strike>,
}

/// Stands for a module's number where the hardserver itself answers.
pub(crate) const HARDSERVER: u32 = 0;

/// Strikes that a report keeps.
const STRIKES_KEPT: usize = 1000;

/// The plan that is played, if one is.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    on: AtomicBool,
    playing: Mutex<Option<Arc<Playing>>>,
}

#[derive(Debug)]
struct Playing {
    seed: String,
    rules: Vec<Counted>,
    strikes: Mutex<Vec<Strike>>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    command: Option<Cmd>,
    effect: Ready,
    met: AtomicU64,
    struck: AtomicU64,
}

/// An effect as it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// With a status that exists.
    Status(Status),
    /// As [`Effect::Delay`].
    Delay(u64),
    /// As [`Effect::Stall`].
    Stall,
    /// What happens to the reply.
    Reply(ReplyFault),
    /// As [`Effect::ResetConnection`].
    ResetConnection,
    /// As [`Effect::FailModule`].
    FailModule,
    /// As [`Effect::PullCards`].
    PullCards,
    /// As [`Effect::WriteFails`].
    WriteFails,
    /// As [`Effect::FillNvram`].
    FillNvram,
    /// As [`Effect::WipeNvram`].
    WipeNvram,
    /// As [`Effect::Clock`].
    Clock(i64),
    /// As [`Effect::Temperature`].
    Temperature(u32),
    /// As [`Effect::TearState`].
    TearState(u64),
    /// As [`Effect::TearCard`] and [`Effect::CutRead`].
    PullCardsAt(Access, u64),
}

/// What happens to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyFault {
    /// It is not sent.
    Drop,
    /// Half of it is.
    Half,
    /// It comes after the next one.
    Swap,
}

impl Effect {
    /// Whether it is brought about inside the module, so that a module of another hardserver is out of its reach.
    pub(crate) fn is_inside(&self) -> bool {
        match self {
            Effect::FailModule | Effect::PullCards | Effect::TearCard(_) => true,
            Effect::WriteFails | Effect::FillNvram | Effect::WipeNvram => true,
            Effect::TearState(_) | Effect::CutRead(_) | Effect::Temperature(_) => true,
            Effect::Status(_) | Effect::Delay(_) | Effect::Stall | Effect::Clock(_) => false,
            Effect::DropReply | Effect::HalfReply | Effect::SwapReplies => false,
            Effect::ResetConnection => false,
        }
    }
}

impl Faults {
    /// Begins to play a plan; the one before it ends. Nothing changes if it cannot be played: `check` says what else is wrong
    /// with a rule than what shows in itself.
    pub(crate) fn play(
        &self,
        plan: Plan,
        check: impl Fn(&Rule) -> Result<(), String>,
    ) -> Result<(), PlanError> {
        let counted = |rule: Rule| check(&rule).and_then(|()| Counted::new(rule));
        let rules = (1..)
            .zip(plan.faults)
            .map(|(number, rule)| counted(rule).map_err(|what| PlanError { number, what }))
            .collect::<Result<Vec<_>, _>>()?;
        let on = !rules.is_empty();
        let playing = Playing {
            seed: plan.seed,
            rules,
            strikes: Mutex::default(),
        };
        *self.playing() = Some(Arc::new(playing));
        self.on.store(on, Ordering::Release);
        Ok(())
    }

    /// Ends the plan.
    pub(crate) fn clear(&self) {
        self.on.store(false, Ordering::Release);
        *self.playing() = None;
    }

    /// How it goes.
    pub(crate) fn report(&self) -> Report {
        let Some(playing) = self.playing().clone() else {
            return Report::default();
        };
        let outcome = |counted: &Counted| Outcome {
            rule: counted.rule.clone(),
            met: counted.met.load(Ordering::Relaxed),
            struck: counted.struck.load(Ordering::Relaxed),
        };
        Report {
            seed: playing.seed.clone(),
            faults: playing.rules.iter().map(outcome).collect(),
            strikes: lock(&playing.strikes).clone(),
        }
    }

    /// What happens to a command of a module, or of the [`HARDSERVER`], if something does. Rules whose effect is inside a
    /// module are about those of this hardserver alone; `imported` says that it is another's.
    pub(crate) fn strike(&self, cmd: Cmd, module: u32, imported: bool) -> Option<Ready> {
        if !self.on.load(Ordering::Acquire) {
            return None;
        }
        let playing = self.playing().clone()?;
        let mut first = None;
        for (number, counted) in (1..).zip(&playing.rules) {
            if imported && counted.rule.effect.is_inside() {
                continue;
            }
            let Some(command) = counted.meets(cmd, module) else {
                continue;
            };
            if counted.strikes(&playing.seed, number, command) && first.is_none() {
                counted.struck.fetch_add(1, Ordering::Relaxed);
                first = Some(counted.effect);
                let mut strikes = lock(&playing.strikes);
                if strikes.len() < STRIKES_KEPT {
                    strikes.push(Strike {
                        rule: number,
                        command,
                        name: cmd.to_string(),
                        module,
                    });
                }
            }
        }
        first
    }

    fn playing(&self) -> std::sync::MutexGuard<'_, Option<Arc<Playing>>> {
        lock(&self.playing)
    }
}

impl Counted {
    fn new(rule: Rule) -> Result<Counted, String> {
        let command = match &rule.command {
            None => None,
            Some(name) => {
                let command = Cmd::from_name(name);
                let command = command.ok_or_else(|| format!("there is no command `{name}'"))?;
                match support(command) {
                    Support::Module(_) => Some(command),
                    Support::Hardserver if rule.module.is_none() && !rule.effect.is_inside() => {
                        Some(command)
                    }
                    Support::Hardserver => {
                        return Err(format!(
                            "`{name}' never comes to a module: the hardserver answers it"
                        ));
                    }
                    Support::Refused(status) => {
                        return Err(format!(
                            "`{name}' is never carried out: it is always {status}"
                        ));
                    }
                }
            }
        };
        let given = [
            rule.nth.is_some(),
            rule.every.is_some(),
            rule.chance.is_some(),
        ];
        if given.into_iter().filter(|&given| given).count() != 1 {
            return Err("one of `nth', `every' and `chance' is needed".to_owned());
        }
        if rule.nth == Some(0) || rule.every == Some(0) {
            return Err("commands are counted from 1".to_owned());
        }
        let is_chance = |chance: f64| chance > 0.0 && chance <= 1.0;
        if rule.chance.is_some_and(|chance| !is_chance(chance)) {
            return Err("a chance is more than 0 and at most 1".to_owned());
        }
        if rule.times == Some(0) {
            return Err("it strikes 0 times".to_owned());
        }
        let effect = match &rule.effect {
            Effect::Status(name) => match Status::from_name(name) {
                Some(Status::OK) | None => return Err(format!("there is no refusal `{name}'")),
                Some(status) => Ready::Status(status),
            },
            Effect::Delay(millis) => Ready::Delay(*millis),
            Effect::Stall => Ready::Stall,
            Effect::DropReply => Ready::Reply(ReplyFault::Drop),
            Effect::HalfReply => Ready::Reply(ReplyFault::Half),
            Effect::SwapReplies => Ready::Reply(ReplyFault::Swap),
            Effect::ResetConnection => Ready::ResetConnection,
            Effect::FailModule => Ready::FailModule,
            Effect::PullCards => Ready::PullCards,
            Effect::WriteFails => Ready::WriteFails,
            Effect::FillNvram => Ready::FillNvram,
            Effect::WipeNvram => Ready::WipeNvram,
            Effect::Clock(seconds) => Ready::Clock(*seconds),
            Effect::Temperature(celsius) => Ready::Temperature(*celsius),
            Effect::TearState(bytes) => Ready::TearState(*bytes),
            Effect::TearCard(bytes) => Ready::PullCardsAt(Access::Write, *bytes),
            Effect::CutRead(bytes) => Ready::PullCardsAt(Access::Read, *bytes),
        };
        Ok(Counted {
            rule,
            command,
            effect,
            met: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        })
    }

    /// Counts a command; its number if the rule is about it. A rule for all commands is about those of modules.
    fn meets(&self, cmd: Cmd, module: u32) -> Option<u64> {
        let named = match self.command {
            Some(command) => command == cmd,
            None => module != HARDSERVER,
        };
        let about = named && self.rule.module.is_none_or(|number| number == module);
        about.then(|| self.met.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Whether the rule strikes at this one of its commands.
    fn strikes(&self, seed: &str, number: usize, command: u64) -> bool {
        let within = |times| self.struck.load(Ordering::Relaxed) < times;
        if !self.rule.times.is_none_or(within) {
            return false;
        }
        match (self.rule.nth, self.rule.every, self.rule.chance) {
            (Some(nth), _, _) => command == nth,
            (_, Some(every), _) => command.is_multiple_of(every),
            (_, _, Some(chance)) => {
                let mut stream = Seed::from_bytes(seed.as_bytes())
                    .client_stream(command, &format!("fault {number}"));
                f64::from(stream.next_u32()) < chance * 2f64.powi(32)
            }
            _ => false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(effect: Effect) -> Rule {
        Rule {
            effect,
            command: Some("Sign".to_owned()),
            module: None,
            nth: None,
            every: None,
            chance: None,
            times: None,
        }
    }

    fn playing(rules: Vec<Rule>) -> Faults {
        let faults = Faults::default();
        let plan = Plan {
            seed: "7".to_owned(),
            faults: rules,
        };
        faults.play(plan, |_| Ok(())).unwrap();
        faults
    }

    fn struck(faults: &Faults, commands: u64) -> Vec<u64> {
        (1..=commands)
            .filter(|_| faults.strike(Cmd::Sign, 1, false).is_some())
            .collect()
    }

    #[test]
    fn a_rule_strikes_at_its_commands_only() {
        let third = Rule {
            nth: Some(3),
            ..rule(Effect::Stall)
        };
        let faults = playing(vec![third.clone()]);
        assert_eq!(faults.strike(Cmd::Verify, 1, false), None);
        assert_eq!(struck(&faults, 5), [3]);
        let elsewhere = Rule {
            module: Some(2),
            ..third
        };
        assert_eq!(struck(&playing(vec![elsewhere]), 5), [0u64; 0]);
        let twice = Rule {
            every: Some(2),
            times: Some(2),
            ..rule(Effect::Stall)
        };
        let faults = playing(vec![twice]);
        assert_eq!(struck(&faults, 9), [2, 4]);
        let report = faults.report();
        assert_eq!((report.faults[0].met, report.faults[0].struck), (9, 2));
        assert_eq!(report.strikes.len(), 2);
        faults.clear();
        assert_eq!(struck(&faults, 9), [0u64; 0]);
    }

    #[test]
    fn chance_follows_from_the_seed() {
        let some = |seed: &str, chance| {
            let faults = Faults::default();
            let faults_of = vec![Rule {
                chance: Some(chance),
                ..rule(Effect::Stall)
            }];
            let plan = Plan {
                seed: seed.to_owned(),
                faults: faults_of,
            };
            faults.play(plan, |_| Ok(())).unwrap();
            struck(&faults, 1000)
        };
        assert_eq!(some("a", 0.1), some("a", 0.1));
        assert_ne!(some("a", 0.1), some("b", 0.1));
        assert!((60..140).contains(&some("a", 0.1).len()));
        assert_eq!(some("a", 1.0).len(), 1000);
    }

    #[test]
    fn of_two_rules_the_first_counts() {
        let faults = playing(vec![
            Rule {
                nth: Some(2),
                ..rule(Effect::Status("Failed".to_owned()))
            },
            Rule {
                every: Some(1),
                ..rule(Effect::Delay(5))
            },
        ]);
        let strike = || faults.strike(Cmd::Sign, 1, false);
        assert_eq!(strike(), Some(Ready::Delay(5)));
        assert_eq!(strike(), Some(Ready::Status(Status::Failed)));
    }

    #[test]
    fn what_is_inside_a_module_counts_the_commands_of_own_ones() {
        let second = |effect| Rule {
            nth: Some(2),
            ..rule(effect)
        };
        let faults = playing(vec![second(Effect::FailModule), second(Effect::Stall)]);
        assert_eq!(faults.strike(Cmd::Sign, 2, true), None);
        assert_eq!(faults.strike(Cmd::Sign, 1, false), Some(Ready::Stall));
        assert_eq!(faults.strike(Cmd::Sign, 1, false), Some(Ready::FailModule));
    }

    #[test]
    fn what_cannot_be_played_is_refused_by_number() {
        for (rule, words) in [
            (rule(Effect::Stall), "one of `nth'"),
            (
                Rule {
                    nth: Some(0),
                    ..rule(Effect::Stall)
                },
                "counted from 1",
            ),
            (
                Rule {
                    command: Some("Sing".to_owned()),
                    nth: Some(1),
                    ..rule(Effect::Stall)
                },
                "no command `Sing'",
            ),
            (
                Rule {
                    command: Some("NewEnquiry".to_owned()),
                    nth: Some(1),
                    ..rule(Effect::PullCards)
                },
                "`NewEnquiry' never comes to a module: the hardserver answers it",
            ),
            (
                Rule {
                    command: Some("MergeKeyIDs".to_owned()),
                    module: Some(1),
                    nth: Some(1),
                    ..rule(Effect::Stall)
                },
                "`MergeKeyIDs' never comes to a module: the hardserver answers it",
            ),
            (
                Rule {
                    command: Some("CreateSEEWorld".to_owned()),
                    nth: Some(1),
                    ..rule(Effect::Stall)
                },
                "`CreateSEEWorld' is never carried out: it is always NotAvailable",
            ),
            (
                Rule {
                    nth: Some(1),
                    ..rule(Effect::Status("OK".to_owned()))
                },
                "no refusal `OK'",
            ),
            (
                Rule {
                    chance: Some(1.5),
                    ..rule(Effect::Stall)
                },
                "at most 1",
            ),
            (
                Rule {
                    chance: Some(0.0),
                    ..rule(Effect::Stall)
                },
                "more than 0",
            ),
            (
                Rule {
                    chance: Some(f64::NAN),
                    ..rule(Effect::Stall)
                },
                "more than 0",
            ),
            (
                Rule {
                    every: Some(1),
                    times: Some(0),
                    ..rule(Effect::Stall)
                },
                "it strikes 0 times",
            ),
        ] {
            let plan = Plan {
                seed: String::new(),
                faults: vec![rule],
            };
            let error = Faults::default().play(plan, |_| Ok(())).unwrap_err();
            let error = error.to_string();
            assert!(
                error.starts_with("fault 1: ") && error.contains(words),
                "{error}"
            );
        }
    }
}

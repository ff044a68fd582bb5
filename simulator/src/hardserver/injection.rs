//! How a fault on purpose is brought about (see [`crate::faults`] for when).

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ncore::message::{Header, Reply};
use ncore::types::Status;

use super::Hardserver;
use super::modules::Slot;
use super::worker::Answer;
use crate::faults::{self, Plan, PlanError, Ready, ReplyFault, Rule};
use crate::job::Work;
use crate::power::Cut;

/// How long a module that stalls keeps a reply: longer than anybody waits, so that only a reset ends it.
const STALL: Duration = Duration::from_secs(365 * 24 * 3600);

/// How a command is carried out that a fault struck.
pub(super) enum Struck {
    /// It is answered with this status instead.
    Refused(Status),
    /// Its reply waits so much longer.
    Later(Duration),
    /// Something happens while it is carried out.
    Meanwhile(Meanwhile),
    /// As it would be.
    Unchanged,
}

/// What happens while a command is carried out.
pub(super) type Meanwhile = Box<dyn FnOnce(Work) -> Reply + Send>;

impl Hardserver {
    /// Begins to play a fault plan; the one before it ends.
    ///
    /// # Errors
    /// A rule that makes no sense, or that can never strike here. Nothing changes then.
    pub(crate) fn play(&self, plan: Plan) -> Result<(), PlanError> {
        self.faults.play(plan, |rule| self.check_place(rule))
    }

    /// Whether a rule is about a module that there is, and at which its effect can be brought about.
    fn check_place(&self, rule: &Rule) -> Result<(), String> {
        let Some(number) = rule.module else {
            return Ok(());
        };
        let Some(slot) = self.module(number) else {
            return Err(match self.pool.number() == Some(number) {
                true => format!("module {number} is the pool: its commands come to its members"),
                false => format!("there is no module {number}"),
            });
        };
        match slot.unit.imported() {
            Some(imported) if rule.effect.is_inside() => Err(format!(
                "module {number} is imported: that goes wrong inside it by the plan of {}",
                imported.address()
            )),
            _ => Ok(()),
        }
    }

    /// Lets a fault strike at a command, if the plan has one for it. It is the hardserver's own if there is no `slot`.
    pub(super) fn strike(self: &Arc<Self>, answer: &mut Answer, slot: Option<&Slot>) -> Struck {
        let Header { cmd, tag, .. } = answer.header;
        let module = slot.map_or(faults::HARDSERVER, |slot| slot.number);
        let imported = slot.is_some_and(|slot| slot.unit.imported().is_some());
        let Some(effect) = self.faults.strike(cmd, module, imported) else {
            return Struck::Unchanged;
        };
        tracing::info!(module, %cmd, ?effect, "a fault on purpose");
        match (effect, slot.and_then(|slot| slot.unit.own())) {
            (Ready::Status(status), _) => return Struck::Refused(status),
            (Ready::Delay(millis), _) => return Struck::Later(Duration::from_millis(millis)),
            // No reset would end it.
            (Ready::Stall, _) if slot.is_none() => answer.fault = Some(ReplyFault::Drop),
            (Ready::Stall, _) => return Struck::Later(STALL),
            (Ready::Reply(fault), _) => answer.fault = Some(fault),
            (Ready::ResetConnection, _) => {
                self.close(&answer.connection);
                // Nobody reads it.
                return Struck::Refused(Status::ServerConnectionLost);
            }
            (Ready::FailModule, Some(own)) => {
                let (server, module) = (Arc::clone(self), Arc::clone(&own.module));
                return Struck::Meanwhile(Box::new(move |work| {
                    let _ = module.fail();
                    server.end_what_was_in_work(module.number());
                    drop(work());
                    Reply::error(tag, Status::HardwareFailed)
                }));
            }
            (Ready::PullCards, Some(own)) => {
                let module = Arc::clone(&own.module);
                return Struck::Meanwhile(Box::new(move |work| {
                    module.remove_cards();
                    work()
                }));
            }
            (Ready::PullCardsAt(access, bytes), Some(own)) => {
                let module = Arc::clone(&own.module);
                return Struck::Meanwhile(Box::new(move |work| {
                    module.pull_cards_in(access, usize::try_from(bytes).unwrap_or(usize::MAX));
                    let reply = work();
                    module.remove_cards();
                    reply
                }));
            }
            (Ready::WriteFails, Some(own)) => {
                own.failing_writes.fetch_add(1, Ordering::Relaxed);
            }
            (Ready::FillNvram, Some(own)) => note(own.module.fill_nvram()),
            (Ready::WipeNvram, Some(own)) => note(own.module.wipe_nvram()),
            (Ready::Clock(seconds), _) => {
                note(self.clock.set(|ahead| ahead.saturating_add(seconds)));
            }
            (Ready::Temperature(celsius), Some(own)) => own.sensors.set_temperature(celsius),
            (Ready::TearState(bytes), Some(own)) => {
                let power = Arc::clone(&own.power);
                return Struck::Meanwhile(Box::new(move |work| {
                    power.cut_after(bytes);
                    let reply = work();
                    match power.settle() {
                        // Nothing is written, closed or answered any more.
                        Cut::Made => std::process::abort(),
                        Cut::Missed(written) => {
                            tracing::warn!(
                                written,
                                "the state was not torn: the command wrote less"
                            );
                            reply
                        }
                    }
                }));
            }
            // What goes wrong inside an imported module is a matter of its exporter's plan: rules are not about it.
            (_, None) => {}
        }
        Struck::Unchanged
    }
}

/// When a reply may leave that a fault holds back.
pub(super) fn later(due: Option<Instant>, by: Duration) -> Option<Instant> {
    let due = due.unwrap_or_else(Instant::now);
    Some(due.checked_add(by).unwrap_or(due))
}

fn note(done: Result<(), impl Display>) {
    if let Err(error) = done {
        tracing::warn!(%error, "a fault on purpose did not come about");
    }
}

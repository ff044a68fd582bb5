//! Running cases: one at a time, each on a thread of its own with a time limit, with panics caught.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::capi::Refusal;
use crate::case::{Case, Finished, Verdict};
use crate::coverage::Recorder;
use crate::rig::Rig;
use crate::target::Target;

/// Runs `cases` in their order, each by `try_one`, telling `observe` before and after each.
pub fn run(
    cases: &[&'static Case],
    try_one: impl Fn(&'static Case) -> Finished,
    mut observe: impl FnMut(Event<'_>),
) -> Vec<Finished> {
    cases
        .iter()
        .map(|case| {
            observe(Event::Started(case));
            let finished = try_one(case);
            observe(Event::Finished(&finished));
            finished
        })
        .collect()
}

/// Progress of a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// This case begins.
    Started(&'static Case),
    /// This case has ended.
    Finished(&'a Finished),
}

/// Makes panics of case threads quiet, to be told as the reason of a failure; others print as they did.
///
/// To be called once, before the first run.
pub fn catch_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let on_case_thread = PANICS.with_borrow_mut(|panics| {
            panics
                .as_mut()
                .map(|panics| panics.push(info.to_string()))
                .is_some()
        });
        if !on_case_thread {
            default(info);
        }
    }));
}

/// Runs one case.
pub fn run_one(case: &'static Case, target: &Arc<Target>, limit: Duration) -> Finished {
    let started = Instant::now();
    let recorder = Recorder::default();
    let verdict = match case.needs.iter().find_map(|need| target.lacks(*need)) {
        Some(reason) => Verdict::Skipped(reason),
        None => on_thread(case, target, &recorder, limit),
    };
    Finished {
        case,
        verdict,
        observed: recorder.observed(),
        took: started.elapsed(),
    }
}

thread_local! {
    /// On a case's thread: the panics that happened there, also those that something below caught.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

fn on_thread(
    case: &'static Case,
    target: &Arc<Target>,
    recorder: &Recorder,
    limit: Duration,
) -> Verdict {
    let rig = Rig::new(Arc::clone(target), recorder.clone(), case);
    let (send, receive) = channel();
    let body = move || {
        PANICS.set(Some(Vec::new()));
        let result = catch_unwind(AssertUnwindSafe(|| (case.run)(&rig)));
        drop(rig);
        let panics = PANICS.take().unwrap_or_default();
        // The receiver is gone when the time was over; then nobody wants the result.
        let _ = send.send((result, panics));
    };
    let thread = match std::thread::Builder::new()
        .name(case.id.to_owned())
        .spawn(body)
    {
        Ok(thread) => thread,
        Err(error) => return Verdict::Failed(format!("no thread for the case: {error}")),
    };
    match receive.recv_timeout(limit) {
        Ok((result, panics)) => {
            let _ = thread.join();
            judge(case, result, &panics, recorder)
        }
        // The thread is left to itself: nothing can stop it from outside.
        Err(RecvTimeoutError::Timeout) => {
            Verdict::Failed(format!("no end within {} s", limit.as_secs_f32()))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Verdict::Failed("the case's thread ended without a result".to_owned())
        }
    }
}

fn judge(
    case: &Case,
    result: Result<anyhow::Result<crate::case::Outcome>, Box<dyn Any + Send>>,
    panics: &[String],
    recorder: &Recorder,
) -> Verdict {
    let verdict = match result {
        Err(payload) => return Verdict::Failed(panic_text(payload.as_ref(), panics)),
        Ok(Err(error)) => {
            return match error
                .downcast_ref()
                .and_then(|refusal: &Refusal| refusal.lacks)
            {
                Some(algid) => Verdict::Unsupported(format!(
                    "the provider does not enumerate algorithm {algid:#x}"
                )),
                None => Verdict::Failed(format!("{error:#}")),
            };
        }
        Ok(Ok(outcome)) => Verdict::from(outcome),
    };
    if let Some(panic) = panics.first() {
        return Verdict::Failed(format!(
            "a panic happened below and was caught there: {panic}"
        ));
    }
    if verdict == Verdict::Passed {
        let missing = recorder.missing(case.covers);
        if !missing.is_empty() {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return Verdict::Failed(format!(
                "the case did not meet what it declares: {}",
                missing.join("; ")
            ));
        }
    }
    verdict
}

fn panic_text(payload: &(dyn Any + Send), panics: &[String]) -> String {
    let message = panics.last().cloned().or_else(|| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
    });
    format!(
        "the case panicked: {}",
        message.as_deref().unwrap_or("without a message")
    )
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use std::sync::Once;

    use anyhow::bail;

    use super::*;
    use crate::capi::{Function, NTE_NO_KEY};
    use crate::case::{Need, Outcome};
    use crate::coverage::refuses;
    use crate::spare::Spare;
    use crate::target::{Choice, Prepared};

    /// Runs a case against a hardserver that has no Security World.
    fn verdict(case: &'static Case, limit: Duration) -> Verdict {
        static ONCE: Once = Once::new();
        ONCE.call_once(catch_panics);
        let spare = Spare::start(Recorder::default(), |_| {}).expect("it starts");
        let running = Choice::Running {
            ordinary: spare.ordinary(),
            privileged: None,
            kmdata: spare.environment().kmdata,
            sacrifice: false,
        };
        let target = Prepared::new(running)
            .and_then(Prepared::open)
            .expect("somebody answers");
        run_one(case, &Arc::new(target), limit).verdict
    }

    fn failure(case: &'static Case) -> String {
        match verdict(case, Duration::from_secs(20)) {
            Verdict::Failed(reason) => reason,
            other => panic!("not a failure but {other:?}"),
        }
    }

    const fn case(run: fn(&Rig) -> anyhow::Result<Outcome>) -> Case {
        Case::new("test.case", "A claim", "a test", run).needs(&[])
    }

    #[test]
    fn outcomes_become_verdicts() {
        static PASSES: Case = case(|_| Ok(Outcome::Passed));
        static LACKS: Case = case(|_| Ok(Outcome::Unsupported("no such thing".to_owned())));
        static FAILS: Case = case(|_| bail!("it is not so"));
        let limit = Duration::from_secs(20);
        assert_eq!(verdict(&PASSES, limit), Verdict::Passed);
        assert_eq!(
            verdict(&LACKS, limit),
            Verdict::Unsupported("no such thing".to_owned())
        );
        assert_eq!(failure(&FAILS), "it is not so");
    }

    #[test]
    fn a_need_that_is_not_met_skips_the_case_with_its_reason() {
        static NEEDY: Case = case(|_| panic!("it must not run")).needs(&[Need::Privileged]);
        assert_eq!(
            verdict(&NEEDY, Duration::from_secs(20)),
            Verdict::Skipped("needs the privileged endpoint".to_owned())
        );
        static WORLDLY: Case = Case::new("test.case", "A claim", "a test", |_| {
            panic!("it must not run")
        });
        let Verdict::Skipped(reason) = verdict(&WORLDLY, Duration::from_secs(20)) else {
            panic!("it was not skipped");
        };
        assert!(reason.starts_with("needs a Security World: "), "{reason}");
    }

    #[test]
    fn a_panic_is_a_failure_that_says_where() {
        static PANICS: Case = case(|_| panic!("out of order"));
        let reason = failure(&PANICS);
        assert!(
            reason.contains("out of order") && reason.contains("runner.rs"),
            "{reason}"
        );
    }

    #[test]
    fn a_panic_that_was_caught_below_is_a_failure_all_the_same() {
        static CATCHES: Case = case(|_| {
            let _ = catch_unwind(|| panic!("swallowed"));
            Ok(Outcome::Passed)
        });
        let reason = failure(&CATCHES);
        assert!(reason.contains("swallowed"), "{reason}");
    }

    #[test]
    fn a_case_that_does_not_end_is_a_failure() {
        static HANGS: Case = case(|_| {
            loop {
                std::thread::park();
            }
        });
        assert_eq!(
            verdict(&HANGS, Duration::from_millis(50)),
            Verdict::Failed("no end within 0.05 s".to_owned())
        );
    }

    #[test]
    fn a_declaration_that_was_not_met_is_a_failure() {
        static IDLE: Case =
            case(|_| Ok(Outcome::Passed)).covers(&[refuses(Function::SignHash, NTE_NO_KEY)]);
        assert_eq!(
            failure(&IDLE),
            "the case did not meet what it declares: CPSignHash: NTE_NO_KEY"
        );
        static DOES: Case = case(|rig| {
            let refusal = rig.capi().noted::<()>(Function::SignHash, Err(NTE_NO_KEY));
            assert!(refusal.is_err());
            Ok(Outcome::Passed)
        })
        .covers(&[refuses(Function::SignHash, NTE_NO_KEY)]);
        assert_eq!(verdict(&DOES, Duration::from_secs(20)), Verdict::Passed);
    }
}

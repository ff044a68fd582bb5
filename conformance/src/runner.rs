//! Running cases: one at a time, each on a thread of its own with a time limit, with panics caught.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::case::{Case, Finished, Verdict};
use crate::coverage::Recorder;
use crate::rig::Rig;
use crate::target::Target;

/// Runs `cases` against `target` in their order, telling `observe` before and after each.
pub fn run(
    cases: &[&'static Case],
    target: &Arc<Target>,
    limit: Duration,
    mut observe: impl FnMut(Event<'_>),
) -> Vec<Finished> {
    cases
        .iter()
        .map(|case| {
            observe(Event::Started(case));
            let finished = run_one(case, target, limit);
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
    let verdict = match case.needs.iter().find_map(|need| target.lacks(*need)) {
        Some(reason) => Verdict::Skipped(reason),
        None => on_thread(case, target, limit),
    };
    Finished {
        case,
        verdict,
        took: started.elapsed(),
    }
}

thread_local! {
    /// On a case's thread: the panics that happened there, also those that something below caught.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

fn on_thread(case: &'static Case, target: &Arc<Target>, limit: Duration) -> Verdict {
    let recorder = Recorder::default();
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
            judge(case, result, &panics, &recorder)
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
        Ok(Err(error)) => return Verdict::Failed(format!("{error:#}")),
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

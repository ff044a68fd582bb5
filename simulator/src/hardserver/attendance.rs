//! Who reads while every worker is at work.
//!
//! There is a worker for each engine, and each may compute for as long as a key takes. A worker that only waited for the
//! sockets meanwhile would be woken for every command, to do no more than put it in line: under full load that costs a
//! switch between threads a signature. So the substitutes stay away from the sockets until all workers are at work, and
//! then look every few milliseconds; between two short computations the workers look for themselves. Only when computations
//! are long do the substitutes sleep at the sockets.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long the first substitute keeps away between two looks. The longest that a cheap command waits while all workers
/// compute.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// By how much each further substitute keeps away longer than the one before it: they are there for when those before
/// them compute too, and a look that finds nothing costs the workers a switch between threads.
const FURTHER_AWAY: u32 = 8;

/// How long a substitute keeps away between two looks, by its number from 0.
pub(super) fn between_looks(number: usize) -> Duration {
    let times = u32::try_from(number)
        .ok()
        .and_then(|number| FURTHER_AWAY.checked_pow(number));
    BETWEEN_LOOKS * times.unwrap_or(FURTHER_AWAY)
}

/// Looks after which a substitute retires again if it never met all workers at work.
const LOOKS_IN_VAIN: u32 = 50;

/// The workers at work, and the substitutes that wait for all to be.
#[derive(Debug)]
pub(super) struct Attendance {
    workers: AtomicUsize,
    at_work: AtomicUsize,
    /// Counts every time that a worker is through with an event or with a computation.
    finished: AtomicU64,
    stopped: AtomicBool,
    /// Substitutes that sleep until they are called.
    retired: Mutex<usize>,
    some_retired: AtomicBool,
    call: Condvar,
}

/// A worker at work, until dropped.
#[derive(Debug)]
pub(super) struct AtWork<'a>(&'a Attendance);

impl Attendance {
    pub(super) fn new(workers: usize) -> Attendance {
        Attendance {
            workers: AtomicUsize::new(workers),
            at_work: AtomicUsize::new(0),
            finished: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            retired: Mutex::new(0),
            some_retired: AtomicBool::new(false),
            call: Condvar::new(),
        }
    }

    /// Counts further workers.
    pub(super) fn grow(&self, workers: usize) {
        self.workers.fetch_add(workers, Ordering::SeqCst);
    }

    /// Notes that a worker has something to do. The last one calls the substitutes.
    pub(super) fn begin(&self) -> AtWork<'_> {
        let before = self.at_work.fetch_add(1, Ordering::SeqCst);
        if before + 1 == self.workers.load(Ordering::Relaxed)
            && self.some_retired.load(Ordering::SeqCst)
        {
            // With the lock, so that the call does not fall between a substitute's question and its sleep.
            let _retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
            self.call.notify_all();
        }
        AtWork(self)
    }

    /// Whether every worker has something to do.
    pub(super) fn all_at_work(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) >= self.workers.load(Ordering::Relaxed)
    }

    /// Notes that a worker is through with a computation and may go on to another.
    pub(super) fn progress(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that changes whenever a worker is through with an event or with a computation.
    pub(super) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Sleeps until all workers are at work. False if there is no more work at all.
    pub(super) fn wait_for_call(&self) -> bool {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        *retired += 1;
        self.some_retired.store(true, Ordering::SeqCst);
        while !self.all_at_work() && !self.stopped.load(Ordering::SeqCst) {
            retired = self
                .call
                .wait(retired)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *retired -= 1;
        self.some_retired.store(*retired > 0, Ordering::SeqCst);
        !self.stopped.load(Ordering::SeqCst)
    }

    /// Whether the substitutes' work is over.
    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Sends the substitutes home.
    pub(super) fn stop(&self) {
        let _retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::SeqCst);
        self.call.notify_all();
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.progress();
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a substitute does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look at the sockets, and come back.
    Look,
    /// Sleep at the sockets: computations are long.
    Stay,
    /// Sleep until called.
    Retire,
}

/// One substitute's view of what the workers do.
#[derive(Debug, Default)]
pub(super) struct Watch {
    finished: u64,
    in_vain: u32,
}

impl Watch {
    /// Decides after each pause ([`between_looks`]).
    pub(super) fn next(&mut self, all_at_work: bool, finished: u64) -> Next {
        let progress = std::mem::replace(&mut self.finished, finished) != finished;
        if !all_at_work {
            self.in_vain += 1;
            return if self.in_vain > LOOKS_IN_VAIN {
                Next::Retire
            } else {
                Next::Look
            };
        }
        self.in_vain = 0;
        if progress { Next::Look } else { Next::Stay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substitutes_are_called_when_the_last_worker_begins() {
        let attendance = Attendance::new(2);
        std::thread::scope(|scope| {
            let called = scope.spawn(|| attendance.wait_for_call());
            let _first = attendance.begin();
            assert!(!attendance.all_at_work());
            let _second = attendance.begin();
            assert!(called.join().unwrap());
        });
        assert!(!attendance.all_at_work());
        assert_eq!(attendance.finished(), 2);
    }

    #[test]
    fn a_worker_that_computes_one_after_the_other_makes_progress() {
        let attendance = Attendance::new(1);
        let _at_work = attendance.begin();
        let mut watch = Watch::default();
        watch.next(attendance.all_at_work(), attendance.finished());
        attendance.progress();
        let next = watch.next(attendance.all_at_work(), attendance.finished());
        assert_eq!(next, Next::Look, "it need not sleep at the sockets");
    }

    #[test]
    fn substitutes_go_home_when_the_work_is_over() {
        let attendance = Attendance::new(1);
        std::thread::scope(|scope| {
            let called = scope.spawn(|| attendance.wait_for_call());
            attendance.stop();
            assert!(!called.join().unwrap());
        });
    }

    #[test]
    fn a_substitute_stays_for_long_computations_only() {
        let mut watch = Watch::default();
        assert_eq!(watch.next(true, 5), Next::Look);
        assert_eq!(watch.next(true, 9), Next::Look);
        assert_eq!(watch.next(true, 9), Next::Stay);
        assert_eq!(watch.next(true, 10), Next::Look);
    }

    #[test]
    fn a_substitute_retires_after_looking_in_vain_for_a_while() {
        let mut watch = Watch::default();
        let looks = (0..)
            .take_while(|_| watch.next(false, 0) == Next::Look)
            .count();
        assert_eq!(looks, LOOKS_IN_VAIN as usize);
    }
}

//! The engines of one module: how much of its arithmetic runs at a time, and what waits.
//!
//! An engine is a permit, not a thread. Whoever has read a command and finds an engine free does the arithmetic itself,
//! on the spot; only when all are taken does the job wait in line, and then whoever gives an engine back takes the next
//! job along. So a job changes threads only if it has to wait.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The engines of one module and the line in front of them.
#[derive(Debug)]
pub(super) struct Engines<Task> {
    count: usize,
    state: Mutex<State<Task>>,
}

#[derive(Debug)]
struct State<Task> {
    free: usize,
    waiting: VecDeque<Task>,
}

/// What became of a task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered<Task> {
    /// The caller has an engine and this task, the first in line, to run on it; then it calls [`Engines::done`].
    Run(Task),
    /// The task waits in line. Whoever runs another takes it.
    Waits,
}

impl<Task> Engines<Task> {
    /// `count` free engines.
    pub(super) fn new(count: usize) -> Engines<Task> {
        Engines {
            count,
            state: Mutex::new(State {
                free: count,
                waiting: VecDeque::new(),
            }),
        }
    }

    /// The number of engines, free or not.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The number of engines that are not free.
    pub(super) fn busy(&self) -> usize {
        self.count - self.lock().free
    }

    /// Puts a task in line, and takes the first in line if an engine is free.
    pub(super) fn enter(&self, task: Task) -> Entered<Task> {
        let mut state = self.lock();
        if state.free == 0 {
            state.waiting.push_back(task);
            return Entered::Waits;
        }
        state.free -= 1;
        if state.waiting.is_empty() {
            return Entered::Run(task);
        }
        state.waiting.push_back(task);
        match state.waiting.pop_front() {
            Some(first) => Entered::Run(first),
            // Not reached: a task was pushed just now.
            None => {
                state.free += 1;
                Entered::Waits
            }
        }
    }

    /// Puts a task in line for somebody else; whether an engine is free for it, so that somebody should be woken.
    pub(super) fn queue(&self, task: Task) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(task);
        state.free > 0
    }

    /// Takes an engine and the first task in line, if there are both.
    pub(super) fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        if state.free == 0 {
            return None;
        }
        let task = state.waiting.pop_front()?;
        state.free -= 1;
        Some(task)
    }

    /// Whether a task stands in line although an engine is free.
    pub(super) fn can_take(&self) -> bool {
        let state = self.lock();
        state.free > 0 && !state.waiting.is_empty()
    }

    /// The caller's engine has done its task: the next in line, which the caller runs on the same engine, or the engine
    /// is free again.
    pub(super) fn done(&self) -> Option<Task> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.free += 1;
        }
        next
    }

    /// Takes the tasks in line that are of no use any more.
    pub(super) fn withdraw(&self, useless: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut state = self.lock();
        if !state.waiting.iter().any(&useless) {
            return Vec::new();
        }
        let (withdrawn, waiting) = state.waiting.drain(..).partition(useless);
        state.waiting = waiting;
        withdrawn.into()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<Task>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_run_as_there_are_engines_and_the_rest_in_turn() {
        let engines = Engines::new(2);
        assert_eq!(engines.enter('a'), Entered::Run('a'));
        assert_eq!(engines.enter('b'), Entered::Run('b'));
        assert_eq!(engines.enter('c'), Entered::Waits);
        assert!(!engines.queue('d'));
        assert_eq!(engines.take(), None);
        assert_eq!(engines.done(), Some('c'));
        assert_eq!(engines.done(), Some('d'));
        assert_eq!(engines.done(), None);
        assert_eq!(engines.done(), None);
        assert_eq!(engines.enter('e'), Entered::Run('e'));
    }

    #[test]
    fn nobody_overtakes_a_task_that_waits_for_a_thread() {
        let engines = Engines::new(1);
        assert!(engines.queue('a'));
        assert_eq!(engines.enter('b'), Entered::Run('a'));
        assert_eq!(engines.done(), Some('b'));
    }

    #[test]
    fn withdrawn_tasks_do_not_run() {
        let engines = Engines::new(1);
        assert_eq!(engines.enter(1), Entered::Run(1));
        for task in 2..6 {
            engines.queue(task);
        }
        assert_eq!(engines.withdraw(|task| task % 2 == 0), [2, 4]);
        assert_eq!(engines.done(), Some(3));
        assert_eq!(engines.done(), Some(5));
        assert_eq!(engines.done(), None);
    }

    proptest! {
        /// Whatever the order of calls, never more run than there are engines, every task runs once, in order.
        #[test]
        fn every_task_runs_once_and_in_order(count in 1usize..4, steps in prop::collection::vec(0u8..4, 0..60)) {
            let engines = Engines::new(count);
            let (mut next, mut running, mut ran) = (0u32, 0usize, Vec::new());
            for step in steps {
                let started = match step {
                    0 => {
                        next += 1;
                        match engines.enter(next) {
                            Entered::Run(task) => Some(task),
                            Entered::Waits => None,
                        }
                    }
                    1 => {
                        next += 1;
                        engines.queue(next);
                        None
                    }
                    2 => engines.take(),
                    _ if running > 0 => {
                        running -= 1;
                        engines.done()
                    }
                    _ => None,
                };
                if let Some(task) = started {
                    running += 1;
                    ran.push(task);
                }
                prop_assert!(running <= count);
            }
            while running > 0 {
                match engines.done() {
                    Some(task) => ran.push(task),
                    None => running -= 1,
                }
            }
            while let Some(task) = engines.take() {
                ran.push(task);
                while let Some(task) = engines.done() {
                    ran.push(task);
                }
            }
            prop_assert_eq!(ran, (1..=next).collect::<Vec<_>>());
        }
    }
}

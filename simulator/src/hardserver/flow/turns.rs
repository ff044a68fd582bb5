//! One connection's state, as the threads that serve it change it.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use super::sync::{Mutex, MutexGuard};

/// The commands of one connection, read by one thread at a time. No thread waits for another one that reads: it leaves
/// word, and the reader looks again before it goes.
#[derive(Debug)]
pub(crate) struct Flow<Input> {
    limits: Limits,
    /// Only whoever has the turn locks it.
    input: Mutex<Input>,
    /// Held for a moment, and with no other lock taken in it. Every question is asked, and every change made, in one piece:
    /// of two threads that end something at once, the later one sees that it was the last.
    state: Mutex<State>,
}

/// What stops the reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Commands in work or in line.
    pub(crate) in_flight: usize,
    /// Bytes of replies that the peer has not read.
    pub(crate) unread: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Something arrived, or may be begun, since the input was last looked at.
    news: bool,
    /// Somebody has the turn.
    reading: bool,
    /// Reading stopped because of the limits; whoever makes room resumes it.
    paused: bool,
    /// The end of the input was read, or no more is to be read.
    ended: bool,
    in_flight: usize,
    unread: usize,
}

/// The turn to read, until dropped. Whoever had it asks for the next one, and, if there is none, whether the flow is
/// finished.
#[derive(Debug)]
pub(crate) struct Turn<'a, Input> {
    // In this order: the input is free before the turn is.
    input: MutexGuard<'a, Input>,
    _reading: Reading<'a, Input>,
}

#[derive(Debug)]
struct Reading<'a, Input>(&'a Flow<Input>);

impl<Input> Flow<Input> {
    pub(crate) fn new(input: Input, limits: Limits) -> Flow<Input> {
        Flow {
            limits,
            input: Mutex::new(input),
            state: Mutex::new(State::default()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self, state: &State) -> bool {
        state.in_flight >= self.limits.in_flight || state.unread >= self.limits.unread
    }

    /// Notes that there is something to read.
    pub(crate) fn announce(&self) {
        self.state().news = true;
    }

    /// The turn to read, if there is news and nobody else has it. Whoever has it asks again, so no news is lost.
    pub(crate) fn turn(&self) -> Option<Turn<'_, Input>> {
        let mut state = self.state();
        if !state.news || state.reading {
            return None;
        }
        state.news = false;
        state.reading = true;
        drop(state);
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Turn {
            input,
            _reading: Reading(self),
        })
    }

    /// Whether reading has to stop for now. If it has, whoever makes room resumes it.
    pub(crate) fn pauses(&self) -> bool {
        let mut state = self.state();
        state.paused = self.full(&state);
        state.paused
    }

    /// Whether the caller, who ended a command or made room, has to resume the reading.
    pub(crate) fn resumes(&self) -> bool {
        let mut state = self.state();
        let resumes = state.paused && !self.full(&state);
        if resumes {
            state.paused = false;
            state.news = true;
        }
        resumes
    }

    /// Counts a command that is not answered on the spot.
    pub(crate) fn begin_command(&self) {
        self.state().in_flight += 1;
    }

    /// Counts its end.
    pub(crate) fn end_command(&self) {
        self.state().in_flight -= 1;
    }

    /// Commands not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// Notes how many bytes of replies the peer has not read.
    pub(crate) fn set_unread(&self, unread: usize) {
        self.state().unread = unread;
    }

    /// Reads nothing more. Commands in work are still answered.
    pub(crate) fn end_input(&self) {
        self.state().ended = true;
    }

    /// Whether no more is to be read.
    pub(crate) fn input_ended(&self) -> bool {
        self.state().ended
    }

    /// Whether nothing more will come: the input ended, everything is answered and read. Whoever ended the input, had the
    /// turn, ended a command or made room asks; the last of them hears that it is so.
    pub(crate) fn finished(&self) -> bool {
        let state = self.state();
        let to_begin = state.news || state.reading || state.paused;
        state.ended && !to_begin && state.in_flight == 0 && state.unread == 0
    }
}

impl<Input> Deref for Turn<'_, Input> {
    type Target = Input;

    fn deref(&self) -> &Input {
        &self.input
    }
}

impl<Input> DerefMut for Turn<'_, Input> {
    fn deref_mut(&mut self) -> &mut Input {
        &mut self.input
    }
}

impl<Input> Drop for Reading<'_, Input> {
    fn drop(&mut self) {
        self.0.state().reading = false;
    }
}

//! Logical tokens as objects: their states, and what each allows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;
use ncore::types::{LogTokenShareInfo, LogTokenShareState, LogTokenState, TokenParams};

use super::authorisation::Authorisation;
use super::sharing::{self, Identity, Secret};
use super::slot::Stay;

/// Most shares a token may have.
const MAX_SHARES: u32 = 64;

/// A logical token in the module's memory.
pub(crate) struct Token {
    /// What it is.
    pub(super) identity: Identity,
    /// What keys loaded under it depend on.
    pub(super) authorisation: Arc<Authorisation>,
    progress: Mutex<Progress>,
}

/// How far a token is. Each state holds what can be done in it.
enum Progress {
    /// Being made: the pieces that are not yet on a card.
    Writing {
        secret: Secret,
        pieces: Vec<Option<Vec<u8>>>,
    },
    /// Being loaded: the pieces read so far, and the stays of the cards they were on.
    Reading {
        pieces: Vec<Option<Vec<u8>>>,
        stays: Vec<Arc<Stay>>,
    },
    /// Whole. Remembers which shares it was made of.
    Present {
        secret: Secret,
        since: Duration,
        shares: Vec<bool>,
    },
    /// The shares did not fit together.
    AssemblyFailed,
}

/// Refuses numbers of shares that cannot be, and unknown flags.
pub(super) fn check_params(params: &TokenParams) -> Result<(), Status> {
    const KNOWN: u32 = TokenParams::ALLOW_SOFT_SLOTS
        | TokenParams::NOT_PERSISTENT
        | TokenParams::REMOTELY_READABLE;
    if params.flags & !KNOWN != 0 {
        return Err(Status::UnknownFlag);
    }
    let possible = params.sharesneeded >= 1
        && params.sharesneeded <= params.sharestotal
        && params.sharestotal <= MAX_SHARES;
    if possible {
        Ok(())
    } else {
        Err(Status::InvalidParameter)
    }
}

impl Token {
    /// A new token whose shares are to be written.
    pub(super) fn generated(identity: Identity, secret: Secret, pieces: Vec<Vec<u8>>) -> Token {
        let pieces = pieces.into_iter().map(Some).collect();
        Token::new(identity, Progress::Writing { secret, pieces })
    }

    /// An empty token whose shares are to be read.
    pub(super) fn loading(identity: Identity) -> Token {
        let pieces = vec![None; identity.params.sharestotal as usize];
        let stays = Vec::new();
        Token::new(identity, Progress::Reading { pieces, stays })
    }

    fn new(identity: Identity, progress: Progress) -> Token {
        Token {
            identity,
            authorisation: Arc::default(),
            progress: Mutex::new(progress),
        }
    }

    /// The secret of a whole token: LogTokenNotPresent before that, TimeLimitExceeded after its time, PhysTokenNotPresent
    /// once the card is gone that it needs.
    pub(super) fn secret(&self, now: Duration) -> Result<Secret, Status> {
        self.authorisation.check_alive(now)?;
        match &*self.progress() {
            Progress::Present { secret, .. } => Ok(secret.clone()),
            _ => Err(Status::LogTokenNotPresent),
        }
    }

    /// The piece for share `index`, to be written: BadShareState if it was written or the token is not being made.
    pub(super) fn piece(&self, index: u32) -> Result<Vec<u8>, Status> {
        let place = self.place(index)?;
        match &*self.progress() {
            Progress::Writing { pieces, .. } => pieces[place].clone().ok_or(Status::BadShareState),
            _ => Err(Status::BadShareState),
        }
    }

    /// Notes that share `index` is on the card of this stay. The last one makes the token whole, unless it was before.
    pub(super) fn written(&self, index: u32, stay: Arc<Stay>, now: Duration) -> Result<(), Status> {
        let place = self.place(index)?;
        let mut progress = self.progress();
        let Progress::Writing { secret, pieces } = &mut *progress else {
            return match &*progress {
                Progress::Present { .. } => Ok(()),
                _ => Err(Status::BadShareState),
            };
        };
        pieces[place].take().ok_or(Status::BadShareState)?;
        if pieces.iter().all(Option::is_none) {
            let shares = vec![true; pieces.len()];
            *progress = Progress::Present {
                secret: secret.clone(),
                since: now,
                shares,
            };
            self.begin(&[stay], now);
        }
        Ok(())
    }

    /// Whether share `index` is still to be read: BadShareState if not.
    pub(super) fn expects(&self, index: u32) -> Result<(), Status> {
        let place = self.place(index)?;
        match &*self.progress() {
            Progress::Reading { pieces, .. } if pieces[place].is_none() => Ok(()),
            _ => Err(Status::BadShareState),
        }
    }

    /// Takes in the piece of share `index`, read from the card of this stay; how many shares are still needed. The last
    /// one makes the token whole, or fails with TokenAssemblyFailed.
    pub(super) fn read(
        &self,
        index: u32,
        piece: Vec<u8>,
        stay: Option<Arc<Stay>>,
        module_key: &[u8],
        now: Duration,
    ) -> Result<u32, Status> {
        let place = self.place(index)?;
        let mut progress = self.progress();
        let Progress::Reading { pieces, stays } = &mut *progress else {
            return Err(Status::BadShareState);
        };
        if pieces[place].is_some() {
            return Err(Status::BadShareState);
        }
        pieces[place] = Some(piece);
        stays.extend(stay);
        let read: Vec<Vec<u8>> = pieces.iter().flatten().cloned().collect();
        let left = self.identity.params.sharesneeded as usize - read.len();
        if left > 0 {
            return Ok(left as u32);
        }
        let shares = pieces.iter().map(Option::is_some).collect();
        let stays = std::mem::take(stays);
        match sharing::join(&read, &self.identity, module_key) {
            Ok(secret) => {
                *progress = Progress::Present {
                    secret,
                    since: now,
                    shares,
                };
                self.begin(&stays, now);
                Ok(0)
            }
            Err(status) => {
                *progress = Progress::AssemblyFailed;
                Err(status)
            }
        }
    }

    /// What GetLogicalTokenInfo tells: the state, each share's, and how many shares are still to be read or written.
    pub(super) fn info(&self, now: Duration) -> (LogTokenState, Vec<LogTokenShareInfo>, u32) {
        let total = self.identity.params.sharestotal as usize;
        let share = |done: bool, not_yet| LogTokenShareInfo {
            state: if done {
                LogTokenShareState::OK
            } else {
                not_yet
            },
        };
        let not_read = LogTokenShareState::NotYetRead;
        match &*self.progress() {
            Progress::Writing { pieces, .. } => {
                let left = pieces.iter().flatten().count() as u32;
                let not_written = LogTokenShareState::NotYetWritten;
                let shares = pieces
                    .iter()
                    .map(|piece| share(piece.is_none(), not_written))
                    .collect();
                (LogTokenState::Writing, shares, left)
            }
            Progress::Reading { pieces, .. } => {
                let read = pieces.iter().flatten().count() as u32;
                let shares = pieces
                    .iter()
                    .map(|piece| share(piece.is_some(), not_read))
                    .collect();
                (
                    LogTokenState::Reading,
                    shares,
                    self.identity.params.sharesneeded - read,
                )
            }
            Progress::Present { shares, .. } => {
                let state = match self.authorisation.check_alive(now) {
                    Ok(()) => LogTokenState::Present,
                    Err(Status::PhysTokenNotPresent) => LogTokenState::PhysTokenNotPresent,
                    Err(_) => LogTokenState::TimeLimitExceeded,
                };
                (
                    state,
                    shares.iter().map(|&done| share(done, not_read)).collect(),
                    0,
                )
            }
            Progress::AssemblyFailed => (
                LogTokenState::TokenAssemblyFailed,
                vec![share(false, not_read); total],
                0,
            ),
        }
    }

    /// How long the token has been whole, in seconds.
    pub(super) fn age(&self, now: Duration) -> u32 {
        match &*self.progress() {
            Progress::Present { since, .. } => {
                u32::try_from(now.saturating_sub(*since).as_secs()).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// The place of share `index`, which counts from 1: OutOfRange if there is none.
    fn place(&self, index: u32) -> Result<usize, Status> {
        match index {
            1.. if index <= self.identity.params.sharestotal => Ok(index as usize - 1),
            _ => Err(Status::OutOfRange),
        }
    }

    /// The token is whole: its time begins, and a token that is not persistent lasts while the card stays from which it
    /// got its last share.
    fn begin(&self, stays: &[Arc<Stay>], now: Duration) {
        let params = &self.identity.params;
        if params.flags & TokenParams::NOT_PERSISTENT != 0
            && let Some(last) = stays.last()
        {
            self.authorisation.lasts_with(Arc::clone(last));
        }
        if params.timelimit != 0 {
            let end = now + Duration::from_secs(params.timelimit.into());
            let term = self.authorisation.ends_at(end);
            for stay in stays {
                stay.lend(self.identity.hkt, Arc::clone(&term));
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Challenges, which show that a certificate was made for this very use: Cmd_GetChallenge. And permissions whose meaning
//! is the application's: Cmd_CheckUserAction.

use std::collections::{HashMap, VecDeque};

use ncore::Status;
use ncore::types::{CheckUserActionArgs, GetChallengeArgs, GetChallengeReply};
use rand_core::Rng;

use super::acl::Wanted;
use super::call::{Call, Outcome, body, check_flags, done};

/// Challenges a client may have open; the oldest makes room for one more.
const OPEN: usize = 16;

type Nonce = [u8; 20];

/// The open challenges of every client.
#[derive(Default)]
pub(super) struct Challenges(HashMap<u64, VecDeque<Nonce>>);

impl Challenges {
    /// Drops every challenge.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops the challenges of a client.
    pub(super) fn dismiss(&mut self, client: u64) {
        self.0.remove(&client);
    }

    fn open(&mut self, client: u64, nonce: Nonce) {
        let open = self.0.entry(client).or_default();
        if open.len() == OPEN {
            open.pop_front();
        }
        open.push_back(nonce);
    }

    /// Takes a challenge, which answers once: UnknownChallenge if it is not open.
    pub(super) fn take(&mut self, client: u64, nonce: &Nonce) -> Result<(), Status> {
        let open = self.0.get_mut(&client).ok_or(Status::UnknownChallenge)?;
        let place = open
            .iter()
            .position(|open| open == nonce)
            .ok_or(Status::UnknownChallenge)?;
        open.remove(place);
        Ok(())
    }
}

/// Cmd_GetChallenge.
pub(super) fn challenge(call: Call, _: GetChallengeArgs) -> Outcome {
    if call.client.hash.is_none() {
        return Err(Status::ClientUnknown);
    }
    let mut nonce = Nonce::default();
    call.stream("challenge").fill_bytes(&mut nonce);
    call.change(|inner| {
        inner.challenges.open(call.client.ordinal, nonce);
        Ok(())
    })?;
    body(GetChallengeReply { nonce })
}

/// Cmd_CheckUserAction: OK if the key's list permits the action, which counts as its use.
pub(super) fn check_user_action(call: Call, args: CheckUserActionArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit(&key, &Wanted::UserAction(&args.request))?;
    done()
}

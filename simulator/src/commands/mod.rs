//! The commands that go to a running daemon over its control channel.

mod card;
mod clock;
mod fault;
mod module;
mod snapshot;
mod status;

use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use simulator::Options;
use simulator::control::Access;
use simulator::control::client::Client;

pub(crate) use self::card::Card;
pub(crate) use self::clock::Clock;
pub(crate) use self::fault::Fault;
pub(crate) use self::module::Module;
pub(crate) use self::snapshot::Snapshot;
pub(crate) use self::status::Status;

/// A client of the daemon that uses this state folder.
fn client(options: &Options) -> Result<Client> {
    let access = Access::read(&options.state);
    let closed = access
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let access = access.with_context(|| {
        let state = options.state.display();
        match closed {
            true => {
                format!("the control channel is closed to this user, as the state in {state} is")
            }
            false => {
                format!("no daemon runs on the state in {state}: `softshield serve' starts one")
            }
        }
    })?;
    Ok(Client::new(access))
}

//! The commands that go to a running daemon over its control channel.

mod card;
mod fault;
mod module;
mod snapshot;
mod status;

use anyhow::{Context as _, Result};
use simulator::Options;
use simulator::control::Access;
use simulator::control::client::Client;

pub(crate) use self::card::Card;
pub(crate) use self::fault::Fault;
pub(crate) use self::module::Module;
pub(crate) use self::snapshot::Snapshot;
pub(crate) use self::status::Status;

/// A client of the daemon that uses this state folder.
fn client(options: &Options) -> Result<Client> {
    let access = Access::read(&options.state).with_context(|| {
        let state = options.state.display();
        format!("no daemon runs on the state in {state}: `softshield serve' starts one")
    })?;
    Ok(Client::new(access))
}

//! What `NTE_FAIL` hides: the provider tells the cause to its log alone.

use std::error::Error;

use csp::identity::Identity;
use csp::prompt::Answers;
use csp::settings::SetupParameters;
use nfkm::{Environment, Session};

/// Why the provider cannot work, if it is to be seen from outside: what it is set up with, its folder, the hardserver, its
/// modules. None when all of these are as they should be.
pub(super) fn seen() -> Option<String> {
    look().err().map(|error| error.to_string())
}

fn look() -> Result<(), Box<dyn Error>> {
    let environment = Environment::from_process();
    Identity::from_process()?;
    let setup = SetupParameters::read(&environment)?;
    Answers::from_process()?;
    let session = match setup.pool_mode {
        true => Session::open_pool(&environment)?,
        false => Session::open(&environment)?,
    };
    Ok(session.check_usable()?)
}

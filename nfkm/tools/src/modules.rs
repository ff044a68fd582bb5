//! Which modules there are.

use ncore::Status;
use ncore::types::NoOpArgs;
use nfkm::{Client, Enquiry, Error};

/// The number, if the hardserver has such a module. A failed one counts.
///
/// # Errors
/// [`Error::NoSuchModule`], [`Error::Connection`].
pub(crate) fn existing(client: &Client, module: u32) -> Result<u32, Error> {
    match enquire(client, module)? {
        Look::Nothing => Err(Error::NoSuchModule { module }),
        Look::Pool | Look::Unit if module == 0 => Err(Error::NoSuchModule { module }),
        Look::Pool | Look::Unit => Ok(module),
    }
}

/// The numbers of all modules, failed ones too, but for a pool, whose members are among them.
///
/// # Errors
/// [`Error::Connection`].
pub(crate) fn units(client: &Client) -> Result<Vec<u32>, Error> {
    let mut numbers = Vec::new();
    for module in 1..=MODULES_MAX {
        match enquire(client, module)? {
            Look::Unit => numbers.push(module),
            Look::Pool => {}
            Look::Nothing => break,
        }
    }
    Ok(numbers)
}

/// How a module answers a command that does nothing.
///
/// # Errors
/// [`Error::Connection`].
pub(crate) fn health(client: &Client, module: u32) -> Result<Status, Error> {
    match client.transact(NoOpArgs { module }) {
        Ok(_) => Ok(Status::OK),
        Err(Error::Status { status, .. }) => Ok(status),
        Err(error) => Err(error),
    }
}

/// More modules than any hardserver has: a bound on a loop that its answers steer.
const MODULES_MAX: u32 = 256;

enum Look {
    Unit,
    Pool,
    Nothing,
}

fn enquire(client: &Client, module: u32) -> Result<Look, Error> {
    match Enquiry::of(client, module) {
        Ok(enquiry) if enquiry.is_pool() => Ok(Look::Pool),
        Ok(_) => Ok(Look::Unit),
        Err(Error::Status {
            status: Status::InvalidModule,
            ..
        }) => Ok(Look::Nothing),
        Err(Error::Status { .. }) => Ok(Look::Unit),
        Err(error) => Err(error),
    }
}

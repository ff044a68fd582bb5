//! No registry.

use std::io;
use std::path::Path;

/// Registers the providers with the library `image`, an absolute path.
///
/// # Errors
/// Always: this system has no registry.
pub fn register(_image: &Path) -> io::Result<()> {
    Err(no_registry())
}

/// Removes every registration of our providers.
///
/// # Errors
/// Always: this system has no registry.
pub fn unregister() -> io::Result<()> {
    Err(no_registry())
}

fn no_registry() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "nothing is registered on this system: CryptoAPI has the providers built in here",
    )
}

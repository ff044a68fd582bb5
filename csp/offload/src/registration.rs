//! The registry value by which Microsoft's providers find the library: `ExpoOffload` below `Cryptography\Offload`.
//!
//! There is a registry on Windows only. Elsewhere both functions fail with
//! [`io::ErrorKind::Unsupported`].

use std::io;
use std::path::Path;

#[cfg(windows)]
const KEY: &str = r"SOFTWARE\Microsoft\Cryptography\Offload";
/// `EXPO_OFFLOAD_REG_VALUE`.
#[cfg(windows)]
const VALUE: &str = "ExpoOffload";

/// Has Microsoft's providers load `image`, an absolute path.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when another library has the place; the registry's own; no registry.
#[cfg(windows)]
pub fn register(image: &Path) -> io::Result<()> {
    let image = match image.to_str() {
        Some(image) if Path::new(image).is_absolute() => image,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not an absolute path",
            ));
        }
    };
    match registered() {
        Some(other) if !other.eq_ignore_ascii_case(image) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{other} is registered for offloading"),
        )),
        _ => Ok(windows_registry::LOCAL_MACHINE
            .create(KEY)?
            .set_string(VALUE, image)?),
    }
}

/// Takes `image` away again, if it has the place, and the key if nothing else is in it.
///
/// # Errors
/// The registry's own; no registry.
#[cfg(windows)]
pub fn unregister(image: &Path) -> io::Result<()> {
    use windows_registry::LOCAL_MACHINE;

    let is_ours = |found: String| {
        image
            .to_str()
            .is_some_and(|it| it.eq_ignore_ascii_case(&found))
    };
    if !registered().is_some_and(is_ours) {
        return Ok(());
    }
    let key = LOCAL_MACHINE.options().read().write().open(KEY)?;
    key.remove_value(VALUE)?;
    if key.keys()?.next().is_none() && key.values()?.next().is_none() {
        LOCAL_MACHINE.remove_tree(KEY)?;
    }
    Ok(())
}

#[cfg(windows)]
fn registered() -> Option<String> {
    windows_registry::LOCAL_MACHINE
        .open(KEY)
        .and_then(|key| key.get_string(VALUE))
        .ok()
}

/// Has Microsoft's providers load `image`.
///
/// # Errors
/// Always: this system has no registry.
#[cfg(not(windows))]
pub fn register(_image: &Path) -> io::Result<()> {
    Err(no_registry())
}

/// Takes `image` away again.
///
/// # Errors
/// Always: this system has no registry.
#[cfg(not(windows))]
pub fn unregister(_image: &Path) -> io::Result<()> {
    Err(no_registry())
}

#[cfg(not(windows))]
fn no_registry() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "nothing offloads on this system: only Windows has the Microsoft providers that would",
    )
}

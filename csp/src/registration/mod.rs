//! The providers in the system's registry: what an installation writes, and takes away again (CRYPTSPI 1.2).
//!
//! Every provider is registered under both spellings of its name, for the same image. Installing takes no provider type's
//! default over (decision 8): only a type that has no default at all gets ours. What a process of 32 bits writes is what
//! programs of 32 bits see, so an image of that length would register itself.
//!
//! There is a registry on Windows only. Elsewhere the layer above has the names built in, and both functions fail with
//! [`io::ErrorKind::Unsupported`](std::io::ErrorKind::Unsupported).

#[cfg(not(windows))]
mod absent;
#[cfg(windows)]
mod windows;

#[cfg(not(windows))]
pub use absent::{register, unregister};
#[cfg(windows)]
pub use windows::{register, register_itself, unregister, unregister_itself};

//! What only the operating system knows: the user, the machine, the thread's last error, the text encoding of C strings.
//!
//! Both systems' modules have the same functions.

#[cfg(not(windows))]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(not(windows))]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

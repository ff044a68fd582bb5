//! CryptoAPI on Linux: the `Crypt*` functions with the signatures, handles and error codes of the
//! Windows system library, so that a C program written for `wincrypt.h` compiles and runs.
//!
//! This layer holds no cryptography. It resolves provider names, wraps the providers' handles in
//! its own, converts the A and W forms of names, checks what the system library checks, and hands
//! everything else on through a [`Table`] of entry points. It shares no type with any provider.
//!
//! A provider comes from one of three places, in the order in which they were registered:
//!
//! * [`register`]: a table of functions inside this process,
//! * [`register_image`]: a shared library that exports the entry points,
//! * the built-in registrations ([`registry`]): the six provider names of the nShield guide,
//!   section 3, and their nCipher spellings, all served by one library, `libncsp.so`. It is looked
//!   for beside this library, or where the variable [`registry::IMAGE_VARIABLE`] says.
//!
//! Character sets: what Windows calls ANSI is UTF-8 here. A container name given to an A form
//! reaches the provider byte for byte; one given to a W form reaches it as UTF-8.

mod codes;
pub mod ffi;
mod last_error;
mod objects;
pub mod registry;
mod sys;
mod table;
mod text;

pub use registry::{register, register_image};
pub use table::{Bool, Handle, ReturnHwnd, Table, VTableProvStruc, VerifyImage};

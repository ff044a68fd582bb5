//! The modulo exponentiation offload library (CAPI guide, section 3; CRYPTSPI section 10): Microsoft's own software
//! providers load it, when the registry names it, and hand it their exponentiations, so that programs which stay with those
//! providers get a module's speed. Their keys stay where they are: this is speed, not protection.
//!
//! [`OffloadModExpo`](ffi::OffloadModExpo) is the entry point. Whatever it cannot do, it declines at once, and the provider
//! computes by itself; so nothing here waits long, and nothing fails for good.

mod crt;
pub mod exponentiation;
#[allow(unsafe_code)]
pub mod ffi;
pub mod module;
pub mod registration;

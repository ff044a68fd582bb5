//! Callers that break the rules: every exported function with null pointers, short buffers, wrong, released and foreign
//! handles and absurd lengths, through the C interface and in every provider. The rest of CryptSPI's contract is kept: a
//! pointer that is not NULL leads to as much memory as the argument beside it says.
#![cfg(unix)]
#![allow(unsafe_code)] // The subject is a C interface.
#![allow(clippy::undocumented_unsafe_blocks)] // Each call passes what the function documents.

mod functions;
mod property;
#[allow(dead_code)] // Another test needs the rest.
#[path = "../modules/rig.rs"]
mod rig;
mod stage;
mod table;

//! The conformance harness: cases, targets, reports.
//!
//! A case is a claim with a source ([`case`]); the tables of them are in [`cases`]. Cases speak to CryptoAPI through
//! [`capi`] and to the hardserver through [`wire`]; both write down every answer, and the [`runner`] holds the cases to
//! what they declare to [`cover`](coverage). The [`target`] is a hardserver of our own, started as a child process, or any
//! other. What is verified is verified by an [`oracle`], never by the engine or the provider under test.
//!
//! Without the feature `embedded` there is no hardserver of our own, and no case that needs one for itself: what remains
//! builds for Windows too, where the cases go through the system's CryptoAPI.
//!
//! With the benchmarks this is the only place where both sides of the socket meet.

pub mod capi;
pub mod case;
pub mod cases;
pub mod coverage;
#[cfg(feature = "embedded")]
pub mod daemon;
pub mod differences;
pub mod handshake;
pub mod oracle;
#[cfg(feature = "embedded")]
pub mod pages;
pub mod refusals;
pub mod report;
pub mod rig;
pub mod runner;
#[cfg(feature = "embedded")]
pub mod spare;
pub mod sys;
pub mod target;
pub mod threads;
pub mod vectors;
#[cfg(feature = "embedded")]
pub mod walk;
pub mod wire;

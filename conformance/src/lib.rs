//! The conformance harness: cases, targets, reports.
//!
//! A case is a claim with a source ([`case`]); the tables of them are in [`cases`]. Cases speak to CryptoAPI through
//! [`capi`] and to the hardserver through [`wire`]; both write down every answer, and the [`runner`] holds the cases to
//! what they declare to [`cover`](coverage). The [`target`] is a hardserver of our own, started as a child process, or any
//! other. What is verified is verified by an [`oracle`], never by the engine or the provider under test.
//!
//! With the benchmarks this is the only place where both sides of the socket meet.

pub mod capi;
pub mod case;
pub mod cases;
pub mod coverage;
pub mod daemon;
pub mod oracle;
pub mod pages;
pub mod report;
pub mod rig;
pub mod runner;
pub mod spare;
pub mod sys;
pub mod target;
pub mod threads;
pub mod vectors;
pub mod walk;
pub mod wire;

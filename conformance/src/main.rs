//! The conformance harness: cases, targets, reports.

fn main() {}

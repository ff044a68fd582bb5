//! Turns the tables of ncore into Rust. It runs by hand and in a test, never at build time.

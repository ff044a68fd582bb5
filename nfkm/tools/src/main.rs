//! The Security World utilities: enquiry, nfkminfo, new-world.

fn main() {}

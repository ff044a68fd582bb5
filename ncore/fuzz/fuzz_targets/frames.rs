#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(ncore::invariant::frames(data)));

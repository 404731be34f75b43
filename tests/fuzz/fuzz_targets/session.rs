//! One line: the body is `mailchute::fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::session(input));

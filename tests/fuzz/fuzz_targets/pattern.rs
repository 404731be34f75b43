//! One line: the body is `mailchute::fuzz::pattern`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::pattern(input));

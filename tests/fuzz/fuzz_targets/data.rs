//! One line: the body is `mailchute::fuzz::data`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::data(input));

//! One line: the body is `mailchute::fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::token(input));

//! One line: the body is `mailchute::fuzz::bdat`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::bdat(input));

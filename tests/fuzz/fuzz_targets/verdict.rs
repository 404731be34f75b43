//! One line: the body is `mailchute::fuzz::verdict`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::verdict(input));

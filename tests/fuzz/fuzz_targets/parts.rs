//! One line: the body is `mailchute::fuzz::parts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::parts(input));

//! One line: the body is `mailchute::fuzz::stamp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::stamp(input));

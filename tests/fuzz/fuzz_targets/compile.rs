//! One line: the body is `mailchute::fuzz::compile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::compile(input));

//! One line: the body is `mailchute::fuzz::proxy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::proxy(input));

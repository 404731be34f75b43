//! One line: the body is `mailchute::fuzz::address`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::address(input));

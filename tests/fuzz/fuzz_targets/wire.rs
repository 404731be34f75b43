//! One line: the body is `mailchute::fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::wire(input));

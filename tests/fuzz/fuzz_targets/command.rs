//! One line: the body is `mailchute::fuzz::command`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::command(input));

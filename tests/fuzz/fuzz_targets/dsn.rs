//! One line: the body is `mailchute::fuzz::dsn`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mailchute::fuzz::dsn(input));

//! Snapshots as a front-end reads them (`source::wire`): octets → objects, and the same written again.

use crate::compile::{Origin, compile};
use crate::source::wire::{Decoded, Decoder, decode, encode, inflate};

/// Octets that may be inflated.
const LIMIT: usize = 1 << 16;

/// The input is a body, and what was compressed.
pub fn wire(input: &[u8]) {
    match inflate(input, LIMIT) {
        Ok(octets) => {
            assert!(octets.len() <= LIMIT);
            body(&octets);
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
    body(input);
}

fn body(octets: &[u8]) {
    let read = match decode(octets) {
        Ok(read) => read,
        Err(error) => {
            let told = error.to_string();
            assert!(!told.is_empty() && !told.contains(char::is_control), "{error:?}");
            return;
        }
    };
    for told in &read.ignored {
        assert!(!told.is_empty() && !told.contains(char::is_control), "{told:?}");
    }
    let mut decoder = Decoder::default();
    for _ in 0..2 {
        assert_eq!(decoder.decode(octets).as_ref(), Ok(&read), "what is known changes nothing");
    }
    let Decoded { gateway, snapshot, .. } = &read;
    let written = encode(snapshot, gateway);
    assert_eq!(inflate(&written.gzip, written.body.len()).as_deref(), Ok(&*written.body));
    let again = decode(&written.body).expect("what was written can be read");
    assert_eq!((&again.gateway, &again.version), (gateway, &written.version));
    assert!(again.ignored.is_empty(), "{:?}", again.ignored);
    assert_eq!(encode(&again.snapshot, gateway), written, "the same every time");
    let (before, after) =
        (compile(snapshot, gateway, Origin::Cluster), compile(&again.snapshot, gateway, Origin::Cluster));
    assert_eq!(before.findings, after.findings);
    assert_eq!(before.plan.is_some(), after.plan.is_some());
}

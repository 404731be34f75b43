//! What a backend receives is our prefix and then the octets sent, over the whole path: any octets,
//! cut anywhere, by DATA and by BDAT.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

/// Octets that matter more often than others.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        vec(any::<u8>(), 1..200),
        vec(any::<u8>(), 1000..9000),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Splits at places that are parts of the length.
fn cut<'a>(octets: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|place| place.index(octets.len() + 1)).collect();
    ends.push(octets.len());
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| &octets[start..*end]).collect()
}

#[test]
fn any_octets_arrive_as_they_were_sent() {
    let (backend, port) = (Recorder::start(), free_port());
    let fields = "connection: {bareNewlines: Pass}";
    let manifests = Manifests::default().listener("mx", port, fields).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let strategy = (body(), vec(any::<prop::sample::Index>(), 0..6), any::<bool>());
    let outcome = runner.run(&strategy, |(body, places, by_bdat)| {
        // DATA can only end behind a line end.
        let line_end: &[u8] = if by_bdat { b"" } else { b"\r\n" };
        let message = [b"Message-ID: <1@client.example>\r\n\r\n", &body[..], line_end].concat();
        let mut client = Client::greeted(front_end.smtp);
        let before = backend.received().len();
        if by_bdat {
            client.expect("MAIL FROM:<a@client.example> BODY=BINARYMIME", 250);
            client.expect("RCPT TO:<b@example.org>", 250);
            for chunk in cut(&message, &places) {
                client.write(&[format!("BDAT {}\r\n", chunk.len()).as_bytes(), chunk].concat()).unwrap();
                prop_assert_eq!(client.reply().code, 250);
            }
            client.expect("BDAT 0 LAST", 250);
        } else {
            client.begin("a@client.example", "b@example.org");
            for part in cut(&stuffed(&message), &places) {
                client.write(part).unwrap();
            }
            prop_assert_eq!(client.reply().code, 250);
        }
        let received = backend.wait_for(before + 1);
        prop_assert_eq!(received.len(), before + 1);
        // Not the octets themselves: there are thousands.
        prop_assert!(
            received[before].body.ends_with(&message),
            "{} octets, by BDAT: {by_bdat}",
            message.len()
        );
        received[before].assert_carries(&message);
        Ok(())
    });
    outcome.unwrap();
}

//! BDAT of sizes that nobody has: nothing is allocated for what was only announced.

use std::thread;

use crate::lines::pour;
use crate::stage::Stage;
use crate::support::client::Client;

/// 2⁶³, 2⁶⁴ - 1, 2⁶⁴, and the most that twenty digits can say.
const SIZES: [&str; 4] =
    ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999"];

/// Whether the chunk has anywhere to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recipient {
    Accepted,
    None,
}

/// Announces so much, and sends of it what is taken.
fn refused(stage: &Stage, size: &str, recipient: Recipient, code: u16) {
    let mut client = Client::greeted(stage.front_end.smtp);
    if recipient == Recipient::Accepted {
        client.expect("MAIL FROM:<a@client.example>", 250);
        client.expect("RCPT TO:<b@example.org>", 250);
    }
    client.write(format!("BDAT {size} LAST\r\n").as_bytes()).unwrap();
    let writer = client.writer();
    let pouring = thread::spawn(move || pour(writer, b"BDAT 1\r\n", usize::MAX));
    let reply = client.reply();
    assert_eq!(reply.code, code, "BDAT {size}: {reply:?}");
    client.rest();
    drop(client);
    pouring.join().unwrap();
}

#[test]
fn chunks_without_end_are_refused_and_cut() {
    let stage = Stage::new("");
    stage.abuse("chunks without end", 8, || {
        thread::scope(|scope| {
            for size in SIZES {
                scope.spawn(|| refused(&stage, size, Recipient::Accepted, 552));
                scope.spawn(|| refused(&stage, size, Recipient::None, 503));
            }
        });
    });
    stage.counted("drain_limit", 8);
}

#[test]
fn a_size_of_more_digits_ends_the_session() {
    let stage = Stage::new("");
    let mut client = Client::greeted(stage.front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    let reply = client.expect("BDAT 100000000000000000000 LAST", 501);
    assert_eq!(reply.lines[0].get(..5), Some("5.5.4"));
    assert_eq!(client.rest(), "");
}

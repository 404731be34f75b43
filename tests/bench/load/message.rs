//! The bytes the load generator sends: built once per session; of each message only its number is written anew.

use std::fmt::Write;

/// The domain of every recipient, and of the route in the manifests of `compare`.
pub(crate) const DOMAIN: &str = "bench.example";

const NUMBER_DIGITS: usize = 16;

/// How a message is handed over.
#[derive(Clone, Copy)]
pub(crate) enum Transfer {
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 3030: one chunk, the last.
    Bdat,
}

/// One transaction's bytes. No line of the message begins with a dot, so stuffing changes nothing.
pub(crate) struct Script {
    /// MAIL, each RCPT, and DATA (not BDAT, which stands in `data`), one command each.
    pub(crate) commands: Vec<Vec<u8>>,
    /// The same in one piece, for pipelining.
    pub(crate) pipelined: Vec<u8>,
    /// The message with its end of data, or behind its BDAT command.
    pub(crate) data: Vec<u8>,
    number_at: usize,
}

impl Script {
    /// `run` makes the Message-ID unique among runs. A size too small for the header gets the header alone.
    pub(crate) fn new(run: &str, size: usize, recipients: usize, transfer: Transfer) -> Self {
        let message = message(run, size);
        let mut commands =
            vec![format!("MAIL FROM:<sender@{DOMAIN}> SIZE={}\r\n", message.len()).into_bytes()];
        commands.extend((0..recipients).map(|n| format!("RCPT TO:<user{n}@{DOMAIN}>\r\n").into_bytes()));
        let data = match transfer {
            Transfer::Data => {
                commands.push(b"DATA\r\n".to_vec());
                format!("{message}.\r\n")
            }
            Transfer::Bdat => format!("BDAT {} LAST\r\n{message}", message.len()),
        };
        let marker = "0".repeat(NUMBER_DIGITS);
        let number_at = data.find(&format!("{marker}@")).unwrap_or_default();
        Self { pipelined: commands.concat(), commands, data: data.into_bytes(), number_at }
    }

    /// Writes the number of the next message into its Message-ID.
    pub(crate) fn number(&mut self, mut number: u64) {
        for digit in self.data[self.number_at..][..NUMBER_DIGITS].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number % 16) as usize];
            number /= 16;
        }
    }
}

/// A plain message of exactly `size` octets, header included, that ends with CRLF.
fn message(run: &str, size: usize) -> String {
    let line = "The quick brown fox jumps over the lazy dog, and then over one more dog..\r\n";
    let mut text = format!("From: Sender <sender@{DOMAIN}>\r\nTo: User <user0@{DOMAIN}>\r\n");
    text.push_str("Subject: One of many\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n");
    // Infallible: a String takes what it is given.
    let _ = write!(text, "Message-ID: <{run}.{}@{DOMAIN}>\r\n\r\n", "0".repeat(NUMBER_DIGITS));
    while text.len() + line.len() + 2 <= size {
        text.push_str(line);
    }
    if text.len() + 2 <= size {
        text.push_str(&"x".repeat(size - text.len() - 2));
        text.push_str("\r\n");
    }
    text
}

//! One side of an SMTP conversation, the server's, as far as the load generator and mailchute's client speak it
//! (RFC 5321, 2033, 2920, 3030). It checks nothing, has no limits, and does not undo dot-stuffing.

use memchr::{memchr, memmem::Finder};
use std::mem;
use std::sync::LazyLock;

const CAPABILITIES: &[u8] = b"250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE\r\n";

/// RFC 5321 §4.1.1.4: the mail data are terminated by `CRLF . CRLF`.
static END_OF_DATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n.\r\n"));

pub(crate) enum Step {
    Read,
    Deliver,
    Close,
}

#[derive(Default)]
enum Expect {
    #[default]
    Command,
    Data,
    Chunk {
        left: usize,
        last: bool,
    },
}

#[derive(Default)]
pub(crate) struct Session {
    expect: Expect,
    pub(crate) transaction: Transaction,
    /// The beginning of a command line whose end has not come yet.
    partial: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) from: Vec<u8>,
    /// With commas between them.
    pub(crate) to: Vec<u8>,
    /// Opens with a CRLF that is not the message's, so that a message without a line ends like any other.
    pub(crate) body: Vec<u8>,
}

impl Session {
    /// What one read brought; nothing is the end.
    pub(crate) fn read(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (Step, Vec<u8>) {
        if input.is_empty() {
            return (Step::Close, Vec::new());
        }
        let (taken, step) = self.take(input, replies);
        (step, input[taken..].to_vec())
    }

    /// Takes input until it is used up or a message is complete; says how much it took.
    pub(crate) fn take(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (usize, Step) {
        let mut at = 0;
        while at < input.len() {
            let (taken, step) = match self.expect {
                Expect::Command => self.line(&input[at..], replies),
                Expect::Data => self.data(&input[at..]),
                Expect::Chunk { left, last } => self.chunk(&input[at..], left, last, replies),
            };
            at += taken;
            if !matches!(step, Step::Read) {
                return (at, step);
            }
        }
        (at, Step::Read)
    }

    fn line(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (usize, Step) {
        let Some(end) = memchr(b'\n', input) else {
            self.partial.extend_from_slice(input);
            return (input.len(), Step::Read);
        };
        if self.partial.is_empty() {
            return (end + 1, self.command(&input[..end], replies));
        }
        let mut line = mem::take(&mut self.partial);
        line.extend_from_slice(&input[..end]);
        (end + 1, self.command(&line, replies))
    }

    fn command(&mut self, line: &[u8], replies: &mut Vec<u8>) -> Step {
        let mut verb = [0; 4];
        verb.iter_mut().zip(line).for_each(|(to, octet)| *to = octet.to_ascii_uppercase());
        let reply: &[u8] = match &verb {
            b"EHLO" | b"LHLO" => CAPABILITIES,
            b"MAIL" => {
                self.transaction.from.extend_from_slice(path(line));
                b"250 Ok\r\n"
            }
            b"RCPT" => {
                if !self.transaction.to.is_empty() {
                    self.transaction.to.push(b',');
                }
                self.transaction.to.extend_from_slice(path(line));
                b"250 Ok\r\n"
            }
            b"DATA" => {
                self.transaction.body.extend_from_slice(b"\r\n");
                self.expect = Expect::Data;
                b"354 Go\r\n"
            }
            b"BDAT" => return self.bdat(line, replies),
            b"RSET" => {
                self.transaction = Transaction::default();
                b"250 Ok\r\n"
            }
            b"HELO" | b"NOOP" => b"250 Ok\r\n",
            b"QUIT" => {
                replies.extend_from_slice(b"221 Bye\r\n");
                return Step::Close;
            }
            _ => b"500 What?\r\n",
        };
        replies.extend_from_slice(reply);
        Step::Read
    }

    fn bdat(&mut self, line: &[u8], replies: &mut Vec<u8>) -> Step {
        let mut words = line.split(u8::is_ascii_whitespace).skip(1).filter(|word| !word.is_empty());
        let size = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        let Some(left) = size else {
            replies.extend_from_slice(b"501 Size?\r\n");
            return Step::Close;
        };
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
        if self.transaction.body.is_empty() {
            self.transaction.body.extend_from_slice(b"\r\n");
        }
        self.chunk(&[], left, last, replies).1
    }

    fn data(&mut self, input: &[u8]) -> (usize, Step) {
        let body = &mut self.transaction.body;
        let before = body.len();
        let from = before.saturating_sub(4);
        body.extend_from_slice(input);
        let Some(found) = END_OF_DATA.find(&body[from..]) else {
            return (input.len(), Step::Read);
        };
        body.truncate(from + found + 2);
        self.expect = Expect::Command;
        (from + found + 5 - before, Step::Deliver)
    }

    fn chunk(&mut self, input: &[u8], left: usize, last: bool, replies: &mut Vec<u8>) -> (usize, Step) {
        let taken = left.min(input.len());
        self.transaction.body.extend_from_slice(&input[..taken]);
        if taken < left {
            self.expect = Expect::Chunk { left: left - taken, last };
            return (taken, Step::Read);
        }
        self.expect = Expect::Command;
        if last {
            return (taken, Step::Deliver);
        }
        replies.extend_from_slice(b"250 Ok\r\n");
        (taken, Step::Read)
    }
}

/// What stands between the angle brackets of MAIL or RCPT.
fn path(line: &[u8]) -> &[u8] {
    let open = memchr(b'<', line).map_or(line.len(), |at| at + 1);
    let path = &line[open..];
    &path[..memchr(b'>', path).unwrap_or(path.len())]
}

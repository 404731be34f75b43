//! Replies as a server sends them (RFC 5321 §4.2), put together from octets.
//!
//! Lenient where other servers are: a line may end by LF alone, and be longer than the 512 octets of §4.5.3.1.5.

use memchr::memchr;

use crate::smtp::reply::Class;

/// Octets of a line, its end included. RFC 5321 §4.5.3.1.5 says 512; some servers say more.
const MAX_LINE: usize = 4096;
/// Lines of a reply.
const MAX_LINES: usize = 256;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its three digits.
    pub(crate) code: u16,
    /// What is behind them, line by line.
    pub(crate) lines: Vec<String>,
}

impl Reply {
    /// What its first digit means.
    pub(crate) fn class(&self) -> Class {
        match self.code / 100 {
            2 => Class::Positive,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }
}

/// What came is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSmtp {
    /// A line does not begin with a code, or with another than the line before it.
    #[error("what answers is no SMTP reply")]
    Malformed,
    /// There is no end of it.
    #[error("the reply is too long")]
    TooLong,
}

/// Makes replies of what is read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    octets: Vec<u8>,
    /// The lines of a reply that is not whole, and their code.
    lines: Vec<String>,
    code: u16,
}

impl Reader {
    /// More was read.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Where more is read to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }

    /// Whether nothing is left that was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty() && self.lines.is_empty()
    }

    /// The next whole reply; none until more is read.
    pub(crate) fn reply(&mut self) -> Result<Option<Reply>, NotSmtp> {
        while let Some(end) = memchr(b'\n', &self.octets) {
            if end >= MAX_LINE || self.lines.len() == MAX_LINES {
                return Err(NotSmtp::TooLong);
            }
            let (code, more, text) = line_of(&self.octets[..end])?;
            // RFC 5321 §4.2.1: "The reply code on each of the lines MUST be the same."
            if !self.lines.is_empty() && code != self.code {
                return Err(NotSmtp::Malformed);
            }
            self.code = code;
            self.lines.push(text);
            self.octets.drain(..=end);
            if more == More::No {
                return Ok(Some(self.take()));
            }
        }
        if self.octets.len() > MAX_LINE { Err(NotSmtp::TooLong) } else { Ok(None) }
    }

    fn take(&mut self) -> Reply {
        if self.octets.is_empty() {
            // A connection that waits for its next use holds as little as it can.
            self.octets = Vec::new();
        }
        Reply { code: self.code, lines: std::mem::take(&mut self.lines) }
    }
}

/// Whether a reply has another line.
#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// Code, whether another line follows, and text, of a line without its LF.
fn line_of(line: &[u8]) -> Result<(u16, More, String), NotSmtp> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3).ok_or(NotSmtp::Malformed)?;
    let code = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()));
    let code = code.and_then(|digits| digits.parse().ok()).filter(|code| (200..600).contains(code));
    let more = match rest.first() {
        None | Some(b' ') => More::No,
        Some(b'-') => More::Yes,
        Some(_) => return Err(NotSmtp::Malformed),
    };
    let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned();
    Ok((code.ok_or(NotSmtp::Malformed)?, more, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All replies of an input that is cut at each place.
    fn read(input: &[u8]) -> Result<Vec<Reply>, NotSmtp> {
        let whole = read_cut(input, input.len());
        for cut in 0..input.len() {
            assert_eq!(read_cut(input, cut), whole, "cut at {cut}");
        }
        whole
    }

    fn read_cut(input: &[u8], cut: usize) -> Result<Vec<Reply>, NotSmtp> {
        let (mut reader, mut replies) = (Reader::default(), Vec::new());
        for part in [&input[..cut], &input[cut..]] {
            reader.push(part);
            while let Some(reply) = reader.reply()? {
                replies.push(reply);
            }
        }
        assert!(reader.is_empty() || !input.ends_with(b" end\r\n"));
        Ok(replies)
    }

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn replies_are_put_together() {
        let input =
            b"220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 1\r\n250 PIPELINING\r\n354\r\n221 end\r\n";
        let expected = [
            reply(220, &["mx.example ESMTP"]),
            reply(250, &["mx.example", "SIZE 1", "PIPELINING"]),
            reply(354, &[""]),
            reply(221, &["end"]),
        ];
        assert_eq!(read(input), Ok(expected.to_vec()));
        assert_eq!(read(b"250 \xff\n"), Ok(vec![reply(250, &["\u{fffd}"])]));
        assert_eq!(read(b"250 half"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for input in [
            "HTTP/1.1 400 Bad Request\r\n",
            "25\r\n",
            "250+ok\r\n",
            "600 no\r\n",
            "+50 a\r\n",
            "250-a\r\n251 b\r\n",
        ] {
            assert_eq!(read_cut(input.as_bytes(), 0), Err(NotSmtp::Malformed), "{input:?}");
        }
    }

    #[test]
    fn a_reply_without_end_is_refused() {
        let line = [b"250 ".as_slice(), &[b'a'; MAX_LINE]].concat();
        assert_eq!(read_cut(&line, 0), Err(NotSmtp::TooLong));
        assert_eq!(read_cut(&b"250-a\r\n".repeat(MAX_LINES + 1), 0), Err(NotSmtp::TooLong));
    }
}

//! What a server announces in its answer to EHLO or LHLO (RFC 5321 §4.1.1.1). Pure.

use super::reply::Reply;

/// What a server offers. What it did not announce is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Announced {
    /// STARTTLS (RFC 3207).
    pub(crate) starttls: bool,
    /// PIPELINING (RFC 2920).
    pub(crate) pipelining: bool,
    /// SIZE (RFC 1870): octets of the largest message; `None` where it is not said.
    pub(crate) largest: Option<u64>,
    /// SIZE, with a number or without: MAIL may say how large the message is.
    pub(crate) size: bool,
    /// 8BITMIME (RFC 6152).
    pub(crate) eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub(crate) smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub(crate) chunking: bool,
    /// BINARYMIME (RFC 3030).
    pub(crate) binary_mime: bool,
    /// DSN (RFC 3461).
    pub(crate) dsn: bool,
    /// AUTH (RFC 4954).
    pub(crate) auth: Mechanisms,
}

/// The mechanisms of AUTH that we know, of those on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mechanisms {
    /// PLAIN (RFC 4616).
    pub(crate) plain: bool,
    /// LOGIN (draft-murchison-sasl-login).
    pub(crate) login: bool,
    /// SCRAM-SHA-256 (RFC 7677).
    pub(crate) scram: bool,
}

impl Announced {
    /// "The lines behind the first of the answer begin with a keyword", in any case.
    pub(crate) fn read(reply: &Reply) -> Self {
        let mut announced = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "STARTTLS" => announced.starttls = true,
                "PIPELINING" => announced.pipelining = true,
                "SIZE" => {
                    announced.size = true;
                    // RFC 1870 §3: "A number value of 0 (zero) indicates that no fixed maximum message
                    // size is in force."
                    announced.largest =
                        words.next().and_then(|word| word.parse().ok()).filter(|most| *most > 0);
                }
                "8BITMIME" => announced.eight_bit_mime = true,
                "SMTPUTF8" => announced.smtputf8 = true,
                "CHUNKING" => announced.chunking = true,
                "BINARYMIME" => announced.binary_mime = true,
                "DSN" => announced.dsn = true,
                "AUTH" => announced.auth = Mechanisms::read(words),
                _ => {}
            }
        }
        announced
    }
}

impl Mechanisms {
    fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut mechanisms = Self::default();
        for word in words {
            match word.to_ascii_uppercase().as_str() {
                "PLAIN" => mechanisms.plain = true,
                "LOGIN" => mechanisms.login = true,
                "SCRAM-SHA-256" => mechanisms.scram = true,
                _ => {}
            }
        }
        mechanisms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Announced {
        Announced::read(&Reply { code: 250, lines: lines.iter().map(ToString::to_string).collect() })
    }

    #[test]
    fn keywords_count_in_any_case_and_behind_the_first_line() {
        assert_eq!(read(&["STARTTLS", "x-other STARTTLS", "SIZES 1"]), Announced::default());
        let lines = ["mx", "starttls", "Size 10", "8BITMIME", "auth plain X-OTHER scram-sha-256", "DSN"];
        let expected = Announced {
            starttls: true,
            size: true,
            largest: Some(10),
            eight_bit_mime: true,
            auth: Mechanisms { plain: true, scram: true, login: false },
            dsn: true,
            ..Announced::default()
        };
        assert_eq!(read(&lines), expected);
    }

    #[test]
    fn a_size_that_says_nothing_is_no_limit() {
        for (line, largest) in
            [("SIZE", None), ("SIZE 0", None), ("SIZE x", None), ("SIZE 26214400", Some(26_214_400))]
        {
            let announced = read(&["mx", line]);
            assert_eq!((announced.size, announced.largest), (true, largest), "{line}");
        }
    }
}

//! What a list is asked for: `?q=WORDS&before=PLACE&limit=N`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::event::percent_decode;

/// Messages in a list, where the request does not say.
pub(super) const LIMIT: usize = 100;
/// Octets of a search; more are no words.
const MAX_SEARCH: usize = 512;

/// What is in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// What was searched for, as it was written.
    pub(super) text: String,
    /// Its words, in lower case; all of them have to be there.
    pub(super) words: Vec<String>,
    /// Only what is older than this place.
    pub(super) before: Option<u64>,
    /// How many at most.
    pub(super) limit: usize,
    /// What has been seen, as an event's id.
    pub(super) after: Option<String>,
}

impl Default for Query {
    fn default() -> Self {
        Self { text: String::new(), words: Vec::new(), before: None, limit: LIMIT, after: None }
    }
}

/// What a query does not say as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a number")]
pub(super) struct NoNumber(&'static str);

impl Query {
    /// Reads it; what it does not know is left out.
    pub(super) fn parse(query: &str) -> Result<Self, NoNumber> {
        let mut parsed = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "limit" => parsed.limit = value.parse().map_err(|_| NoNumber("limit"))?,
                "before" => parsed.before = Some(value.parse().map_err(|_| NoNumber("before"))?),
                "after" => parsed.after = Some(value.to_owned()),
                "q" => {
                    parsed.text = decoded(value);
                    parsed.words = Self::words(&parsed.text);
                }
                _ => {}
            }
        }
        Ok(parsed)
    }

    /// The words of a search.
    pub(super) fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_lowercase).collect()
    }
}

/// URL Standard §5.1 (application/x-www-form-urlencoded): a plus is a space.
fn decoded(value: &str) -> String {
    let end = value.floor_char_boundary(MAX_SEARCH);
    percent_decode(value[..end].replace('+', " ").as_bytes())
}

/// Text as a part of a query, a path or a header field. RFC 3986 §2.3: unreserved characters stay.
pub(super) fn encoded(text: &str) -> PercentEncode<'_> {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_form_writes_it() {
        let query = Query::parse("q=Gr%C3%BC%C3%9Fe+a%2Bb&before=7&limit=3&other=x&x").unwrap();
        assert_eq!((query.text.as_str(), query.before, query.limit), ("Grüße a+b", Some(7), 3));
        assert_eq!(query.words, ["grüße", "a+b"]);
        assert_eq!(Query::parse("").unwrap(), Query::default());
        for (wrong, name) in [("limit=x", "limit"), ("before=-1", "before")] {
            assert_eq!(Query::parse(wrong), Err(NoNumber(name)));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "ü & = + % \" <b>";
        let query = Query::parse(&format!("q={}", encoded(text))).unwrap();
        assert_eq!(query.text, text);
    }
}

//! Preparing names and passwords for comparison: SASLprep (RFC 4013).

use std::borrow::Cow;

/// A user name or authorization identity as it is compared; `None` where it is none.
///
/// Names compare octet by octet once prepared, so in the case they are written in.
pub(super) fn prepare(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let name = stringprep::saslprep(text).ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

/// A password as SCRAM keys are made of it (RFC 5802 §2.2). One that can't be prepared stays as it is,
/// as PostgreSQL does it.
pub(super) fn prepare_password(octets: &[u8]) -> Cow<'_, [u8]> {
    let prepared = std::str::from_utf8(octets).ok().and_then(|text| stringprep::saslprep(text).ok());
    match prepared {
        Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        Some(Cow::Borrowed(_)) | None => Cow::Borrowed(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4013 §3.
    #[test]
    fn names_are_prepared() {
        for (given, prepared) in [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", None),
            ("", None),
            ("\u{ad}", None),
        ] {
            assert_eq!(prepare(given.as_bytes()).as_deref(), prepared, "{given:?}");
        }
        assert_eq!(prepare(b"\xff"), None);
    }

    #[test]
    fn a_password_that_can_not_be_prepared_stays() {
        assert_eq!(&*prepare_password("\u{2168}".as_bytes()), b"IX");
        assert_eq!(&*prepare_password(b"a\xff"), b"a\xff");
        assert_eq!(&*prepare_password(b"a\x07"), b"a\x07");
    }
}

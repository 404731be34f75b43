//! Tables of good and bad addresses.

use super::{AddressError, AddressKey, Host, Mailbox};

fn parse(text: &str) -> Result<String, AddressError> {
    Mailbox::parse(text.as_bytes(), false).map(|mailbox| mailbox.to_string())
}

#[test]
fn good_addresses_keep_their_spelling() {
    for text in [
        "a@b",
        "Postmaster@Example.NET",
        "first.last+tag@example.net",
        "!#$%&'*+-/=?^_`{|}~@example.net",
        r#""john doe"@example.net"#,
        r#""a\"b\\c@d"@example.net"#,
        r#"""@example.net"#,
        "x@[192.0.2.1]",
        "x@[IPv6:2001:db8::1]",
        "x@[tag:content]",
        "x@xn--bcher-kva.example",
        "x@_dmarc.example",
    ] {
        assert_eq!(parse(text).as_deref(), Ok(text));
    }
}

#[test]
fn bad_addresses_are_refused() {
    let long_local = format!("{}@example.net", "a".repeat(65));
    let long_label = format!("a@{}.net", "b".repeat(64));
    let long_domain = format!("a@{}net", "b.".repeat(127));
    for text in [
        "",
        "@",
        "a",
        "a@",
        "@b",
        "a@b@c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a b@c",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@-b",
        "a@b-",
        "a@b c",
        "\"a@b",
        "\"a\"x@b",
        "\"a\n\"@b",
        "\"a\\\"@b",
        "a@[300.1.1.1]",
        "a@[IPv6:zz]",
        "a@[]",
        "a@[x",
        "a@[tag:]",
        "a\r@b",
        "a<b@c",
        "a>@c",
        "a,b@c",
        "a(b)@c",
        &long_local,
        &long_label,
        &long_domain,
    ] {
        assert_eq!(parse(text), Err(AddressError::Syntax), "{text:?}");
    }
}

#[test]
fn utf8_needs_its_parameter() {
    let text = "bücher@bücher.example".as_bytes();
    assert_eq!(Mailbox::parse(text, false), Err(AddressError::NeedsUtf8));
    let mailbox = Mailbox::parse(text, true).expect("admitted with SMTPUTF8");
    assert!(!mailbox.is_ascii());
    let key = AddressKey { local_part: "bücher".into(), domain: "xn--bcher-kva.example".into() };
    assert_eq!(mailbox.key(), Some(key));
    assert_eq!(Mailbox::parse(b"a\xff@b", true), Err(AddressError::Syntax));
}

#[test]
fn quoted_and_unquoted_are_the_same_key() {
    let key = |text: &str| Mailbox::parse(text.as_bytes(), false).ok().and_then(|m| m.key());
    assert_eq!(key("Support@EXAMPLE.net"), key("\"sup\\port\"@example.NET"));
    assert_ne!(key("support@example.net"), key("\"sup port\"@example.net"));
}

#[test]
fn a_host_may_be_a_name_or_a_literal() {
    assert_eq!(Host::parse(b"mx.example", false), Ok(Host::Domain("mx.example".into())));
    assert_eq!(Host::parse(b"[192.0.2.1]", false), Ok(Host::Literal("[192.0.2.1]".into())));
    assert_eq!(Host::parse(b"mx example", false), Err(AddressError::Syntax));
}

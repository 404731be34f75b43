//! Heads, as front-ends and others write them.

use http::HeaderValue;

use super::*;

const PATH: &str = "/v1/gateways/mail-system/public/snapshot";

fn read(path: &str, fields: &[(&'static str, &str)]) -> Result<Asked, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Asked::read(&Method::GET, path, &headers)
}

fn asked(fields: &[(&'static str, &str)]) -> Result<Asked, Refusal> {
    read(PATH, &[&[("authorization", "Bearer abc.def-_~+/=")], fields].concat())
}

#[test]
fn a_head_says_all_of_it() {
    let asked = asked(&[
        ("if-none-match", "\"0a1b\""),
        ("prefer", "wait=7"),
        ("mailchute-schemas", "1, 2"),
        ("mailchute-refused", "ffee no such field: a\tb"),
        ("accept-encoding", "gzip"),
    ]);
    let refused = Refused { version: "ffee".to_owned(), why: "no such field: a\\tb".to_owned() };
    let expected = Asked {
        gateway: ObjectName::new("mail-system", "public"),
        token: Token("abc.def-_~+/=".to_owned()),
        in_use: Some("0a1b".to_owned()),
        refused: Some(refused),
        wait: Duration::from_secs(7),
        coding: Coding::Gzip,
    };
    assert_eq!(asked, Ok(expected));
}

#[test]
fn a_bare_head_is_enough() {
    let asked = asked(&[]).unwrap();
    assert_eq!((asked.in_use, asked.refused, asked.wait), (None, None, Duration::ZERO));
    assert_eq!(asked.coding, Coding::Identity);
}

#[test]
fn there_is_one_path() {
    let token = [("authorization", "Bearer abc")];
    for path in [
        "/",
        "/v1/gateways/a/snapshot",
        "/v1/gateways//b/snapshot",
        "/v1/gateways/a//snapshot",
        "/v1/gateways/a/b/c/snapshot",
        "/v1/gateways/a/b/snapshot/",
        "/v1/gateways/a/b",
        "/v1/gateways/a/..%2fb/snapshot",
        "/v1/gateways/A/b/snapshot",
        "/v2/gateways/a/b/snapshot",
        "/metrics",
    ] {
        assert_eq!(read(path, &token), Err(Refusal::NoSuchPath), "{path}");
    }
}

#[test]
fn only_get_is_answered() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer abc"));
    for method in [Method::POST, Method::HEAD, Method::DELETE] {
        assert_eq!(Asked::read(&method, PATH, &headers), Err(Refusal::Method), "{method}");
    }
}

#[test]
fn a_token_is_a_bearers() {
    for written in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer a,b", "Bearer \u{fc}", "abc"]
    {
        assert_eq!(read(PATH, &[("authorization", written)]), Err(Refusal::NoToken), "{written}");
    }
    assert_eq!(read(PATH, &[]), Err(Refusal::NoToken));
    assert!(
        read(PATH, &[("authorization", "bEaReR abc")]).is_ok(),
        "RFC 9110 §11.1: the scheme is case-insensitive"
    );
}

#[test]
fn a_token_is_never_shown() {
    let asked = asked(&[]).unwrap();
    assert!(!format!("{asked:?}").contains("abc"), "{asked:?}");
}

#[test]
fn a_version_is_one_quoted_word() {
    for written in ["0a1b", "\"\"", "\"a\", \"b\"", "*", "\"a b\"", "W/0a1b"] {
        assert!(matches!(asked(&[("if-none-match", written)]), Err(Refusal::Malformed(_))), "{written}");
    }
    assert_eq!(asked(&[("if-none-match", "W/\"0a1b\"")]).unwrap().in_use.as_deref(), Some("0a1b"));
    for written in ["", " why", "\"v\" why", &"a".repeat(129)] {
        assert!(matches!(asked(&[("mailchute-refused", written)]), Err(Refusal::Malformed(_))), "{written}");
    }
}

#[test]
fn what_is_in_use_or_refused_is_known() {
    let asked = asked(&[("if-none-match", "\"old\""), ("mailchute-refused", "new why")]).unwrap();
    assert!(asked.knows("old") && asked.knows("new") && !asked.knows("newer"));
}

#[test]
fn why_is_cut() {
    let long = format!("v {}", "x".repeat(5000));
    assert_eq!(asked(&[("mailchute-refused", &long)]).unwrap().refused.unwrap().why.len(), WHY);
}

#[test]
fn waits_are_bounded_and_what_can_t_be_read_is_none() {
    let table = [
        ("wait=10", 10),
        ("wait=\"10\"", 10),
        ("respond-async, WAIT = 5", 5),
        ("wait=5; foo=bar", 5),
        ("wait=5, wait=9", 5),
        ("wait=30", 30),
        ("wait=31", 30),
        ("wait=18446744073709551615", 30),
        ("wait=-1", 0),
        ("wait=x, wait=9", 0),
        ("wait", 0),
        ("awaited=9", 0),
    ];
    for (written, seconds) in table {
        assert_eq!(asked(&[("prefer", written)]).unwrap().wait.as_secs(), seconds, "{written}");
    }
    let twice = asked(&[("prefer", "return=minimal"), ("prefer", "wait=3")]).unwrap();
    assert_eq!(twice.wait.as_secs(), 3);
}

#[test]
fn gzip_is_sent_to_who_takes_it() {
    let table = [
        ("gzip", Coding::Gzip),
        ("br, gzip;q=0.5", Coding::Gzip),
        ("*", Coding::Gzip),
        ("gzip;q=0", Coding::Identity),
        ("gzip; q=0.0, *", Coding::Identity),
        ("*;q=0", Coding::Identity),
        ("br", Coding::Identity),
        ("gzip;q=x", Coding::Identity),
    ];
    for (written, coding) in table {
        assert_eq!(asked(&[("accept-encoding", written)]).unwrap().coding, coding, "{written}");
    }
}

#[test]
fn a_schema_is_one_that_both_know() {
    for written in ["1", "2, 1", "x, 1", " "] {
        assert!(asked(&[("mailchute-schemas", written)]).is_ok(), "{written}");
    }
    for written in ["2", "0, 2", "x"] {
        assert_eq!(asked(&[("mailchute-schemas", written)]), Err(Refusal::Schema), "{written}");
    }
}

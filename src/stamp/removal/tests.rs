//! What is removed, and that no parser behind us can be shown what was to go.

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_oneof};

use super::{Forged, claims, remove};
use crate::mail::body::Message;

const OURS: Forged<'static> = Forged { return_path: true, authserv_id: "mx.example.org" };

fn in_pieces(text: &[u8], size: usize) -> Message {
    text.chunks(size).map(Bytes::copy_from_slice).collect()
}

fn removed(text: &str) -> String {
    let whole = remove(&in_pieces(text.as_bytes(), text.len().max(1)), OURS).to_vec();
    for size in 1..text.len() {
        let pieces = remove(&in_pieces(text.as_bytes(), size), OURS).to_vec();
        assert_eq!(pieces, whole, "in pieces of {size}: {text:?}");
    }
    String::from_utf8(whole).unwrap()
}

#[test]
fn whole_fields_go_and_nothing_else() {
    for (text, left) in [
        ("A: b\r\nReturn-Path: <a@b>\r\n\tfolded\r\nC: d\r\n\r\nbody", "A: b\r\nC: d\r\n\r\nbody"),
        ("Return-Path: <a@b>\r\nRETURN-path : <c@d>\r\nA: b\r\n\r\n", "A: b\r\n\r\n"),
        ("Return-Path: <a@b>\r\n\r\nbody", "\r\nbody"),
        ("Return-Path: <a@b>", ""),
        ("A: b\r\nReturn-Path: <a@b>", "A: b\r\n"),
        ("Return-Path-X: a\r\nX-Return-Path: b\r\n\r\n", "Return-Path-X: a\r\nX-Return-Path: b\r\n\r\n"),
        ("A: b\r\n\r\nReturn-Path: <body>\r\n", "A: b\r\n\r\nReturn-Path: <body>\r\n"),
        (
            "Authentication-Results: mx.example.org; spf=pass\r\nAuthentication-Results: other; x\r\n\r\n",
            "Authentication-Results: other; x\r\n\r\n",
        ),
    ] {
        assert_eq!(removed(text), left, "{text:?}");
    }
}

#[test]
fn return_paths_stay_where_we_stamp_none() {
    let message = in_pieces(b"Return-Path: <a@b>\r\n\r\n", 5);
    let kept = remove(&message, Forged { return_path: false, ..OURS });
    assert_eq!(kept.to_vec(), message.to_vec());
}

#[test]
fn no_line_end_hides_a_field() {
    for (text, left) in [
        ("A: b\nReturn-Path: x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("A: b\rReturn-Path: x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("A: b\rReturn-Path: x\n\nReturn-Path: y\r\n\r\n", "A: b\n\nReturn-Path: y\r\n\r\n"),
        ("A: b\n\nC\r\nReturn-Path: x\r\n\r\nbody", "A: b\n\nC\r\n\r\nbody"),
        ("A: b\r\rC\nReturn-Path: x\r\n\r\nbody", "A: b\r\rC\r\n\r\nbody"),
        ("\nC\r\nReturn-Path: x\r\n\r\nbody", "\nC\r\n\r\nbody"),
        ("A: b\r\nno field\r\nReturn-Path: x\r\n\r\nbody", "A: b\r\nno field\r\n\r\nbody"),
        ("A: b\r\nReturn-Path: x\nReturn-Path: y\r\n\r\n", "A: b\r\n\r\n"),
        ("A: b\n\nc\nReturn-Path: body\n\nd\n", "A: b\n\nc\nReturn-Path: body\n\nd\n"),
    ] {
        assert_eq!(removed(text), left, "{text:?}");
    }
}

#[test]
fn nothing_around_a_name_hides_it() {
    for (text, left) in [
        ("A: b\r\nReturn-Path\u{b}: x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("A: b\r\n\u{1}Return-Path: x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("A: b\r\n\u{a0}Return-Path\u{a0}: x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("A: b\r\nReturn-Path\r\n : x\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
        ("Authentication-Results\u{c}: mx.example.org; dmarc=pass\r\nA: b\r\n\r\n", "A: b\r\n\r\n"),
        ("Return-Path\r\n: x\r\nC: d\r\n\r\n", "Return-Path\r\n: x\r\nC: d\r\n\r\n"),
        ("A\rReturn-Path\r:x\r\n\r\n", "A\rReturn-Path\r:x\r\n\r\n"),
        ("Return Path: x\r\n\r\n", "Return Path: x\r\n\r\n"),
    ] {
        assert_eq!(removed(text), left, "{text:?}");
    }
}

#[test]
fn a_claim_to_our_id_is_seen_through_any_grammar() {
    for content in [
        "mx.example.org; none",
        " MX.Example.ORG; none",
        "\r\n\t(a (comment)) mx.example.org (b) 1; spf=pass",
        "\"mx.example.org\" 1; none",
        "\"mx.ex\\ample.org\"; none",
        "mx.example.org./1;",
        "mx.example.org",
        "mx.example.org(x);",
        "\n mx.example.org; none",
        "\rmx.example.org; none",
        "(unclosed mx.example.org; none",
    ] {
        assert!(claims(content.as_bytes(), "mx.example.org"), "{content:?}");
    }
    for content in [
        "",
        " other.example; spf=pass",
        "mx.example.org.evil.example; none",
        "x.mx.example.org; none",
        "(mx.example.org) other.example; none",
        "other.example (mx.example.org); none",
        "\r\nmx.example.org: the next field",
        "\u{fffd}",
    ] {
        assert!(!claims(content.as_bytes(), "mx.example.org"), "{content:?}");
    }
    assert!(claims("bücher.example; none".as_bytes(), "xn--bcher-kva.example"));
    assert!(claims(b"XN--BCHER-KVA.example; none", "bücher.example"));
}

#[test]
fn an_id_behind_a_long_comment_is_a_claim() {
    let text =
        format!("Authentication-Results: ({}) mx.example.org; none\r\nA: b\r\n\r\n", "x".repeat(10_000));
    assert_eq!(remove(&in_pieces(text.as_bytes(), 777), OURS).to_vec(), b"A: b\r\n\r\n");
}

#[test]
fn kept_octets_are_not_copied() {
    let text = Bytes::from_static(b"A: b\r\nReturn-Path: x\r\nC: d\r\n\r\nbody");
    let message = remove(&[text.clone()].into_iter().collect(), OURS);
    let [head, rest] = message.segments() else { panic!("two slices") };
    assert_eq!(head.as_ptr(), text.as_ptr());
    assert_eq!(rest.as_ptr(), text[22..].as_ptr());
}

#[test]
fn many_removals_do_not_make_many_segments() {
    let text = "Return-Path: x\r\nA:\r\n".repeat(50_000) + "\r\nbody";
    let message = remove(&in_pieces(text.as_bytes(), 64 * 1024), OURS);
    assert_eq!(message.to_vec(), ("A:\r\n".repeat(50_000) + "\r\nbody").into_bytes());
    assert!(message.segments().len() < 10);
}

/// A parser of its own kind: which of CR and LF alone end a line. It skips what is no field, unfolds,
/// and trims names of all that is not printable and ends no line.
fn forged_fields(text: &[u8], bare_lf: bool, bare_cr: bool) -> Vec<String> {
    let text: String = text.iter().map(|octet| char::from(*octet)).collect();
    let mut text = text.replace("\r\n", "\u{1000}");
    if bare_lf {
        text = text.replace('\n', "\u{1000}");
    }
    if bare_cr {
        text = text.replace('\r', "\u{1000}");
    }
    // What folds at once folds into our own last field.
    let mut fields = vec!["received:".to_owned()];
    for line in text.split('\u{1000}').take_while(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(&line.to_ascii_lowercase()),
            _ => fields.push(line.to_ascii_lowercase()),
        }
    }
    let forged = |field: &String| {
        let name = field
            .split(':')
            .next()
            .unwrap_or_default()
            .trim_matches(|c: char| !c.is_ascii_graphic() && c != '\r' && c != '\n');
        let claims = || field.contains(":mx.example.org");
        field.contains(':') && (name == "return-path" || name == "authentication-results" && claims())
    };
    fields.into_iter().filter(forged).collect()
}

fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => prop::sample::select(vec!["\r\n", "\n", "\r"]),
        2 => prop::sample::select(vec!["Return-Path:x", "Authentication-Results:mx.example.org;"]),
        2 => prop::sample::select(vec!["A: b", "C", " ", "\t", "Return-Path", ":", "\r\n\r\n", "\u{b}"]),
    ];
    let octets = prop::collection::vec(any::<u8>(), 1..3);
    let part = prop_oneof![9 => word.prop_map(|word| word.as_bytes().to_vec()), 1 => octets];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

    #[test]
    fn no_parser_sees_a_forged_field(text in hostile_text(), size in 1_usize..9) {
        let left = remove(&in_pieces(&text, size), OURS).to_vec();
        for (bare_lf, bare_cr) in [(false, false), (true, false), (true, true)] {
            let seen = forged_fields(&left, bare_lf, bare_cr);
            prop_assert!(seen.is_empty(), "{:?} in {:?}", seen, left.escape_ascii().to_string());
        }
    }

    #[test]
    fn removal_is_the_same_in_any_pieces(text in hostile_text(), size in 1_usize..9) {
        let whole = remove(&in_pieces(&text, text.len().max(1)), OURS).to_vec();
        prop_assert_eq!(remove(&in_pieces(&text, size), OURS).to_vec(), whole);
    }

    #[test]
    fn what_no_parser_takes_for_forged_stays(text in hostile_text()) {
        let clean = [(false, false), (true, false), (true, true)]
            .iter()
            .all(|(bare_lf, bare_cr)| forged_fields(&text, *bare_lf, *bare_cr).is_empty());
        if clean {
            prop_assert_eq!(remove(&in_pieces(&text, 7), OURS).to_vec(), text);
        }
    }
}

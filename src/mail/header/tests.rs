//! The header section, for every split of its octets.

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::{prop_assert_eq, prop_oneof};

use super::{Cfws, Fields, Header, Start, skip_cfws};
use crate::mail::body::Message;

const HOST: &str = "mx.example.org";

fn whole(text: &[u8]) -> Message {
    [Bytes::copy_from_slice(text)].into_iter().collect()
}

fn in_pieces(text: &[u8], size: usize) -> Message {
    text.chunks(size).map(Bytes::copy_from_slice).collect()
}

fn read(text: &str) -> Header {
    let header = Header::read(&whole(text.as_bytes()), HOST);
    for size in 1..text.len() {
        let pieces = in_pieces(text.as_bytes(), size);
        assert_eq!(Header::read(&pieces, HOST), header, "in pieces of {size}: {text:?}");
    }
    header
}

fn fields(text: &str) -> Vec<(String, &str)> {
    let message = in_pieces(text.as_bytes(), 3);
    Fields::new(&message)
        .map(|field| (String::from_utf8_lossy(&field.name).into_owned(), &text[field.range]))
        .collect()
}

#[test]
fn fields_are_whole_with_folded_lines_and_line_ends() {
    let text = "Subject: a\r\n b\r\n\tc\r\nX-Odd :\r\nY:\n z\nLast: no end";
    let expected = [
        ("Subject", "Subject: a\r\n b\r\n\tc\r\n"),
        ("X-Odd", "X-Odd :\r\n"),
        ("Y", "Y:\n z\n"),
        ("Last", "Last: no end"),
    ];
    assert_eq!(fields(text), expected.map(|(name, raw)| (name.to_owned(), raw)));
    assert_eq!(read(text).body, text.len());
}

#[test]
fn the_section_ends_at_an_empty_line_a_line_that_is_no_field_or_the_end() {
    for (text, end, body) in [
        ("A: b\r\n\r\nbody", 6, 8),
        ("A: b\n\nbody", 5, 6),
        ("A: b\r\n\nbody", 6, 7),
        ("A: b\r\nno field\r\nC: d\r\n", 6, 6),
        ("A: b\r\n: x\r\n", 6, 6),
        ("A: b\r\nC d: x\r\n", 6, 6),
        ("A: b\r\nC", 6, 6),
        ("A: b\r\n", 6, 6),
        ("A: b\r\nB: c\rC: d\r\n\r\n", 17, 19),
        ("A: b\r\r\nB: c\r\n\r\nbody", 13, 15),
        ("A: b\r", 5, 5),
        ("\r\nbody", 0, 2),
        ("body", 0, 0),
        ("", 0, 0),
    ] {
        let header = read(text);
        assert_eq!((header.end, header.body), (end, body), "{text:?}");
    }
}

#[test]
fn the_first_line_says_whether_there_is_a_section() {
    for (text, start) in [
        ("A: b\r\n", Start::Field),
        ("A :b", Start::Field),
        ("\r\nA: b\r\n", Start::EmptyLine),
        ("\nA: b\r\n", Start::EmptyLine),
        (" A: b\r\n", Start::Folded),
        ("\tA: b\r\n", Start::Folded),
        ("From a@b Tue Nov 24 11:49:04 2026\r\nA: b\r\n", Start::Text),
        ("\rA: b\r\n", Start::Text),
        (":\r\n", Start::Text),
        ("", Start::Nothing),
    ] {
        assert_eq!(read(text).start, start, "{text:?}");
    }
}

#[test]
fn received_fields_are_counted_and_our_own_recognized() {
    let header = read(concat!(
        "Received: from a (a [192.0.2.1])\r\n\tBY MX.example.org. (x) with ESMTP id 1; date\r\n",
        "received: from b by(c)mx.example.org;x\r\n",
        "Received: from by by other.example (by mx.example.org)\r\n",
        "Received: from \"by\" mx.example.org by x.mx.example.org with SMTP\r\n",
        "Received: (by mx.example.org\r\n",
        "Received: from a by mx.example.org\r\n",
        "X-Received: from a by mx.example.org\r\n\r\nReceived: by mx.example.org\r\n"
    ));
    assert_eq!((header.received, header.received_here), (6, 3));
}

#[test]
fn the_first_of_each_field_counts_however_it_is_spelled() {
    let text = "MESSAGE-id: <1@a>\r\nDate:\r\n x\r\nfrom: a@b\r\nFrom: c@d\r\nMessage-ID: <2@a>\r\n\r\n";
    let header = read(text);
    let raw = |range: Option<std::ops::Range<usize>>| range.map(|range| &text[range]);
    assert_eq!(raw(header.message_id), Some(" <1@a>"));
    assert_eq!(raw(header.date), Some("\r\n x"));
    assert_eq!(raw(header.from), Some(" a@b"));
    assert_eq!(read("Message-ID:\r\n\r\n").message_id, Some(11..11));
    assert_eq!(read("Subject: x\r\n\r\nMessage-ID: <1@a>\r\n").message_id, None);
}

#[test]
fn a_message_id_is_told_without_brackets_and_line_ends() {
    for (content, id) in [
        (" <1@a>", Some("1@a")),
        ("\r\n <1@a>", Some("1@a")),
        (" bare@a ", Some("bare@a")),
        (" (x) <1@a> (y)", Some("1@a")),
        (" <no end", Some("no end")),
        (" <>", None),
        ("", None),
    ] {
        let text = format!("Message-ID:{content}\r\n\r\n");
        assert_eq!(read(&text).message_id_text.as_deref(), id, "{content:?}");
    }
}

#[test]
fn a_name_may_be_long_or_far_from_its_colon() {
    for (name, blanks, start) in
        [(64, 0, Start::Field), (65, 70, Start::Field), (997, 5000, Start::Field), (999, 0, Start::Text)]
    {
        let text = format!("{}{}: x", "n".repeat(name), " ".repeat(blanks));
        assert_eq!(Start::of(&in_pieces(text.as_bytes(), 100)), start, "{name} {blanks}");
        assert_eq!(Start::of(&in_pieces(text.as_bytes(), 63)), start, "{name} {blanks}");
    }
}

#[test]
fn comments_and_white_space_are_skipped() {
    for (text, rest) in [
        (" \t\r\n (a (b) \\) c)\0x (y)", Cfws::Text(b"x (y)")),
        ("", Cfws::Text(b"")),
        (" (a)", Cfws::Text(b"")),
        ("(a (b)", Cfws::Unclosed),
        (")x", Cfws::Text(b")x")),
    ] {
        assert_eq!(skip_cfws(text.as_bytes()), rest, "{text:?}");
    }
}

#[test]
fn an_endless_header_is_read_to_its_end() {
    for line in ["a:\r\n", "a:\n", "a: \r", "Received: by x\r\n "] {
        let text = line.repeat((4 << 20) / line.len());
        let message = in_pieces(text.as_bytes(), 64 * 1024);
        let header = Header::read(&message, HOST);
        assert_eq!(header.end, text.len(), "{line:?}");
    }
}

proptest! {
    #[test]
    fn any_octets_read_alike_in_any_pieces(
        parts in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec!["\r\n", "\n", "\r", " ", ":", "A: b", "Message-ID: <x>", "From", "\t"])
                    .prop_map(|text| text.as_bytes().to_vec()),
                prop::collection::vec(any::<u8>(), 0..4),
            ],
            0..40,
        ),
        size in 1_usize..20,
    ) {
        let text = parts.concat();
        let header = Header::read(&whole(&text), HOST);
        prop_assert_eq!(&Header::read(&in_pieces(&text, size), HOST), &header);
        let message = in_pieces(&text, size);
        let raw: Vec<u8> = Fields::new(&message).flat_map(|field| text[field.range].to_vec()).collect();
        prop_assert_eq!(&raw[..], &text[..header.end]);
    }
}

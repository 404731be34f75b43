//! Headers of both versions, each cut at every octet.

use super::*;

const BEHIND: &[u8] = b"EHLO client.example\r\n";

fn client(text: &str) -> Parsed {
    Parsed::Header(Origin::Client(text.parse().unwrap()))
}

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &length, block].concat()
}

/// Addresses and ports of TCP over IPv4, then `tlvs`.
fn inet(tlvs: &[u8]) -> Vec<u8> {
    [&[192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25][..], tlvs].concat()
}

fn inet6() -> Vec<u8> {
    let mut block = vec![0; 36];
    block[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    block[15] = 7;
    block[31] = 1;
    block[32..34].copy_from_slice(&[0x30, 0x39]);
    block
}

/// What it is, however it is cut; what stands behind a header is left alone.
fn read(header: &[u8]) -> Parsed {
    let octets = [header, BEHIND].concat();
    let (whole, taken) = parse(&octets);
    if matches!(whole, Parsed::Header(_)) {
        assert_eq!(taken, header.len());
    }
    for cut in 0..taken {
        let mut parser = Parser::default();
        let (first, fed) = parser.feed(&octets[..cut]);
        assert_eq!((first, fed), (Parsed::Incomplete, cut), "cut at {cut}");
        assert_eq!(parser.feed(&octets[cut..]), (whole, taken - cut), "cut at {cut}");
        assert!(parser.head.len() <= 107);
    }
    let mut parser = Parser::default();
    let one_by_one = octets.iter().map(|octet| parser.feed(&[*octet]).0);
    assert_eq!(one_by_one.into_iter().find(|parsed| *parsed != Parsed::Incomplete), Some(whole));
    whole
}

#[test]
fn lines_of_version_1_name_the_client() {
    let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                   65535 65535\r\n";
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n", client("192.0.2.7:12345")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", client("255.255.255.255:65535")),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", client("0.0.0.0:0")),
        ("PROXY TCP6 2001:db8::7 ::1 12345 25\r\n", client("[2001:db8::7]:12345")),
        (longest, client("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")),
        ("PROXY UNKNOWN\r\n", Parsed::Header(Origin::Unknown)),
        ("PROXY UNKNOWN ffff::1 \u{7f} anything 1 2 3\r\n", Parsed::Header(Origin::Unknown)),
    ] {
        assert_eq!(read(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn lines_that_break_version_1_are_malformed() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 12345 25\r\n",
        "PROXY tcp4 192.0.2.7 198.51.100.1 12345 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345 25 \r\n",
        "PROXY TCP4  192.0.2.7 198.51.100.1 12345 25\r\n",
        "PROXY TCP4 2001:db8::7 ::1 12345 25\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 12345 25\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 12345 25\r\n",
        "PROXY TCP4 192.0.2.07 198.51.100.1 12345 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 012 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 +12 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345 -1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\n",
        "PROXY UNKNOWNS\r\n",
    ] {
        assert_eq!(read(line.as_bytes()), Parsed::Malformed, "{line}");
    }
    assert_eq!(read(&[b"PROXY UNKNOWN ", &[b'a'; 200][..], b"\r\n"].concat()), Parsed::Malformed);
    assert_eq!(read(b"PROXY TCP4 \xff\xfe\r\n"), Parsed::Malformed);
}

#[test]
fn headers_of_version_2_name_the_client_and_their_tlvs_are_dropped() {
    let tlv = [&[0x02, 0, 7][..], b"example", &[0x03, 0, 4, 1, 2, 3, 4]].concat();
    for (header, expected) in [
        (v2(0x21, 0x11, &inet(b"")), client("192.0.2.7:12345")),
        (v2(0x21, 0x11, &inet(&tlv)), client("192.0.2.7:12345")),
        (v2(0x21, 0x11, &inet(b"no tlv at all")), client("192.0.2.7:12345")),
        (v2(0x21, 0x21, &inet6()), client("[2001:db8::7]:12345")),
        (v2(0x21, 0x21, &[inet6(), tlv.clone()].concat()), client("[2001:db8::7]:12345")),
        (v2(0x21, 0x00, b""), Parsed::Header(Origin::Unknown)),
        (v2(0x21, 0x00, &tlv), Parsed::Header(Origin::Unknown)),
        (v2(0x21, 0x12, &inet(b"")), Parsed::Header(Origin::Unknown)),
        (v2(0x21, 0x22, &inet6()), Parsed::Header(Origin::Unknown)),
        (v2(0x21, 0x31, &[b'/'; 216]), Parsed::Header(Origin::Unknown)),
        (v2(0x21, 0x32, &[0; 300]), Parsed::Header(Origin::Unknown)),
        (v2(0x20, 0x00, b""), Parsed::Header(Origin::Proxy)),
        (v2(0x20, 0x11, &inet(&tlv)), Parsed::Header(Origin::Proxy)),
        (v2(0x20, 0xff, b"short"), Parsed::Header(Origin::Proxy)),
    ] {
        assert_eq!(read(&header), expected, "{header:x?}");
    }
}

#[test]
fn headers_that_break_version_2_are_malformed() {
    for header in [
        v2(0x11, 0x11, &inet(b"")),
        v2(0x31, 0x11, &inet(b"")),
        v2(0x22, 0x11, &inet(b"")),
        v2(0x2f, 0x00, b""),
        v2(0x21, 0x10, &inet(b"")),
        v2(0x21, 0x13, &inet(b"")),
        v2(0x21, 0x41, &inet6()),
        v2(0x21, 0x01, b""),
        v2(0x21, 0x11, &inet(b"")[..11]),
        v2(0x21, 0x21, &inet6()[..35]),
        v2(0x21, 0x31, &[0; 215]),
    ] {
        assert_eq!(read(&header), Parsed::Malformed, "{header:x?}");
    }
}

#[test]
fn the_longest_header_is_never_held() {
    let header = v2(0x21, 0x11, &inet(&vec![0xa5; usize::from(u16::MAX) - 12]));
    let mut parser = Parser::default();
    for piece in header.chunks(1000) {
        parser.feed(piece);
        assert!(parser.head.capacity() <= 256);
    }
    assert_eq!(parser.feed(BEHIND), (client("192.0.2.7:12345"), 0));
}

#[test]
fn whatever_else_is_no_header() {
    for text in [
        "EHLO client.example\r\n",
        "P\r\n",
        "PROXIES\r\n",
        "PROXY\r\n",
        "proxy TCP4",
        "\r\n",
        "\r\nEHLO",
        "\r\n\r\n\0\r\nQUIT\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let (parsed, fed) = parse(text.as_bytes());
        let mut parser = Parser::default();
        parser.feed(text.as_bytes());
        if parsed == Parsed::Absent {
            assert_eq!(parser.into_octets(), &text.as_bytes()[..fed], "{text:?}");
        } else {
            // The whole of it may yet become one.
            assert_eq!((parsed, text), (Parsed::Incomplete, "\r\n"));
        }
    }
}

//! What is put before a message (`stamp`), whoever greeted and whatever was sent.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::data::pieces;
use super::input::Input;
use crate::mail::body::Message;
use crate::mail::header::{Fields, Header, MAX_LINE};
use crate::mail::{
    BodyType, Envelope, ForwardPath, Greeting, GreetingName, Host, Mailbox, Protocol, Recipient, ReversePath,
    Tls, TransactionId,
};
use crate::stamp::{Options, Stamped, Stamping, dedupe};

const HOSTNAME: &str = "mx.example.org";

/// Flags, then behind their lengths the greeting, the sender, a recipient, sizes of segments; then the
/// message.
pub fn stamp(input: &[u8]) {
    let mut input = Input::new(input);
    let (flags, more) = (input.octet(), input.octet());
    let greeting = greeting(input.short(), flags);
    let envelope = envelope(input.short(), input.short(), flags);
    let sizes = input.short();
    let message: Message = pieces(input.rest(), sizes).map(Bytes::copy_from_slice).collect();
    let header = Header::read(&message, HOSTNAME);
    let whole: Message = std::iter::once(Bytes::copy_from_slice(input.rest())).collect();
    assert_eq!(header, Header::read(&whole, HOSTNAME), "segments are no matter");
    let id = TransactionId::new(SystemTime::UNIX_EPOCH, [1; 10]);
    let key = |message: &Message| dedupe::key("ns/mx/ns/route/rule", &envelope, &header, message, id);
    assert_eq!(key(&message), key(&whole));
    let tls = Tls { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", client_identity: None };
    let stamping = Stamping {
        hostname: HOSTNAME,
        client: client(more),
        client_name: (more & 4 > 0).then_some("client.example"),
        greeting: &greeting,
        tls: (flags & 4 > 0).then_some(&tls),
        authenticated: flags & 8 > 0,
        id,
        received_at: SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(more) << 24),
        envelope: &envelope,
        header: &header,
        options: Options { return_path: flags & 16 > 0, message_id: flags & 32 > 0, date: flags & 64 > 0 },
    };
    let stamped = stamping.stamp(&message);
    assert_eq!(stamping.stamp(&whole).message.to_vec(), stamped.message.to_vec());
    prefix(&stamped, &stamping);
    joined(&stamped, &stamping);
    nothing_forged(&stamped, &stamping);
    nothing_lost(&message.to_vec(), &stamped.message.to_vec());
}

fn greeting(given: &[u8], flags: u8) -> Greeting {
    let name = Host::parse(given, flags & 128 > 0);
    let name = name.map_or_else(|_| GreetingName::Other(given.into()), GreetingName::Host);
    let protocol = [Protocol::Smtp, Protocol::Esmtp, Protocol::Lmtp][usize::from(flags & 3) % 3];
    Greeting { protocol, name }
}

fn client(choice: u8) -> IpAddr {
    let addresses = [IpAddr::from([192, 0, 2, 1]), Ipv6Addr::LOCALHOST.into(), IpAddr::from([0xffff; 8])];
    addresses[usize::from(choice & 3) % 3]
}

fn envelope(sender: &[u8], recipient: &[u8], flags: u8) -> Envelope {
    let smtputf8 = flags & 128 > 0;
    let mailbox = |text: &[u8]| Mailbox::parse(text, true).ok();
    let original = mailbox(recipient).map_or(ForwardPath::Postmaster, ForwardPath::Mailbox);
    let rewritten = mailbox(b"postmaster@example.org").into_iter();
    let recipients = rewritten
        .map(|rewritten| Recipient { original: original.clone(), rewritten, dsn: Default::default() })
        .collect();
    let reverse_path = mailbox(sender).map_or(ReversePath::Null, ReversePath::Mailbox);
    Envelope { reverse_path, recipients, body_type: BodyType::default(), smtputf8, dsn: Default::default() }
}

/// Lines end in CRLF, hold no other control character and keep their length; they are fields that only
/// we write, each once, and perhaps the empty line behind them.
fn prefix(stamped: &Stamped, stamping: &Stamping<'_>) {
    let text = std::str::from_utf8(&stamped.prefix).expect("the prefix is text");
    assert!(stamping.envelope.smtputf8 || text.is_ascii(), "{text:?}");
    let lines: Vec<&str> = text.strip_suffix("\r\n").expect("it ends its last line").split("\r\n").collect();
    let mut names = Vec::new();
    for line in &lines {
        assert!(line.len() <= MAX_LINE, "{line}");
        assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
        match line.split_once(": ") {
            _ if line.starts_with('\t') => assert!(line.trim().len() > 1, "{line:?} is blank"),
            Some((name, _)) => names.push(name),
            None => assert!(line.is_empty(), "{line:?} is no field"),
        }
    }
    let options = stamping.options;
    let sent = Header::read(&stamped.message, HOSTNAME);
    let expected = [
        ("Return-Path", options.return_path),
        ("Received", true),
        ("Message-ID", options.message_id && sent.message_id.is_none()),
        ("Date", options.date && sent.date.is_none()),
    ];
    let expected: Vec<&str> = expected.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "{text}");
    assert!(lines[..lines.len() - 1].iter().all(|line| !line.is_empty()), "{text:?}");
    received(&text.replace("\r\n\t", " "));
}

/// RFC 5321 §4.4: `from`, `by`, `with`, `id` and a date stand where they belong, comments aside.
fn received(text: &str) {
    let field = text.split("\r\n").find_map(|line| line.strip_prefix("Received: ")).unwrap_or_default();
    // Between angle brackets a domain literal may hold parentheses (RFC 5322 §3.4.1).
    let (mut plain, mut depth) = (String::new(), 0_u32);
    let (mut quoted, mut escaped, mut path) = (false, false, false);
    for c in field.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '<' | '>' if depth == 0 && !quoted => path = c == '<',
            _ if path => {}
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1).expect("a comment has a beginning"),
            _ if depth == 0 && !quoted => plain.push(c),
            _ => {}
        }
    }
    assert!(!quoted, "{field:?} leaves a quoted string open");
    assert_eq!(depth, 0, "{field:?} leaves a comment open");
    let words: Vec<&str> = plain.split_whitespace().collect();
    assert!(matches!(words[..], ["from", _, "by", HOSTNAME, "with", _, "id", ..]), "{field:?}");
    let id = words[7].trim_end_matches(';');
    assert_eq!(id.len(), 36, "{field:?}");
    let (_, date) = field.rsplit_once("; ").expect("a date behind the semicolon");
    assert!(jiff::fmt::rfc2822::parse(date).is_ok(), "{date:?}");
}

/// Prefix and message together: ours come first, and the message's first field is read as before.
fn joined(stamped: &Stamped, stamping: &Stamping<'_>) {
    let all: Message =
        std::iter::once(stamped.prefix.clone()).chain(stamped.message.segments().iter().cloned()).collect();
    let read = Header::read(&all, HOSTNAME);
    assert!(read.received_here >= 1 && read.received >= 1, "our own Received is known again");
    assert!(read.end + 2 >= stamped.prefix.len(), "our fields are in the header");
    if stamping.options.message_id {
        assert!(read.message_id.is_some());
    }
    if stamping.header.start.has_section() {
        let before = Fields::new(&stamped.message).count();
        let ours = Fields::new(&all).count() - before;
        assert!((1..=4).contains(&ours), "{ours} fields are ours");
    }
}

/// What a reader sees as the end of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reader {
    Strict,
    Common,
    Loose,
}

/// However a parser behind us ends its lines, in the header of the message it finds no field that only
/// we may write. It unfolds first, and trims names of all that is not printable and ends no line.
fn nothing_forged(stamped: &Stamped, stamping: &Stamping<'_>) {
    if !stamping.header.start.has_section() {
        return;
    }
    let octets = stamped.message.to_vec();
    for reader in [Reader::Strict, Reader::Common, Reader::Loose] {
        for field in fields(&octets, reader) {
            let Some(colon) = field.iter().position(|octet| *octet == b':') else { continue };
            let (name, content) = (trim(&field[..colon]), &field[colon + 1..]);
            let forged = stamping.options.return_path && name.eq_ignore_ascii_case(b"Return-Path");
            let claims = name.eq_ignore_ascii_case(b"Authentication-Results") && {
                let content = content.trim_ascii_start();
                let id = content.get(..HOSTNAME.len()).unwrap_or_default();
                let behind = content.get(HOSTNAME.len());
                id.eq_ignore_ascii_case(HOSTNAME.as_bytes()) && matches!(behind, None | Some(b';' | b' '))
            };
            assert!(!forged && !claims, "{reader:?} sees {}", field.escape_ascii());
        }
    }
}

fn trim(name: &[u8]) -> &[u8] {
    let kept = |octet: &u8| octet.is_ascii_graphic() || matches!(octet, b'\r' | b'\n');
    let first = name.iter().position(kept).unwrap_or(name.len());
    let last = name.iter().rposition(kept).map_or(first, |last| last + 1);
    &name[first..last]
}

/// The fields up to the first empty line, each without its line ends.
fn fields(octets: &[u8], reader: Reader) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in lines(octets, reader).take_while(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

fn lines(octets: &[u8], reader: Reader) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = (0..rest.len()).find_map(|at| match (rest[at], rest.get(at + 1)) {
            (b'\r', Some(b'\n')) => Some((at, 2)),
            (b'\r', _) if reader == Reader::Loose => Some((at, 1)),
            (b'\n', _) if reader != Reader::Strict => Some((at, 1)),
            _ => None,
        });
        let (end, ending) = end.unwrap_or((rest.len(), 0));
        let line = &rest[..end];
        rest = &rest[end + ending..];
        Some(line)
    })
}

/// What stays are octets of the message in order, and all where nothing in it looks like a field that
/// goes.
fn nothing_lost(sent: &[u8], kept: &[u8]) {
    let lower = sent.to_ascii_lowercase();
    let has = |name: &[u8]| lower.windows(name.len()).any(|window| window == name);
    if !has(b"return-path") && !has(b"authentication-results") {
        assert!(sent == kept, "something is gone");
    }
    let mut rest = sent.iter();
    assert!(kept.iter().all(|octet| rest.any(|each| each == octet)), "octets that were never sent");
}

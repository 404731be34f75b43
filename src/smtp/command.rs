//! One command line → [`Command`] (RFC 5321 §4.1.1), or the reply that says why not.
//!
//! Knows the grammar, not the order of commands: that is `session`.

use bytes::Bytes;

use super::action::{AuthStep, Hello, Recipient, Sender, Verb, Xclient};
use super::reply::{self, Reply};
use crate::mail::address::MAX_PATH;
use crate::mail::{AddressError, ForwardPath, GreetingName, Host, Mailbox, Protocol, ReversePath};

pub(super) mod auth;
mod dsn;
mod parameters;
#[cfg(test)]
mod tests;
mod xclient;
mod xtext;

pub(super) use parameters::MailParameters;

/// A command that is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the verb it is named after")]
pub enum Command {
    Hello(Protocol, GreetingName),
    Mail(Sender),
    Rcpt(Recipient),
    Data,
    Bdat { size: u64, last: bool },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    Starttls,
    Auth(AuthStep),
    Xclient(Xclient),
}

/// What the session's state lets a command hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// RCPT may hold UTF-8: its MAIL had SMTPUTF8.
    pub smtputf8: bool,
    /// The listener speaks LMTP: LHLO instead of HELO and EHLO (RFC 2033 §4.1).
    pub lmtp: bool,
    /// What was announced; nothing else is spoken.
    pub announced: Hello,
}

/// The verb of a line, for metrics and for the order of commands.
pub fn verb(line: &[u8]) -> Verb {
    let word = line.split(|octet| *octet == b' ').next().unwrap_or_default();
    let known = [
        Verb::Helo,
        Verb::Ehlo,
        Verb::Lhlo,
        Verb::Mail,
        Verb::Rcpt,
        Verb::Data,
        Verb::Bdat,
        Verb::Rset,
        Verb::Noop,
        Verb::Quit,
        Verb::Vrfy,
        Verb::Expn,
        Verb::Help,
        Verb::Starttls,
        Verb::Auth,
        Verb::Xclient,
    ];
    known.into_iter().find(|verb| word.eq_ignore_ascii_case(verb.as_str().as_bytes())).unwrap_or(Verb::Other)
}

/// Reads a line, without its CRLF and trailing white space.
pub fn parse(line: &Bytes, context: Context) -> Result<Command, Reply> {
    let verb = verb(line);
    let argument = line.iter().position(|octet| *octet == b' ').map_or(&b""[..], |at| &line[at + 1..]);
    let may_be_utf8 = matches!(verb, Verb::Mail | Verb::Rcpt) && std::str::from_utf8(line).is_ok();
    if !line.is_ascii() && !may_be_utf8 {
        return Err(reply::BAD_LINE);
    }
    match verb {
        Verb::Helo | Verb::Ehlo if !context.lmtp => hello(verb, argument),
        Verb::Lhlo if context.lmtp => hello(verb, argument),
        Verb::Mail => mail(argument, context).map(Command::Mail),
        Verb::Rcpt => rcpt(argument, context).map(Command::Rcpt),
        Verb::Bdat => bdat(argument),
        Verb::Data => bare(argument, Command::Data),
        Verb::Rset => bare(argument, Command::Rset),
        Verb::Quit => bare(argument, Command::Quit),
        Verb::Starttls => bare(argument, Command::Starttls),
        Verb::Noop => Ok(Command::Noop),
        Verb::Help => Ok(Command::Help),
        Verb::Vrfy if argument.is_empty() => Err(reply::BAD_ARGUMENT),
        Verb::Vrfy => Ok(Command::Vrfy),
        Verb::Expn => Ok(Command::Expn),
        Verb::Auth => auth::auth(argument, context.announced.auth),
        Verb::Xclient => xclient::xclient(argument).map(Command::Xclient),
        _ => Err(reply::UNKNOWN_COMMAND),
    }
}

fn bare(argument: &[u8], command: Command) -> Result<Command, Reply> {
    if argument.is_empty() { Ok(command) } else { Err(reply::BAD_ARGUMENT) }
}

fn hello(verb: Verb, argument: &[u8]) -> Result<Command, Reply> {
    let protocol = match verb {
        Verb::Helo => Protocol::Smtp,
        Verb::Lhlo => Protocol::Lmtp,
        _ => Protocol::Esmtp,
    };
    let name = argument.trim_ascii();
    if name.is_empty() {
        return Err(reply::NEEDS_NAME);
    }
    // A name that is no host is let pass: too many real clients send one (RFC 5321 §4.1.4 forbids
    // refusing mail because verification of the name fails).
    let name = Host::parse(name, false).map_or_else(|_| GreetingName::Other(name.into()), GreetingName::Host);
    Ok(Command::Hello(protocol, name))
}

fn mail(argument: &[u8], context: Context) -> Result<Sender, Reply> {
    let (path, rest) = path(argument, b"FROM:").ok_or(reply::BAD_SENDER)?;
    let MailParameters { size, body_type, smtputf8, prdr, dsn } =
        MailParameters::parse(rest, context.announced)?;
    let reverse_path = if path.is_empty() {
        ReversePath::Null
    } else {
        ReversePath::Mailbox(mailbox(path, smtputf8, reply::BAD_SENDER)?)
    };
    Ok(Sender { reverse_path, size, body_type, smtputf8, prdr, dsn })
}

fn rcpt(argument: &[u8], context: Context) -> Result<Recipient, Reply> {
    let (path, rest) = path(argument, b"TO:").ok_or(reply::BAD_RECIPIENT)?;
    let dsn = parameters::rcpt(rest, context.announced, context.smtputf8)?;
    let forward_path = if path.eq_ignore_ascii_case(b"postmaster") {
        ForwardPath::Postmaster
    } else {
        ForwardPath::Mailbox(mailbox(path, context.smtputf8, reply::BAD_RECIPIENT)?)
    };
    Ok(Recipient { forward_path, dsn })
}

fn mailbox(path: &[u8], utf8: bool, bad: Reply) -> Result<Mailbox, Reply> {
    Mailbox::parse(path, utf8).map_err(|error| match error {
        AddressError::Syntax => bad,
        AddressError::NeedsUtf8 => reply::NEEDS_SMTPUTF8,
    })
}

/// Splits `FROM:<path> parameters` into the path without brackets and source route, and the rest.
///
/// One space after the colon is let pass, since real clients send it. The closing bracket is the
/// first one outside a quoted string.
fn path<'a>(argument: &'a [u8], keyword: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let head = argument.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = &argument[keyword.len()..];
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"<")?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.iter().position(|octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' => return !quoted,
            _ => {}
        }
        false
    })?;
    let (path, rest) = (&rest[..end], &rest[end + 1..]);
    if path.len() + 2 > MAX_PATH || !(rest.is_empty() || rest.starts_with(b" ")) {
        return None;
    }
    Some((without_source_route(path)?, rest))
}

/// RFC 5321 §4.1.1.3: a source route is accepted in its syntax and ignored.
fn without_source_route(path: &[u8]) -> Option<&[u8]> {
    if !path.starts_with(b"@") {
        return Some(path);
    }
    let colon = path.iter().position(|octet| *octet == b':')?;
    let hops_fit = path[..colon].split(|octet| *octet == b',').all(|hop| {
        hop.strip_prefix(b"@").is_some_and(|domain| matches!(Host::parse(domain, true), Ok(Host::Domain(_))))
    });
    (hops_fit && colon + 1 < path.len()).then(|| &path[colon + 1..])
}

/// The octets behind a BDAT line, even where the line is refused.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    line.split(|octet| *octet == b' ').filter(|word| !word.is_empty()).nth(1).and_then(parameters::number)
}

/// RFC 3030 §2: `BDAT SP chunk-size [SP LAST]`.
fn bdat(argument: &[u8]) -> Result<Command, Reply> {
    let mut words = argument.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(parameters::number).ok_or(reply::BAD_ARGUMENT)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return Err(reply::BAD_ARGUMENT),
    };
    if words.next().is_some() { Err(reply::BAD_ARGUMENT) } else { Ok(Command::Bdat { size, last }) }
}

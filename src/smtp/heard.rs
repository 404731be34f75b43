//! What a client was heard to say, for people who watch: a line each, secrets withheld, messages by their size.

use std::borrow::Cow;

use super::action::Verb;
use super::command;
use super::mechanism::Mechanism;

/// Octets of a line that are shown.
const SHOWN: usize = 1000;
/// In place of what is secret.
const WITHHELD: &str = "(withheld)";

/// A line of the client's, or what it sent instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// In one line; what is no line of a command stands in round brackets.
    pub text: Cow<'static, str>,
    /// What it belongs to.
    pub part: Part,
}

/// What a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The session.
    Session,
    /// The transaction that it begins, or would.
    Beginning,
    /// The transaction that there is.
    Transaction,
}

/// Turns lines into what may be shown of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Narrator {
    /// AUTH was said. A client that does not wait for an answer may send its secrets as if they were commands.
    auth: bool,
}

impl Narrator {
    /// A command line, without its line end.
    pub(super) fn command(&mut self, line: &[u8]) -> Cow<'static, str> {
        let text = line.trim_ascii_start();
        if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"AUTH")) {
            self.auth = true;
            return auth(text);
        }
        if self.auth && command::verb(line) == Verb::Other {
            return WITHHELD.into();
        }
        printable(line).into()
    }

    /// The answer to a challenge.
    pub(super) fn response(self, line: &[u8]) -> Cow<'static, str> {
        if line == b"*" { "*".into() } else { WITHHELD.into() }
    }
}

/// Which mechanism, where it is one that we know: any other word may be a secret.
fn auth(line: &[u8]) -> Cow<'static, str> {
    let mut words = line.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let verb = words.next().filter(|verb| verb.eq_ignore_ascii_case(b"AUTH"));
    let Some(name) = words.next() else {
        return if verb.is_some() { "AUTH".into() } else { WITHHELD.into() };
    };
    let known = Mechanism::ALL.into_iter().map(Mechanism::as_str);
    match known.filter(|_| verb.is_some()).find(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
        None => format!("AUTH {WITHHELD}").into(),
        Some(name) if words.next().is_none() => format!("AUTH {name}").into(),
        Some(name) => format!("AUTH {name} {WITHHELD}").into(),
    }
}

/// Control characters, and octets that are no UTF-8, become U+FFFD.
fn printable(line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    let mut text = shown.replace(char::is_control, "\u{fffd}");
    if line.len() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_withheld() {
        for (line, shown) in [
            ("AUTH PLAIN AGEAcGVuY2ls", "AUTH PLAIN (withheld)"),
            ("auth plain  AGEAcGVuY2ls more", "AUTH PLAIN (withheld)"),
            ("AUTH LOGIN", "AUTH LOGIN"),
            ("AUTH", "AUTH"),
            ("AUTH CRAM-MD5 AGEAcGVuY2ls", "AUTH (withheld)"),
            ("AUTH AGEAcGVuY2ls", "AUTH (withheld)"),
            ("AUTH\tPLAIN AGEAcGVuY2ls", "AUTH (withheld)"),
            ("AUTH=PLAIN AGEAcGVuY2ls", "AUTH (withheld)"),
            ("  AUTH PLAIN AGEAcGVuY2ls", "AUTH PLAIN (withheld)"),
            ("AUTHPLAINAGEAcGVuY2ls", "(withheld)"),
        ] {
            assert_eq!(Narrator::default().command(line.as_bytes()), shown, "{line}");
        }
    }

    #[test]
    fn behind_auth_what_is_no_command_may_be_a_secret() {
        let mut narrator = Narrator::default();
        assert_eq!(narrator.command(b"AGEAcGVuY2ls"), "AGEAcGVuY2ls");
        narrator.command(b"AUTH LOGIN");
        assert_eq!(narrator.command(b"AGEAcGVuY2ls"), "(withheld)");
        assert_eq!(narrator.command(b"NOOP x"), "NOOP x");
        assert_eq!(narrator.response(b"AGEAcGVuY2ls"), "(withheld)");
        assert_eq!(narrator.response(b"*"), "*");
    }

    #[test]
    fn what_is_shown_is_one_line_of_text() {
        let mut narrator = Narrator::default();
        assert_eq!(narrator.command(b"NOOP \x1b[2J\xff \xc3\xbc"), "NOOP \u{fffd}[2J\u{fffd} ü");
        let shown = narrator.command(&[b'x'; SHOWN + 1]);
        assert_eq!(shown.chars().count(), SHOWN + 1);
        assert!(shown.ends_with('…'));
    }
}

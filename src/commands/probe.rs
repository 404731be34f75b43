//! `mailchute probe`: one SMTP conversation with a front-end, on standard output, and an exit code.
//!
//! It asks as much as it is told to: without a recipient whether the listener answers, with one whether that is taken.
//! It takes the recipient back by RSET, so nothing is delivered, unless a message is asked for. `helm test` runs it.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Exit, Failure};
use crate::cli::duration;
use crate::client::smtp::{
    Dialect, Envelope, Fault, Line, Login, Obstacle, Outcome, Reply, Script, Security, Target, Trust,
    converse,
};
use crate::mail::{ForwardPath, Mailbox, ReversePath};
use crate::plan::{Secret, shown};

/// What to ask.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all was accepted; 1 refused (5xx); 64 wrong command line; 65 authorities that \
                        can't be read; 69 can't connect, no TLS, no answer in time; 71 a file can't be read; 75 come \
                        again (4xx); 76 no mail server, or one that does not offer what is asked for."
)]
pub struct ProbeArgs {
    /// The listener.
    #[arg(long, value_name = "HOST:PORT", value_parser = place)]
    pub to: Place,
    /// When TLS begins.
    #[arg(long, value_enum, default_value_t = TlsMode::None, value_name = "MODE")]
    pub tls: TlsMode,
    /// A file of certificates (PEM) that may have signed that of the server; else those that the system trusts.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// Don't look at the server's certificate.
    #[arg(long)]
    pub insecure: bool,
    /// The name that the certificate must have, sent as SNI; else the host that is called.
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// Speak LMTP.
    #[arg(long)]
    pub lmtp: bool,
    /// Sign in as this user, by AUTH PLAIN; only inside TLS.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// The file that holds the password; a line end behind it does not count.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// The sender; `<>` is the null reverse-path, to which nothing is ever bounced.
    #[arg(long, value_name = "ADDRESS", default_value = "<>")]
    pub from: String,
    /// The recipient to ask for. Without it, the conversation ends behind EHLO, or behind signing in.
    #[arg(long, value_name = "ADDRESS")]
    pub rcpt: Option<String>,
    /// Also send a small message. Without it, the recipient is taken back and nothing is delivered.
    #[arg(long, requires = "rcpt")]
    pub message: bool,
    /// How long the whole conversation may take.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsMode {
    /// Never.
    None,
    /// By the command STARTTLS.
    Starttls,
    /// At once.
    Implicit,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    host: String,
    port: u16,
}

fn place(text: &str) -> Result<Place, String> {
    let (host, port) = text.rsplit_once(':').ok_or("needs a port, as in mx.example.net:25")?;
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match literal.unwrap_or(host) {
        "" => Err("needs a host, as in mx.example.net:25".to_owned()),
        host if literal.is_none() && host.contains(':') => {
            Err("an IPv6 address stands in brackets, as in [2001:db8::1]:25".to_owned())
        }
        host => Ok(Place { host: host.to_owned(), port }),
    }
}

/// Holds the conversation, and prints it.
pub(super) async fn run(arguments: ProbeArgs) -> Result<Exit, Failure> {
    let (target, script) = (target(&arguments)?, script(&arguments)?);
    let mut transcript = Transcript { out: io::stdout(), failed: None };
    let deadline = Instant::now() + arguments.timeout;
    let end = converse(&target, script, deadline, &mut |line| transcript.write(&line)).await;
    let (exit, verdict) = match &end {
        Ok(outcome) => (exit_of(outcome), told(outcome, &arguments)),
        Err(fault @ Fault::NotSmtp(_)) => (Exit::Protocol, format!("failed: {fault}")),
        Err(fault) => (Exit::Unavailable, format!("unavailable: {fault}")),
    };
    transcript.write(&Line::Note(verdict));
    transcript.failed.map_or(Ok(exit), |error| Err(error.into()))
}

fn target(arguments: &ProbeArgs) -> Result<Target, Failure> {
    let trust = match &arguments.ca {
        Some(file) => Trust::Authorities(text_of(file)?),
        None if arguments.insecure => Trust::Anybody,
        None => Trust::System,
    };
    let security = match arguments.tls {
        TlsMode::None => Security::None,
        TlsMode::Starttls => Security::StartTls,
        TlsMode::Implicit => Security::Implicit,
    };
    let Place { host, port } = &arguments.to;
    Target::new((host, *port), security, &trust, arguments.server_name.as_deref())
        .map_err(|problem| Failure::Config(problem.to_owned()))
}

fn script(arguments: &ProbeArgs) -> Result<Script, Failure> {
    let login = match (&arguments.user, &arguments.password_file) {
        (Some(_), _) if arguments.tls == TlsMode::None => {
            return Err(Failure::Usage(
                "--user needs --tls: a password is never sent in the clear".to_owned(),
            ));
        }
        (Some(user), Some(file)) => {
            let text = text_of(file)?;
            let password = text.strip_suffix('\n').unwrap_or(&text);
            let password = password.strip_suffix('\r').unwrap_or(password);
            Some(Login { user: user.clone(), password: Secret::new(password.as_bytes()) })
        }
        _ => None,
    };
    let dialect = if arguments.lmtp { Dialect::Lmtp } else { Dialect::Smtp };
    Ok(Script { dialect, login, envelope: envelope(arguments)? })
}

fn envelope(arguments: &ProbeArgs) -> Result<Option<Envelope>, Failure> {
    let mailbox = |flag: &str, text: &str| {
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Mailbox::parse(bare.as_bytes(), true)
            .map_err(|error| Failure::Usage(format!("{flag} {text}: {error}")))
    };
    let Some(recipient) = &arguments.rcpt else { return Ok(None) };
    let sender = match arguments.from.as_str() {
        "" | "<>" => ReversePath::Null,
        text => ReversePath::Mailbox(mailbox("--from", text)?),
    };
    let recipient = if recipient.eq_ignore_ascii_case("postmaster") {
        ForwardPath::Postmaster
    } else {
        ForwardPath::Mailbox(mailbox("--rcpt", recipient)?)
    };
    let message = arguments.message.then(|| message(&sender, &recipient, SystemTime::now()));
    Ok(Some(Envelope { sender, recipient, message }))
}

/// A message that says of itself what it is, and that nobody need answer (RFC 3834 §5).
fn message(sender: &ReversePath, recipient: &ForwardPath, now: SystemTime) -> Vec<u8> {
    let now = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&now).unwrap_or_default();
    let from = match sender {
        ReversePath::Null => "probe@mailchute.invalid".to_owned(),
        ReversePath::Mailbox(mailbox) => mailbox.to_string(),
    };
    let to = match recipient {
        ForwardPath::Postmaster => "undisclosed-recipients:;".to_owned(),
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
    };
    let id = uuid::Uuid::now_v7();
    format!(
        "Date: {date}\r\nFrom: {from}\r\nTo: {to}\r\nSubject: mailchute probe\r\n\
         Message-ID: <{id}@mailchute.invalid>\r\nAuto-Submitted: auto-generated\r\n\r\n\
         This message was sent by `mailchute probe`, to see whether it arrives.\r\n"
    )
    .into_bytes()
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|source| Failure::System { what: format!("can't read {}", file.display()), source })
}

fn exit_of(outcome: &Outcome) -> Exit {
    match outcome {
        Ok(_) => Exit::Ok,
        Err(Obstacle::Refused { reply, .. }) if reply.code < 500 => Exit::Temporary,
        Err(Obstacle::Refused { .. }) => Exit::Failure,
        Err(Obstacle::Unexpected { .. } | Obstacle::NotOffered(_)) => Exit::Protocol,
    }
}

fn told(outcome: &Outcome, arguments: &ProbeArgs) -> String {
    match outcome {
        Ok(_) => match (&arguments.rcpt, arguments.message) {
            (None, _) => "accepted: the listener answers".to_owned(),
            (Some(recipient), false) => format!("accepted: {recipient} is a recipient; nothing was sent"),
            (Some(recipient), true) => format!("accepted: the message for {recipient} is delivered"),
        },
        Err(Obstacle::Refused { stage, reply }) => format!("refused at {stage}: {}", Shown(reply)),
        Err(Obstacle::Unexpected { stage, reply }) => format!("failed: {stage} is answered {}", Shown(reply)),
        Err(Obstacle::NotOffered(what)) => format!("failed: the listener does not offer {what}"),
    }
}

/// A reply on one line.
struct Shown<'a>(&'a Reply);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.lines.last().map(String::as_str).unwrap_or_default();
        write!(f, "{} {}", self.0.code, shown(last))
    }
}

/// What is printed, line by line as it happens.
struct Transcript<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> Transcript<W> {
    fn write(&mut self, line: &Line<'_>) {
        let written = match line {
            Line::Said(text) => writeln!(self.out, "C: {}", shown(text)),
            Line::Note(text) => writeln!(self.out, "*** {}", shown(text)),
            Line::Heard(reply) => self.reply(reply),
        };
        if let Err(error) = written.and_then(|()| self.out.flush()) {
            self.failed.get_or_insert(error);
        }
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        let last = reply.lines.len().saturating_sub(1);
        for (at, line) in reply.lines.iter().enumerate() {
            let separator = if at == last { ' ' } else { '-' };
            writeln!(self.out, "S: {}{separator}{}", reply.code, shown(line))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_host_and_a_port() {
        for (text, host) in
            [("mx.test:25", "mx.test"), ("[2001:db8::1]:25", "2001:db8::1"), ("1.2.3.4:25", "1.2.3.4")]
        {
            assert_eq!(place(text), Ok(Place { host: host.to_owned(), port: 25 }));
        }
        for text in ["mx.test", ":25", "mx.test:smtp", "2001:db8::1:25", "[]:25", "mx.test:65536"] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_message_is_whole() {
        let to = ForwardPath::Mailbox(Mailbox::parse(b"a@b.test", true).unwrap());
        let text = String::from_utf8(message(&ReversePath::Null, &to, SystemTime::UNIX_EPOCH)).unwrap();
        assert!(text.starts_with("Date: Thu, 1 Jan 1970 00:00:00 "), "{text}");
        assert!(text.contains("\r\nTo: a@b.test\r\n") && text.ends_with("arrives.\r\n"), "{text}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }
}

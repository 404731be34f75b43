//! `mailchute send`: a test message through a real listener, on standard output with its times, and an exit code.
//!
//! What is sent is written here, filled to a size where one is asked for, or read from a file. What goes wrong is told
//! with what to do about it, see `advice`.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memchr_iter;
use tokio::time::Instant;

use super::draft::{self, Draft};
use super::listener::ListenerArgs;
use super::transcript::Transcript;
use super::verdict::{self, End, Hindrance, Shown};
use super::{Exit, Failure};
use crate::cli::size;
use crate::client::smtp::{Answer, Envelope, Message, Size};
use crate::mail::ForwardPath;

mod advice;

use advice::{Manner, advice};

/// What to send.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Before each line stands the time since the start. Exit codes: 0 all recipients have it; 1 refused \
                        (5xx); 64 wrong command line; 65 authorities or a message that can't be used; 69 can't connect, \
                        no TLS, no answer in time; 71 a file can't be read; 75 come again (4xx); 76 no mail server, or \
                        one that does not offer what is asked for. Where recipients fare differently, the first of \
                        76, 1, 69, 75 counts."
)]
pub struct SendArgs {
    #[command(flatten)]
    /// Through whom.
    pub listener: ListenerArgs,
    /// The sender; `<>` is the null reverse-path, to which nothing is ever bounced.
    #[arg(long, value_name = "ADDRESS", default_value = "<>")]
    pub from: String,
    /// A recipient; may be given several times.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub rcpt: Vec<String>,
    /// The subject.
    #[arg(long, value_name = "TEXT", default_value = "mailchute send", conflicts_with = "message")]
    pub subject: String,
    /// The text.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "This message was sent by `mailchute send`, to see whether it arrives.",
        conflicts_with = "message"
    )]
    pub text: String,
    /// Fill the message until it is of this size to the octet, e.g. 10Mi.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "message")]
    pub size: Option<usize>,
    /// A file that holds the message to send instead, header and all; `-` is standard input. Lines that end by LF
    /// alone are sent with CRLF; nothing else is changed.
    #[arg(long, value_name = "FILE")]
    pub message: Option<PathBuf>,
    /// Don't say in MAIL how large the message is, so that a limit shows only once it is sent.
    #[arg(long)]
    pub size_untold: bool,
}

/// Sends it, and prints how.
pub(super) async fn run(arguments: SendArgs) -> Result<Exit, Failure> {
    let (envelope, id) = envelope(&arguments, &mut io::stdin())?;
    let recipients = envelope.recipients.clone();
    let mut transcript = Transcript::timed(io::stdout(), Instant::now());
    if let Some(id) = id {
        transcript.note(&format!("message {id}"));
    }
    let end = arguments.listener.converse(Some(envelope), &mut transcript).await?;
    let times = transcript.times(Instant::now());
    transcript.note(&times);
    tell(&end, &recipients, &Manner::of(&arguments.listener), &mut transcript);
    transcript.end()?;
    Ok(verdict::exit(&end))
}

/// What to send, and by which Message-ID it can be found, if we gave it one.
fn envelope(arguments: &SendArgs, input: &mut dyn Read) -> Result<(Envelope, Option<String>), Failure> {
    let sender = draft::sender("--from", &arguments.from)?;
    let recipients = arguments.rcpt.iter().map(|recipient| draft::recipient("--rcpt", recipient));
    let recipients = recipients.collect::<Result<Vec<ForwardPath>, Failure>>()?;
    let (octets, id) = match &arguments.message {
        Some(file) => (sendable(&octets_of(file, input)?, file)?, None),
        None => {
            let draft = Draft::new(&sender, &recipients, SystemTime::now());
            if let Some(line) = lone_cr(arguments.text.as_bytes()) {
                return Err(Failure::Usage(format!("--text: a CR stands alone in line {line}; take it out")));
            }
            let mut octets = draft.written(&arguments.subject, &arguments.text);
            if let Some(size) = arguments.size {
                filled(&mut octets, size)?;
            }
            (octets, Some(draft.id().to_owned()))
        }
    };
    let size = if arguments.size_untold { Size::Untold } else { Size::Told };
    Ok((Envelope { sender, recipients, message: Some(Message { octets, size }) }, id))
}

fn filled(octets: &mut Vec<u8>, size: usize) -> Result<(), Failure> {
    if octets.len() > size {
        let least = octets.len();
        return Err(Failure::Usage(format!("--size: the message has {least} octets already; ask for more")));
    }
    draft::fill(octets, size);
    Ok(())
}

fn octets_of(file: &Path, input: &mut dyn Read) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let read = match file.to_str() {
        Some("-") => input.read_to_end(&mut octets).map(|_| octets),
        _ => std::fs::read(file),
    };
    read.map_err(|source| Failure::System { what: format!("can't read {}", file.display()), source })
}

/// The same with CRLF at the end of each line. A CR elsewhere is refused: no server is to be asked what it makes of it.
fn sendable(octets: &[u8], file: &Path) -> Result<Vec<u8>, Failure> {
    if let Some(line) = lone_cr(octets) {
        let file = file.display();
        return Err(Failure::Config(format!("{file}: a CR stands alone in line {line}; take it out")));
    }
    let mut lines = Vec::with_capacity(octets.len() + 2);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        lines.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        lines.extend_from_slice(b"\r\n");
    }
    Ok(lines)
}

/// The line, from 1, of the first CR without LF.
fn lone_cr(octets: &[u8]) -> Option<usize> {
    let at = memchr_iter(b'\r', octets).find(|at| octets.get(at + 1) != Some(&b'\n'))?;
    Some(memchr_iter(b'\n', &octets[..at]).count() + 1)
}

/// What became of each recipient, what to do about it, and of all of them at last.
fn tell<W: Write>(end: &End, recipients: &[ForwardPath], manner: &Manner, transcript: &mut Transcript<W>) {
    let answers: &[Answer] = match end {
        Ok(Ok(answers)) => answers,
        Ok(Err(_)) | Err(_) => &[],
    };
    let mut advised = None;
    for (recipient, answer) in recipients.iter().zip(answers) {
        match answer {
            Ok(reply) => transcript.note(&format!("{recipient}: delivered: {}", Shown(reply))),
            Err(obstacle) => {
                let hindrance = Hindrance::Obstacle(obstacle);
                transcript.note(&format!("{recipient}: {hindrance}"));
                advise(hindrance, manner, &mut advised, transcript);
            }
        }
    }
    let delivered = answers.iter().filter(|answer| answer.is_ok()).count();
    match verdict::hindrance(end) {
        Some(hindrance) if answers.is_empty() => {
            advise(hindrance, manner, &mut advised, transcript);
            transcript.note(&hindrance.to_string());
        }
        Some(hindrance) if delivered == 0 => transcript.note(&hindrance.to_string()),
        Some(_) => transcript.note(&format!("delivered to {delivered} of {}", recipients.len())),
        None => transcript.note("delivered"),
    }
}

/// The same advice is not given again.
fn advise<W: Write>(
    hindrance: Hindrance<'_>,
    manner: &Manner,
    advised: &mut Option<&'static str>,
    transcript: &mut Transcript<W>,
) {
    let advice = advice(hindrance, manner);
    if let Some(advice) = advice.filter(|_| *advised != advice) {
        transcript.note(&format!("what to do: {advice}"));
    }
    *advised = advice;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::smtp::{Fault, Obstacle, Reply};

    fn sent(octets: &[u8]) -> Result<Vec<u8>, String> {
        sendable(octets, Path::new("file")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn lines_end_by_crlf() {
        for (octets, expected) in
            [("", ""), ("a\nb", "a\r\nb\r\n"), ("a\r\n\nb\r\n", "a\r\n\r\nb\r\n"), ("\n", "\r\n")]
        {
            assert_eq!(sent(octets.as_bytes()).unwrap(), expected.as_bytes(), "{octets:?}");
        }
        for (octets, line) in [("a\rb\n", 1), ("a\r\nb\r\r\n", 2), ("\n\n\r", 3)] {
            let expected = format!("file: a CR stands alone in line {line}; take it out");
            assert_eq!(sent(octets.as_bytes()), Err(expected), "{octets:?}");
        }
    }

    fn told(end: &End, recipients: &[&str]) -> Vec<String> {
        let recipients: Vec<_> = recipients.iter().map(|to| draft::recipient("", to).unwrap()).collect();
        let mut out = Vec::new();
        let mut transcript = Transcript::new(&mut out);
        tell(end, &recipients, &Manner::default(), &mut transcript);
        String::from_utf8(out).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    fn refused(stage: &'static str, code: u16, text: &str) -> Obstacle {
        Obstacle::Refused { stage, reply: Reply { code, lines: vec![text.to_owned()] } }
    }

    #[test]
    fn each_recipient_is_told_and_advice_once() {
        let taken = || Ok(Reply { code: 250, lines: vec!["2.0.0 Ok".to_owned()] });
        let gone = || Err(refused("RCPT", 550, "5.1.1 No such recipient here"));
        let lines = told(&Ok(Ok(vec![taken(), gone(), gone()])), &["a@b.test", "c@b.test", "d@b.test"]);
        assert_eq!(lines[0], "*** a@b.test: delivered: 250 2.0.0 Ok");
        assert_eq!(lines[1], "*** c@b.test: refused at RCPT: 550 5.1.1 No such recipient here");
        assert!(lines[2].starts_with("*** what to do: "), "{lines:?}");
        assert_eq!(lines[3], "*** d@b.test: refused at RCPT: 550 5.1.1 No such recipient here");
        assert_eq!(lines[4..], ["*** delivered to 1 of 3"]);
        assert_eq!(told(&Ok(Ok(vec![taken()])), &["a@b.test"]).last().unwrap(), "*** delivered");
        let lines = told(&Ok(Ok(vec![gone()])), &["a@b.test"]);
        assert_eq!(lines.last().unwrap(), "*** refused at RCPT: 550 5.1.1 No such recipient here");
    }

    #[test]
    fn who_has_a_verdict_keeps_it_though_the_connection_breaks() {
        let taken = Ok(Reply { code: 250, lines: vec!["2.0.0 Ok".to_owned()] });
        let end = Ok(Ok(vec![taken, Err(Obstacle::Silence(Fault::Broken("the message")))]));
        let lines = told(&end, &["a@b.test", "c@b.test"]);
        assert_eq!(lines[0], "*** a@b.test: delivered: 250 2.0.0 Ok");
        assert!(lines[1].starts_with("*** c@b.test: unavailable: the connection broke "), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "*** delivered to 1 of 2");
        assert_eq!(verdict::exit(&end), Exit::Unavailable);
    }

    #[test]
    fn what_is_in_the_way_of_all_stands_last() {
        let lines = told(&Err(Fault::Late("EHLO")), &["a@b.test", "c@b.test"]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "*** unavailable: no answer to EHLO in time");
        let lines = told(&Ok(Err(refused("MAIL", 530, "5.7.0 Authentication required"))), &["a@b.test"]);
        assert_eq!(lines[1], "*** refused at MAIL: 530 5.7.0 Authentication required");
    }
}

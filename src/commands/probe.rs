//! `mailchute probe`: one SMTP conversation with a front-end, on standard output, and an exit code.
//!
//! It asks as much as it is told to: without a recipient whether the listener answers, with one whether that is taken.
//! It takes the recipient back by RSET, so nothing is delivered, unless a message is asked for. `helm test` runs it.

use std::io;
use std::time::SystemTime;

use super::draft::{self, Draft};
use super::listener::ListenerArgs;
use super::transcript::Transcript;
use super::{Exit, Failure, verdict};
use crate::client::smtp::{Envelope, Message, Size};

/// What to ask.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all was accepted; 1 refused (5xx); 64 wrong command line; 65 authorities that \
                        can't be read; 69 can't connect, no TLS, no answer in time; 71 a file can't be read; 75 come \
                        again (4xx); 76 no mail server, or one that does not offer what is asked for."
)]
pub struct ProbeArgs {
    #[command(flatten)]
    /// Whom to ask.
    pub listener: ListenerArgs,
    /// The sender; `<>` is the null reverse-path, to which nothing is ever bounced.
    #[arg(long, value_name = "ADDRESS", default_value = "<>")]
    pub from: String,
    /// The recipient to ask for. Without it, the conversation ends behind EHLO, or behind signing in.
    #[arg(long, value_name = "ADDRESS")]
    pub rcpt: Option<String>,
    /// Also send a small message. Without it, the recipient is taken back and nothing is delivered.
    #[arg(long, requires = "rcpt")]
    pub message: bool,
}

/// Holds the conversation, and prints it.
pub(super) async fn run(arguments: ProbeArgs) -> Result<Exit, Failure> {
    let mut transcript = Transcript::new(io::stdout());
    let end = arguments.listener.converse(envelope(&arguments)?, &mut transcript).await?;
    let verdict = match verdict::hindrance(&end) {
        None => accepted(&arguments),
        Some(hindrance) => hindrance.to_string(),
    };
    transcript.note(&verdict);
    transcript.end()?;
    Ok(verdict::exit(&end))
}

fn envelope(arguments: &ProbeArgs) -> Result<Option<Envelope>, Failure> {
    let Some(recipient) = &arguments.rcpt else { return Ok(None) };
    let sender = draft::sender("--from", &arguments.from)?;
    let recipients = vec![draft::recipient("--rcpt", recipient)?];
    let message = arguments.message.then(|| {
        let draft = Draft::new(&sender, &recipients, SystemTime::now());
        let text = "This message was sent by `mailchute probe`, to see whether it arrives.";
        Message { octets: draft.written("mailchute probe", text), size: Size::Untold }
    });
    Ok(Some(Envelope { sender, recipients, message }))
}

fn accepted(arguments: &ProbeArgs) -> String {
    match (&arguments.rcpt, arguments.message) {
        (None, _) => "accepted: the listener answers".to_owned(),
        (Some(recipient), false) => format!("accepted: {recipient} is a recipient; nothing was sent"),
        (Some(recipient), true) => format!("accepted: the message for {recipient} is delivered"),
    }
}

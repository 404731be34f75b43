//! What JetStream says to a message: it has it, or why not (ADR-1; the numbers are those of the server's
//! errors.json).

use serde::Deserialize;

use crate::backend::delivery::{Cause, Receipt};
use crate::backend::word::Clean;
use crate::client::circuit::Health;
use crate::client::fault::Again;
use crate::client::nats::Answer;

/// What an answer means.
pub(super) struct Acknowledgement {
    /// Whether it has the message.
    pub(super) outcome: Result<Receipt, (Cause, String)>,
    /// What it shows of the server.
    pub(super) health: Health,
    /// Whether it helps to try again.
    pub(super) again: Again,
}

/// The status where nobody listens to a subject: no stream takes it (ADR-22).
const NO_RESPONDERS: u16 = 503;

/// Octets of a server's words that are told: a failure is told for each recipient.
const MAX_TEXT: usize = 400;

/// `PubAck`.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    error: Option<WrittenError>,
}

/// `ApiError`.
#[derive(Deserialize)]
pub(super) struct WrittenError {
    /// As in HTTP.
    #[serde(default)]
    pub(super) code: u16,
    /// Which of the server's errors.
    #[serde(default)]
    pub(super) err_code: u16,
    /// In words.
    #[serde(default)]
    pub(super) description: String,
}

/// What an answer means, where `stream` had to take the message.
pub(super) fn meaning(answer: &Answer, stream: &str) -> Acknowledgement {
    let failed = |cause, detail: String| match cause {
        Cause::Failed => {
            let health = Health::Down { retry_after: None };
            Acknowledgement { outcome: Err((cause, detail)), health, again: Again::No }
        }
        cause => {
            let again = if cause == Cause::Busy { Again::Later } else { Again::No };
            Acknowledgement { outcome: Err((cause, detail)), health: Health::Alive, again }
        }
    };
    if answer.status == Some(NO_RESPONDERS) {
        return failed(
            Cause::Misconfigured,
            "no stream takes the subject, or JetStream is not enabled".to_owned(),
        );
    }
    let Ok(written) = serde_json::from_slice::<Written>(&answer.payload) else {
        return failed(Cause::Failed, "the answer is no acknowledgement".to_owned());
    };
    if let Some(error) = written.error {
        let told = Clean { utf8: true }.cut(&error.description, MAX_TEXT);
        return failed(cause(&error), format!("{told} ({})", error.err_code));
    }
    if written.stream != stream || written.seq == 0 {
        return failed(Cause::Failed, "the answer is no acknowledgement of the stream".to_owned());
    }
    let receipt =
        Receipt { queue_id: Some(format!("{stream}:{}", written.seq)), text: None, notifies: false };
    Acknowledgement { outcome: Ok(receipt), health: Health::Alive, again: Again::No }
}

/// Whose fault it is.
fn cause(error: &WrittenError) -> Cause {
    match error.err_code {
        // Insufficient resources of the server or of the account.
        10023 | 10028 | 10047 | 10002 => Cause::Full,
        // The store takes it not; its limits say so in these words, of messages, octets or a subject's messages.
        10077 if error.description.starts_with("maximum ") => Cause::Full,
        // The message is larger than the stream takes.
        10054 => Cause::TooLarge,
        // Another stream takes the subject; it is sealed; there is no JetStream, or none for us.
        10060 | 10109 | 10076 | 10039 => Cause::Misconfigured,
        // The same message is being stored; too many requests.
        10158 | 10167 => Cause::Busy,
        // Temporarily unavailable, offline, and all that is not known.
        _ => Cause::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: Option<u16>, payload: &str) -> Result<String, Cause> {
        let answer = Answer { status, payload: payload.to_owned().into() };
        let outcome = meaning(&answer, "MAIL").outcome;
        outcome.map(|receipt| receipt.queue_id.unwrap()).map_err(|(cause, _)| cause)
    }

    #[test]
    fn only_an_acknowledgement_of_the_stream_confirms() {
        assert_eq!(said(None, r#"{"stream":"MAIL","seq":7}"#), Ok("MAIL:7".to_owned()));
        assert_eq!(
            said(None, r#"{"stream":"MAIL","domain":"d","seq":7,"duplicate":true}"#),
            Ok("MAIL:7".to_owned())
        );
        for other in [
            "",
            "+OK",
            "{}",
            "[]",
            r#"{"stream":"MAIL"}"#,
            r#"{"stream":"OTHER","seq":7}"#,
            r#"{"stream":"MAIL","seq":-1}"#,
            r#"{"stream":"MAIL","seq":7,"error":{}}"#,
        ] {
            assert_eq!(said(None, other), Err(Cause::Failed), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        assert_eq!(said(Some(503), ""), Err(Cause::Misconfigured));
        for (code, description, cause) in [
            (10077, "maximum messages exceeded", Cause::Full),
            (10077, "maximum bytes exceeded", Cause::Full),
            (10077, "disk: i/o error", Cause::Failed),
            (10047, "insufficient storage resources available", Cause::Full),
            (10054, "message size exceeds maximum allowed", Cause::TooLarge),
            (10060, "expected stream does not match", Cause::Misconfigured),
            (10158, "duplicate message id is in process", Cause::Busy),
            (10008, "JetStream system temporarily unavailable", Cause::Failed),
            (0, "", Cause::Failed),
        ] {
            let said = said(
                None,
                &format!(r#"{{"error":{{"code":503,"err_code":{code},"description":"{description}"}}}}"#),
            );
            assert_eq!(said, Err(cause), "{code} {description}");
        }
    }
}

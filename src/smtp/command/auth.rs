//! AUTH and the client's lines of the exchange (RFC 4954 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::Command;
use crate::smtp::action::AuthStep;
use crate::smtp::mechanism::{Mechanism, Mechanisms};
use crate::smtp::reply::{self, Reply};

/// `AUTH SP mechanism [SP initial-response]`, of the mechanisms that were announced.
pub(super) fn auth(argument: &[u8], announced: Mechanisms) -> Result<Command, Reply> {
    let mut words = argument.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    let name = words.next().ok_or(reply::BAD_ARGUMENT)?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(reply::BAD_ARGUMENT);
    }
    let mechanism = Mechanism::ALL
        .into_iter()
        .find(|known| announced.contains(*known) && name.eq_ignore_ascii_case(known.as_str().as_bytes()))
        .ok_or(reply::UNKNOWN_MECHANISM)?;
    let initial = match initial {
        // "If the client is transmitting an initial response of zero length, it MUST instead transmit
        // the response as a single equals sign."
        Some(b"=") => Some(Bytes::new()),
        Some(text) => Some(decode(text)?),
        None => None,
    };
    Ok(Command::Auth(AuthStep::Begin(mechanism, initial)))
}

/// A line that answers a challenge.
pub(crate) fn response(line: &[u8]) -> Result<AuthStep, Reply> {
    // "If the client wishes to cancel the authentication exchange, it issues a line with a single "*"."
    if line == b"*" { Ok(AuthStep::Cancel) } else { decode(line).map(AuthStep::Response) }
}

/// "If the server cannot BASE64 decode any client response, it MUST reject the AUTH command with a 501
/// reply (and an enhanced status code of 5.5.2)". No white space, no missing padding, no stray bits.
fn decode(text: &[u8]) -> Result<Bytes, Reply> {
    STANDARD.decode(text).map(Bytes::from).map_err(|_| reply::BAD_BASE64)
}

/// A challenge as it is sent.
pub(crate) fn encode(challenge: &[u8]) -> String {
    STANDARD.encode(challenge)
}

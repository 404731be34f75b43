//! A proxy says on whose behalf it has connected: waits for the header and decides whether to believe it.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::phase::{Phase, Phases, reached};
use super::proxy::{Origin, Parsed, Parser};
use super::socket::{Appetite, Socket};
use crate::mail::Client;
use crate::metrics::SessionOutcome;
use crate::plan::Proxy;
use crate::smtp::Violation;

/// How long a proxy may take for a header that it has to send. "A receiver … should wait for at least
/// 3 seconds", the time of one lost packet.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer that may be a proxy gets before it is greeted as a client.
const OPTIONAL_PATIENCE: Duration = Duration::from_secs(1);

/// Who has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introduced {
    /// This client.
    Client(Client),
    /// The proxy itself, as for a health check.
    Proxy,
    /// Somebody trusted who closed without a word: a health check too.
    Nobody,
    /// Somebody who is not to be served.
    Closed(SessionOutcome, Option<Violation>),
}

/// How the wait for a header ended.
enum Heard {
    Header(Origin),
    /// Something else.
    Absent,
    /// The beginning of a header that breaks the protocol.
    Malformed,
    /// The stream has ended.
    End,
    TooSlow,
    Draining,
}

/// Finds out who has connected. Octets that are no header are left to be read.
pub(super) async fn introduce(
    socket: &mut Socket,
    proxy: &Proxy,
    own: Client,
    phases: &mut Phases,
) -> Introduced {
    match (proxy.trusted.contains(own.address), proxy.required) {
        (true, _) => {}
        (false, false) => return Introduced::Client(own),
        (false, true) => {
            return Introduced::Closed(SessionOutcome::Refused, Some(Violation::UntrustedProxy));
        }
    }
    let mut parser = Parser::default();
    let patience = if proxy.required { PATIENCE } else { OPTIONAL_PATIENCE };
    let heard = tokio::select! {
        biased;
        () = reached(phases, Phase::Draining) => Heard::Draining,
        heard = timeout(patience, listen(socket, &mut parser)) => heard.unwrap_or(Heard::TooSlow),
    };
    let closed = |outcome| Introduced::Closed(outcome, Some(Violation::ProxyHeader));
    match heard {
        Heard::Header(origin) => who(origin, own),
        Heard::Absent if !proxy.required => Introduced::Client(own),
        Heard::TooSlow if !proxy.required && parser.is_empty() => Introduced::Client(own),
        Heard::Absent | Heard::Malformed => closed(SessionOutcome::Expelled),
        Heard::TooSlow => closed(SessionOutcome::TimedOut),
        Heard::End if parser.is_empty() => Introduced::Nobody,
        Heard::End => closed(SessionOutcome::Disconnected),
        Heard::Draining => Introduced::Closed(SessionOutcome::Drained, None),
    }
}

/// HAProxy's checks with version 1, which has no word for it, name the proxy's own end of the connection.
fn who(origin: Origin, own: Client) -> Introduced {
    match origin {
        Origin::Proxy => Introduced::Proxy,
        Origin::Unknown => Introduced::Client(own),
        Origin::Client(address) => {
            let client = Client { address: address.ip().to_canonical(), port: address.port() };
            if client == own { Introduced::Proxy } else { Introduced::Client(client) }
        }
    }
}

async fn listen(socket: &mut Socket, parser: &mut Parser) -> Heard {
    loop {
        let octets = match socket.read(Appetite::Commands).await {
            Ok(octets) if !octets.is_empty() => octets,
            // Who checks our health may end with a reset.
            Ok(_) | Err(_) => return Heard::End,
        };
        let (parsed, fed) = parser.feed(&octets);
        let behind = octets.slice(fed..);
        match parsed {
            Parsed::Incomplete => {}
            Parsed::Header(origin) => {
                socket.put_back(&behind);
                return Heard::Header(origin);
            }
            Parsed::Absent => {
                let octets = Bytes::from(std::mem::take(parser).into_octets());
                socket.put_back(&[&octets[..], &behind].concat().into());
                return Heard::Absent;
            }
            Parsed::Malformed => return Heard::Malformed,
        }
    }
}

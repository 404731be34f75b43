//! The handshake of one connection, with its deadline, and how it is counted.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{CipherSuite, HandshakeKind, ProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::records::{Driven, Records, Stage};
use super::servers::TlsServer;
use crate::mail;
use crate::metrics::{HandshakeOutcome, SessionOutcome, TlsVersion};
use crate::smtp::{Pressure, Violation};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same while the front-end is short of sessions.
const PATIENCE_UNDER_PRESSURE: Duration = Duration::from_secs(10);
/// Octets of a client's part of the handshake that wait to be understood, at most: a long chain of
/// certificates has less.
const LONGEST_FLIGHT: usize = 32 * 1024;
/// Octets of one read.
const READ: usize = 4 * 1024;
/// RFC 8446 §5.1: the type of the record that a handshake begins with.
const HANDSHAKE_RECORD: u8 = 22;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum HandshakeError {
    /// The client went away before it said anything, as those do that look whether a port is open.
    #[error("no handshake began: {0}")]
    NotBegun(io::Error),
    /// The connection is gone.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("the handshake took too long")]
    TimedOut,
    /// What the client speaks, or means to speak inside TLS, is another protocol.
    #[error("the client speaks another protocol")]
    CrossProtocol,
    /// Either side turned the other down.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl HandshakeError {
    /// How the session ended by it.
    pub(in crate::server) fn session_outcome(&self) -> SessionOutcome {
        match self {
            Self::NotBegun(_) | Self::Io(_) => SessionOutcome::Disconnected,
            Self::TimedOut => SessionOutcome::TimedOut,
            Self::CrossProtocol | Self::Tls(_) => SessionOutcome::Expelled,
        }
    }

    /// `None`: there was no handshake to count.
    fn outcome(&self) -> Option<HandshakeOutcome> {
        Some(match self {
            Self::NotBegun(_) => return None,
            Self::Io(_) => HandshakeOutcome::Disconnected,
            Self::TimedOut => HandshakeOutcome::TimedOut,
            Self::CrossProtocol => HandshakeOutcome::CrossProtocol,
            Self::Tls(rustls::Error::AlertReceived(_)) => HandshakeOutcome::Declined,
            Self::Tls(rustls::Error::PeerIncompatible(_)) => HandshakeOutcome::Incompatible,
            Self::Tls(_) => HandshakeOutcome::Broken,
        })
    }
}

impl TlsServer {
    /// Shakes hands by the deadline. `ahead` is what was read from the stream already; in the end, what
    /// came behind the handshake and is no whole record.
    pub(in crate::server) async fn shake_hands(
        &self,
        stream: &mut TcpStream,
        ahead: &mut Vec<u8>,
    ) -> Result<(Records, mail::Tls), HandshakeError> {
        let started = Instant::now();
        let patience = match *self.pressure.borrow() {
            Pressure::None => PATIENCE,
            Pressure::High => PATIENCE_UNDER_PRESSURE,
        };
        // Boxed: it is large, and most of the time there is none.
        let shaken = timeout(patience, Box::pin(self.exchange(stream, ahead))).await;
        let shaken = shaken.unwrap_or(Err(HandshakeError::TimedOut));
        match shaken {
            Ok((records, facts)) => {
                let outcome = match records.connection().handshake_kind() {
                    Some(HandshakeKind::Resumed) => HandshakeOutcome::Resumed,
                    _ => HandshakeOutcome::Full,
                };
                self.metrics.handshake(version(&records).1, outcome, started.elapsed());
                Ok((records, facts))
            }
            Err(error) => {
                if matches!(error, HandshakeError::CrossProtocol) {
                    self.metrics.violation(Violation::CrossProtocol);
                }
                if let Some(outcome) = error.outcome() {
                    self.metrics.handshake(TlsVersion::Unknown, outcome, started.elapsed());
                }
                tracing::debug!(%error, "no TLS");
                Err(error)
            }
        }
    }

    async fn exchange(
        &self,
        stream: &mut TcpStream,
        ahead: &mut Vec<u8>,
    ) -> Result<(Records, mail::Tls), HandshakeError> {
        if ahead.is_empty() {
            receive(stream, ahead).await.map_err(HandshakeError::NotBegun)?;
        }
        if ahead.first().is_some_and(|first| *first != HANDSHAKE_RECORD && first.is_ascii_alphabetic()) {
            return Err(HandshakeError::CrossProtocol);
        }
        let mut records = Records::new(self.config.clone())?;
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        loop {
            let Driven { taken, stage } = records.open(ahead, &mut plain, &mut out);
            ahead.drain(..taken);
            match stage {
                Ok(Stage::Handshake) => {}
                Ok(Stage::Open) => break,
                Err(error) => {
                    // As much as fits: the alert is a courtesy.
                    let _ = stream.try_write(&out);
                    return Err(match error {
                        rustls::Error::NoApplicationProtocol => HandshakeError::CrossProtocol,
                        error => error.into(),
                    });
                }
            }
            if !out.is_empty() {
                stream.write_all(&out).await?;
                out.clear();
            }
            if ahead.len() > LONGEST_FLIGHT {
                return Err(rustls::Error::PeerSentOversizedRecord.into());
            }
            receive(stream, ahead).await?;
        }
        let (name, version) = version(&records);
        if version == TlsVersion::Tls13 {
            // Only tickets, for which nobody waits.
            *records.unsent() = out;
        } else {
            stream.write_all(&out).await?;
        }
        *records.early() = plain;
        ahead.shrink_to_fit();
        let facts =
            mail::Tls { version: name, cipher: cipher(&records), client_identity: self.identity(&records) };
        Ok((records, facts))
    }

    fn identity(&self, records: &Records) -> Option<Arc<str>> {
        let chain = records.connection().peer_certificates()?;
        self.authorities.as_ref()?.identify(chain)
    }
}

/// Adds what comes next. The end of the stream is an error: nothing is complete yet.
async fn receive(stream: &TcpStream, ahead: &mut Vec<u8>) -> io::Result<()> {
    loop {
        stream.readable().await?;
        let mut octets = [0; READ];
        match stream.try_read(&mut octets) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                ahead.extend_from_slice(&octets[..read]);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn version(records: &Records) -> (&'static str, TlsVersion) {
    match records.connection().protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => ("TLSv1.3", TlsVersion::Tls13),
        Some(ProtocolVersion::TLSv1_2) => ("TLSv1.2", TlsVersion::Tls12),
        _ => ("TLS", TlsVersion::Unknown),
    }
}

/// The registered name of the cipher suite: those that ring has.
fn cipher(records: &Records) -> &'static str {
    match records.connection().negotiated_cipher_suite().map(|suite| suite.suite()) {
        Some(CipherSuite::TLS13_AES_128_GCM_SHA256) => "TLS_AES_128_GCM_SHA256",
        Some(CipherSuite::TLS13_AES_256_GCM_SHA384) => "TLS_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256) => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.and_then(|suite| suite.as_str()).unwrap_or("unknown"),
    }
}

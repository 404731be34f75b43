//! One TLS connection without buffers of its own: rustls' state, driven over octets that lie elsewhere.
//!
//! An idle session holds its keys and nothing else; what is read and written lies in buffers of the
//! thread. RFC 8446 and RFC 5246 are rustls' matter.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

/// The state of one connection.
pub(in crate::server) struct Records(Box<Inner>);

struct Inner {
    connection: UnbufferedServerConnection,
    /// The client has said `close_notify`.
    ended: bool,
    /// It broke: nothing more is said or understood.
    failed: Option<rustls::Error>,
    /// What came in one flight with the end of the handshake, decrypted.
    early: Vec<u8>,
    /// Records of ours that leave with the next write: tickets, answers to key updates.
    unsent: Vec<u8>,
}

/// Where it stands once the input is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Stage {
    /// More of the handshake has to come.
    Handshake,
    /// Data may go both ways.
    Open,
}

/// What became of some input.
pub(in crate::server) struct Driven {
    /// So many octets at the front of it are done with; the rest has to be there again next time.
    pub(in crate::server) taken: usize,
    /// An error is for good. What was written in spite of it, an alert, is still to be sent.
    pub(in crate::server) stage: Result<Stage, rustls::Error>,
}

/// One step of rustls.
enum Step {
    Again,
    Done(Stage),
    Failed(rustls::Error),
}

/// What there is to say once data may be sent.
#[derive(Clone, Copy)]
enum Speech<'a> {
    Nothing,
    Octets(&'a [u8]),
    Close,
}

impl Records {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self(Box::new(Inner {
            connection,
            ended: false,
            failed: None,
            early: Vec::new(),
            unsent: Vec::new(),
        })))
    }

    /// The client has said that it will send no more.
    pub(in crate::server) fn ended(&self) -> bool {
        self.0.ended
    }

    pub(super) fn connection(&self) -> &UnbufferedServerConnection {
        &self.0.connection
    }

    /// What was decrypted before anyone asked for it.
    pub(in crate::server) fn early(&mut self) -> &mut Vec<u8> {
        &mut self.0.early
    }

    /// What leaves with the next write.
    pub(in crate::server) fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.0.unsent
    }

    /// Takes records in: data is added to `plain`, what is to be sent to `out`.
    pub(in crate::server) fn open(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Driven {
        self.drive(input, Speech::Nothing, plain, out)
    }

    /// Adds the records that say `octets` to `out`. `ahead` is what was read and not taken.
    pub(in crate::server) fn seal(
        &mut self,
        ahead: &mut Vec<u8>,
        octets: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.speak(ahead, Speech::Octets(octets), out)
    }

    /// Adds `close_notify` to `out`, where the handshake is done.
    pub(in crate::server) fn close(&mut self, ahead: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<()> {
        self.speak(ahead, Speech::Close, out)
    }

    fn speak(&mut self, ahead: &mut Vec<u8>, speech: Speech<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        out.append(&mut self.0.unsent);
        self.0.unsent = Vec::new();
        let mut plain = std::mem::take(&mut self.0.early);
        let Driven { taken, stage } = self.drive(ahead, speech, &mut plain, out);
        ahead.drain(..taken);
        self.0.early = plain;
        match stage {
            Ok(Stage::Open) => Ok(()),
            Ok(Stage::Handshake) => Err(io::ErrorKind::NotConnected.into()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    fn drive(
        &mut self,
        input: &mut [u8],
        mut speech: Speech<'_>,
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Driven {
        let Inner { connection, ended, failed, .. } = &mut *self.0;
        let mut taken = 0;
        if let Some(error) = failed {
            return Driven { taken, stage: Err(error.clone()) };
        }
        loop {
            let rest = input.get_mut(taken..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = connection.process_tls_records(rest);
            let step = match state {
                Ok(ConnectionState::PeerClosed) => {
                    *ended = true;
                    Step::Again
                }
                Ok(state) => step(state, &mut speech, &mut discard, plain, out),
                Err(error) => Step::Failed(error),
            };
            taken += discard;
            match step {
                Step::Again => {}
                Step::Done(stage) => return Driven { taken, stage: Ok(stage) },
                Step::Failed(error) => {
                    // The alert that says so is in its queue.
                    let rest = input.get_mut(taken..).unwrap_or_default();
                    if let Ok(ConnectionState::EncodeTlsData(alert)) =
                        connection.process_tls_records(rest).state
                    {
                        drop(encode(alert, out));
                    }
                    *failed = Some(error.clone());
                    return Driven { taken, stage: Err(error) };
                }
            }
        }
    }
}

fn step(
    state: ConnectionState<'_, '_, ServerConnectionData>,
    speech: &mut Speech<'_>,
    discard: &mut usize,
    plain: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Step {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        *discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(error) => return Step::Failed(error),
                }
            }
            Step::Again
        }
        ConnectionState::EncodeTlsData(data) => encode(data, out).map_or_else(Step::Failed, |()| Step::Again),
        ConnectionState::TransmitTlsData(sent) => {
            sent.done();
            Step::Again
        }
        ConnectionState::BlockedHandshake => Step::Done(Stage::Handshake),
        ConnectionState::WriteTraffic(mut traffic) => {
            let said = match std::mem::replace(speech, Speech::Nothing) {
                Speech::Nothing => Ok(()),
                Speech::Octets(octets) => fit(out, |room| match traffic.encrypt(octets, room) {
                    Err(EncryptError::InsufficientSize(error)) => Err(Unfit::Short(error)),
                    other => other.map_err(|_| Unfit::Never),
                }),
                Speech::Close => fit(out, |room| match traffic.queue_close_notify(room) {
                    Err(EncryptError::InsufficientSize(error)) => Err(Unfit::Short(error)),
                    other => other.map_err(|_| Unfit::Never),
                }),
            };
            said.map_or_else(Step::Failed, |()| Step::Done(Stage::Open))
        }
        ConnectionState::Closed => Step::Done(Stage::Open),
        // Early data is not on offer, so there is none.
        _ => Step::Failed(rustls::Error::General("a state that was not asked for".to_owned())),
    }
}

fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) -> Result<(), rustls::Error> {
    fit(out, |room| match data.encode(room) {
        Err(EncodeError::InsufficientSize(error)) => Err(Unfit::Short(error)),
        other => other.map_err(|_| Unfit::Never),
    })
}

/// Why something was not written.
enum Unfit {
    Short(InsufficientSizeError),
    Never,
}

/// Makes as much room behind `out` as `write` says it needs.
fn fit(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Unfit>,
) -> Result<(), rustls::Error> {
    let start = out.len();
    let mut room = 0;
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(Unfit::Short(InsufficientSizeError { required_size })) if required_size > room => {
                room = required_size;
            }
            Err(_) => {
                out.truncate(start);
                return Err(rustls::Error::EncryptError);
            }
        }
    }
}

#[cfg(test)]
mod tests;

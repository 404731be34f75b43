//! A client's socket, plain or inside TLS: reads into a buffer of the thread, so that an idle session
//! holds none; writes with a deadline; closes so that the last reply is not lost to a reset.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::coop;
use tokio::time::timeout;

use super::tls::{Driven, HandshakeError, Records, TlsServer};
use crate::mail;
use crate::mail::body::LARGEST_SEGMENT;

/// How long a write may wait for the client.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// How long we read on after the last reply.
const LINGER: Duration = Duration::from_secs(2);
/// Octets of one read while commands are awaited, or memory is short.
const COMMAND_READ: usize = 8 * 1024;

/// Octets of the write buffer that an idle session keeps.
const KEPT: usize = 256;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        read: vec![0; LARGEST_SEGMENT],
        plain: Vec::new(),
        sealed: Vec::new(),
    });
}

/// What the sessions of a thread share; in use from one wait to the next.
struct Buffers {
    /// As it came from the network.
    read: Vec<u8>,
    /// The same, decrypted.
    plain: Vec<u8>,
    /// What is to be sent, encrypted.
    sealed: Vec<u8>,
}

/// How much one read may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    /// Commands: little.
    Commands,
    /// A message: as much as there is.
    Data,
}

impl Appetite {
    fn octets(self) -> usize {
        match self {
            Self::Commands => COMMAND_READ,
            Self::Data => LARGEST_SEGMENT,
        }
    }
}

/// What comes behind something that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    More,
    Nothing,
}

pub(super) struct Socket {
    stream: TcpStream,
    /// What was read and not taken: it comes before what is still to be read. Inside TLS that is the
    /// beginning of a record.
    ahead: Vec<u8>,
    tls: Option<Records>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new(), tls: None }
    }

    /// Octets that were read too far: they come first at the next read, or in the TLS handshake.
    pub(super) fn put_back(&mut self, octets: &Bytes) {
        self.ahead.splice(..0, octets.iter().copied());
    }

    /// Does the TLS handshake, from here on all is said inside. What was read ahead belongs to it.
    ///
    /// Counts it, too, and gives up by itself when it takes too long.
    pub(super) async fn start_tls(&mut self, server: &TlsServer) -> Result<mail::Tls, HandshakeError> {
        let (records, facts) = server.shake_hands(&mut self.stream, &mut self.ahead).await?;
        self.tls = Some(records);
        Ok(facts)
    }

    /// What the client sent; empty at the end of the stream. Safe to cancel.
    pub(super) async fn read(&mut self, appetite: Appetite) -> io::Result<Bytes> {
        loop {
            match self.try_read(appetite) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A part of a record is no reason to return, nor to hold up others.
                    coop::consume_budget().await;
                    self.stream.readable().await?;
                }
                other => return other,
            }
        }
    }

    /// What the client sent already.
    pub(super) fn try_read(&mut self, appetite: Appetite) -> io::Result<Bytes> {
        let Self { stream, ahead, tls } = self;
        BUFFERS.with_borrow_mut(|buffers| match tls {
            Some(records) => read_records(stream, ahead, records, appetite, buffers),
            None if !ahead.is_empty() => Ok(std::mem::take(ahead).into()),
            None => {
                let octets = stream.try_read(&mut buffers.read[..appetite.octets()])?;
                Ok(Bytes::copy_from_slice(&buffers.read[..octets]))
            }
        })
    }

    /// Sends all of `octets` and empties it.
    pub(super) async fn write(&mut self, octets: &mut Vec<u8>) -> io::Result<()> {
        self.send(octets, Behind::More).await
    }

    /// The same, and nothing will follow.
    pub(super) async fn write_last(&mut self, octets: &mut Vec<u8>) -> io::Result<()> {
        if octets.is_empty() {
            self.say_goodbye();
            return Ok(());
        }
        self.send(octets, Behind::Nothing).await
    }

    async fn send(&mut self, octets: &mut Vec<u8>, behind: Behind) -> io::Result<()> {
        let Self { stream, ahead, tls } = self;
        match tls {
            None => {
                let sent = send(stream, octets)?;
                if sent < octets.len() {
                    timeout(WRITE_PATIENCE, stream.write_all(&octets[sent..])).await??;
                }
            }
            Some(records) => {
                let left = sealed(|out| {
                    records.seal(ahead, octets, out)?;
                    if behind == Behind::Nothing {
                        records.close(ahead, out)?;
                    }
                    let sent = send(stream, out)?;
                    Ok::<_, io::Error>(out[sent..].to_vec())
                })?;
                if !left.is_empty() {
                    timeout(WRITE_PATIENCE, stream.write_all(&left)).await??;
                }
            }
        }
        octets.clear();
        octets.shrink_to(KEPT);
        Ok(())
    }

    /// Sends what fits at once, for a last word.
    pub(super) fn last_word(&mut self, octets: &[u8]) {
        let Self { stream, ahead, tls } = self;
        let _ = match tls {
            None => stream.try_write(octets),
            Some(records) => sealed(|out| {
                records.seal(ahead, octets, out)?;
                stream.try_write(out)
            }),
        };
    }

    /// Whether the client has sent something that was not read. What there is is taken.
    pub(super) fn has_more(&mut self) -> bool {
        self.try_read(Appetite::Commands).is_ok_and(|octets| !octets.is_empty())
    }

    /// Says inside TLS that nothing more comes, where that was not said yet, so that the end can't be
    /// taken for a connection that was cut. As much as fits: nobody waits for it.
    fn say_goodbye(&mut self) {
        let Self { stream, ahead, tls } = self;
        if let Some(records) = tls {
            let _ = sealed(|out| {
                records.close(ahead, out)?;
                if out.is_empty() { Ok(0) } else { stream.try_write(out) }
            });
        }
    }

    /// Ends the stream, then reads on for a while: data that arrives at a closed socket would make
    /// the kernel reset the connection and drop the reply on its way.
    pub(super) async fn close(&mut self) {
        self.say_goodbye();
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let drained = async {
            loop {
                let read = BUFFERS.with_borrow_mut(|buffers| self.stream.try_read(&mut buffers.read));
                match read {
                    Ok(0) => return,
                    // Whoever goes on talking must not keep us from looking at the time.
                    Ok(_) => coop::consume_budget().await,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.stream.readable().await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        };
        let _ = timeout(LINGER, drained).await;
    }
}

/// Sends what the kernel takes at once.
fn send(stream: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    match stream.try_write(octets) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// Lends the buffer for what is to be sent inside TLS.
fn sealed<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    BUFFERS.with_borrow_mut(|Buffers { sealed, .. }| {
        sealed.clear();
        let done = write(sealed);
        sealed.shrink_to(LARGEST_SEGMENT);
        done
    })
}

/// One read of the network inside TLS. A part of a record alone is [`io::ErrorKind::WouldBlock`].
fn read_records(
    stream: &TcpStream,
    ahead: &mut Vec<u8>,
    records: &mut Records,
    appetite: Appetite,
    Buffers { read, plain, sealed }: &mut Buffers,
) -> io::Result<Bytes> {
    if !records.early().is_empty() {
        return Ok(std::mem::take(records.early()).into());
    }
    if records.ended() {
        return Ok(Bytes::new());
    }
    let held = ahead.len();
    let end = (held + appetite.octets()).min(read.len());
    let octets = stream.try_read(&mut read[held..end])?;
    if octets == 0 {
        // RFC 8446 §6.1: without close_notify "a truncation attack" can't be told from the end.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    read[..held].copy_from_slice(ahead);
    plain.clear();
    sealed.clear();
    let input = &mut read[..held + octets];
    let Driven { taken, stage } = records.open(input, plain, sealed);
    keep(ahead, &input[taken..]);
    if let Err(error) = stage {
        let _ = stream.try_write(sealed);
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    records.unsent().extend_from_slice(sealed);
    if plain.is_empty() && !records.ended() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(Bytes::copy_from_slice(plain))
}

/// Keeps what was not taken, without room to spare.
fn keep(ahead: &mut Vec<u8>, rest: &[u8]) {
    *ahead = rest.to_vec();
}

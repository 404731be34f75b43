//! A client's socket: reads into a buffer of the thread, so that an idle session holds none; writes
//! with a deadline; closes so that the last reply is not lost to a reset.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::coop;
use tokio::time::timeout;

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
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LARGEST_SEGMENT]);
}

/// How much one read may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    /// Commands: little.
    Commands,
    /// A message: as much as there is.
    Data,
}

#[derive(Debug)]
pub(super) struct Socket(TcpStream);

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// What the client sent; empty at the end of the stream. Safe to cancel.
    pub(super) async fn read(&self, appetite: Appetite) -> io::Result<Bytes> {
        loop {
            match self.try_read(appetite) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.readable().await?,
                other => return other,
            }
        }
    }

    /// What the client sent already.
    pub(super) fn try_read(&self, appetite: Appetite) -> io::Result<Bytes> {
        BUFFER.with_borrow_mut(|buffer| {
            let room = match appetite {
                Appetite::Commands => COMMAND_READ,
                Appetite::Data => buffer.len(),
            };
            let read = self.0.try_read(&mut buffer[..room])?;
            Ok(Bytes::copy_from_slice(&buffer[..read]))
        })
    }

    /// Sends all of `octets` and empties it.
    pub(super) async fn write(&mut self, octets: &mut Vec<u8>) -> io::Result<()> {
        let sent = match self.0.try_write(octets) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < octets.len() {
            timeout(WRITE_PATIENCE, self.0.write_all(&octets[sent..])).await??;
        }
        octets.clear();
        octets.shrink_to(KEPT);
        Ok(())
    }

    /// Sends what fits at once, for a last word.
    pub(super) fn last_word(&self, octets: &[u8]) {
        let _ = self.0.try_write(octets);
    }

    /// Whether the client has sent something that was not read. What there is is taken.
    pub(super) fn has_more(&self) -> bool {
        self.try_read(Appetite::Commands).is_ok_and(|octets| !octets.is_empty())
    }

    /// Ends the stream, then reads on for a while: data that arrives at a closed socket would make
    /// the kernel reset the connection and drop the reply on its way.
    pub(super) async fn close(mut self) {
        if self.0.shutdown().await.is_err() {
            return;
        }
        let drained = async {
            loop {
                let read = BUFFER.with_borrow_mut(|buffer| self.0.try_read(buffer));
                match read {
                    Ok(0) => return,
                    // Whoever goes on talking must not keep us from looking at the time.
                    Ok(_) => coop::consume_budget().await,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.0.readable().await.is_err() {
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

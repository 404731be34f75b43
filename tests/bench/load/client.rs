//! One SMTP connection from the client's side, as cheap as can be: it checks reply codes and nothing more.

use crate::message::Script;
use crate::secure::{Connector, Duplex};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Why a message or a session was not taken.
pub(crate) enum Fault {
    /// The server answered something else than was due.
    Reply(u16),
    /// The connection broke, or what came is no SMTP.
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection that has been greeted and has said EHLO.
pub(crate) struct Connection {
    stream: Box<dyn Duplex>,
    /// Read and not yet taken.
    input: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr, connector: &Connector) -> Result<Self, Fault> {
        let stream = connector.connect(to).await?;
        let mut connection = Self { stream, input: Vec::with_capacity(512) };
        connection.expect(220).await?;
        connection.stream.write_all(b"EHLO client.bench.example\r\n").await?;
        connection.expect(250).await?;
        Ok(connection)
    }

    /// One transaction; how long the reply took from the moment the end of the data was with the kernel.
    pub(crate) async fn send(&mut self, script: &Script, pipelining: bool) -> Result<Duration, Fault> {
        if pipelining {
            self.stream.write_all(&script.pipelined).await?;
            for command in &script.commands {
                self.expect(due(command)).await?;
            }
        } else {
            for command in &script.commands {
                self.stream.write_all(command).await?;
                self.expect(due(command)).await?;
            }
        }
        self.stream.write_all(&script.data).await?;
        let sent = Instant::now();
        self.expect(250).await?;
        Ok(sent.elapsed())
    }

    /// Ends the session and lets the server close first (RFC 5321 §4.1.1.10), so that TIME_WAIT is not held by
    /// our ephemeral port.
    pub(crate) async fn quit(mut self) -> Result<(), Fault> {
        self.stream.write_all(b"QUIT\r\n").await?;
        self.expect(221).await?;
        while self.stream.read_buf(&mut self.input).await? > 0 {}
        Ok(())
    }

    async fn expect(&mut self, due: u16) -> Result<(), Fault> {
        match self.reply().await? {
            code if code == due => Ok(()),
            code => Err(Fault::Reply(code)),
        }
    }

    /// The code of the next complete reply, of however many lines.
    async fn reply(&mut self) -> io::Result<u16> {
        loop {
            if let Some((code, taken)) = parse(&self.input)? {
                self.input.drain(..taken);
                return Ok(code);
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn due(command: &[u8]) -> u16 {
    if command.starts_with(b"DATA") { 354 } else { 250 }
}

/// RFC 5321 §4.2.1: the last line has a space, or nothing, behind its code.
fn parse(input: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &input[start..]) {
        let line = &input[start..start + length];
        start += length + 1;
        if line.get(3) != Some(&b'-') {
            let code = line.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            return code.map(|code| Some((code, start))).ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
    Ok(None)
}

//! An SMTP client that says exactly what it is told, and waits for nothing longer than it should.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};

use tokio::net::TcpSocket;

use super::until::PATIENCE;

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The three digits of its last line.
    pub(crate) code: u16,
    /// What is behind the digits, line by line.
    pub(crate) lines: Vec<String>,
}

impl Reply {
    /// The text of its lines, as one.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// What is read and written: a TCP connection, or TLS inside one.
pub(crate) trait Duplex: Read + Write + Send {}

impl<T: Read + Write + Send> Duplex for T {}

/// One connection.
pub(crate) struct Client {
    reader: BufReader<Box<dyn Duplex>>,
    tcp: TcpStream,
}

impl Client {
    /// Connects; the greeting waits to be read.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, PATIENCE)?)
    }

    /// The same from an address of this machine's choice.
    pub(crate) fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(source, 0))?;
            socket.connect(address).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        Self::over(stream)
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let tcp = stream.try_clone()?;
        Ok(Self { reader: BufReader::new(Box::new(stream)), tcp })
    }

    /// Goes on inside, or at, another layer.
    pub(crate) fn within(self, layer: impl FnOnce(TcpStream) -> Box<dyn Duplex>) -> Self {
        let tcp = self.tcp.try_clone().unwrap();
        Self { reader: BufReader::new(layer(self.tcp)), tcp }
    }

    /// Connects, and has said EHLO.
    pub(crate) fn greeted(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).unwrap();
        assert_eq!(client.reply().code, 220);
        client.expect("EHLO client.example", 250);
        client
    }

    /// Writes octets as they are.
    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(octets)
    }

    /// Reads one reply.
    pub(crate) fn try_reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let wrong = || io::Error::new(io::ErrorKind::InvalidData, format!("no reply line: {line:?}"));
            let line = line.strip_suffix("\r\n").ok_or_else(wrong)?;
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(wrong)?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// Says a line and reads its reply.
    pub(crate) fn try_say(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.try_reply()
    }

    /// One whole transaction; the first reply that is not the one hoped for, or that to the message.
    pub(crate) fn try_send(&mut self, from: &str, to: &[&str], message: &[u8]) -> io::Result<Reply> {
        let mut envelope = vec![(format!("MAIL FROM:<{from}>"), 250)];
        envelope.extend(to.iter().map(|to| (format!("RCPT TO:<{to}>"), 250)));
        envelope.push(("DATA".to_owned(), 354));
        for (line, hoped) in envelope {
            let reply = self.try_say(&line)?;
            if reply.code != hoped {
                return Ok(reply);
            }
        }
        self.write(&stuffed(message))?;
        self.try_reply()
    }

    /// As [`Self::try_reply`], in a session that is hoped to live.
    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().unwrap()
    }

    /// As [`Self::try_send`], in a session that is hoped to live.
    pub(crate) fn send(&mut self, from: &str, to: &[&str], message: &[u8]) -> Reply {
        self.try_send(from, to, message).unwrap()
    }

    /// Says a line that is to be answered with `code`.
    pub(crate) fn expect(&mut self, line: &str, code: u16) -> Reply {
        let reply = self.try_say(line).unwrap();
        assert_eq!(reply.code, code, "{line} was answered {reply:?}");
        reply
    }

    /// Says all up to the message, which the server then waits for.
    pub(crate) fn begin(&mut self, from: &str, to: &str) {
        self.expect(&format!("MAIL FROM:<{from}>"), 250);
        self.expect(&format!("RCPT TO:<{to}>"), 250);
        self.expect("DATA", 354);
    }

    /// The same connection for someone else to write to.
    pub(crate) fn writer(&self) -> TcpStream {
        self.tcp.try_clone().unwrap()
    }

    /// Says no more, and goes on to listen.
    pub(crate) fn finish(&mut self) {
        self.tcp.shutdown(Shutdown::Write).unwrap();
    }

    /// What still comes until the server closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A server that closes on bytes it did not read resets; what came before counts.
        let read = self.reader.read_to_end(&mut rest);
        assert!(
            read.is_ok() || read.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset),
            "the server does not close"
        );
        String::from_utf8(rest).unwrap()
    }

    /// What one read brings.
    pub(crate) fn one_read(&mut self) -> String {
        assert!(self.reader.buffer().is_empty());
        let mut octets = vec![0; 64 * 1024];
        let length = self.reader.get_mut().read(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }
}

/// RFC 5321 §4.5.2: "If it is a period, one additional period is inserted at the beginning of the line."
pub(crate) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + 16);
    for (at, octet) in message.iter().enumerate() {
        // RFC 5321 §4.5.2: "If it is a period, one additional period is inserted at the beginning of
        // the line." A line begins behind CRLF, not behind a bare LF.
        if *octet == b'.' && (at == 0 || message[..at].ends_with(b"\r\n")) {
            octets.push(b'.');
        }
        octets.push(*octet);
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

//! The socket of a conversation: DNS, TCP, TLS, and one deadline for all of it.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::conversation::{Conversation, Outcome, Script, Turn, Upgrade};
use super::reply::{Reader, Reply};
use super::trust::Trust;

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// There is none.
    None,
    /// By STARTTLS (RFC 3207).
    StartTls,
    /// At once (RFC 8314).
    Implicit,
}

/// Where a server is, and how to reach it.
pub(crate) struct Server {
    host: String,
    port: u16,
    security: Security,
    connector: TlsConnector,
    /// For people: what is known of the certificate once TLS has begun.
    proof: &'static str,
    name: Result<ServerName<'static>, &'static str>,
}

impl Server {
    /// `name` is what the certificate has to say; `host` where it is none.
    ///
    /// Fails, in words, where the authorities can't be read, or TLS needs a name and there is none.
    pub(crate) fn new(
        (host, port): (&str, u16),
        security: Security,
        trust: &Trust,
        name: Option<&str>,
    ) -> Result<Self, &'static str> {
        let name = ServerName::try_from(name.unwrap_or(host).trim_end_matches('.').to_owned());
        let name = name.map_err(|_| "the server name is no name that a certificate can hold");
        if security != Security::None {
            name.as_ref().map_err(|problem| *problem)?;
        }
        let proof = if matches!(trust, Trust::Anybody) { "not verified" } else { "verified" };
        Ok(Self { host: host.to_owned(), port, security, connector: trust.connector()?, proof, name })
    }
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody to talk to.
    #[error("can't connect: {0}")]
    Connect(String),
    /// TLS does not come about.
    #[error("TLS: {0}")]
    Tls(String),
    /// It took too long.
    #[error("no answer to {0} in time")]
    Late(&'static str),
    /// The connection ended.
    #[error("the connection broke while waiting for the answer to {0}")]
    Broken(&'static str),
    /// It is no mail server.
    #[error("{0}")]
    NotSmtp(String),
}

/// What is said and heard, as it happens.
pub(crate) enum Line<'a> {
    /// The client's, without secrets.
    Said(&'a str),
    /// The server's.
    Heard(&'a Reply),
    /// Neither's: what became of the connection.
    Note(String),
}

/// Holds a conversation, till `deadline`.
pub(crate) async fn converse(
    server: &Server,
    script: Script,
    deadline: Instant,
    transcript: &mut dyn FnMut(Line<'_>),
) -> Result<Outcome, Fault> {
    let connect = TcpStream::connect((server.host.as_str(), server.port));
    let tcp = timeout_at(deadline, connect).await.map_err(|_| Fault::Connect("no answer in time".into()))?;
    let tcp = tcp.map_err(|error| Fault::Connect(error.to_string()))?;
    let (local, peer) = (tcp.local_addr(), tcp.peer_addr());
    let known =
        |address: std::io::Result<SocketAddr>| address.map_err(|error| Fault::Connect(error.to_string()));
    transcript(Line::Note(format!("connected to {}", known(peer)?)));
    // Only a latency matter: without it the connection works all the same.
    drop(tcp.set_nodelay(true));
    let upgrade = if server.security == Security::StartTls { Upgrade::StartTls } else { Upgrade::Never };
    let conversation = Conversation::new(script, upgrade, literal(known(local)?.ip()));
    let mut talk = Talk { conversation, reader: Reader::default(), deadline, transcript };
    let mut tcp = tcp;
    if server.security == Security::Implicit {
        let mut tls = talk.handshake(server, tcp).await?;
        return talk.go_on(&mut tls, Turn::Listen).await.and(talk.outcome());
    }
    match talk.go_on(&mut tcp, Turn::Listen).await? {
        Pause::Ended => talk.outcome(),
        Pause::Handshake => {
            let mut tls = talk.handshake(server, tcp).await?;
            let turn = talk.conversation.secured();
            talk.go_on(&mut tls, turn).await.and(talk.outcome())
        }
    }
}

/// RFC 5321 §4.1.3: how an address stands in EHLO.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// Why octets stop going to and fro.
enum Pause {
    Handshake,
    Ended,
}

struct Talk<'a> {
    conversation: Conversation,
    reader: Reader,
    deadline: Instant,
    transcript: &'a mut dyn FnMut(Line<'_>),
}

impl Talk<'_> {
    async fn handshake(&mut self, server: &Server, tcp: TcpStream) -> Result<TlsStream<TcpStream>, Fault> {
        // What was said in the clear behind the answer to STARTTLS is nobody's word.
        if !self.reader.is_empty() {
            return Err(Fault::NotSmtp("the server went on in the clear behind STARTTLS".to_owned()));
        }
        let name = server.name.clone().map_err(|problem| Fault::Tls(problem.to_owned()))?;
        let shake = timeout_at(self.deadline, server.connector.connect(name.clone(), tcp)).await;
        let stream = shake.map_err(|_| Fault::Tls("no answer in time".to_owned()))?;
        let stream = stream.map_err(|error| Fault::Tls(error.to_string()))?;
        let session = stream.get_ref().1;
        let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let suite = suite.unwrap_or("unknown cipher");
        let note = format!("{version}, {suite}, certificate of {} {}", name.to_str(), server.proof);
        (self.transcript)(Line::Note(note));
        Ok(stream)
    }

    async fn go_on<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        mut turn: Turn,
    ) -> Result<Pause, Fault> {
        loop {
            match turn {
                Turn::Handshake => return Ok(Pause::Handshake),
                Turn::End => {
                    // What had to be said was said; a server that is gone already misses nothing.
                    drop(timeout_at(self.deadline, stream.shutdown()).await);
                    return Ok(Pause::Ended);
                }
                Turn::Say { octets, shown } => {
                    (self.transcript)(Line::Said(&shown));
                    self.write(stream, &octets).await?;
                }
                Turn::Listen => {}
            }
            turn = match self.read(stream).await {
                Ok(reply) => {
                    (self.transcript)(Line::Heard(&reply));
                    self.conversation.hear(reply)
                }
                // A server may close without a word once there is nothing more to say.
                Err(_) if self.conversation.outcome().is_some() => Turn::End,
                Err(fault) => return Err(fault),
            };
        }
    }

    async fn write<S: AsyncWrite + Unpin>(&self, stream: &mut S, octets: &[u8]) -> Result<(), Fault> {
        let stage = self.conversation.waits_for();
        let all = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        match timeout_at(self.deadline, all).await {
            Ok(Ok(())) => Ok(()),
            // What the server said before it closed may wait to be read.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Fault::Late(stage)),
        }
    }

    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Reply, Fault> {
        let stage = self.conversation.waits_for();
        let mut buffer = [0; 4096];
        loop {
            match self.reader.reply() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(problem) => return Err(Fault::NotSmtp(format!("{problem}, to {stage}"))),
            }
            let read = timeout_at(self.deadline, stream.read(&mut buffer)).await;
            match read.map_err(|_| Fault::Late(stage))? {
                Ok(0) | Err(_) => return Err(Fault::Broken(stage)),
                Ok(count) => self.reader.push(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    fn outcome(&self) -> Result<Outcome, Fault> {
        self.conversation.outcome().cloned().ok_or(Fault::Broken(self.conversation.waits_for()))
    }
}

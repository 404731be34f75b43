//! From a host name to a connection that is signed in: INFO, TLS where one side asks for it, CONNECT.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use ring::signature::Ed25519KeyPair;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::protocol::{Info, Operation, next};
use crate::client::dial::{Dial, Reach};
use crate::client::fault::{Fault, Kind};
use crate::client::stream::Stream;
use crate::client::tls::{Tls, Trust};
use crate::plan::{self, NatsAuth};

/// Where a server is, and how we show who we are.
pub(super) struct Server {
    dial: Dial,
    /// Or why there can't be any, which matters only where some is asked for.
    tls: Result<Tls, &'static str>,
    tls_required: bool,
    auth: Option<NatsAuth>,
}

/// A connection that messages can be published on.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) info: Info,
    /// What was read and not looked at yet.
    pub(super) read: BytesMut,
}

impl Server {
    /// Fails, in words, where certificates or names can't be used.
    pub(super) fn new(nats: &plan::Nats) -> Result<Self, &'static str> {
        let trust = Trust {
            ca: nats.ca.as_deref(),
            identity: nats.identity.as_deref(),
            name: nats.server_name.as_ref().unwrap_or(&nats.host),
        };
        let tls = Tls::new(&trust, &[]);
        if let (true, Err(problem)) = (nats.tls_required, &tls) {
            return Err(problem);
        }
        Ok(Self {
            dial: Dial::new(&nats.host, nats.port, Reach::of_backend(nats.allow_loopback)),
            tls,
            tls_required: nats.tls_required,
            auth: nats.auth.clone(),
        })
    }

    /// A connection that is subscribed to `subject`, by `deadline`.
    pub(super) async fn open(&self, subject: &str, deadline: Instant) -> Result<Opened, Fault> {
        let mut tcp = self.dial.connect(deadline).await?;
        let mut read = BytesMut::new();
        let first = hear(&mut tcp, &mut read, deadline).await?;
        let Operation::Info(mut info) = first else { return Err(unreachable("no server of NATS is there")) };
        if self.tls_required && !info.tls_required && !info.tls_available {
            return Err(misconfigured("TLS is required, and the server does not offer it"));
        }
        let tls = self.tls_required || info.tls_required;
        // What was said in the clear before TLS is nobody's word.
        if tls && !read.is_empty() {
            return Err(unreachable("the server went on in the clear before TLS"));
        }
        let mut stream = match &self.tls {
            _ if !tls => Stream::plain(tcp),
            Ok(tls) => tls.connect(tcp, deadline).await?,
            Err(problem) => return Err(misconfigured(problem)),
        };
        if !info.headers {
            return Err(misconfigured(
                "the server takes no headers: it is older than 2.2, or they are disabled",
            ));
        }
        let connect = self.connect(&info, tls)?;
        let lines = format!("CONNECT {connect}\r\nSUB {subject} 1\r\nPING\r\n");
        let said = timeout_at(deadline, async {
            stream.write_all(lines.as_bytes()).await?;
            stream.flush().await
        });
        // What the server says before it closes is worth more than that it did.
        drop(said.await.map_err(|_| too_late())?);
        loop {
            match hear(&mut stream, &mut read, deadline).await? {
                Operation::Pong => return Ok(Opened { stream, info: *info, read }),
                Operation::Info(newer) => info = newer,
                Operation::Error(text) => return Err(self.refused(&text)),
                Operation::Ping | Operation::Ok | Operation::Message(_) => {}
            }
        }
    }

    /// The document of CONNECT.
    fn connect(&self, info: &Info, tls: bool) -> Result<String, Fault> {
        let mut connect = Connect { tls_required: tls, ..Connect::default() };
        let text = |secret: &plan::Secret| String::from_utf8_lossy(secret.reveal()).into_owned();
        match &self.auth {
            None => {}
            Some(NatsAuth::Token(token)) => connect.auth_token = Some(text(token)),
            Some(NatsAuth::User { username, password }) => {
                connect.user = Some(username.clone());
                connect.pass = Some(text(password));
            }
            Some(NatsAuth::Nkey { public, seed }) => {
                connect.nkey = Some(public.clone());
                connect.sig = Some(sign(seed, &info.nonce)?);
            }
            Some(NatsAuth::Credentials { jwt, seed }) => {
                connect.jwt = Some(text(jwt));
                connect.sig = Some(sign(seed, &info.nonce)?);
            }
        }
        serde_json::to_string(&connect).map_err(|_| misconfigured("the credentials can't be written"))
    }

    /// What the server says in place of taking the connection. Its own troubles pass; who is refused stays
    /// refused until somebody changes something.
    fn refused(&self, text: &str) -> Fault {
        let lower = text.to_ascii_lowercase();
        let detail = format!("the server says: {text}");
        if ["authorization", "authentication"].iter().any(|word| lower.contains(word)) {
            misconfigured(&format!("{detail} ({})", self.shown(SystemTime::now())))
        } else if ["permissions", "tls required"].iter().any(|word| lower.contains(word)) {
            misconfigured(&detail)
        } else {
            unreachable(&detail)
        }
    }

    /// What the server has refused, for those who have to find out why.
    fn shown(&self, now: SystemTime) -> String {
        match &self.auth {
            None => "no credentials were shown: the backend names none".to_owned(),
            Some(NatsAuth::Token(_)) => "a token was shown".to_owned(),
            Some(NatsAuth::User { .. }) => "a user and its password were shown".to_owned(),
            Some(NatsAuth::Nkey { public, .. }) => format!("signed by {public}"),
            Some(NatsAuth::Credentials { jwt, .. }) if has_expired(jwt.reveal(), now) => {
                "the credentials have expired".to_owned()
            }
            Some(NatsAuth::Credentials { .. }) => "credentials were shown that have not expired".to_owned(),
        }
    }
}

/// The next that the server says, by `deadline`.
async fn hear(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut BytesMut,
    deadline: Instant,
) -> Result<Operation, Fault> {
    loop {
        if let Some(operation) = next(read).map_err(|_| unreachable("no server of NATS is there"))? {
            return Ok(operation);
        }
        match timeout_at(deadline, stream.read_buf(read)).await.map_err(|_| too_late())? {
            Ok(0) => return Err(unreachable("the server closed the connection before it took it")),
            Ok(_) => {}
            Err(error) => return Err(unreachable(&format!("before the connection was taken: {error}"))),
        }
    }
}

/// What a client says of itself.
#[derive(Serialize)]
struct Connect {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    name: &'static str,
    lang: &'static str,
    version: &'static str,
    /// 1: INFO may come again.
    protocol: u8,
    echo: bool,
    headers: bool,
    /// Nobody there is told at once.
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            verbose: false,
            pedantic: false,
            tls_required: false,
            name: env!("CARGO_PKG_NAME"),
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            echo: false,
            headers: true,
            no_responders: true,
            user: None,
            pass: None,
            auth_token: None,
            jwt: None,
            nkey: None,
            sig: None,
        }
    }
}

/// Whether a JWT is one whose time is over (RFC 7519 §4.1.4). One that can't be read is not: the server says what
/// is wrong with it.
fn has_expired(jwt: &[u8], now: SystemTime) -> bool {
    #[derive(Deserialize)]
    struct Claims {
        /// Seconds since 1970.
        exp: u64,
    }
    let claims = jwt.split(|octet| *octet == b'.').nth(1);
    let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    claims.is_some_and(|claims| now >= UNIX_EPOCH + Duration::from_secs(claims.exp))
}

/// The server's nonce, signed.
fn sign(seed: &plan::Secret, nonce: &str) -> Result<String, Fault> {
    if nonce.is_empty() {
        return Err(misconfigured(
            "the server asks for no signature: it knows neither nkeys nor credentials",
        ));
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal());
    let pair = pair.map_err(|_| misconfigured("the key can't be used"))?;
    Ok(URL_SAFE_NO_PAD.encode(pair.sign(nonce.as_bytes())))
}

fn misconfigured(what: &str) -> Fault {
    Fault::connect(Kind::Misconfigured, what)
}

fn unreachable(what: &str) -> Fault {
    Fault::connect(Kind::Unreachable, what)
}

fn too_late() -> Fault {
    Fault::connect(Kind::Timeout, "NATS: no answer in time")
}

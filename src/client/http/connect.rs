//! From a host name to a connection that HTTP is spoken on.

use tokio::time::Instant;

use crate::client::dial::{Dial, Reach};
use crate::client::fault::Fault;
use crate::client::stream::{HTTP2, Stream};
use crate::client::tls::{Tls, Trust};
use crate::plan;

/// How to reach a server.
pub(super) struct Connector {
    dial: Dial,
    tls: Option<Tls>,
}

impl Connector {
    /// To a backend. Fails, in words, where certificates or names can't be used.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        Self::reaching(http, Reach::of_backend(http.allow_loopback))
    }

    /// The same to a server that whoever runs us has named, at any address.
    pub(super) fn anywhere(http: &plan::Http) -> Result<Self, &'static str> {
        Self::reaching(http, Reach::Any)
    }

    fn reaching(http: &plan::Http, reach: Reach) -> Result<Self, &'static str> {
        let trust = Trust {
            ca: http.ca.as_deref(),
            identity: http.identity.as_deref(),
            name: http.server_name.as_ref().unwrap_or(&http.host),
        };
        let tls = http.https.then(|| Tls::new(&trust, &[HTTP2, b"http/1.1"])).transpose()?;
        Ok(Self { dial: Dial::new(&http.host, http.port, reach), tls })
    }

    /// A connection, TLS included, by `deadline`.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Stream, Fault> {
        let tcp = self.dial.connect(deadline).await?;
        match &self.tls {
            None => Ok(Stream::plain(tcp)),
            Some(tls) => tls.connect(tcp, deadline).await,
        }
    }
}

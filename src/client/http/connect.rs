//! A connection to the server: TCP, then TLS.

use tokio::time::Instant;

use super::tls::Tls;
use super::{Fault, Kind};
use crate::client::stream::Stream;
use crate::client::tcp::{Place, Reach, Unconnected};
use crate::plan;

/// How to reach a server.
pub(super) struct Connector {
    place: Place,
    tls: Option<Tls>,
}

impl Connector {
    /// Fails, in words, where certificates or names can't be used.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let tls = if http.https { Some(Tls::new(http)?) } else { None };
        Ok(Self { place: Place::new(&http.host, http.port, Reach::of_backend(http.allow_loopback)), tls })
    }

    /// A connection, TLS included, by `deadline`.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Stream, Fault> {
        let tcp = self.place.connect(deadline).await.map_err(|unconnected| match unconnected {
            Unconnected::Forbidden(detail) => Fault::connect(Kind::Misconfigured, detail),
            Unconnected::Unreachable(detail) => Fault::connect(Kind::Unreachable, detail),
            Unconnected::Late(stage) => Fault::connect(Kind::Timeout, format!("{stage}: no answer in time")),
        })?;
        match &self.tls {
            None => Ok(Stream::plain(tcp)),
            Some(tls) => tls.connect(tcp, deadline).await,
        }
    }
}

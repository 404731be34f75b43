//! What happens to a connection before its dialogue, in its own task: who comes, and may they.

use std::net::SocketAddr;
use std::sync::Arc;

use tracing::Instrument;

use super::admission::{Admission, Place};
use super::connection::{self, Connection};
use super::phase::Phases;
use super::socket::Socket;
use super::tls::TlsOffer;
use crate::mail::Client;
use crate::metrics::SessionOutcome;
use crate::pipeline::{self, Door};
use crate::plan::Listener;
use crate::smtp::reply::Reply;
use crate::smtp::{Config, Session};
use crate::telemetry;

/// A connection that was accepted.
pub(super) struct Arrival {
    /// Whoever connected: the client, or a proxy in front of it.
    pub(super) peer: SocketAddr,
    pub(super) door: Arc<Door>,
    pub(super) listener: Arc<Listener>,
    pub(super) config: Arc<Config>,
    pub(super) phases: Phases,
    pub(super) tls: TlsOffer,
}

impl Arrival {
    /// Serves the connection to its end; `refusal` turns it away instead of greeting it.
    pub(super) async fn run(self, socket: Socket, place: Place, refusal: Option<Reply>) {
        let client = Client { address: self.peer.ip().to_canonical(), port: self.peer.port() };
        let admission = match refusal {
            Some(reply) => Admission::Refused(reply, place),
            None => place.claim(client.address, self.listener.max_sessions_per_client),
        };
        let (place, refusal) = match admission {
            Admission::Welcome(place) => (place, None),
            Admission::Refused(reply, place) => (place, Some(reply)),
            Admission::Dropped => {
                self.door.metrics.session().end(SessionOutcome::Refused);
                return;
            }
        };
        let span = telemetry::session_span(&self.door.listener, client);
        self.talk(socket, client, place, refusal).instrument(span).await;
    }

    async fn talk(self, socket: Socket, client: Client, place: Place, refusal: Option<Reply>) {
        let active = self.door.metrics.session();
        let connection = Connection {
            engine: Session::new(self.config),
            pipeline: pipeline::Session::new(Arc::clone(&self.door), client),
            metrics: &self.door.metrics,
            phases: self.phases,
            refusal,
            pressure: place.pressure(),
            tls: self.tls,
        };
        let outcome = connection::serve(socket, connection).await;
        active.end(outcome);
        drop(place);
    }
}

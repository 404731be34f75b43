//! What happens to a connection before its dialogue, in its own task: who comes, and may they.
//!
//! ```text
//! place in the limits ─▶ PROXY header ─▶ allowed? ─▶ rate ─▶ sessions of the client ─▶ dialogue
//! ```
//!
//! All is decided by the address of the client, not of the proxy in front of it. A proxy that speaks for
//! itself is no client: it is served, and counts for no limit, rate or session. A peer that is trusted to
//! name clients by XCLIENT has to be allowed; it is counted once it names one, for that one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::admission::{Admission, Place};
use super::connection::Connection;
use super::ending::Goodbye;
use super::introduction::{Introduced, introduce};
use super::phase::Phases;
use super::socket::Socket;
use super::tls::TlsOffer;
use crate::mail::Client;
use crate::metrics::SessionOutcome;
use crate::pipeline::{self, Door};
use crate::plan::Listener;
use crate::smtp::reply::Reply;
use crate::smtp::{Config, Session, Violation};
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
    ///
    /// What is lent to a future takes room once, what is given to it twice; and all of this is held by
    /// an idle session.
    pub(super) async fn run(&mut self, socket: &mut Socket, place: Place, refusal: Option<Reply>) {
        let own = Client { address: self.peer.ip().to_canonical(), port: self.peer.port() };
        let client = match &self.listener.proxy {
            None => own,
            // Boxed: of no use once it is done.
            Some(proxy) => match Box::pin(introduce(socket, proxy, own, &mut self.phases)).await {
                Introduced::Client(client) => client,
                Introduced::Proxy => {
                    self.serve_proxy(socket, own, place, refusal).await;
                    return;
                }
                Introduced::Nobody => {
                    self.door.metrics.health_check();
                    return;
                }
                Introduced::Closed(outcome, violation) => {
                    self.close(own, outcome, violation);
                    return;
                }
            },
        };
        let (place, refusal) = match self.admit(client, place, refusal) {
            Admission::Welcome(place) => (place, None),
            Admission::Refused(reply, place) => (place, Some(reply)),
            Admission::Dropped => {
                self.close(client, SessionOutcome::Refused, None);
                return;
            }
        };
        self.serve_client(socket, client, place, refusal).await;
    }

    fn admit(&self, client: Client, mut place: Place, refusal: Option<Reply>) -> Admission {
        if let Some(reply) = refusal {
            return Admission::Refused(reply, place);
        }
        let (listener, address) = (&*self.listener, client.address);
        let admitted = if listener.xclient.contains(address) {
            // Who is about to name its clients is counted as those: through it come many.
            self.door.let_in(listener, address)
        } else {
            let admitted = self.door.admit(listener, address);
            admitted.and_then(|()| place.claim(address, listener.max_sessions_per_client))
        };
        match admitted {
            Ok(()) => Admission::Welcome(place),
            Err(reply) => place.turn_away(reply),
        }
    }

    /// Ends without a word what has come too far to count for nothing.
    fn close(&self, client: Client, outcome: SessionOutcome, violation: Option<Violation>) {
        if let Some(violation) = violation {
            self.door.metrics.violation(violation);
            let (peer, kind) = (client.address, violation.as_str());
            tracing::debug!(%peer, listener = &*self.door.listener, kind, "connection closed");
        }
        self.door.metrics.session().end(outcome);
    }

    async fn serve_client(&self, socket: &mut Socket, client: Client, place: Place, refusal: Option<Reply>) {
        let active = self.door.metrics.session();
        let delay = self.listener.greeting_delay;
        active.end(self.talk(socket, client, place, refusal, delay).await);
    }

    async fn serve_proxy(&self, socket: &mut Socket, own: Client, place: Place, refusal: Option<Reply>) {
        self.talk(socket, own, place, refusal, Duration::ZERO).await;
        self.door.metrics.health_check();
    }

    async fn talk(
        &self,
        socket: &mut Socket,
        client: Client,
        mut place: Place,
        refusal: Option<Reply>,
        greeting_delay: Duration,
    ) -> SessionOutcome {
        let span = telemetry::session_span(&self.door.listener, client);
        let trusted = self.listener.xclient.contains(client.address);
        let mut connection = Connection {
            engine: Session::new(Arc::clone(&self.config)),
            pipeline: pipeline::Session::new(Arc::clone(&self.door), client, trusted, span.clone()),
            metrics: &self.door.metrics,
            phases: self.phases.clone(),
            refusal,
            greeting_delay,
            pressure: place.pressure(),
            place: &mut place,
            per_client: self.listener.max_sessions_per_client,
            tls: self.tls.clone(),
        };
        let (outcome, goodbye) = connection.serve(socket).instrument(span.clone()).await;
        span.record("outcome", outcome.as_str());
        drop(connection);
        if goodbye == Goodbye::Linger {
            socket.close().await;
        }
        outcome
    }
}

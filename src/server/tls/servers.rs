//! What the TLS sessions of a listener share, made of its compiled `plan::Tls`.
//!
//! As long as a new plan says the same of TLS, the old configuration stays. Sessions that are open
//! keep theirs in any case. The keys of tickets belong to the process, so that a session can be
//! resumed under a new certificate, too; what a ticket says of a client's certificate is looked at
//! anew each time, so that it is worth no more than what the listener believes now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use tokio::sync::watch;

use super::certificates::Certificates;
use super::clients::{Authorities, Clients};
use crate::metrics::{ListenerMetrics, Metrics};
use crate::plan::{Listener, Tls};
use crate::smtp::Pressure;

/// Tickets of a full handshake. A client that comes again gets a new one with each session.
const TICKETS: usize = 1;

/// What is spoken here, for clients that say what they speak (ALPN, RFC 7301): one that speaks only
/// other protocols, a browser that was led here, is turned down. Hardly any mail client says; Exim
/// accepts the same two.
const PROTOCOLS: [&[u8]; 2] = [b"smtp", b"esmtp"];

/// TLS of all listeners.
pub(in crate::server) struct TlsServers {
    provider: Arc<CryptoProvider>,
    /// Its keys are made anew every six hours and believed for twelve.
    tickets: Result<Arc<dyn ProducesTickets>, rustls::Error>,
    metrics: Metrics,
    pressure: watch::Receiver<Pressure>,
    known: Mutex<HashMap<Arc<str>, Arc<TlsServer>>>,
}

/// TLS of one listener.
pub(in crate::server) struct TlsServer {
    pub(super) of: Arc<Tls>,
    pub(super) config: Arc<ServerConfig>,
    pub(super) authorities: Option<Authorities>,
    pub(super) metrics: ListenerMetrics,
    pub(super) pressure: watch::Receiver<Pressure>,
}

impl TlsServers {
    pub(in crate::server) fn new(metrics: Metrics, pressure: watch::Receiver<Pressure>) -> Self {
        let provider = Arc::new(ring::default_provider());
        Self { provider, tickets: ring::Ticketer::new(), metrics, pressure, known: Mutex::default() }
    }

    /// TLS of a listener that has it.
    ///
    /// # Errors
    ///
    /// What was compiled can't be used; compile has tried the same, so this does not happen.
    pub(in crate::server) fn of(&self, listener: &Listener) -> Result<Option<Arc<TlsServer>>, rustls::Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tls) = &listener.tls else {
            known.remove(&listener.name);
            self.metrics.certificate_expiry(&listener.name, None);
            return Ok(None);
        };
        if let Some(server) = known.get(&listener.name)
            && (Arc::ptr_eq(&server.of, tls) || server.of == *tls)
        {
            return Ok(Some(Arc::clone(server)));
        }
        let server = Arc::new(self.build(&listener.name, tls)?);
        known.insert(Arc::clone(&listener.name), Arc::clone(&server));
        let expiry = tls.certificates.iter().map(|certificate| certificate.not_after).min();
        self.metrics.certificate_expiry(&listener.name, expiry);
        Ok(Some(server))
    }

    /// A listener is gone.
    pub(in crate::server) fn forget(&self, listener: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(listener);
    }

    fn build(&self, listener: &str, tls: &Arc<Tls>) -> Result<TlsServer, rustls::Error> {
        let authorities = Authorities::new(&tls.client_authorities, &self.provider)?;
        let versions = if tls.only_13 { &[&TLS13][..] } else { &[&TLS13, &TLS12] };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_protocol_versions(versions)?;
        let builder = match &authorities {
            Some(authorities) => builder.with_client_cert_verifier(Arc::new(Clients::new(authorities))),
            None => builder.with_no_client_auth(),
        };
        let certificates = Certificates::new(&tls.certificates, &self.provider)?;
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = self.tickets.clone()?;
        config.send_tls13_tickets = TICKETS;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(TlsServer {
            of: Arc::clone(tls),
            config: Arc::new(config),
            authorities,
            metrics: self.metrics.listener(listener),
            pressure: self.pressure.clone(),
        })
    }
}

impl std::fmt::Debug for TlsServers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsServers").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsServer").field("of", &self.of).finish_non_exhaustive()
    }
}

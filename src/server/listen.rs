//! Ports: opened and closed as the plan says, and what comes in through them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admission::{Admission, House, Room};
use super::arrival::Arrival;
use super::phase::{Phase, Phases, reached};
use super::socket::Socket;
use super::tls::{TlsOffer, TlsServers};
use crate::metrics::{Metrics, SessionOutcome};
use crate::pipeline::feed::Feed;
use crate::pipeline::serving::Current;
use crate::pipeline::{Budget, Door};
use crate::plan::{Listener, Profile};
use crate::smtp;

/// How long accepting pauses when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What `serve` sets for the whole process.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address that ports are opened on.
    pub address: IpAddr,
    /// Sessions in all.
    pub max_sessions: usize,
    /// How long sessions may take to end, once they are told to.
    pub drain_timeout: Duration,
}

/// All ports of a gateway.
#[derive(Debug)]
pub struct Server {
    options: Options,
    current: Current,
    budget: Arc<Budget>,
    metrics: Metrics,
    feed: Feed,
    house: Arc<House>,
    tls: Arc<TlsServers>,
    open: HashMap<Arc<str>, Open>,
    /// Sessions of ports that are closed or open; each ends by its phase.
    sessions: JoinSet<()>,
}

/// A port that is open.
#[derive(Debug)]
struct Open {
    port: u16,
    bound: SocketAddr,
    phase: watch::Sender<Phase>,
    accepting: tokio::task::JoinHandle<JoinSet<()>>,
}

impl Server {
    /// A server without ports; [`Self::apply`] opens them.
    pub fn new(
        options: Options,
        current: Current,
        budget: Arc<Budget>,
        metrics: Metrics,
        feed: Feed,
    ) -> Self {
        let house = Arc::new(House::new(options.max_sessions));
        let tls = Arc::new(TlsServers::new(metrics.clone(), house.pressure()));
        let (open, sessions) = (HashMap::new(), JoinSet::new());
        Self { options, current, budget, metrics, feed, house, tls, open, sessions }
    }

    /// Opens the ports that the current plan has and closes those that it has no more. A port that
    /// can't be opened is an error; those that are open stay.
    pub async fn apply(&mut self) -> Result<(), PortError> {
        let serving = Arc::clone(&self.current.borrow());
        let wanted = |name: &Arc<str>, port| {
            serving.plan.listeners.iter().any(|listener| listener.name == *name && listener.port == port)
        };
        let gone: Vec<Arc<str>> = self
            .open
            .iter()
            .filter(|(name, open)| !wanted(name, open.port) || open.accepting.is_finished())
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in gone {
            if let Some(open) = self.open.remove(&name) {
                open.phase.send_replace(Phase::Draining);
                // Its port may be that of a new listener, so it has to be free by then.
                self.let_drain(open).await;
                if serving.listener(&name).is_none() {
                    self.tls.forget(&name);
                    self.metrics.remove_listener(&name);
                }
                tracing::info!(listener = %name, "listener closed");
            }
        }
        let mut failed = None;
        for listener in &serving.plan.listeners {
            // Before anyone needs it; what is wrong with it is said when someone does.
            drop(self.tls.of(listener));
            if !self.open.contains_key(&listener.name)
                && let Err(error) = self.open_port(listener, &serving.plan.gateway.name.to_string())
            {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether every listener of the current plan is open, and accepts.
    pub fn is_whole(&self) -> bool {
        let serving = self.current.borrow();
        let open = |name| self.open.get(name).is_some_and(|open| !open.accepting.is_finished());
        serving.plan.listeners.iter().all(|listener| open(&listener.name))
    }

    /// Where each listener is bound: its name and address.
    pub fn addresses(&self) -> Vec<(Arc<str>, SocketAddr)> {
        let mut addresses: Vec<_> =
            self.open.iter().map(|(name, open)| (Arc::clone(name), open.bound)).collect();
        addresses.sort();
        addresses
    }

    /// Stops accepting, lets every session end at its next command boundary, and cuts what is left
    /// after the drain timeout.
    pub async fn drain(mut self) {
        let ports: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        for open in &ports {
            open.phase.send_replace(Phase::Draining);
        }
        for open in ports {
            self.let_drain(open).await;
        }
        while self.sessions.join_next().await.is_some() {}
    }

    /// Waits until the port is closed; its sessions, which are told to end, go on without us.
    async fn let_drain(&mut self, open: Open) {
        let patience = self.options.drain_timeout;
        let Open { port, phase, accepting, .. } = open;
        let Ok(mut sessions) = accepting.await else { return };
        self.sessions.spawn(async move {
            let all = async { while sessions.join_next().await.is_some() {} };
            if tokio::time::timeout(patience, all).await.is_err() {
                tracing::warn!(port, sessions = sessions.len(), "drain timeout, sessions are cut");
                phase.send_replace(Phase::Cut);
                while sessions.join_next().await.is_some() {}
            }
        });
    }

    fn open_port(&mut self, listener: &Arc<Listener>, gateway: &str) -> Result<(), PortError> {
        let address = SocketAddr::new(self.options.address, listener.port);
        let wrong = |source| PortError { listener: listener.name.to_string(), address, source };
        let socket = bind(address).map_err(wrong)?;
        let bound = socket.local_addr().map_err(wrong)?;
        let (phase, phases) = watch::channel(Phase::Running);
        let door = Arc::new(Door {
            listener: Arc::clone(&listener.name),
            source: format!("/mailchute/{gateway}/{}", listener.name).into(),
            current: self.current.clone(),
            budget: Arc::clone(&self.budget),
            metrics: self.metrics.listener(&listener.name),
            feed: self.feed.clone(),
        });
        let room = Arc::new(Room::new(Arc::clone(&self.house)));
        let tls = Arc::clone(&self.tls);
        let entrance = Entrance { door, room, phases, tls, made: None };
        let accepting = tokio::spawn(entrance.accept(socket));
        tracing::info!(listener = %listener.name, address = %bound, "listening");
        self.open.insert(Arc::clone(&listener.name), Open { port: listener.port, bound, phase, accepting });
        Ok(())
    }
}

/// A port that can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener}: can't listen on {address}: {source}; choose a free port, or stop what uses it")]
pub struct PortError {
    listener: String,
    address: SocketAddr,
    source: io::Error,
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What every connection of a port is given.
struct Entrance {
    door: Arc<Door>,
    room: Arc<Room>,
    phases: Phases,
    tls: Arc<TlsServers>,
    /// What was made of a listener of the plan, with that listener.
    made: Option<(Arc<Listener>, Made)>,
}

/// What every connection under one plan is given.
#[derive(Clone)]
struct Made {
    /// The engine's configuration.
    config: Arc<smtp::Config>,
    tls: TlsOffer,
}

impl Entrance {
    /// Accepts until the phase is draining; gives back the sessions that are under way.
    async fn accept(mut self, socket: TcpListener) -> JoinSet<()> {
        let mut sessions = JoinSet::new();
        let mut phases = self.phases.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                () = reached(&mut phases, Phase::Draining) => return sessions,
                Some(_) = sessions.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.enter(stream, peer, &mut sessions),
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes a place for the connection, and gives it to a task of its own.
    fn enter(&mut self, stream: TcpStream, peer: SocketAddr, sessions: &mut JoinSet<()>) {
        let serving = Arc::clone(&self.door.current.borrow());
        let Some(listener) = serving.listener(&self.door.listener) else { return };
        let (place, refusal) = match self.room.enter(listener.max_sessions) {
            Admission::Welcome(place) => (place, None),
            Admission::Refused(reply, place) => (place, Some(reply)),
            Admission::Dropped => {
                self.door.metrics.session().end(SessionOutcome::Refused);
                return;
            }
        };
        // Replies are whole already: waiting to fill a packet only delays them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Some(Made { config, tls }) = self.made_of(listener, &serving.plan.gateway.hostname) else {
            return;
        };
        let mut arrival = Arrival {
            peer,
            door: Arc::clone(&self.door),
            listener: Arc::clone(listener),
            config,
            phases: self.phases.clone(),
            tls,
        };
        let mut socket = Socket::new(stream);
        sessions.spawn(async move { arrival.run(&mut socket, place, refusal).await });
    }

    /// What connections are given, made anew when the plan is another one. `None`: the listener can't
    /// be served, which is said in the log.
    fn made_of(&mut self, listener: &Arc<Listener>, hostname: &str) -> Option<Made> {
        if let Some((known, made)) = &self.made
            && Arc::ptr_eq(known, listener)
        {
            return Some(made.clone());
        }
        let tls = match self.tls.of(listener) {
            Ok(server) => TlsOffer::new(server),
            Err(error) => {
                tracing::error!(listener = %listener.name, %error, "TLS of the listener can't be used");
                return None;
            }
        };
        let config = Arc::new(smtp::Config {
            hostname: hostname.into(),
            limits: listener.limits.clone(),
            bare_newlines: listener.bare_newlines,
            lmtp: listener.profile == Profile::Lmtp,
            greeting_delay: !listener.greeting_delay.is_zero(),
        });
        let made = Made { config, tls };
        self.made = Some((Arc::clone(listener), made.clone()));
        Some(made)
    }
}

/// Errors that belong to the connection that was about to be accepted (accept(2)).
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

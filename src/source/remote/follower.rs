//! The task that follows a controller: one connection after another, with a pause before each.

use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::copy::Copy;
use super::pause::pause;
use super::request::{MAX_SENT, Meaning, Received, Refusal, WAIT, meaning, mistaken, request};
use super::trouble::Trouble;
use super::{Answer, Event, Offer, Options, Verdict};
use crate::client::fault::{Again, Fault};
use crate::client::http::Direct;
use crate::metrics::Metrics;
use crate::plan;
use crate::source::wire::{Decoded, Decoder};

/// For DNS, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);
/// For an answer beyond the time that it was asked to wait: the controller asks who we are meanwhile.
const ANSWER: Duration = Duration::from_secs(10);
/// For the whole of a body behind its head.
const BODY: Duration = Duration::from_secs(60);
/// Between two requests that are answered with nothing: not every server waits as it is asked to.
const SPACING: Duration = Duration::from_secs(1);
/// Fields that are not known which a log line names.
const NAMED: usize = 5;

pub(super) struct Follower {
    options: Options,
    metrics: Metrics,
    events: mpsc::Sender<Event>,
    /// Where the last good snapshot is kept.
    copy: Option<Copy>,
    /// The same, while nobody has looked at what a process before this one has left.
    left: Option<Copy>,
    /// The version that is in use.
    in_use: Option<String>,
    /// The newest version, where it can't be used.
    refusal: Option<Refusal>,
    /// Connections in a row that came to nothing.
    failures: u32,
    /// The last trouble that was told.
    told: Option<String>,
    /// What was told to be left out of the last snapshot.
    ignored: Vec<String>,
    decoder: Decoder,
}

impl Follower {
    pub(super) fn new(options: Options, metrics: Metrics, events: mpsc::Sender<Event>) -> Self {
        let copy = options.copy.as_deref().map(Copy::new);
        metrics.config_disconnected();
        let left = copy.clone();
        Self {
            options,
            metrics,
            events,
            copy,
            left,
            in_use: None,
            refusal: None,
            failures: 0,
            told: None,
            ignored: Vec::new(),
            decoder: Decoder::default(),
        }
    }

    /// Until nobody listens any more.
    pub(super) async fn run(mut self) {
        let events = self.events.clone();
        tokio::select! {
            () = events.closed() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        loop {
            let trouble = match self.converse().await {
                Err(trouble) => trouble,
                Ok(never) => match never {},
            };
            self.metrics.config_disconnected();
            let pause = pause(self.failures, rand::random());
            self.failures = self.failures.saturating_add(1);
            tracing::debug!(%trouble, ?pause, "no snapshot");
            self.tell(&trouble).await;
            self.fall_back().await;
            sleep(pause).await;
        }
    }

    /// Asks again and again on one connection, until it has to be left.
    async fn converse(&mut self) -> Result<Never, Trouble> {
        let http = self.server().await?;
        let connected = Direct::connect(&http, Instant::now() + CONNECT).await;
        let mut connection = connected.map_err(|fault| Trouble::Unreachable(fault.detail))?;
        loop {
            let request = request(&self.options, self.in_use.as_deref(), self.refusal.as_ref()).await?;
            let asked = Instant::now();
            let head = asked + self.wait() + ANSWER;
            let answered = connection.get(request, (head, head + BODY), MAX_SENT).await;
            let answered = answered.map_err(|fault| self.broken(fault, connection.is_open()))?;
            match meaning(answered)? {
                Meaning::Same => self.current(),
                Meaning::Snapshot(received) => {
                    self.take(received).await?;
                    continue;
                }
            }
            if !connection.is_open() {
                return Err(Trouble::Closed);
            }
            sleep_until(asked + SPACING).await;
        }
    }

    /// Why there was no answer. A server that ends a connection between two answers, as it does when it goes, is
    /// no trouble, and neither is one that goes at once, as when it is killed.
    fn broken(&self, fault: Fault, is_open: bool) -> Trouble {
        let has_worked = self.in_use.is_some() && self.failures == 0;
        match fault.again {
            Again::Now => Trouble::Closed,
            _ if has_worked && !is_open => Trouble::Lost(fault.detail),
            _ => Trouble::Unreachable(fault.detail),
        }
    }

    /// Without a snapshot to wait with, the controller answers at once.
    fn wait(&self) -> Duration {
        let waits = self.in_use.is_some() || self.refusal.is_some();
        if waits { WAIT } else { Duration::ZERO }
    }

    /// The controller as a server, known by the CA certificates as they are now.
    async fn server(&self) -> Result<plan::Http, Trouble> {
        let Options { controller, ca, .. } = &self.options;
        let unreadable = |source| Trouble::Ca { file: ca.clone(), source };
        let ca = tokio::fs::read_to_string(ca).await.map_err(unreadable)?;
        Ok(plan::Http {
            https: true,
            host: controller.host.clone(),
            port: controller.port,
            format: plan::Format::default(),
            path: "/".to_owned(),
            auth: None,
            signing: Vec::new(),
            ca: Some(ca.into()),
            server_name: None,
            identity: None,
            allow_loopback: true,
        })
    }

    /// The controller has answered as it should.
    fn connected(&mut self) {
        self.failures = 0;
        self.metrics.config_connected();
    }

    /// All is well, which is told where it was not.
    fn well(&mut self) {
        if self.told.take().is_some() {
            tracing::info!(controller = %self.options.controller, "the controller is followed again");
        }
    }

    /// Nothing is newer than what is in use; or what was refused is, which is not well.
    fn current(&mut self) {
        self.connected();
        if self.refusal.is_none() {
            self.metrics.config_current(SystemTime::now());
            self.well();
        }
    }

    /// A snapshot has come: reads it, offers it, and keeps a copy of it if it is good.
    async fn take(&mut self, received: Received) -> Result<(), Trouble> {
        let version = received.version.clone();
        if self.in_use.as_ref() == Some(&version) {
            return Err(Trouble::Again(version));
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        let read = spawn_blocking(move || (received.read(&mut decoder), received, decoder)).await;
        let (read, received, decoder) =
            read.map_err(|_| self.refuse(&version, "reading it failed".to_owned()))?;
        self.decoder = decoder;
        let decoded = match read {
            Ok(decoded) => decoded,
            Err(error) => {
                self.refuse(&version, error.to_string());
                return Err(Trouble::Unreadable { version, error });
            }
        };
        if let Some(why) = mistaken(&decoded, &self.options.gateway, &version) {
            return Err(self.refuse(&version, why));
        }
        match self.offer(decoded, SystemTime::now()).await {
            Verdict::Used => {
                self.refusal = None;
                self.connected();
                self.well();
                self.keep(received).await;
                Ok(())
            }
            Verdict::Refused(why) => {
                let again = self.refusal.as_ref().is_some_and(|refusal| refusal.version == version);
                let unusable = self.refuse(&version, why);
                if again {
                    return Err(Trouble::Again(version));
                }
                // The controller is told with the next request, and waits: no reason to leave it.
                self.connected();
                self.tell(&unusable).await;
                self.fall_back().await;
                Ok(())
            }
        }
    }

    /// Says no to a version from now on, and counts it once.
    fn refuse(&mut self, version: &str, why: String) -> Trouble {
        let known = self.refusal.as_ref().is_some_and(|refusal| refusal.version == version);
        if !known {
            self.metrics.config_rejected();
        }
        self.refusal = Some(Refusal { version: version.to_owned(), why: why.clone() });
        Trouble::Unusable { version: version.to_owned(), why }
    }

    /// Waits for what becomes of a snapshot.
    async fn offer(&mut self, decoded: Decoded, as_of: SystemTime) -> Verdict {
        let version = decoded.version.clone();
        self.tell_ignored(&decoded);
        let (answer, verdict) = oneshot::channel();
        let offer = Offer { decoded, as_of, answer: Answer(answer) };
        if self.events.send(Event::Offered(offer)).await.is_err() {
            return Verdict::Refused("the front-end ends".to_owned());
        }
        let verdict = verdict.await.unwrap_or_else(|_| Verdict::Refused("compiling it failed".to_owned()));
        if matches!(verdict, Verdict::Used) {
            self.in_use = Some(version);
        }
        verdict
    }

    /// Counts what is left out of a snapshot, and says it where it is not what was left out before.
    fn tell_ignored(&mut self, decoded: &Decoded) {
        let Decoded { version, ignored, .. } = decoded;
        self.metrics.config_ignored(ignored.len());
        if *ignored == self.ignored {
            return;
        }
        self.ignored.clone_from(ignored);
        if !ignored.is_empty() {
            let some = ignored.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
            let fields = ignored.len();
            tracing::warn!(version, fields, some, "the controller is newer: what is not known is left out");
        }
    }

    /// Where nothing is in use, what a process before this one has left is better than nothing.
    async fn fall_back(&mut self) {
        if let Some(copy) = self.left.take().filter(|_| self.in_use.is_none()) {
            self.offer_copy(copy).await;
        }
    }

    async fn offer_copy(&mut self, copy: Copy) {
        let (file, gateway) = (copy.file().to_owned(), self.options.gateway.clone());
        let read = spawn_blocking(move || copy.read(&gateway)).await;
        let kept = match read {
            Ok(Ok(Some(kept))) => kept,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                return tracing::warn!(file = %file.display(), %error, "the copy of the last snapshot is not used");
            }
            Err(_) => {
                return tracing::error!(file = %file.display(), "reading the copy of the last snapshot failed");
            }
        };
        let version = kept.decoded.version.clone();
        match self.offer(kept.decoded, kept.written).await {
            Verdict::Used => {
                tracing::warn!(file = %file.display(), version, "the controller is away: the last snapshot is served");
            }
            Verdict::Refused(why) => {
                tracing::warn!(file = %file.display(), version, why, "the copy of the last snapshot is not used");
            }
        }
    }

    async fn keep(&self, received: Received) {
        let Some(copy) = self.copy.clone() else { return };
        let file = copy.file().to_owned();
        let written = spawn_blocking(move || copy.write(&received.compressed())).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(file = %file.display(), %error, "the copy of the snapshot can't be kept");
        }
    }

    /// Says why there is no snapshot: in the log, and to whoever waits for the first one.
    async fn tell(&mut self, trouble: &Trouble) {
        if self.in_use.is_none() {
            // Whoever does not listen has ended.
            let _ = self.events.send(Event::Without(trouble.to_string())).await;
        }
        // There are other replicas: only that the next connection comes to nothing as well is worth a word.
        if !matches!(trouble, Trouble::Closed | Trouble::Lost(_)) {
            self.tell_once(trouble);
        }
    }

    /// What is told already is not told again before it is over.
    fn tell_once(&mut self, trouble: &Trouble) {
        let text = trouble.to_string();
        if self.told.as_ref() == Some(&text) {
            return;
        }
        let controller = &self.options.controller;
        let gateway = &self.options.gateway;
        match (&self.in_use, trouble) {
            (Some(version), Trouble::NoGateway(_)) => {
                tracing::warn!(%controller, %gateway, version, "the gateway is gone: its last snapshot stays in use");
            }
            (Some(version), _) => {
                tracing::warn!(%controller, %gateway, version, trouble = text, "the last snapshot stays in use");
            }
            (None, _) => tracing::warn!(%controller, %gateway, trouble = text, "no snapshot yet"),
        }
        self.told = Some(text);
    }
}

/// What does not come to pass: a connection ends by trouble only.
enum Never {}

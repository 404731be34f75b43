//! A front-end at work: what `serve` and `dev` have in common.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::manifests::{Config, Manifests};
use super::snapshots::Snapshots;
use crate::admin::Readiness;
use crate::cli::Bounds;
use crate::metrics::Metrics;
use crate::pipeline::feed::Feed;
use crate::pipeline::serving::Current;
use crate::pipeline::{Budget, Serving};
use crate::plan::Plan;
use crate::server::{Options, PortError, Server};
use crate::source::remote::Answer;

/// How long until a port that could not be opened is tried again.
const PORT_RETRY: Duration = Duration::from_secs(2);

/// Ports, and the plan behind them.
pub(super) struct FrontEnd {
    metrics: Metrics,
    readiness: Readiness,
    serving: watch::Sender<Arc<Serving>>,
    server: Server,
}

/// Where the next plans come from.
pub(super) enum Following {
    /// Nowhere: the first one stays.
    Nothing,
    /// A folder.
    Manifests(Manifests),
    /// A controller.
    Controller(Snapshots),
}

impl Following {
    /// The next plan; `None` where there was a change that can't be used. Nothing is lost where it is
    /// dropped while it waits.
    async fn next(&mut self) -> Option<Config> {
        match self {
            Self::Nothing => std::future::pending().await,
            Self::Manifests(manifests) => manifests.next().await,
            Self::Controller(snapshots) => Some(snapshots.next().await),
        }
    }
}

impl FrontEnd {
    /// Puts a first plan into service and opens its ports on `address`, all of them. Ready then.
    pub(super) async fn open(
        config: Config,
        address: IpAddr,
        bounds: &Bounds,
        metrics: &Metrics,
        readiness: &Readiness,
        feed: &Feed,
    ) -> Result<Self, PortError> {
        let (mut front_end, in_use) = Self::new(config, address, bounds, metrics, readiness, feed);
        front_end.server.apply().await?;
        front_end.tell_readiness();
        in_use.tell(metrics);
        Ok(front_end)
    }

    /// The same with those ports that can be opened; the others are tried again. What somebody changes in
    /// a cluster starts no pod anew and keeps none from starting.
    pub(super) async fn open_what_can_be(
        config: Config,
        address: IpAddr,
        bounds: &Bounds,
        metrics: &Metrics,
        readiness: &Readiness,
        feed: &Feed,
    ) -> Self {
        let (mut front_end, in_use) = Self::new(config, address, bounds, metrics, readiness, feed);
        front_end.open_ports().await;
        in_use.tell(metrics);
        front_end
    }

    fn new(
        config: Config,
        address: IpAddr,
        bounds: &Bounds,
        metrics: &Metrics,
        readiness: &Readiness,
        feed: &Feed,
    ) -> (Self, InUse) {
        let (plan, in_use) = InUse::of(config);
        let (serving, current) = watch::channel(Arc::new(Serving::new(plan, None, metrics)));
        let budget = Arc::new(Budget::new(bounds.message_memory, metrics));
        let options =
            Options { address, max_sessions: bounds.max_sessions, drain_timeout: bounds.drain_timeout };
        let server = Server::new(options, current, budget, metrics.clone(), feed.clone());
        (Self { metrics: metrics.clone(), readiness: readiness.clone(), serving, server }, in_use)
    }

    /// What is served, now and later.
    pub(super) fn current(&self) -> Current {
        self.serving.subscribe()
    }

    /// Where each listener is: its name and address.
    pub(super) fn addresses(&self) -> Vec<(Arc<str>, SocketAddr)> {
        self.server.addresses()
    }

    /// Takes over what is followed until `stopped`; then drains.
    pub(super) async fn serve(
        mut self,
        mut following: Following,
        stopped: impl Future<Output = ()>,
        bounds: &Bounds,
    ) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                () = self.retry_due() => self.open_ports().await,
                config = following.next() => match config {
                    Some(config) => self.adopt(config).await,
                    None => self.metrics.config_rejected(),
                }
            }
        }
        self.drain(bounds).await;
    }

    /// Swaps the plan: transactions that have begun keep theirs; ports open and close.
    async fn adopt(&mut self, config: Config) {
        let (plan, in_use) = InUse::of(config);
        let before = Arc::clone(&self.serving.borrow());
        let serving = Arc::new(Serving::new(plan, Some(&before), &self.metrics));
        self.serving.send_replace(Arc::clone(&serving));
        serving.forget_routes(&before, &self.metrics);
        self.open_ports().await;
        in_use.tell(&self.metrics);
    }

    /// Waits until it is time to try again to open the ports that could not be opened; for ever where
    /// all are open.
    async fn retry_due(&self) {
        if self.server.is_whole() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(PORT_RETRY).await;
    }

    /// Opens the ports that the plan has and that are not open; ready as long as there is one.
    async fn open_ports(&mut self) {
        if let Err(error) = self.server.apply().await {
            tracing::error!(%error, again_in = ?PORT_RETRY, "a listener of the configuration is not open");
        }
        self.tell_readiness();
    }

    /// Ready as long as there is a port to send mail to.
    fn tell_readiness(&self) {
        if self.server.addresses().is_empty() {
            tracing::error!(
                "no listener is open, so no mail is taken: see what was said above of the gateway"
            );
            self.readiness.set_not_ready("no listener is open, see the findings in the log");
        } else {
            self.readiness.set_ready();
        }
    }

    /// Turns unready, takes sessions for as long as load balancers need to notice, then lets all
    /// end. A further signal ends the wait, one more cuts what is left.
    async fn drain(self, bounds: &Bounds) {
        self.readiness.set_not_ready("draining");
        tracing::info!(delay = ?bounds.drain_delay, timeout = ?bounds.drain_timeout, "draining");
        tokio::select! {
            () = tokio::time::sleep(bounds.drain_delay) => {}
            () = stopped() => {}
        }
        tokio::select! {
            () = self.server.drain() => tracing::info!("drained"),
            () = stopped() => tracing::warn!("told to stop again, sessions are cut"),
        }
    }
}

/// What there is to tell of a configuration once it is in use.
struct InUse {
    version: String,
    as_of: SystemTime,
    waiting: Option<Answer>,
}

impl InUse {
    fn of(config: Config) -> (Plan, Self) {
        let Config { plan, version, as_of, waiting } = config;
        (plan, Self { version, as_of, waiting })
    }

    fn tell(self, metrics: &Metrics) {
        metrics.config_accepted(&self.version, self.as_of);
        if let Some(waiting) = self.waiting {
            waiting.used();
        }
    }
}

/// SIGTERM or SIGINT has come since this was called, not only since it was first awaited.
pub(super) fn stopped() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        let (Ok(mut term), Ok(mut int)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}

/// Raises the limit of open files as far as it goes, and says where that is not enough.
pub(super) fn raise_file_limit(max_sessions: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files can't be raised");
    }
    // A session has one socket, and may have one towards its backend.
    let wanted = u64::try_from(max_sessions).unwrap_or(u64::MAX).saturating_mul(2);
    if let Some(limit) = getrlimit(Resource::Nofile).current
        && limit < wanted
    {
        tracing::warn!(limit, wanted, "too few open files allowed for --max-sessions; raise ulimit -n");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Duration, stopped};

    #[tokio::test]
    async fn a_signal_before_the_first_look_is_not_missed() {
        let stopped = stopped();
        // Without a handler this would be the end of the test itself.
        let kill = format!("kill -TERM {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        tokio::time::timeout(Duration::from_secs(10), stopped).await.unwrap();
    }
}

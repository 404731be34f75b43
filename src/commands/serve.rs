//! `mailchute serve`: the front-end, on manifests that are watched or on a controller's snapshots.
//!
//! With a controller there is nothing to serve at first: no port is open, and `/readyz` says why, until
//! the first snapshot is in use. From then on it stays ready whatever becomes of the controller.

use std::net::SocketAddr;
use std::path::Path;

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::front_end::{self, Following, FrontEnd};
use super::manifests::Manifests;
use super::snapshots::Snapshots;
use super::{Exit, Failure};
use crate::admin::{Admin, Bounces, Readiness};
use crate::cli::{Follow, Serve};
use crate::metrics::Metrics;
use crate::pipeline::feed::Feed;
use crate::plan::ObjectName;
use crate::source::remote::Options;

/// Serves until SIGTERM or SIGINT, then drains.
pub(super) async fn run(arguments: Serve, metrics: Metrics) -> Result<Exit, Failure> {
    front_end::raise_file_limit(arguments.bounds.max_sessions);
    // Before anything that takes long, so that a signal is never missed.
    let stopped = front_end::stopped();
    let readiness = Readiness::default();
    match &arguments.manifests {
        Some(folder) => on_manifests(&arguments, folder, stopped, &metrics, &readiness).await?,
        None => on_controller(&arguments, stopped, &metrics, &readiness).await?,
    }
    Ok(Exit::Ok)
}

async fn on_manifests(
    Serve { gateway, address, admin, bounces_address, bounds, .. }: &Serve,
    folder: &Path,
    stopped: impl Future<Output = ()>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<(), Failure> {
    let (manifests, config) = Manifests::open(folder, gateway.as_deref())?;
    let feed = Feed::default();
    let administration = Port::admin(*admin, metrics, readiness, &feed).await?;
    let bounces = BouncesPort::bind(*bounces_address).await?;
    let front_end = FrontEnd::open(config, *address, bounds, metrics, readiness, &feed).await?;
    let bounces = bounces.start(&front_end, metrics);
    front_end.serve(Following::Manifests(manifests), stopped, bounds).await;
    end([bounces, Some(administration)]).await;
    Ok(())
}

async fn on_controller(
    Serve { gateway, follow, address, admin, bounces_address, bounds, .. }: &Serve,
    stopped: impl Future<Output = ()>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<(), Failure> {
    let options = options(gateway.as_deref().unwrap_or_default(), follow)?;
    let feed = Feed::default();
    let administration = Port::admin(*admin, metrics, readiness, &feed).await?;
    let bounces = BouncesPort::bind(*bounces_address).await?;
    let mut snapshots = Snapshots::follow(options, metrics);
    let mut stopped = std::pin::pin!(stopped);
    let first = tokio::select! {
        () = &mut stopped => None,
        config = snapshots.first(readiness) => Some(config),
    };
    let mut ports = vec![Some(administration)];
    if let Some(config) = first {
        let front_end = FrontEnd::open_what_can_be(config, *address, bounds, metrics, readiness, &feed).await;
        ports.insert(0, bounces.start(&front_end, metrics));
        front_end.serve(Following::Controller(snapshots), stopped, bounds).await;
    }
    end(ports).await;
    Ok(())
}

/// Ends ports in order, those that there are.
async fn end(ports: impl IntoIterator<Item = Option<Port>>) {
    for port in ports.into_iter().flatten() {
        port.end().await;
    }
}

fn options(gateway: &str, follow: &Follow) -> Result<Options, Failure> {
    let Follow { controller, controller_ca, controller_token, snapshot_copy } = follow.clone();
    let usage = |problem: &str| Failure::Usage(problem.to_owned());
    let controller = controller.ok_or_else(|| usage("--manifests DIR or --controller https://HOST:PORT?"))?;
    let name = gateway.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let (namespace, name) = name.ok_or_else(|| usage("--gateway: with --controller write NAMESPACE/NAME"))?;
    Ok(Options {
        controller,
        gateway: ObjectName::new(namespace, name),
        ca: controller_ca,
        token: controller_token,
        copy: snapshot_copy,
    })
}

/// A port beside the listeners, at work.
struct Port {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Port {
    /// `serve` serves until the future that it is given is done.
    fn start<F>(serve: impl FnOnce(BoxFuture<'static, ()>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(Box::pin(async { drop(stopped.await) })));
        Self { stop, task }
    }

    async fn admin(
        address: SocketAddr,
        metrics: &Metrics,
        readiness: &Readiness,
        feed: &Feed,
    ) -> Result<Self, Failure> {
        let listener = bind("--admin", address).await?;
        let admin =
            Admin { metrics: metrics.clone(), readiness: readiness.clone(), feed: Some(feed.clone()) };
        Ok(Self::start(|stopped| admin.serve(listener, stopped)))
    }

    /// Lets the answers under way out.
    async fn end(self) {
        drop(self.stop);
        drop(self.task.await);
    }
}

/// The port of `/v1/bounces`, where there is one.
struct BouncesPort(Option<TcpListener>);

impl BouncesPort {
    async fn bind(address: Option<SocketAddr>) -> Result<Self, Failure> {
        match address {
            Some(address) => Ok(Self(Some(bind("--bounces-address", address).await?))),
            None => Ok(Self(None)),
        }
    }

    fn start(self, front_end: &FrontEnd, metrics: &Metrics) -> Option<Port> {
        let listener = self.0?;
        let bounces = Bounces { current: front_end.current(), metrics: metrics.clone() };
        Some(Port::start(|stopped| bounces.serve(listener, stopped)))
    }
}

/// Binds a port of ours that is no listener; `option` is what sets it.
pub(super) async fn bind(option: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::System {
        what: format!("can't listen on {address}: choose another address by {option}, or stop what uses it"),
        source,
    })
}

//! `mailchute serve`: the front-end, on manifests that are watched or on a controller's snapshots.
//!
//! With a controller there is nothing to serve at first: no port is open, and `/readyz` says why, until
//! the first snapshot is in use. From then on it stays ready whatever becomes of the controller.

use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::front_end::{self, Following, FrontEnd};
use super::manifests::Manifests;
use super::snapshots::Snapshots;
use super::{Exit, Failure};
use crate::admin::{Admin, Readiness};
use crate::cli::{Follow, Serve};
use crate::metrics::Metrics;
use crate::plan::ObjectName;
use crate::source::remote::Options;

/// Serves until SIGTERM or SIGINT, then drains.
pub(super) async fn run(arguments: Serve) -> Result<Exit, Failure> {
    front_end::raise_file_limit(arguments.bounds.max_sessions);
    // Before anything that takes long, so that a signal is never missed.
    let stopped = front_end::stopped();
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    match &arguments.manifests {
        Some(folder) => on_manifests(&arguments, folder, stopped, &metrics, &readiness).await?,
        None => on_controller(&arguments, stopped, &metrics, &readiness).await?,
    }
    Ok(Exit::Ok)
}

async fn on_manifests(
    Serve { gateway, address, admin, bounds, .. }: &Serve,
    folder: &Path,
    stopped: impl Future<Output = ()>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<(), Failure> {
    let (manifests, config) = Manifests::open(folder, gateway.as_deref())?;
    let administration = Administration::start(*admin, metrics, readiness).await?;
    let front_end = FrontEnd::open(config, *address, bounds, metrics, readiness).await?;
    front_end.serve(Following::Manifests(manifests), stopped, bounds).await;
    administration.end().await;
    Ok(())
}

async fn on_controller(
    Serve { gateway, follow, address, admin, bounds, .. }: &Serve,
    stopped: impl Future<Output = ()>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<(), Failure> {
    let options = options(gateway.as_deref().unwrap_or_default(), follow)?;
    let administration = Administration::start(*admin, metrics, readiness).await?;
    let mut snapshots = Snapshots::follow(options, metrics);
    let mut stopped = std::pin::pin!(stopped);
    let first = tokio::select! {
        () = &mut stopped => None,
        config = snapshots.first(readiness) => Some(config),
    };
    if let Some(config) = first {
        let front_end = FrontEnd::open_what_can_be(config, *address, bounds, metrics, readiness).await;
        front_end.serve(Following::Controller(snapshots), stopped, bounds).await;
    }
    administration.end().await;
    Ok(())
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

/// The admin port at work.
struct Administration {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Administration {
    async fn start(
        address: std::net::SocketAddr,
        metrics: &Metrics,
        readiness: &Readiness,
    ) -> Result<Self, Failure> {
        let listener = bind("--admin", address).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let admin = Admin { metrics: metrics.clone(), readiness: readiness.clone() };
        let task = tokio::spawn(admin.serve(listener, async move {
            drop(stopped.await);
        }));
        Ok(Self { stop, task })
    }

    /// Lets the answers under way out.
    async fn end(self) {
        drop(self.stop);
        drop(self.task.await);
    }
}

/// Binds a port of ours that is no listener; `option` is what sets it.
pub(super) async fn bind(option: &str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::System {
        what: format!("can't listen on {address}: choose another address by {option}, or stop what uses it"),
        source,
    })
}

//! `mailchute serve`: the front-end, on manifests that are watched.

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::front_end::{self, FrontEnd};
use super::manifests::Manifests;
use super::{Exit, Failure};
use crate::admin::{Admin, Readiness};
use crate::cli::Serve;
use crate::metrics::Metrics;

/// Serves until SIGTERM or SIGINT, then drains.
pub(super) async fn run(arguments: Serve) -> Result<Exit, Failure> {
    let Serve { manifests, gateway, address, admin, bounds } = arguments;
    front_end::raise_file_limit(bounds.max_sessions);
    // Before anything that takes long, so that a signal is never missed.
    let stopped = front_end::stopped();
    let (manifests, config) = Manifests::open(&manifests, gateway.as_deref())?;
    let (metrics, readiness) = (Metrics::new(), Readiness::default());
    let listener = bind("--admin", admin).await?;
    let (stop_admin, admin_stopped) = oneshot::channel::<()>();
    let admin = Admin { metrics: metrics.clone(), readiness: readiness.clone() };
    let admin = tokio::spawn(admin.serve(listener, async move {
        drop(admin_stopped.await);
    }));
    let front_end = FrontEnd::open(config, address, &bounds, &metrics, &readiness).await?;
    front_end.serve(Some(manifests), stopped, &bounds).await;
    drop(stop_admin);
    drop(admin.await);
    Ok(Exit::Ok)
}

/// Binds a port of ours that is no listener; `option` is what sets it.
pub(super) async fn bind(option: &str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::System {
        what: format!("can't listen on {address}: choose another address by {option}, or stop what uses it"),
        source,
    })
}

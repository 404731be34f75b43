//! `mailchute control`: the controller, until it is told to stop.

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::serve::bind;
use super::{Exit, Failure, front_end};
use crate::admin::{Admin, Readiness};
use crate::cli::Control;
use crate::controller::authority::{self, Certified, Kept};
use crate::controller::certificate;
use crate::controller::leading::Leading;
use crate::controller::picture::{self, Pictures};
use crate::controller::server::{Ended, SnapshotServer};
use crate::metrics::Metrics;
use crate::plan::ObjectName;
use crate::source::cluster;

/// Runs until SIGTERM or SIGINT; then lets requests end.
///
/// All replicas serve. One is ready once its port is open, its certificate is there and all has been
/// compiled for the first time, and stays so whatever becomes of the API server.
pub(super) async fn run(arguments: Control, metrics: Metrics) -> Result<Exit, Failure> {
    // Before anything that takes long, so that a signal is never missed.
    let stopped = front_end::stopped();
    let listener = bind("--listen", arguments.listen).await?;
    let admin = bind("--admin", arguments.admin).await?;
    let client = client(&arguments).await?;
    let readiness = Readiness::default();
    let mut work = JoinSet::new();
    let (certificate, authority) = certificate(&arguments, &client, &metrics, &mut work).await?;
    let stop_admin = serve_admin(admin, &metrics, &readiness);
    let watch_namespaces = arguments.watch_namespaces.iter().cloned().collect();
    let options = cluster::Options { watch_namespaces };
    let cluster = cluster::watch(client.clone(), &options, metrics.clone());
    let pictures = picture::follow(cluster.changes.clone(), metrics.clone());
    let (stop_leading, leading_stopped) = oneshot::channel::<()>();
    let leading = leading(&arguments, cluster, pictures.clone(), authority, metrics.clone());
    let mut leading = tokio::spawn(leading.run(client.clone(), async {
        drop(leading_stopped.await);
    }));
    let server =
        SnapshotServer::new(client, arguments.audience, pictures.clone(), certificate.clone(), &metrics)
            .map_err(|error| Failure::Config(format!("TLS can't be set up: {error}")))?;
    tracing::info!(address = %arguments.listen, "listening for front-ends");
    let mut exit = Exit::Ok;
    let stopping = async {
        tokio::select! {
            () = stopped => {}
            () = tell_readiness(&readiness, pictures, certificate) => {}
            // It ends only by an internal error; a process that starts anew is better than one that never leads.
            _ = &mut leading => exit = Exit::Failure,
        }
        drop(stop_leading);
        readiness.set_not_ready("stopping");
        tracing::info!("stopping");
    };
    let ended = server.serve(listener, stopping).await;
    if exit == Exit::Ok {
        // It gives the Lease back.
        drop(leading.await);
    }
    work.shutdown().await;
    stop_admin.await;
    if ended == Ended::NoMorePictures {
        tracing::error!("an internal error: the cluster is not watched any more");
        exit = Exit::Failure;
    }
    Ok(exit)
}

/// What this replica does whenever it leads.
fn leading(
    arguments: &Control,
    cluster: cluster::Cluster,
    pictures: Pictures,
    authority: Kept,
    metrics: Metrics,
) -> Leading {
    let identity = &arguments.identity;
    Leading {
        cluster,
        pictures,
        identity: identity.pod.clone(),
        lease: ObjectName::new(&identity.namespace, &identity.lease),
        deployment: identity.deployment.clone(),
        authority,
        config_map: arguments.certificate.ca_config_map.clone(),
        metrics,
    }
}

/// Serves the admin port until what this gives is awaited.
fn serve_admin(listener: TcpListener, metrics: &Metrics, readiness: &Readiness) -> impl Future<Output = ()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let admin = Admin { metrics: metrics.clone(), readiness: readiness.clone(), feed: None };
    let serving = tokio::spawn(admin.serve(listener, async {
        drop(stopped.await);
    }));
    async {
        drop(stop);
        drop(serving.await);
    }
}

/// A client for the cluster: as the arguments say, else as kubectl has it, else as a pod's service account.
async fn client(arguments: &Control) -> Result<kube::Client, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::Config(format!(
            "can't tell how to reach the cluster: {error}; run in a pod, or name a file by --kubeconfig"
        ))
    };
    let options = KubeConfigOptions { context: arguments.context.clone(), ..KubeConfigOptions::default() };
    let config = match &arguments.kubeconfig {
        Some(file) => {
            let file = Kubeconfig::read_from(file).map_err(|error| wrong(&error))?;
            kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| wrong(&error))?
        }
        None if arguments.context.is_some() => {
            kube::Config::from_kubeconfig(&options).await.map_err(|error| wrong(&error))?
        }
        None => kube::Config::infer().await.map_err(|error| wrong(&error))?,
    };
    kube::Client::try_from(config).map_err(|error| wrong(&error))
}

/// What is presented to front-ends: somebody else's certificate from a folder, or one that our own
/// authority signs, once it is there; and the authority that the leader publishes.
async fn certificate(
    arguments: &Control,
    client: &kube::Client,
    metrics: &Metrics,
    work: &mut JoinSet<()>,
) -> Result<(watch::Receiver<Certified>, Kept), Failure> {
    if let Some(folder) = &arguments.certificate.serving_certificate {
        let followed = certificate::follow(folder.clone()).await;
        let certificate =
            followed.map_err(|error| Failure::Config(format!("--serving-certificate: {error}")))?;
        return Ok((certificate, Kept::Given(folder.join("ca.crt"))));
    }
    let identity = &arguments.identity;
    let secret = ObjectName::new(&identity.namespace, &arguments.certificate.ca_secret);
    let (issuers, held, following) = authority::follow(client.clone(), secret.clone(), metrics);
    let mut names = authority::names(&identity.service, &identity.namespace);
    names.extend(arguments.certificate.certificate_name.iter().cloned());
    let (certified, certificate) = watch::channel(None);
    work.spawn(following);
    work.spawn(authority::renew(issuers, names, certified));
    Ok((certificate, Kept::Own { secret, held }))
}

/// Says what is still missing, and in the end that nothing is; for ever.
async fn tell_readiness(
    readiness: &Readiness,
    mut pictures: Pictures,
    mut certificate: watch::Receiver<Certified>,
) {
    readiness.set_not_ready("the cluster's objects have not all been read and compiled yet");
    if pictures.wait_for(Option::is_some).await.is_ok() {
        readiness.set_not_ready("there is no serving certificate yet: the leader makes its authority");
        if certificate.wait_for(Option::is_some).await.is_ok() {
            readiness.set_ready();
            tracing::info!("ready");
        }
    }
    std::future::pending::<()>().await;
}

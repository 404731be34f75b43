//! What a Service is in a cluster, where nobody runs kube-proxy: one address that leads to whichever controller is
//! ready.
//!
//! Readiness is what the kubelet would ask for, and is asked for at each connection; of those that are ready it takes
//! the one that has the fewest connections, so that with as many front-ends each has one. Octets pass as they are: TLS
//! and HTTP/2 end at the controller.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Controller;
use crate::support::get::is_ready;
use crate::support::recorder::serve;

/// For the answer to a readiness probe: `timeoutSeconds` of one, where nothing is said of it.
const PROBE: Duration = Duration::from_secs(1);

/// The Service; it listens for as long as the process lives.
pub(crate) struct Service {
    /// Where front-ends ask.
    pub(crate) address: SocketAddr,
    cuts: watch::Sender<()>,
}

/// A controller behind it.
struct Endpoint {
    address: SocketAddr,
    admin: SocketAddr,
    connections: AtomicUsize,
}

impl Service {
    /// Before these controllers, which may go and come back.
    pub(crate) fn before(controllers: &[&Controller]) -> Self {
        let endpoint = |controller: &&Controller| Endpoint {
            address: controller.address,
            admin: controller.admin,
            connections: AtomicUsize::new(0),
        };
        let endpoints: Arc<[Endpoint]> = controllers.iter().map(endpoint).collect();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(());
        let cutting = cuts.clone();
        let connect = move |stream| lead(stream, Arc::clone(&endpoints), cutting.subscribe());
        std::thread::spawn(move || serve(listener, connect));
        Self { address, cuts }
    }

    /// Ends every connection that leads through it, without a word.
    pub(crate) fn cut(&self) {
        self.cuts.send_replace(());
    }
}

/// One connection. Where nobody is ready it ends at once.
async fn lead(mut client: TcpStream, endpoints: Arc<[Endpoint]>, mut cuts: watch::Receiver<()>) {
    let mut order: Vec<&Endpoint> = endpoints.iter().collect();
    order.sort_by_key(|endpoint| endpoint.connections.load(Ordering::Relaxed));
    for endpoint in order {
        let admin = endpoint.admin;
        if !matches!(timeout(PROBE, spawn_blocking(move || is_ready(admin))).await, Ok(Ok(true))) {
            continue;
        }
        let Ok(mut server) = TcpStream::connect(endpoint.address).await else { continue };
        endpoint.connections.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            // How it ends is for both sides to see.
            _ = copy_bidirectional(&mut client, &mut server) => {}
            _ = cuts.changed() => {}
        }
        endpoint.connections.fetch_sub(1, Ordering::Relaxed);
        return;
    }
}

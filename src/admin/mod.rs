//! The admin port: `/metrics`, `/livez`, `/readyz`, and `/v1/transactions` of a front-end.
//!
//! Plain HTTP/1.1 for a scraper and a kubelet, to be bound where only they come. To them it tells nothing of a
//! message; what becomes of each it tells only to who comes from the pod itself, as `kubectl port-forward` does.
//! Requests are never read beyond their head.

pub mod answer;
mod bounces;
pub mod listen;
mod readiness;
mod sources;
mod transactions;
mod view;

use std::future::Future;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::net::TcpListener;

use crate::metrics::{Metrics, TEXT_FORMAT};
use crate::pipeline::feed::Feed;

use answer::{Answer, PLAIN};
use listen::Limits;

pub use bounces::Bounces;
pub use readiness::Readiness;

/// What the admin port has to tell.
#[derive(Debug, Clone)]
pub struct Admin {
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What `/readyz` shows.
    pub readiness: Readiness,
    /// What `/v1/transactions` shows; a controller has none.
    pub feed: Option<Feed>,
}

/// A scraper and a few probes need a handful; what sits idle is soon dropped, so that they find room.
const LIMITS: Limits = Limits {
    connections: 64,
    per_address: 64,
    idle: Duration::from_secs(10),
    age: Duration::from_secs(120),
    grace: Duration::from_secs(5),
};

impl Admin {
    /// Serves until `shutdown` is done and the answers under way are out.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let handle = move |request: http::Request<_>| {
            let admin = self.clone();
            async move {
                match (&admin.feed, request.uri().path()) {
                    (Some(feed), transactions::PATH) => transactions::answer(feed, &request).await,
                    (_, path) => admin.answer(request.method(), path),
                }
            }
        };
        listen::serve(listener, LIMITS, handle, shutdown).await;
    }

    fn answer(&self, method: &Method, path: &str) -> Answer {
        if !matches!(path, "/metrics" | "/livez" | "/readyz") {
            return answer::new(StatusCode::NOT_FOUND, PLAIN, "not found\n");
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return answer::method_not_allowed("GET, HEAD");
        }
        match path {
            "/metrics" => answer::new(StatusCode::OK, TEXT_FORMAT, self.metrics.render()),
            "/livez" => answer::new(StatusCode::OK, PLAIN, "ok\n"),
            _ => match self.readiness.reason() {
                None => answer::new(StatusCode::OK, PLAIN, "ok\n"),
                Some(why) => answer::new(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
            },
        }
    }
}

#[cfg(test)]
mod tests;

//! The stream itself, looked at whenever we have connected: is it there, and does it keep what we promise?
//!
//! None of it keeps mail from being published: what is wrong is told by the log and by metrics, and each
//! message by its acknowledgement.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::acknowledgement::WrittenError;
use crate::client::nats::{Client, Connection, Standing};
use crate::metrics::DeliveryMetrics;
use crate::plan;

/// How long the stream's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Senders come again within minutes to hours: a stream that forgets sooner keeps a message twice.
const LEAST_WINDOW: Duration = Duration::from_secs(3600);

/// The task that looks; it ends with the backend.
pub(super) struct Watch(Option<AbortHandle>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Watch {
    /// Looks from now on, where there is a runtime.
    pub(super) fn start(
        backend: &plan::Backend,
        nats: &plan::Nats,
        client: &Client,
        metrics: &DeliveryMetrics,
    ) -> Self {
        let look = Look {
            backend: Arc::clone(&backend.label),
            stream: nats.stream.clone(),
            max_message_bytes: backend.max_message_bytes,
            metrics: metrics.clone(),
        };
        let standing = client.standing();
        Self(Handle::try_current().ok().map(|runtime| runtime.spawn(look.go_on(standing)).abort_handle()))
    }
}

struct Look {
    backend: Arc<str>,
    stream: String,
    max_message_bytes: u64,
    metrics: DeliveryMetrics,
}

impl Look {
    async fn go_on(self, mut standing: watch::Receiver<Standing>) {
        let mut told = false;
        loop {
            let Standing { connection, fault, .. } = standing.borrow_and_update().clone();
            let backend = &*self.backend;
            self.metrics.connected(connection.is_some());
            match (connection, fault) {
                (Some(connection), _) => {
                    told = false;
                    tracing::info!(backend, max_payload = connection.max_payload(), "connected");
                    self.look(&connection).await;
                }
                // Once, and not again until it was there.
                (None, Some(fault)) if !told => {
                    told = true;
                    tracing::warn!(backend, kind = ?fault.kind, detail = fault.detail, "not connected");
                }
                (None, Some(fault)) => {
                    tracing::debug!(backend, kind = ?fault.kind, detail = fault.detail, "not connected");
                }
                (None, None) => {}
            }
            if standing.changed().await.is_err() {
                return;
            }
        }
    }

    async fn look(&self, connection: &Connection) {
        let (backend, stream, max_payload) = (&*self.backend, &*self.stream, connection.max_payload());
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        let answer =
            connection.request(&subject, Bytes::new(), std::iter::empty(), Instant::now() + PATIENCE).await;
        let answer = match answer {
            Ok(answer) if answer.status.is_none() => serde_json::from_slice::<Written>(&answer.payload).ok(),
            Ok(_) => return tracing::warn!(backend, "JetStream is not enabled at the server"),
            Err(fault) => {
                return tracing::warn!(
                    backend,
                    stream,
                    detail = fault.detail,
                    "the stream can't be looked at"
                );
            }
        };
        match answer {
            Some(Written { config: Some(config), .. }) => self.judge(&config, max_payload),
            Some(Written { error: Some(error), .. }) => {
                let detail = error.description;
                tracing::warn!(backend, stream, code = error.code, detail, "the stream can't be used");
            }
            _ => {
                let detail = "the answer is not understood";
                tracing::warn!(backend, stream, detail, "the stream can't be looked at");
            }
        }
    }

    fn judge(&self, config: &Config, max_payload: u64) {
        let (backend, stream) = (&*self.backend, &*self.stream);
        let window = Duration::from_nanos(config.duplicate_window);
        self.metrics.duplicate_window(window);
        if window < LEAST_WINDOW {
            let window = window.as_secs();
            tracing::warn!(
                backend,
                stream,
                window_seconds = window,
                "the duplicate window is under 1h: a sender that comes again later leaves a second copy"
            );
        }
        if config.no_ack {
            tracing::warn!(backend, stream, "the stream has no_ack: no message will ever be confirmed");
        }
        let of_stream = u64::try_from(config.max_msg_size).unwrap_or(u64::MAX);
        let room = max_payload.min(of_stream);
        if room < self.max_message_bytes {
            tracing::warn!(
                backend,
                stream,
                room,
                max_message_bytes = self.max_message_bytes,
                "messages that the backend's limit lets in are too large for the server or the stream"
            );
        }
    }
}

/// `StreamInfo`, as far as it matters.
#[derive(Deserialize)]
struct Written {
    config: Option<Config>,
    error: Option<WrittenError>,
}

/// `StreamConfig`, as far as it matters.
#[derive(Deserialize)]
struct Config {
    /// Nanoseconds.
    #[serde(default)]
    duplicate_window: u64,
    /// Octets of headers and message; -1 where there is no limit.
    #[serde(default = "no_limit")]
    max_msg_size: i64,
    #[serde(default)]
    no_ack: bool,
}

fn no_limit() -> i64 {
    -1
}

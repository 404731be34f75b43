//! The Secret as it is now, for every replica: a watch of that one object.

use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher::{Config, watcher};
use kube::runtime::{WatchStreamExt, watcher::Event};
use kube::{Api, Client};
use tokio::sync::watch;

use super::holdings::Holdings;
use super::issuer::Issuer;
use crate::metrics::Metrics;
use crate::plan::ObjectName;

/// What is known of the Secret.
#[derive(Debug, Clone, Default)]
pub enum Held {
    /// The API server has not said yet.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Present(Arc<Seen>),
}

/// A Secret that was seen.
#[derive(Debug)]
pub struct Seen {
    /// All of it but what it holds, to write it back under the version that was seen.
    pub(super) shell: Secret,
    /// What it holds, where that is of use.
    pub(super) holdings: Option<Holdings>,
}

/// Follows the Secret for as long as the future that it gives is polled.
///
/// The issuer stays when the Secret is deleted or damaged, until there is another: front-ends believe
/// it for as long as nobody tells them otherwise.
pub fn follow(
    client: Client,
    secret: ObjectName,
    metrics: &Metrics,
) -> (watch::Receiver<Option<Arc<Issuer>>>, watch::Receiver<Held>, impl Future<Output = ()> + Send + use<>) {
    let (issuer, current) = watch::channel(None);
    let (held, seen) = watch::channel(Held::default());
    let follower = Follower { secret, issuer, held, metrics: metrics.clone() };
    (current, seen, follower.run(client))
}

struct Follower {
    secret: ObjectName,
    issuer: watch::Sender<Option<Arc<Issuer>>>,
    held: watch::Sender<Held>,
    metrics: Metrics,
}

impl Follower {
    async fn run(self, client: Client) {
        let secrets: Api<Secret> = Api::namespaced(client, &self.secret.namespace);
        let only = Config::default().fields(&format!("metadata.name={}", self.secret.name));
        let mut events = std::pin::pin!(watcher(secrets, only).default_backoff());
        let mut listed = Listed::None;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = Listed::None,
                Ok(Event::InitApply(secret)) => {
                    listed = Listed::One;
                    self.present(secret);
                }
                Ok(Event::Apply(secret)) => self.present(secret),
                Ok(Event::InitDone) if listed == Listed::One => {}
                Ok(Event::InitDone | Event::Delete(_)) => self.absent(),
                Err(error) => {
                    tracing::warn!(secret = %self.secret, %error, "the authority's Secret can't be watched");
                }
            }
        }
    }

    fn absent(&self) {
        tracing::info!(secret = %self.secret, "there is no authority: the leader makes one");
        self.held.send_replace(Held::Absent);
    }

    fn present(&self, mut secret: Secret) {
        let data = secret.data.take().unwrap_or_default();
        let holdings = match Holdings::read(&data) {
            Ok((holdings, problems)) => {
                for problem in problems {
                    tracing::warn!(secret = %self.secret, problem, "a part of the authority's Secret is left out");
                }
                Some(holdings)
            }
            Err(error) => {
                tracing::error!(
                    secret = %self.secret, %error,
                    "the authority's Secret is damaged: the leader replaces what it holds"
                );
                None
            }
        };
        if let Some(holdings) = &holdings {
            self.metrics.authority_expiry(holdings.signing.not_after);
            let issuer = Arc::new(Issuer::new(Arc::clone(&holdings.signing)));
            self.issuer.send_if_modified(|held| {
                let new = held.as_ref() != Some(&issuer);
                *held = Some(issuer);
                new
            });
        }
        self.held.send_replace(Held::Present(Arc::new(Seen { shell: secret, holdings })));
    }
}

/// What a list held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    None,
    One,
}

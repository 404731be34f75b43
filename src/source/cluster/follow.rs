//! One watch: lists, watches, and does it again whenever something went wrong.
//!
//! A list is told as a whole once it is complete, so nobody sees half of one. After any error the watch
//! begins anew with a list: that is the one sure sign that it works again, and nothing is missed.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Api;
use kube::runtime::watcher::{self, Config, watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, error::Elapsed, timeout};

use super::backoff::Backoff;
use super::index::Scope;
use super::seen::{Guarded, Seen, Watched};
use crate::plan::ObjectName;

/// What a watch tells.
pub(super) enum News {
    /// All that there is.
    Listed(Vec<Seen>),
    /// An object that is new or changed.
    Applied(Seen),
    /// An object that is gone.
    Deleted(ObjectName),
    /// It does not work now.
    Failing,
    /// There is no such kind.
    Gone,
}

/// How long an API server may take for a page of a list.
const PAGE_DEADLINE: Duration = Duration::from_secs(60);

/// A watch that has lived for so long after its list is called mended, and is forgiven its failures.
const MENDED: Duration = Duration::from_secs(5);

/// Tells what a watch sees, until nobody listens.
pub(super) async fn follow<K: Watched>(
    api: Api<Guarded<K>>,
    scope: Scope,
    news: mpsc::Sender<(Scope, News)>,
) {
    let mut watch = Watch { scope, news, health: Health::Well, backoff: Backoff::default() };
    loop {
        let Err(trouble) = watch.once(&api).await else { return };
        watch.complain(&trouble);
        let told = match trouble.kind {
            Kind::Gone => News::Gone,
            Kind::Forbidden | Kind::Other => News::Failing,
        };
        if watch.tell(told).await.is_err() {
            return;
        }
        tokio::time::sleep(watch.backoff.next()).await;
    }
}

struct Watch {
    scope: Scope,
    news: mpsc::Sender<(Scope, News)>,
    health: Health,
    backoff: Backoff,
}

/// What was logged last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Ill(Kind),
}

/// What is wrong with a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The API server knows no such kind.
    Gone,
    /// We may not.
    Forbidden,
    /// Anything else.
    Other,
}

struct Trouble {
    kind: Kind,
    what: String,
}

/// Nobody listens any more.
struct Unheard;

impl Watch {
    /// From a list to the first trouble; `Ok` once nobody listens.
    async fn once<K: Watched>(&mut self, api: &Api<Guarded<K>>) -> Result<(), Trouble> {
        let mut events = pin!(watcher(api.clone(), Config::default()));
        let mut list: Option<Vec<Seen>> = Some(Vec::new());
        let mut listed = Instant::now();
        loop {
            let next = match (&list, self.health) {
                (Some(_), _) => timeout(PAGE_DEADLINE, events.next()).await.map_err(Trouble::from)?,
                (None, Health::Well) => events.next().await,
                (None, Health::Ill(_)) => match timeout(MENDED, events.next()).await {
                    Ok(next) => next,
                    Err(Elapsed { .. }) => {
                        self.recover();
                        continue;
                    }
                },
            };
            let Some(event) = next else { return Ok(()) };
            if list.is_none() && listed.elapsed() > MENDED {
                self.recover();
            }
            let told = match (event.map_err(Trouble::from)?, &mut list) {
                (watcher::Event::Init, _) => {
                    list = Some(Vec::new());
                    continue;
                }
                (watcher::Event::InitApply(object), Some(list)) => {
                    list.push(object.seen);
                    continue;
                }
                (watcher::Event::InitApply(object) | watcher::Event::Apply(object), _) => {
                    News::Applied(object.seen)
                }
                (watcher::Event::Delete(object), _) => News::Deleted(object.seen.name()),
                (watcher::Event::InitDone, list) => {
                    listed = Instant::now();
                    News::Listed(list.take().unwrap_or_default())
                }
            };
            if self.tell(told).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn tell(&self, told: News) -> Result<(), Unheard> {
        self.news.send((self.scope.clone(), told)).await.map_err(|_| Unheard)
    }

    /// Once for each turn to the worse, not for each attempt.
    fn complain(&mut self, trouble: &Trouble) {
        let ill = Health::Ill(trouble.kind);
        if self.health == ill {
            return;
        }
        self.health = ill;
        let (kind, namespace) = (self.scope.kind.name(), self.scope.namespace.as_deref());
        let what = &trouble.what;
        match trouble.kind {
            Kind::Gone => tracing::warn!(
                kind,
                namespace,
                "the cluster has no such kind: install the CRDs; until then nothing new is published"
            ),
            Kind::Forbidden => {
                tracing::warn!(kind, namespace, what, "may not be watched: give get, list and watch");
            }
            Kind::Other => tracing::warn!(kind, namespace, what, "the watch is interrupted"),
        }
    }

    fn recover(&mut self) {
        self.backoff.reset();
        if let Health::Ill(_) = std::mem::replace(&mut self.health, Health::Well) {
            let (kind, namespace) = (self.scope.kind.name(), self.scope.namespace.as_deref());
            tracing::info!(kind, namespace, "the watch works again");
        }
    }
}

impl From<watcher::Error> for Trouble {
    fn from(error: watcher::Error) -> Self {
        let code = match &error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchFailed(kube::Error::Api(status))
            | watcher::Error::WatchError(status) => status.code,
            _ => 0,
        };
        let kind = match code {
            404 => Kind::Gone,
            401 | 403 => Kind::Forbidden,
            _ => Kind::Other,
        };
        Self { kind, what: chain(&error) }
    }
}

impl From<Elapsed> for Trouble {
    fn from(_: Elapsed) -> Self {
        Self { kind: Kind::Other, what: "the list takes too long".to_owned() }
    }
}

/// An error and what is behind it, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

//! The one task that owns the index: takes what watches tell, has fetched what is missing, publishes.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kube::Client;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::contents::{Fetched, Next, Ticket};
use super::debounce::Debounce;
use super::doubt::{Definition, Losses};
use super::follow::News;
use super::index::{Change, Index, Key, Note, Scope};
use super::{backoff, fetch};
use crate::api::ApiKind;
use crate::compile::Snapshot;
use crate::metrics::{Metrics, WatchEvent};

/// So many objects are fetched at once.
const FETCHES: usize = 8;

/// How soon a CRD that does not stand, or can't be looked at, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a question to the API server came to.
pub(super) enum Answer {
    Object(Key, Ticket, Fetched),
    Definition(ApiKind, Losses, Definition),
}

pub(super) struct Keeper {
    pub(super) client: Client,
    pub(super) index: Arc<RwLock<Index>>,
    pub(super) changes: watch::Sender<Option<Arc<Snapshot>>>,
    pub(super) touched: watch::Sender<u64>,
    pub(super) metrics: Metrics,
    pub(super) debounce: Debounce,
    /// Questions that are under way.
    pub(super) questions: JoinSet<Answer>,
    pub(super) at_once: Arc<Semaphore>,
    /// What was logged once and need not be again.
    pub(super) told: Told,
}

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct Told {
    falling: BTreeSet<ApiKind>,
    hidden: bool,
    fetches: BTreeSet<Key>,
}

impl Keeper {
    pub(super) fn new(
        client: Client,
        index: Arc<RwLock<Index>>,
        changes: watch::Sender<Option<Arc<Snapshot>>>,
        touched: watch::Sender<u64>,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            index,
            changes,
            touched,
            metrics,
            debounce: Debounce::default(),
            questions: JoinSet::new(),
            at_once: Arc::new(Semaphore::new(FETCHES)),
            told: Told::default(),
        }
    }

    /// Until nobody looks at what is published. `watches` end with it.
    pub(super) async fn run(mut self, mut news: mpsc::Receiver<(Scope, News)>, watches: JoinSet<()>) {
        loop {
            let due = self.due();
            let time = async move {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.changes.closed() => break,
                heard = news.recv() => match heard {
                    Some((scope, news)) => self.hear(&scope, news),
                    None => break,
                },
                Some(Ok(answer)) = self.questions.join_next() => self.learn(answer),
                () = time => self.publish(),
            }
            self.ask();
        }
        drop(watches);
    }

    /// When to publish, if anything has changed and may be acted upon.
    fn due(&self) -> Option<Instant> {
        self.debounce.due().filter(|_| self.with(Index::is_fit))
    }

    fn with<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, act: impl FnOnce(&mut Index) -> T) -> T {
        act(&mut self.index.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&mut self, scope: &Scope, news: News) {
        let kind = scope.kind;
        let (event, change, notes) = self.change(|index| {
            let (event, change) = match news {
                News::Listed(seen) => (WatchEvent::Listed, index.listed(scope, seen)),
                News::Applied(seen) => (WatchEvent::Applied, index.applied(kind, seen)),
                News::Deleted(name) => (WatchEvent::Deleted, index.deleted(kind, &name)),
                News::Failing => {
                    index.failing(scope);
                    (WatchEvent::Failed, Change::Nothing)
                }
                News::Gone => {
                    index.gone(scope);
                    (WatchEvent::Gone, Change::Nothing)
                }
            };
            (event, change, index.take_notes())
        });
        self.metrics.watched(kind.name(), event);
        if matches!(event, WatchEvent::Listed | WatchEvent::Failed | WatchEvent::Gone) {
            self.metrics.watches_out_of_sync(kind.name(), self.with(|index| index.out_of_sync(kind)));
        }
        self.stir(change);
        notes.into_iter().for_each(|note| self.tell(note));
    }

    fn stir(&mut self, change: Change) {
        if change == Change::Meaning {
            self.debounce.stir(Instant::now());
        }
        if change >= Change::Status {
            self.touched.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn tell(&self, note: Note) {
        match note {
            Note::Unreadable { key: (kind, name), problem } => {
                let kind = kind.name();
                self.metrics.watched(kind, WatchEvent::Unreadable);
                tracing::warn!(kind, object = %name, problem, "an object can't be read: what it may concern is deferred");
            }
            Note::Unknown { key: (kind, name), fields } => {
                let (kind, fields) = (kind.name(), fields.join(", "));
                self.metrics.watched(kind, WatchEvent::UnknownFields);
                tracing::warn!(kind, object = %name, fields, "fields that are not known are ignored");
            }
        }
    }

    /// Asks all that is to be asked.
    fn ask(&mut self) {
        let (objects, kinds) = self.change(|index| (index.contents().take_due(), index.doubts().take_due()));
        for (key, ticket) in objects {
            self.fetch(key, ticket, Duration::ZERO);
        }
        for (kind, losses) in kinds {
            let client = self.client.clone();
            self.questions.spawn(async move {
                let definition = fetch::definition(&client, kind).await;
                if matches!(definition, Definition::Falls | Definition::Unknown) {
                    sleep(LOOK_AGAIN).await;
                }
                Answer::Definition(kind, losses, definition)
            });
        }
    }

    fn fetch(&mut self, key: Key, ticket: Ticket, wait: Duration) {
        let (client, at_once) = (self.client.clone(), Arc::clone(&self.at_once));
        self.questions.spawn(async move {
            sleep(wait).await;
            let _place = at_once.acquire().await;
            let fetched = fetch::object(&client, &key).await;
            Answer::Object(key, ticket, fetched)
        });
    }

    fn learn(&mut self, answer: Answer) {
        match answer {
            Answer::Object(key, ticket, fetched) => {
                let is_refused = matches!(fetched, Fetched::Refused);
                let (change, next) = self.change(|index| index.contents().fetched(&key, ticket, fetched));
                self.stir(change);
                match next {
                    Next::Done => {
                        self.told.fetches.remove(&key);
                    }
                    Next::Again { failures } => {
                        self.tell_unfetched(&key, is_refused);
                        self.fetch(key, ticket, backoff::after(failures));
                    }
                }
            }
            Answer::Definition(kind, losses, definition) => {
                self.tell_definition(kind, definition);
                self.change(|index| index.doubts().answered(kind, losses, definition));
            }
        }
    }

    fn tell_unfetched(&mut self, key: &Key, is_refused: bool) {
        if !self.told.fetches.insert(key.clone()) {
            return;
        }
        let (kind, object) = (key.0.name(), &key.1);
        if is_refused {
            tracing::warn!(kind, %object, "may not be fetched: give get; what was known of it stays in use");
        } else {
            tracing::warn!(kind, %object, "can't be fetched now: what was known of it stays in use");
        }
    }

    fn tell_definition(&mut self, kind: ApiKind, definition: Definition) {
        match definition {
            Definition::Falls if self.told.falling.insert(kind) => tracing::warn!(
                kind = kind.name(),
                "the CRD is being deleted, and its objects with it: nothing new is published until it is back"
            ),
            Definition::Hidden if !std::mem::replace(&mut self.told.hidden, true) => tracing::warn!(
                "CRDs may not be looked at: give get; a CRD that is deleted can't be told from deleted objects"
            ),
            Definition::Stands => {
                self.told.falling.remove(&kind);
            }
            _ => {}
        }
    }

    fn publish(&mut self) {
        self.debounce = Debounce::Calm;
        let snapshot = self.with(Index::snapshot);
        self.changes.send_replace(Some(Arc::new(snapshot)));
    }
}

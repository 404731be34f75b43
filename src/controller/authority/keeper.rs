//! The leader's part: makes the authority, rotates it, and publishes what is to be believed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::timeout;

use super::AuthorityError;
use super::bundle::{self, Published};
use super::ca::Authority;
use super::follow::{Held, Seen};
use super::holdings::Holdings;
use super::rotation::{Step, rotation};
use super::serving::until;
use crate::controller::FIELD_MANAGER;
use crate::controller::lease::Leadership;
use crate::controller::owner::{Owner, Ownership};
use crate::plan::ObjectName;

/// How often ConfigMaps are looked at that nobody has said anything of.
const LOOK: Duration = Duration::from_secs(60);
/// How long until what failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long one look may take, all namespaces included.
const WITHIN: Duration = Duration::from_secs(60);
/// How long the ConfigMap of one namespace may take.
const EACH: Duration = Duration::from_secs(10);

/// Namespaces of front-ends; none before they are known.
pub type Namespaces = Option<Arc<BTreeSet<String>>>;

/// Namespaces of front-ends in which the bundle is not published, and why.
pub type Unpublished = BTreeMap<String, String>;

/// Keeps the authority, as long as this replica leads.
#[derive(Debug)]
pub struct Keeper {
    /// Whose authority it is.
    pub kept: Kept,
    /// Name of the ConfigMaps that the bundle goes to.
    pub config_map: String,
    /// Owner of a Secret that is created.
    pub owner: Owner,
    /// Where front-ends are; none before it is known.
    pub namespaces: watch::Receiver<Namespaces>,
    /// Whether this replica leads.
    pub leadership: watch::Receiver<Leadership>,
}

/// Whose authority it is.
#[derive(Debug, Clone)]
pub enum Kept {
    /// Our own, in this Secret.
    Own {
        /// Its name.
        secret: ObjectName,
        /// What it holds, from [`super::follow()`].
        held: watch::Receiver<Held>,
    },
    /// Another's, such as cert-manager's: the file with its certificates is published, and no more.
    Given(PathBuf),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("{0}")]
    Authority(#[from] AuthorityError),
    #[error("no answer of the API server in time")]
    TooLate,
}

impl Keeper {
    /// Works for as long as what it follows lives. Where it could not publish is told to `unpublished`.
    pub async fn run(mut self, client: Client, unpublished: watch::Sender<Unpublished>) {
        let mut spreader = Spreader { client: client.clone(), config_map: self.config_map, unpublished };
        loop {
            let leads = *self.leadership.borrow_and_update() == Leadership::Leader;
            let namespaces = self.namespaces.borrow_and_update().clone();
            let due = match &mut self.kept {
                _ if !leads => None,
                Kept::Own { secret, held } => {
                    let secrets = Api::namespaced(client.clone(), &secret.namespace);
                    let held = held.borrow_and_update().clone();
                    let work = Own { secret, secrets, owner: &self.owner, now: SystemTime::now() };
                    Some(work.tend(held, namespaces, &mut spreader).await)
                }
                Kept::Given(file) => Some(given(file, namespaces, &mut spreader).await),
            };
            let held_changed = async {
                match &mut self.kept {
                    Kept::Own { held, .. } => held.changed().await,
                    Kept::Given(_) => std::future::pending().await,
                }
            };
            let followed = tokio::select! {
                changed = self.leadership.changed() => changed,
                changed = self.namespaces.changed() => changed,
                changed = held_changed => changed,
                () = until(due) => Ok(()),
            };
            if followed.is_err() {
                return;
            }
        }
    }
}

/// Publishes what another's authority is to be known by, and says when to look again.
async fn given(file: &Path, namespaces: Namespaces, spreader: &mut Spreader) -> SystemTime {
    let Some(namespaces) = namespaces else { return SystemTime::now() + LOOK };
    let spread = match tokio::fs::read_to_string(file).await {
        Ok(bundle) => spreader.spread(&bundle, &namespaces).await,
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "the authority's certificates can't be read");
            Spread::Failed
        }
    };
    SystemTime::now()
        + match spread {
            Spread::Everywhere => LOOK,
            Spread::Failed => AGAIN,
        }
}

/// One look at our own authority.
struct Own<'a> {
    secret: &'a ObjectName,
    secrets: Api<Secret>,
    owner: &'a Owner,
    now: SystemTime,
}

impl Own<'_> {
    /// Does what is due, and says when to look again.
    async fn tend(&self, held: Held, namespaces: Namespaces, spreader: &mut Spreader) -> SystemTime {
        let work = async {
            match held {
                Held::Unknown => Ok(self.now + LOOK),
                Held::Absent => self.create().await,
                Held::Present(seen) => match &seen.holdings {
                    None => self.found(&seen).await,
                    Some(holdings) => self.keep(&seen, holdings.clone(), namespaces, spreader).await,
                },
            }
        };
        let done = timeout(WITHIN, work).await.unwrap_or(Err(KeeperError::TooLate));
        done.unwrap_or_else(|error| {
            tracing::error!(secret = %self.secret, %error, "the authority can't be kept");
            self.now + AGAIN
        })
    }

    async fn keep(
        &self,
        seen: &Seen,
        held: Holdings,
        namespaces: Namespaces,
        spreader: &mut Spreader,
    ) -> Result<SystemTime, KeeperError> {
        let now = self.now;
        let (new, what) = match rotation(&held, now) {
            Step::Wait(due) => {
                let Some(namespaces) = namespaces else { return Ok(due) };
                let spread = spreader.spread(&held.bundle(), &namespaces).await;
                let announced = held.next.as_ref().is_none_or(|next| next.published.is_some());
                match spread {
                    Spread::Failed => return Ok(due.min(now + AGAIN)),
                    Spread::Everywhere if announced => return Ok(due.min(now + LOOK)),
                    Spread::Everywhere => (held.published(now), "the next authority is announced"),
                }
            }
            Step::Prepare => (held.prepared(Authority::generate(now)?), "a next authority is made"),
            Step::Promote => (held.promoted(now), "the next authority signs"),
            Step::Forget => (held.forgotten(), "the previous authority is no longer believed"),
            Step::Replace => return self.found(seen).await,
        };
        self.write(seen, &new, what).await
    }

    /// Makes the Secret where there is none.
    async fn create(&self) -> Result<SystemTime, KeeperError> {
        let owner_references = match self.owner.find().await? {
            Ownership::Nobody => None,
            Ownership::Deployment(owner) => Some(vec![owner]),
            Ownership::Gone => {
                tracing::info!(secret = %self.secret, "the Deployment is gone, so no authority is made");
                return Ok(self.now + LOOK);
            }
        };
        let holdings = Holdings::found(Authority::generate(self.now)?, self.now);
        let metadata = ObjectMeta {
            name: Some(self.secret.name.clone()),
            namespace: Some(self.secret.namespace.clone()),
            owner_references,
            ..ObjectMeta::default()
        };
        let data = Some(holdings.to_data());
        let secret = Secret { metadata, data, type_: Some("Opaque".into()), ..Secret::default() };
        self.written(self.secrets.create(&params(), &secret).await, "an authority is made")
    }

    /// Replaces what the Secret holds by a new authority.
    async fn found(&self, seen: &Seen) -> Result<SystemTime, KeeperError> {
        let new = Holdings::found(Authority::generate(self.now)?, self.now);
        self.write(seen, &new, "the authority is replaced").await
    }

    async fn write(
        &self,
        seen: &Seen,
        new: &Holdings,
        what: &'static str,
    ) -> Result<SystemTime, KeeperError> {
        let secret = Secret { data: Some(new.to_data()), ..seen.shell.clone() };
        self.written(self.secrets.replace(&self.secret.name, &params(), &secret).await, what)
    }

    /// What came of a write: the watch brings what stands there now, ours or another's.
    fn written(&self, written: kube::Result<Secret>, what: &'static str) -> Result<SystemTime, KeeperError> {
        match written {
            Ok(_) => tracing::info!(secret = %self.secret, "{what}"),
            Err(kube::Error::Api(status)) if status.code == 409 || status.is_not_found() => {
                tracing::info!(secret = %self.secret, "another wrote the Secret, so it is read again");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(self.now + AGAIN)
    }
}

/// Publishes bundles.
struct Spreader {
    client: Client,
    config_map: String,
    unpublished: watch::Sender<Unpublished>,
}

/// How far a bundle came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// To every ConfigMap that there is.
    Everywhere,
    /// Not to all.
    Failed,
}

impl Spreader {
    async fn spread(&mut self, bundle: &str, namespaces: &BTreeSet<String>) -> Spread {
        let mut spread = Spread::Everywhere;
        let mut unpublished = Unpublished::new();
        for namespace in namespaces {
            let publishing = bundle::publish(&self.client, namespace, &self.config_map, bundle);
            let problem = match timeout(EACH, publishing).await {
                Ok(Ok(Published::Current)) => continue,
                Ok(Ok(Published::Absent)) => format!(
                    "there is no ConfigMap {}: create it empty in this namespace, or by the chart with its \
                     front-ends, which read there whom to believe",
                    self.config_map
                ),
                Ok(Err(error)) => {
                    spread = Spread::Failed;
                    format!("ConfigMap {} can't be written: {error}", self.config_map)
                }
                Err(_) => {
                    spread = Spread::Failed;
                    format!("ConfigMap {} can't be written: no answer in time", self.config_map)
                }
            };
            unpublished.insert(namespace.clone(), problem);
        }
        self.unpublished.send_if_modified(|held| {
            let known = |namespace: &String, problem: &String| held.get(namespace) == Some(problem);
            for (namespace, problem) in unpublished.iter().filter(|(key, problem)| !known(key, problem)) {
                tracing::warn!(namespace, problem, "the authority is not published");
            }
            let changed = *held != unpublished;
            *held = unpublished;
            changed
        });
        spread
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

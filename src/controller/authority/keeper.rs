//! The leader's part: makes the authority, rotates it, and publishes what is to be believed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;

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

/// Namespaces of front-ends in which the bundle is not published, and why.
pub type Unpublished = BTreeMap<String, String>;

/// Keeps the authority, as long as this replica leads.
#[derive(Debug)]
pub struct Keeper {
    /// Where the authority is kept.
    pub secret: ObjectName,
    /// Name of the ConfigMaps that the bundle goes to.
    pub config_map: String,
    /// Owner of a Secret that is created.
    pub owner: Owner,
    /// What the Secret holds, from [`super::follow`].
    pub held: watch::Receiver<Held>,
    /// Where front-ends are.
    pub namespaces: watch::Receiver<Arc<BTreeSet<String>>>,
    /// Whether this replica leads.
    pub leadership: watch::Receiver<Leadership>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error("{0}")]
    Api(#[from] kube::Error),
    #[error("{0}")]
    Authority(#[from] AuthorityError),
}

impl Keeper {
    /// Works for as long as what it follows lives. Where it could not publish is told to `unpublished`.
    pub async fn run(mut self, client: Client, unpublished: watch::Sender<Unpublished>) {
        let secrets = Api::namespaced(client.clone(), &self.secret.namespace);
        let mut work = Work { client, secrets, unpublished };
        loop {
            let leads = *self.leadership.borrow_and_update() == Leadership::Leader;
            let due = if leads { Some(self.tend(&mut work).await) } else { None };
            let followed = tokio::select! {
                changed = self.leadership.changed() => changed,
                changed = self.held.changed() => changed,
                changed = self.namespaces.changed() => changed,
                () = until(due) => Ok(()),
            };
            if followed.is_err() {
                return;
            }
        }
    }

    /// Does what is due, and says when to look again.
    async fn tend(&mut self, work: &mut Work) -> SystemTime {
        let held = self.held.borrow_and_update().clone();
        let namespaces = Arc::clone(&self.namespaces.borrow_and_update());
        let now = SystemTime::now();
        let done = match held {
            Held::Unknown => Ok(now + LOOK),
            Held::Absent => self.create(work, now).await,
            Held::Present(seen) => match &seen.holdings {
                None => self.found(work, &seen, now).await,
                Some(holdings) => self.keep(work, &seen, holdings, &namespaces, now).await,
            },
        };
        done.unwrap_or_else(|error| {
            tracing::error!(secret = %self.secret, %error, "the authority can't be kept");
            now + AGAIN
        })
    }

    async fn keep(
        &self,
        work: &mut Work,
        seen: &Seen,
        held: &Holdings,
        namespaces: &BTreeSet<String>,
        now: SystemTime,
    ) -> Result<SystemTime, KeeperError> {
        let held = held.clone();
        let (new, what) = match rotation(&held, now) {
            Step::Wait(due) => return self.publish(work, seen, held, namespaces, now, due).await,
            Step::Prepare => (held.prepared(Authority::generate(now)?), "a next authority is made"),
            Step::Promote => (held.promoted(now), "the next authority signs"),
            Step::Forget => (held.forgotten(), "the previous authority is no longer believed"),
            Step::Replace => return self.found(work, seen, now).await,
        };
        self.write(work, seen, &new, what, now).await
    }

    /// Publishes the bundle. The next authority counts as announced once it is in every ConfigMap that
    /// there is.
    async fn publish(
        &self,
        work: &mut Work,
        seen: &Seen,
        held: Holdings,
        namespaces: &BTreeSet<String>,
        now: SystemTime,
        due: SystemTime,
    ) -> Result<SystemTime, KeeperError> {
        let everywhere = self.spread(work, &held.bundle(), namespaces).await;
        let announced = held.next.as_ref().is_none_or(|next| next.published.is_some());
        match everywhere {
            Spread::Failed => Ok(due.min(now + AGAIN)),
            Spread::Everywhere if announced => Ok(due.min(now + LOOK)),
            Spread::Everywhere => {
                let what = "the next authority is announced";
                self.write(work, seen, &held.published(now), what, now).await
            }
        }
    }

    async fn spread(&self, work: &mut Work, bundle: &str, namespaces: &BTreeSet<String>) -> Spread {
        let mut spread = Spread::Everywhere;
        let mut unpublished = Unpublished::new();
        for namespace in namespaces {
            let problem = match bundle::publish(&work.client, namespace, &self.config_map, bundle).await {
                Ok(Published::Current) => continue,
                Ok(Published::Absent) => format!(
                    "there is no ConfigMap {}: create it empty in this namespace, or by the chart with its \
                     front-ends, which read there whom to believe",
                    self.config_map
                ),
                Err(error) => {
                    spread = Spread::Failed;
                    format!("ConfigMap {} can't be written: {error}", self.config_map)
                }
            };
            unpublished.insert(namespace.clone(), problem);
        }
        work.unpublished.send_if_modified(|held| {
            for (namespace, problem) in
                unpublished.iter().filter(|(key, problem)| held.get(*key) != Some(*problem))
            {
                tracing::warn!(namespace, problem, "the authority is not published");
            }
            let changed = *held != unpublished;
            *held = unpublished;
            changed
        });
        spread
    }

    /// Makes the Secret where there is none.
    async fn create(&self, work: &Work, now: SystemTime) -> Result<SystemTime, KeeperError> {
        let owner_references = match self.owner.find().await? {
            Ownership::Nobody => None,
            Ownership::Deployment(owner) => Some(vec![owner]),
            Ownership::Gone => {
                tracing::info!(secret = %self.secret, "the Deployment is gone, so no authority is made");
                return Ok(now + LOOK);
            }
        };
        let holdings = Holdings::found(Authority::generate(now)?, now);
        let metadata = ObjectMeta {
            name: Some(self.secret.name.clone()),
            namespace: Some(self.secret.namespace.clone()),
            owner_references,
            ..ObjectMeta::default()
        };
        let data = Some(holdings.to_data());
        let secret = Secret { metadata, data, type_: Some("Opaque".into()), ..Secret::default() };
        self.written(work.secrets.create(&params(), &secret).await, "an authority is made", now)
    }

    /// Replaces what the Secret holds by a new authority.
    async fn found(&self, work: &Work, seen: &Seen, now: SystemTime) -> Result<SystemTime, KeeperError> {
        let new = Holdings::found(Authority::generate(now)?, now);
        self.write(work, seen, &new, "the authority is replaced", now).await
    }

    async fn write(
        &self,
        work: &Work,
        seen: &Seen,
        new: &Holdings,
        what: &'static str,
        now: SystemTime,
    ) -> Result<SystemTime, KeeperError> {
        let secret = Secret { data: Some(new.to_data()), ..seen.shell.clone() };
        self.written(work.secrets.replace(&self.secret.name, &params(), &secret).await, what, now)
    }

    /// What came of a write: the watch brings what stands there now, ours or another's.
    fn written(
        &self,
        written: kube::Result<Secret>,
        what: &'static str,
        now: SystemTime,
    ) -> Result<SystemTime, KeeperError> {
        match written {
            Ok(_) => tracing::info!(secret = %self.secret, "{what}"),
            Err(kube::Error::Api(status)) if status.code == 409 || status.is_not_found() => {
                tracing::info!(secret = %self.secret, "another wrote the Secret, so it is read again");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(now + AGAIN)
    }
}

/// What the work needs beside what is known.
struct Work {
    client: Client,
    secrets: Api<Secret>,
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

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

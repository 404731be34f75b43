//! Leader election by a Lease of `coordination.k8s.io/v1`, as client-go does it.
//!
//! ```text
//!              free, or not renewed for as long as its holder said
//!   Follower ──────────────────────────────────────────────────────▶ Leader
//!      ▲                                                               │
//!      └── another holds it, or it could not be renewed within 10 s ───┘
//! ```
//!
//! A leader that hears nothing of the API server stops after `RENEW_WITHIN`, before anybody else may
//! begin after `HELD_FOR`. Times are measured by the own monotonic clock, from when a change was seen:
//! what clocks of other nodes say is of no weight. Who stops gives the Lease back, so that the next one
//! need not wait. Two processes with one identity take each other for themselves: identities are names
//! of pods.

mod election;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use self::election::{Election, Move};
use super::owner::{Owner, Ownership};
use crate::metrics::Metrics;
use crate::plan::ObjectName;

/// How long others leave a Lease alone that is not renewed.
const HELD_FOR: Duration = Duration::from_secs(15);
/// How long a leader tries to renew before it stops to lead.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often the Lease is renewed, or looked at; up to a fifth later, so that not all look at once.
const EVERY: Duration = Duration::from_secs(2);
/// How long giving the Lease back may take.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Whether this replica leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leadership {
    /// It alone writes status, Events and the authority.
    Leader,
    /// It does not.
    Follower,
}

/// Who stands for election, and for which Lease.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The name of the pod.
    pub identity: String,
    /// The Lease.
    pub lease: ObjectName,
    /// Owner of a Lease that is created.
    pub owner: Owner,
}

/// Stands for election until `stopped`, then gives the Lease back. All of it happens in the future.
pub fn campaign<S: Future<Output = ()> + Send>(
    client: Client,
    candidate: Candidate,
    metrics: &Metrics,
    stopped: S,
) -> (watch::Receiver<Leadership>, impl Future<Output = ()> + Send + use<S>) {
    let (leadership, current) = watch::channel(Leadership::Follower);
    let gauge = metrics.leader();
    gauge.set(0);
    let leases = Api::namespaced(client, &candidate.lease.namespace);
    let election = Election::new(candidate.identity.clone());
    let campaign = Campaign { leases, candidate, election, held: None, renewed: None, leadership, gauge };
    (current, campaign.run(stopped))
}

struct Campaign {
    leases: Api<Lease>,
    candidate: Candidate,
    election: Election,
    /// The Lease as this replica wrote it last.
    held: Option<Lease>,
    /// When it began to write it.
    renewed: Option<Instant>,
    leadership: watch::Sender<Leadership>,
    gauge: prometheus::IntGauge,
}

impl Campaign {
    async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let began = Instant::now();
            let deadline = self.renewed.unwrap_or(began) + RENEW_WITHIN;
            tokio::select! {
                tried = timeout_at(deadline, self.attempt()) => match tried {
                    Ok(Ok(Leadership::Leader)) => {
                        self.renewed = Some(began);
                        self.tell(Leadership::Leader);
                    }
                    Ok(Ok(Leadership::Follower)) => self.lost(),
                    Ok(Err(error)) => self.failed(&error.to_string()),
                    Err(_) => self.failed("no answer in time"),
                },
                () = &mut stopped => break,
            }
            tokio::select! {
                () = sleep(EVERY.mul_f64(rand::random_range(1.0..1.2))) => {}
                () = &mut stopped => break,
            }
        }
        self.release().await;
    }

    /// Looks at the Lease, and takes or renews it where it may.
    async fn attempt(&mut self) -> kube::Result<Leadership> {
        let seen = match self.held.take() {
            Some(held) => Some(held),
            None => self.leases.get_opt(&self.candidate.lease.name).await?,
        };
        let spec = match self.election.decide(seen.as_ref(), Instant::now()) {
            Move::Wait => return Ok(Leadership::Follower),
            Move::Write { transitions, acquired } => self.spec(transitions, acquired),
        };
        let written = match seen {
            Some(mut lease) => {
                lease.spec = Some(spec);
                self.leases.replace(&self.candidate.lease.name, &PostParams::default(), &lease).await
            }
            None => match self.candidate.owner.find().await? {
                Ownership::Gone => return Ok(Leadership::Follower),
                Ownership::Nobody => self.create(spec, None).await,
                Ownership::Deployment(owner) => self.create(spec, Some(vec![owner])).await,
            },
        };
        match written {
            Ok(lease) => {
                self.held = Some(lease);
                Ok(Leadership::Leader)
            }
            // Somebody else was faster: the next look tells who. One that renews has not lost yet.
            Err(kube::Error::Api(status)) if status.code == 409 && self.renewed.is_none() => {
                Ok(Leadership::Follower)
            }
            Err(error) => Err(error),
        }
    }

    fn spec(&self, transitions: i32, acquired: Option<MicroTime>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.candidate.identity.clone()),
            lease_duration_seconds: i32::try_from(HELD_FOR.as_secs()).ok(),
            acquire_time: acquired.or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    async fn create(
        &self,
        spec: LeaseSpec,
        owner_references: Option<Vec<OwnerReference>>,
    ) -> kube::Result<Lease> {
        let ObjectName { namespace, name } = self.candidate.lease.clone();
        let metadata = ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            owner_references,
            ..ObjectMeta::default()
        };
        self.leases.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await
    }

    /// An error is borne for as long as nobody else can have the Lease.
    fn failed(&mut self, error: &str) {
        tracing::warn!(lease = %self.candidate.lease, error, "the Lease can't be had or renewed");
        if self.renewed.is_none_or(|renewed| renewed.elapsed() >= RENEW_WITHIN) {
            self.lost();
        }
    }

    fn lost(&mut self) {
        self.renewed = None;
        self.tell(Leadership::Follower);
    }

    fn tell(&self, now: Leadership) {
        self.gauge.set(i64::from(now == Leadership::Leader));
        self.leadership.send_if_modified(|held| {
            let changed = *held != now;
            *held = now;
            if changed {
                tracing::info!(lease = %self.candidate.lease, identity = self.candidate.identity, "now {now:?}");
            }
            changed
        });
    }

    /// Lets the next one begin at once.
    async fn release(mut self) {
        let leads = self.renewed.is_some();
        self.lost();
        if !leads {
            return;
        }
        match timeout_at(Instant::now() + RELEASE_WITHIN, self.give_back()).await {
            Ok(Ok(())) => tracing::info!(lease = %self.candidate.lease, "the Lease is given back"),
            Ok(Err(error)) => {
                tracing::warn!(lease = %self.candidate.lease, %error, "the Lease can't be given back");
            }
            Err(_) => tracing::warn!(lease = %self.candidate.lease, "the Lease can't be given back in time"),
        }
    }

    async fn give_back(&mut self) -> kube::Result<()> {
        let name = &self.candidate.lease.name;
        let lease = match self.held.take() {
            Some(held) => Some(held),
            None => self.leases.get_opt(name).await?,
        };
        let spec = |lease: &Lease| lease.spec.clone().unwrap_or_default();
        let ours = |lease: &Lease| spec(lease).holder_identity.as_ref() == Some(&self.candidate.identity);
        let Some(mut lease) = lease.filter(ours) else { return Ok(()) };
        let now = MicroTime(Timestamp::now());
        lease.spec = Some(LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            renew_time: Some(now),
            ..spec(&lease)
        });
        self.leases.replace(name, &PostParams::default(), &lease).await.map(|_| ())
    }
}

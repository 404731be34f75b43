//! Who may write the Lease: a decision about what was seen of it, and when.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

use super::HELD_FOR;

/// What a candidate remembers.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    /// The version of the Lease seen last, and when it was seen first.
    seen: Option<(String, Instant)>,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Move {
    /// Another one leads.
    Wait,
    /// Create, take or renew.
    Write {
        /// How often it changed hands, this time included.
        transitions: i32,
        /// Since when it is ours; none when it was not.
        acquired: Option<MicroTime>,
    },
}

impl Election {
    pub(super) fn new(identity: String) -> Self {
        Self { identity, seen: None }
    }

    /// What to do about a Lease as it is at `now`.
    pub(super) fn decide(&mut self, lease: Option<&Lease>, now: Instant) -> Move {
        let Some(lease) = lease else { return Move::Write { transitions: 0, acquired: None } };
        let unchanged_since = self.look(lease, now);
        let spec = lease.spec.clone().unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or_default().max(0);
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder == self.identity {
            return Move::Write { transitions, acquired: spec.acquire_time };
        }
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let held_for = seconds.map_or(HELD_FOR, Duration::from_secs);
        if holder.is_empty() || now.duration_since(unchanged_since) >= held_for {
            return Move::Write { transitions: transitions.saturating_add(1), acquired: None };
        }
        Move::Wait
    }

    /// Since when the Lease is as it is.
    fn look(&mut self, lease: &Lease, now: Instant) -> Instant {
        let version = lease.metadata.resource_version.as_deref().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if seen == version => *since,
            _ => {
                self.seen = Some((version.to_owned(), now));
                now
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn lease(holder: &str, version: &str, seconds: i32) -> Lease {
        Lease {
            metadata: ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: (!holder.is_empty()).then(|| holder.to_owned()),
                lease_duration_seconds: Some(seconds),
                lease_transitions: Some(3),
                ..LeaseSpec::default()
            }),
        }
    }

    fn takes(decided: &Move) -> bool {
        *decided == Move::Write { transitions: 4, acquired: None }
    }

    #[tokio::test]
    async fn a_lease_is_taken_when_it_is_free() {
        let now = Instant::now();
        let mut election = Election::new("a".into());
        assert_eq!(election.decide(None, now), Move::Write { transitions: 0, acquired: None });
        assert!(takes(&election.decide(Some(&lease("", "1", 1)), now)));
        let ours = election.decide(Some(&lease("a", "2", 15)), now);
        assert_eq!(ours, Move::Write { transitions: 3, acquired: None }, "it did not change hands");
    }

    #[tokio::test]
    async fn another_holder_is_left_alone_for_as_long_as_it_renews() {
        let start = Instant::now();
        let mut election = Election::new("a".into());
        let second = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(election.decide(Some(&lease("b", "1", 15)), second(0)), Move::Wait);
        assert_eq!(election.decide(Some(&lease("b", "1", 15)), second(14)), Move::Wait);
        assert_eq!(election.decide(Some(&lease("b", "2", 15)), second(16)), Move::Wait, "it was renewed");
        assert_eq!(election.decide(Some(&lease("b", "2", 15)), second(30)), Move::Wait);
        assert!(takes(&election.decide(Some(&lease("b", "2", 15)), second(31))));
    }

    #[tokio::test]
    async fn a_holder_says_itself_how_long_to_wait() {
        let start = Instant::now();
        let mut election = Election::new("a".into());
        assert_eq!(election.decide(Some(&lease("b", "1", 60)), start), Move::Wait);
        assert_eq!(election.decide(Some(&lease("b", "1", 60)), start + HELD_FOR), Move::Wait);
        assert!(takes(&election.decide(Some(&lease("b", "1", 60)), start + Duration::from_secs(60))));
    }
}

//! Whose token it is: the apiserver's TokenReview, remembered for a minute.
//!
//! ```text
//! token ─▶ remembered? ─▶ TokenReview with our audience ─▶ audience in the answer? ─▶ caller
//! ```
//!
//! The audience has to be in the answer: an authenticator that knows of none says that a token is valid
//! for the apiserver's own, which proves nothing to us. While the apiserver is away, who was known lately
//! still is: front-ends that ask again are those that asked before.
//!
//! Tokens are remembered by their hash, so many and no more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::Api;
use kube::api::PostParams;
use moka::future::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::Refusal;
use super::request::Token;
use crate::metrics::{Metrics, ReviewOutcome};

/// How long an accepted token is not asked about again.
const FRESH: Duration = Duration::from_secs(60);
/// How long one is remembered for when the apiserver can't be asked.
const STALE: Duration = Duration::from_secs(600);
/// How long a refused token is not asked about again: whoever mends what is wrong need not wait.
const REFUSED: Duration = Duration::from_secs(5);
/// Tokens that are remembered of either kind.
const REMEMBERED: u64 = 4096;
/// Reviews at a time.
const REVIEWS: usize = 16;
/// For a review, its wait for a place with it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The key of the user's `extra` under which a token that is bound to a pod names it.
const POD: &str = "authentication.kubernetes.io/pod-name";

type Hash = [u8; 32];

/// Asks the apiserver about tokens, and remembers.
pub(super) struct Reviews {
    reviews: Api<TokenReview>,
    audience: String,
    accepted: Cache<Hash, Accepted>,
    refused: Cache<Hash, ()>,
    places: Semaphore,
    metrics: Metrics,
}

#[derive(Clone)]
struct Accepted {
    caller: Arc<Caller>,
    at: Instant,
}

/// Who a token is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// `system:serviceaccount:<namespace>:<name>` for a service account.
    pub(super) user: String,
    /// The pod that the token is bound to.
    pub(super) pod: Option<String>,
}

impl Caller {
    /// Whether it is this service account.
    pub(super) fn is(&self, namespace: &str, service_account: &str) -> bool {
        let rest = self.user.strip_prefix("system:serviceaccount:");
        rest.and_then(|rest| rest.split_once(':')) == Some((namespace, service_account))
    }

    fn of(user: UserInfo) -> Self {
        let pod =
            user.extra.and_then(|mut extra| extra.remove(POD)).and_then(|names| names.into_iter().next());
        Self { user: user.username.unwrap_or_default(), pod }
    }
}

/// Why the apiserver gave no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("{0}")]
    Kube(#[from] kube::Error),
    #[error("no answer within {PATIENCE:?}")]
    Late,
}

impl Reviews {
    pub(super) fn new(client: kube::Client, audience: String, metrics: Metrics) -> Self {
        let cache = |life| Cache::builder().max_capacity(REMEMBERED).time_to_live(life);
        Self {
            reviews: Api::all(client),
            audience,
            accepted: cache(STALE).build(),
            refused: Cache::builder().max_capacity(REMEMBERED).time_to_live(REFUSED).build(),
            places: Semaphore::new(REVIEWS),
            metrics,
        }
    }

    /// Whose token it is.
    pub(super) async fn caller(&self, token: &Token) -> Result<Arc<Caller>, Refusal> {
        let hash = token.hash();
        let known = self.accepted.get(&hash).await;
        if let Some(known) = &known
            && known.at.elapsed() < FRESH
        {
            return Ok(Arc::clone(&known.caller));
        }
        let invalid = || Refusal::Token { audience: self.audience.clone() };
        if self.refused.contains_key(&hash) {
            return Err(invalid());
        }
        let asked_at = Instant::now();
        match timeout(PATIENCE, self.ask(token)).await.unwrap_or(Err(Unanswered::Late)) {
            Ok(Some(caller)) => {
                self.metrics.token_reviewed(ReviewOutcome::Accepted);
                let caller = Arc::new(caller);
                self.accepted.insert(hash, Accepted { caller: Arc::clone(&caller), at: asked_at }).await;
                Ok(caller)
            }
            Ok(None) => {
                self.metrics.token_reviewed(ReviewOutcome::Refused);
                self.accepted.invalidate(&hash).await;
                self.refused.insert(hash, ()).await;
                Err(invalid())
            }
            Err(error) => {
                self.metrics.token_reviewed(ReviewOutcome::Failed);
                tracing::warn!(%error, "the apiserver can't be asked about a token");
                known.map(|known| known.caller).ok_or(Refusal::Unreviewed)
            }
        }
    }

    async fn ask(&self, token: &Token) -> Result<Option<Caller>, Unanswered> {
        let _place = self.places.acquire().await.map_err(|_| Unanswered::Late)?;
        let spec = TokenReviewSpec {
            audiences: Some(vec![self.audience.clone()]),
            token: Some(token.reveal().to_owned()),
        };
        let review = TokenReview { spec, ..TokenReview::default() };
        let status = self.reviews.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
        let for_us = status.audiences.iter().flatten().any(|audience| *audience == self.audience);
        let valid = status.authenticated == Some(true) && for_us;
        Ok(status.user.filter(|_| valid).map(Caller::of))
    }
}

impl std::fmt::Debug for Reviews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reviews").field("audience", &self.audience).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_one_service_account_and_no_other() {
        let caller = |user: &str| Caller { user: user.to_owned(), pod: None };
        assert!(caller("system:serviceaccount:mail:front").is("mail", "front"));
        for user in [
            "system:serviceaccount:mail:front:more",
            "system:serviceaccount:mail:fron",
            "system:serviceaccount:mai:front",
            "serviceaccount:mail:front",
            "mail:front",
            "",
        ] {
            assert!(!caller(user).is("mail", "front"), "{user}");
        }
    }

    #[test]
    fn the_pod_is_the_one_that_the_token_is_bound_to() {
        let extra = [(POD.to_owned(), vec!["front-0".to_owned()])].into();
        let user = UserInfo { username: Some("u".to_owned()), extra: Some(extra), ..UserInfo::default() };
        assert_eq!(Caller::of(user), Caller { user: "u".to_owned(), pod: Some("front-0".to_owned()) });
        assert_eq!(Caller::of(UserInfo::default()).pod, None);
    }
}

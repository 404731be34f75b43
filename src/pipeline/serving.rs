//! What is served now: a plan, and the live backends it names. Swapped as one.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::auth::SignIns;
use super::entry::Counts;
use crate::backend::{Live, Notifier};
use crate::lookup::Verifier;
use crate::metrics::Metrics;
use crate::plan::{BackendId, Listener, Plan, VerificationId};

/// Where sessions look up what is served; each transaction looks once.
pub type Current = watch::Receiver<Arc<Serving>>;

/// A plan and its runtime.
pub struct Serving {
    /// The plan.
    pub plan: Plan,
    backends: Vec<Arc<Live>>,
    counts: Arc<Counts>,
    verifiers: Vec<Arc<Verifier>>,
    sign_ins: Arc<SignIns>,
    notifier: Option<Arc<Notifier>>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("gateway", &self.plan.gateway.name).finish_non_exhaustive()
    }
}

impl Serving {
    /// Puts a plan into service. Backends that are equal to those of `before` keep their pool, cap
    /// and circuit, and so do verifications, with what they have heard; what was counted of clients
    /// stays; the series of backends that are gone go. Once it is the one that is served,
    /// [`Self::forget_routes`] is due.
    pub fn new(plan: Plan, before: Option<&Self>, metrics: &Metrics) -> Self {
        let running = before.map_or(&[][..], |before| &before.backends);
        let backends = Live::adopt(&plan.backends, running, metrics);
        let counts = before.map_or_else(Arc::default, |before| Arc::clone(&before.counts));
        let asked = before.map_or(&[][..], |before| &before.verifiers);
        let verifiers = Verifier::adopt(&plan.verifications, asked);
        let sign_ins = before.map_or_else(Arc::default, |before| Arc::clone(&before.sign_ins));
        let told = before.and_then(|before| before.notifier.as_ref());
        let notifier = Notifier::adopt(plan.gateway.bounces.as_ref(), told, metrics);
        Self { plan, backends, counts, verifiers, sign_ins, notifier }
    }

    /// Removes the series of routes that `before` had: what began by now counts for them no more.
    pub fn forget_routes(&self, before: &Self, metrics: &Metrics) {
        let kept = self.routes();
        for route in before.routes().difference(&kept) {
            metrics.remove_route(route);
        }
    }

    fn routes(&self) -> BTreeSet<&str> {
        self.plan.rules.iter().map(|rule| &*rule.route_label).collect()
    }

    /// The backend of an id of the plan.
    pub fn backend(&self, id: BackendId) -> Option<&Arc<Live>> {
        self.backends.get(id.0 as usize)
    }

    /// How often clients and senders came.
    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Who is asked, by an id of the plan.
    pub fn verifier(&self, id: VerificationId) -> Option<&Arc<Verifier>> {
        self.verifiers.get(id.0 as usize)
    }

    /// What all sessions share of AUTH.
    pub(super) fn sign_ins(&self) -> &Arc<SignIns> {
        &self.sign_ins
    }

    /// What sends notifications; `None` where none are.
    pub fn notifier(&self) -> Option<&Arc<Notifier>> {
        self.notifier.as_ref()
    }

    /// The listener of this name.
    pub fn listener(&self, name: &str) -> Option<&Arc<Listener>> {
        self.plan.listeners.iter().find(|listener| &*listener.name == name)
    }
}

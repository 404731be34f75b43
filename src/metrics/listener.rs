//! Counting at one listener: every series is looked up once, then counting is an atomic addition.

use std::array;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge};

use super::check::CheckMetrics;
use super::{AuthOutcome, Families, MessageOutcome, RecipientOutcome, RecipientReason, SessionOutcome};
use crate::smtp::{Mechanism, Verb, Violation};

/// Reply codes of one verb that are held for lock-free counting. No verb of ours has more; codes that a
/// backend's `responses` invent beyond them cost a look-up.
const CODES_PER_VERB: usize = 12;

/// The handles of one listener. Clones share them.
#[derive(Debug, Clone)]
pub struct ListenerMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    families: Arc<Families>,
    listener: Box<str>,
    active: IntGauge,
    message_bytes: OnceLock<Histogram>,
    sessions: [OnceLock<IntCounter>; SessionOutcome::ALL.len()],
    verbs: [VerbMetrics; Verb::Other as usize + 1],
    violations: [OnceLock<IntCounter>; Violation::DrainLimit as usize + 1],
    checks: CheckMetrics,
    recipients: [[OnceLock<IntCounter>; RecipientReason::ALL.len()]; RecipientOutcome::ALL.len()],
}

/// One verb: codes in the order of their first use.
#[derive(Debug, Default)]
struct VerbMetrics {
    seconds: OnceLock<Histogram>,
    codes: [OnceLock<(u16, IntCounter)>; CODES_PER_VERB],
}

impl ListenerMetrics {
    pub(super) fn new(families: &Arc<Families>, listener: &str) -> Self {
        Self(Arc::new(Inner {
            families: Arc::clone(families),
            listener: listener.into(),
            active: families.sessions_active.get(&[listener]),
            message_bytes: OnceLock::new(),
            sessions: array::from_fn(|_| OnceLock::new()),
            verbs: array::from_fn(|_| VerbMetrics::default()),
            violations: array::from_fn(|_| OnceLock::new()),
            checks: CheckMetrics::default(),
            recipients: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
        }))
    }

    /// Where to look up what has no handle here.
    pub(super) fn place(&self) -> (&Families, &str) {
        (&self.0.families, &self.0.listener)
    }

    pub(super) fn checks(&self) -> &CheckMetrics {
        &self.0.checks
    }

    /// A proxy connected on its own behalf: that is no session.
    pub fn health_check(&self) {
        self.count_session(SessionOutcome::HealthCheck);
    }

    fn count_session(&self, outcome: SessionOutcome) {
        let Inner { families, listener, sessions, .. } = &*self.0;
        let counter = &sessions[outcome as usize];
        counter.get_or_init(|| families.sessions.get(&[listener, outcome.as_str()])).inc();
    }

    /// A session began; it counts as open until the guard is dropped.
    pub fn session(&self) -> ActiveSession {
        self.0.active.inc();
        ActiveSession { listener: self.clone(), outcome: SessionOutcome::Failed }
    }

    /// A command got its reply, `took` after it was read.
    pub fn command(&self, verb: Verb, code: u16, took: Duration) {
        let Inner { families, listener, verbs, .. } = &*self.0;
        let held = &verbs[verb as usize];
        let seconds = held.seconds.get_or_init(|| families.command_seconds.get(&[listener, verb.as_str()]));
        seconds.observe(took.as_secs_f64());
        self.further_reply(verb, code);
    }

    /// A command got one reply more: LMTP and PRDR answer a message for each recipient. It counts by its
    /// code; the time of the command is that to its first reply.
    pub fn further_reply(&self, verb: Verb, code: u16) {
        let held = &self.0.verbs[verb as usize];
        for slot in &held.codes {
            let (of, counter) = slot.get_or_init(|| (code, self.code(verb, code)));
            if *of == code {
                counter.inc();
                return;
            }
        }
        self.code(verb, code).inc();
    }

    fn code(&self, verb: Verb, code: u16) -> IntCounter {
        self.0.families.commands.get(&[&self.0.listener, verb.as_str(), &code.to_string()])
    }

    /// An attempt to sign in came to its end. A check of a password costs far more than a look-up.
    pub fn auth(&self, mechanism: Mechanism, outcome: AuthOutcome) {
        let Inner { families, listener, .. } = &*self.0;
        families.auth.get(&[listener, mechanism.as_str(), outcome.as_str()]).inc();
    }

    /// A client broke the protocol.
    pub fn violation(&self, violation: Violation) {
        let Inner { families, listener, violations, .. } = &*self.0;
        let counter = &violations[violation as usize];
        counter.get_or_init(|| families.violations.get(&[listener, violation.as_str()])).inc();
    }

    /// RCPT was answered.
    pub fn recipient(&self, outcome: RecipientOutcome, reason: RecipientReason) {
        let Inner { families, listener, recipients, .. } = &*self.0;
        let counter = &recipients[outcome as usize][reason as usize];
        let labels = [listener, outcome.as_str(), reason.as_str()];
        counter.get_or_init(|| families.recipients.get(&labels)).inc();
    }

    /// A message for `route` (`namespace/name`) was answered. Once per message, so it may cost a look-up:
    /// a handle would outlive its route.
    pub fn message(&self, route: &str, outcome: MessageOutcome) {
        self.0.families.messages.get(&[&self.0.listener, route, outcome.as_str()]).inc();
    }

    /// A complete message had this many octets.
    pub fn message_bytes(&self, octets: usize) {
        let Inner { families, listener, message_bytes, .. } = &*self.0;
        message_bytes.get_or_init(|| families.message_bytes.get(&[listener])).observe(octets as f64);
    }
}

/// An open session. Dropped without [`Self::end`], as by a panic, it counts as failed.
#[derive(Debug)]
pub struct ActiveSession {
    listener: ListenerMetrics,
    outcome: SessionOutcome,
}

impl ActiveSession {
    /// The session ended so.
    pub fn end(mut self, outcome: SessionOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for ActiveSession {
    fn drop(&mut self) {
        self.listener.0.active.dec();
        self.listener.count_session(self.outcome);
    }
}

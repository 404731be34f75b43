//! One front-end under abuse, measured: memory before and at its peak, latencies without and beside.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::memory::{self, Octets};
use crate::probe::{Latencies, Probe, Says};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

/// The byte budget of every front-end here.
pub(crate) const BUDGET: Octets = Octets(8 << 20);
/// What a front-end may hold beyond its budget, whatever is done to it: buffers of a few sessions, of
/// the allocator, of counters.
pub(crate) const CONSTANT: Octets = Octets(24 << 20);
/// What one open session may hold.
const SESSION: u64 = 18 << 10;
/// How much slower an honest client's message may get, beside what [`PAUSE`] forgives. The machine is
/// shared with the abuse itself, which takes as much of it as it can.
const SLOWER: u32 = 25;
const PAUSE: Duration = Duration::from_millis(500);

/// The front-end, its backend, and what was measured before anything was done.
pub(crate) struct Stage {
    pub(crate) front_end: FrontEnd,
    pub(crate) backend: Recorder,
    quiet: Latencies,
    before: Octets,
    /// Latencies mean nothing beside another test.
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// A listener with these fields; messages of up to 1 MiB.
    pub(crate) fn new(fields: &str) -> Self {
        Self::with(fields, |manifests| manifests)
    }

    /// The same, with more in the manifests.
    pub(crate) fn with(fields: &str, more: impl FnOnce(Manifests) -> Manifests) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        // One that failed has left nothing behind.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = Recorder::start();
        let port = free_port();
        let manifests = Manifests::listening_with(port, fields).document(POLICY).all_to(backend.address);
        let budget = BUDGET.0.to_string();
        let arguments = ["--message-memory", &budget, "--max-sessions", "20000"];
        let front_end = FrontEnd::start(port, &more(manifests), &arguments);
        let quiet = Probe::start(front_end.smtp, Says::Message).finish();
        let before = memory::resident(front_end.id());
        Self { front_end, backend, quiet, before, _alone: alone }
    }

    /// Does it beside a client whose messages have to be accepted. `sessions` are open at a time.
    pub(crate) fn abuse(&self, name: &str, sessions: u64, abuse: impl FnOnce()) {
        self.abuse_beside(Says::Message, name, sessions, abuse);
    }

    /// The same beside a client that says what it is told.
    pub(crate) fn abuse_beside(&self, says: Says, name: &str, sessions: u64, abuse: impl FnOnce()) {
        let probe = Probe::start(self.front_end.smtp, says);
        abuse();
        let beside = probe.finish();
        let peak = memory::peak(self.front_end.id());
        let most = Octets(self.before.0 + BUDGET.0 + CONSTANT.0 + sessions * SESSION);
        println!(
            "{name}\n  memory: {} before, {peak} at most, {most} allowed\n  alone:  {}\n  beside: {beside}",
            self.before, self.quiet
        );
        assert!(peak <= most, "{name}: {peak} of memory, more than {most}");
        let slowest = self.quiet.p99() * SLOWER + PAUSE;
        assert!(beside.p99() <= slowest, "{name}: p99 {:?}, more than {slowest:?}", beside.p99());
    }

    /// Waits until so many violations of a kind were counted.
    pub(crate) fn counted(&self, kind: &str, times: u32) {
        let kind = format!("kind=\"{kind}\"");
        self.front_end.wait_for_metric(&["protocol_violations_total", &kind], times.into());
    }
}

const POLICY: &str = "apiVersion: mailchute.dev/v1alpha1\n\
                      kind: RecipientPolicy\n\
                      metadata: {name: small}\n\
                      spec:\n  targetRefs: [{kind: MailGateway, name: public}]\n  \
                      limits: {maxMessageBytes: 1Mi}";

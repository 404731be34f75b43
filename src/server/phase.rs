//! The life of a listener, as its connections see it.

use tokio::sync::watch;

/// What connections are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serve.
    Running,
    /// End at the next command boundary with `421 4.3.2`; a transfer gets its true reply first.
    Draining,
    /// End at once, unanswered.
    Cut,
}

pub(super) type Phases = watch::Receiver<Phase>;

/// Waits until the phase is at least `phase`. A sender that is gone means [`Phase::Cut`].
pub(super) async fn reached(phases: &mut Phases, phase: Phase) {
    let _ = phases.wait_for(|current| *current >= phase).await;
}

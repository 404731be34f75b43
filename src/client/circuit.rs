//! When to stop trying a backend, and for how long.
//!
//! The clock is an argument; nothing here waits. Counted are messages, not attempts.
//!
//! ```text
//!            a run of failures, none alive for 5 s
//!   ┌────────┐ ─────────────────────────────► ┌──────┐
//!   │ Closed │                                │ Open │ ◄───────────┐
//!   └────────┘ ◄───────────────────────────── └──────┘             │
//!       ▲        alive (one sent before it        │ until is past, │
//!       │        opened came through)             ▼ a slot is asked│ failure
//!       │                  alive            ┌──────────┐           │
//!       └────────────────────────────────── │ HalfOpen │ ──────────┘
//!                                           └──────────┘
//! ```
//!
//! A message that fails otherwise (a `4xx` answer, a verdict) shows that the backend is alive and
//! ends the run, so one tenant's `429` can't shut out the rest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::CircuitState;
use crate::plan;

#[cfg(test)]
mod tests;

/// The circuit never opens within this time of a sign of life: 256 deliveries that fail at one
/// moment are one fault, not a run.
const QUIET: Duration = Duration::from_secs(5);
/// How long others wait for the message of a trial: a client that was granted one at RCPT and then
/// says nothing must not hold up the rest.
const TRIAL_PATIENCE: Duration = Duration::from_secs(30);
/// The longest that a Retry-After is heeded.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What a message has shown of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered, and not with a `5xx`.
    Alive,
    /// Connect, timeout, reset or `5xx`.
    Down {
        /// For how long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// Nothing: the backend was not asked.
    Unknown,
}

/// The answer to a request for a slot.
#[derive(Debug)]
pub enum Reservation {
    /// The message may come; keep the slot until it is delivered or given up.
    Granted(Slot),
    /// Not now: `451 4.3.2`.
    Open,
}

/// One backend's circuit.
#[derive(Debug)]
pub struct Circuit {
    settings: plan::Circuit,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    position: Position,
    /// The last sign of life; `None` where there never was one.
    alive_at: Option<Instant>,
    /// Trials granted so far: names the current one.
    trials: u64,
}

#[derive(Debug)]
enum Position {
    Closed {
        /// Messages that failed in a row.
        failures: u32,
    },
    Open {
        until: Instant,
    },
    HalfOpen {
        /// The trial that is under way.
        trial: Option<Trial>,
    },
}

/// One message that finds out whether the backend is back.
#[derive(Debug, Clone, Copy)]
struct Trial {
    number: u64,
    granted: Instant,
}

impl Circuit {
    /// A closed circuit.
    pub(crate) fn new(settings: plan::Circuit) -> Arc<Self> {
        let position = Position::Closed { failures: 0 };
        Arc::new(Self { settings, state: Mutex::new(State { position, alive_at: None, trials: 0 }) })
    }

    /// Asks for a slot before any of the message is sent to us: at RCPT.
    ///
    /// Half-open, one slot is given out at a time.
    pub fn reserve(self: &Arc<Self>, now: Instant) -> Reservation {
        match self.lock().enter(now) {
            Entry::Free => Reservation::Granted(Slot(None)),
            Entry::Trial(trial) => Reservation::Granted(Slot(Some((Arc::clone(self), trial)))),
            Entry::TrialUnderWay | Entry::Open => Reservation::Open,
        }
    }

    /// Asks again when the message is at hand. While a trial is under way this lets pass, since
    /// the message may be that very trial.
    pub(crate) fn enter(self: &Arc<Self>, now: Instant) -> Reservation {
        match self.lock().enter(now) {
            Entry::Free | Entry::TrialUnderWay => Reservation::Granted(Slot(None)),
            Entry::Trial(trial) => Reservation::Granted(Slot(Some((Arc::clone(self), trial)))),
            Entry::Open => Reservation::Open,
        }
    }

    /// Takes note of what became of a message.
    pub(crate) fn record(&self, now: Instant, health: Health) {
        let mut state = self.lock();
        match health {
            Health::Unknown => {}
            Health::Alive => {
                state.alive_at = Some(now);
                state.position = Position::Closed { failures: 0 };
            }
            Health::Down { retry_after } => {
                let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
                state.fail(now, self.settings.consecutive_failures, self.settings.open_for.max(asked));
            }
        }
    }

    /// Where it stands, for the metric.
    pub fn state(&self) -> CircuitState {
        match self.lock().position {
            Position::Closed { .. } => CircuitState::Closed,
            Position::HalfOpen { .. } => CircuitState::HalfOpen,
            Position::Open { .. } => CircuitState::Open,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    Free,
    Trial(u64),
    TrialUnderWay,
    Open,
}

impl State {
    fn enter(&mut self, now: Instant) -> Entry {
        match self.position {
            Position::Closed { .. } => Entry::Free,
            Position::Open { until } if now < until => Entry::Open,
            Position::HalfOpen { trial: Some(trial) }
                if now.saturating_duration_since(trial.granted) < TRIAL_PATIENCE =>
            {
                Entry::TrialUnderWay
            }
            Position::Open { .. } | Position::HalfOpen { .. } => {
                self.trials += 1;
                let trial = Trial { number: self.trials, granted: now };
                self.position = Position::HalfOpen { trial: Some(trial) };
                Entry::Trial(self.trials)
            }
        }
    }

    fn fail(&mut self, now: Instant, limit: u32, open_for: Duration) {
        let quiet = self.alive_at.is_none_or(|at| now.saturating_duration_since(at) >= QUIET);
        match &mut self.position {
            Position::Closed { failures } => {
                *failures = failures.saturating_add(1);
                if *failures >= limit && quiet {
                    self.position = Position::Open { until: now + open_for };
                }
            }
            Position::HalfOpen { .. } => self.position = Position::Open { until: now + open_for },
            Position::Open { .. } => {}
        }
    }
}

/// The right to send one message. Dropped without a result (RSET, close), a trial is free for the
/// next message.
#[derive(Debug)]
pub struct Slot(Option<(Arc<Circuit>, u64)>);

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((circuit, mine)) = &self.0 else { return };
        let mut state = circuit.lock();
        if let Position::HalfOpen { trial } = &mut state.position
            && trial.is_some_and(|trial| trial.number == *mine)
        {
            *trial = None;
        }
    }
}

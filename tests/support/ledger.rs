//! How the attempts of senders ended, held against what arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

use super::message::Taken;

/// How one attempt to send a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// `250`.
    Acknowledged,
    /// A command, or the connection, was answered by this `4xx`.
    Deferred(u16),
    /// The message itself was answered `4xx`.
    Returned,
    /// There was no session: nobody listened, or nobody greeted.
    Unreached,
    /// The connection was lost before the final dot was out; the server owes nothing.
    Lost,
    /// The connection was lost between the final dot and its reply.
    Unanswered,
}

/// How many attempts ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// `250`.
    pub(crate) acknowledged: usize,
    /// RFC 5321 §4.2.3: "421 <domain> Service not available, closing transmission channel".
    pub(crate) closed: usize,
    /// Any other `4xx`, to a command.
    pub(crate) deferred: usize,
    /// `4xx` to a message.
    pub(crate) returned: usize,
    /// Without a session.
    pub(crate) unreached: usize,
    /// Connections that were lost before the final dot.
    pub(crate) lost: usize,
    /// Connections that were lost behind the final dot.
    pub(crate) unanswered: usize,
}

impl Counts {
    /// What has come since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            acknowledged: self.acknowledged - before.acknowledged,
            closed: self.closed - before.closed,
            deferred: self.deferred - before.deferred,
            returned: self.returned - before.returned,
            unreached: self.unreached - before.unreached,
            lost: self.lost - before.lost,
            unanswered: self.unanswered - before.unanswered,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, closed, deferred, returned, unreached, lost, unanswered } = self;
        write!(
            f,
            "{acknowledged} acknowledged, {closed} told 421, {deferred} deferred otherwise, {returned} deferred \
             behind the final dot, {unreached} without a session, {lost} connections lost, {unanswered} more lost \
             behind the final dot"
        )
    }
}

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    acknowledged: BTreeSet<usize>,
    counts: Counts,
}

impl Ledger {
    pub(crate) fn note(&self, number: usize, attempt: Attempt) {
        let State { acknowledged, counts } = &mut *self.state.lock().unwrap();
        let counter = match attempt {
            Attempt::Acknowledged => {
                assert!(acknowledged.insert(number), "{number} was acknowledged twice");
                &mut counts.acknowledged
            }
            Attempt::Deferred(421) => &mut counts.closed,
            Attempt::Deferred(_) => &mut counts.deferred,
            Attempt::Returned => &mut counts.returned,
            Attempt::Unreached => &mut counts.unreached,
            Attempt::Lost => &mut counts.lost,
            Attempt::Unanswered => &mut counts.unanswered,
        };
        *counter += 1;
    }

    /// How many attempts ended how, so far.
    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts
    }

    /// How many messages were acknowledged so far.
    pub(crate) fn count(&self) -> usize {
        self.counts().acknowledged
    }

    /// The messages that were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<usize> {
        self.state.lock().unwrap().acknowledged.clone()
    }

    /// Holds that all that was acknowledged is among what was taken, and that what was taken more than once has one
    /// key, which no other message has. Gives how many were taken again.
    pub(crate) fn assert_kept(&self, taken: &[Taken]) -> usize {
        let mut keys: BTreeMap<usize, &str> = BTreeMap::new();
        for Taken { number, key } in taken {
            assert_eq!(keys.entry(*number).or_insert(key), key, "message {number} has two keys");
        }
        let different: BTreeSet<&&str> = keys.values().collect();
        assert_eq!(different.len(), keys.len(), "two messages have one key");
        let acknowledged = self.acknowledged();
        let missing: Vec<&usize> = acknowledged.iter().filter(|number| !keys.contains_key(number)).collect();
        let few = &missing[..missing.len().min(10)];
        assert!(missing.is_empty(), "{} acknowledged and lost, the first are {few:?}", missing.len());
        taken.len() - keys.len()
    }
}

//! A message that takes longer than what happens to the front-end that takes it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use super::Stage;
use crate::harness::release::Pod;
use crate::support::client::{Client, stuffed};
use crate::support::ledger::Attempt;
use crate::support::message::{of_lines, text};
use crate::support::until::until;

const FROM: &str = "sender@load.example";
const TO: &str = "slow@example.org";
/// About 900 kB.
const LINES: usize = 30_000;

/// A session through the Service, in the midst of its message.
pub(super) struct Transfer {
    /// Its front-end.
    pub(super) pod: Pod,
    number: usize,
    session: Client,
    /// What is still to be sent.
    rest: Vec<u8>,
    /// A session with the same pod that says nothing, and hears when sessions are to end.
    idle: Client,
}

impl Transfer {
    /// One at each of these pods, in their order.
    pub(super) fn at_each(stage: &Stage<'_>, pods: &[Pod]) -> Vec<Self> {
        pods.iter().map(|pod| Self::at(stage, pod)).collect()
    }

    /// The Service leads anywhere: connects until it is this pod, of which the backend tells.
    fn at(stage: &Stage<'_>, pod: &Pod) -> Self {
        let load = &stage.load;
        let mut session = stage.node.clients().enter(|| {
            until("the Service leads to this pod", || {
                let mut session = Client::greeted(load.service);
                let number = load.next.fetch_add(1, Ordering::Relaxed);
                assert_eq!(session.send(FROM, &[TO], &text(number)).code, 250);
                load.ledger.note(number, Attempt::Acknowledged);
                (stage.backend.source(number) == IpAddr::V4(pod.address)).then_some(session)
            })
        });
        let idle = stage.node.inside().enter(|| Client::greeted(SocketAddr::from((pod.address, 2525))));
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        let mut message = stuffed(&of_lines(number, LINES));
        let rest = message.split_off(message.len() / 2);
        session.begin(FROM, TO);
        session.write(&message).unwrap();
        Self { pod: pod.clone(), number, session, rest, idle }
    }

    /// Goes on, and is not at its end, when its pod has told its sessions to end.
    pub(super) fn is_told(&mut self) {
        assert_eq!(self.idle.reply().code, 421);
        let half = self.rest.split_off(self.rest.len() / 2);
        self.send();
        self.rest = half;
    }

    /// Goes on to its end, by way of the pod that it began at.
    pub(super) fn end(&mut self, stage: &Stage<'_>) {
        self.send();
        let reply = self.session.try_reply().unwrap_or_else(|error| panic!("a transfer was cut: {error}"));
        assert_eq!(reply.code, 250, "{reply:?}");
        stage.load.ledger.note(self.number, Attempt::Acknowledged);
        assert_eq!(stage.backend.source(self.number), IpAddr::V4(self.pod.address));
    }

    /// Its session ends with it.
    pub(super) fn is_over(&mut self) {
        assert_eq!(self.session.reply().code, 421);
        assert_eq!(self.session.rest(), "");
    }

    fn send(&mut self) {
        let sent = self.session.write(&self.rest);
        sent.unwrap_or_else(|error| panic!("a transfer was cut: {error}"));
    }

    /// Ends with the pod.
    pub(super) fn is_cut(&mut self) {
        let sent = self.session.write(&self.rest);
        assert!(sent.and_then(|()| self.session.try_reply()).is_err(), "the pod was not killed");
    }
}

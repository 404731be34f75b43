//! One transaction: what MAIL and RCPT have said, the delivery group, and the message as it comes.
//!
//! It sees one configuration from MAIL to its reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use super::budget::{Budget, Held};
use super::outcome::{self, Telling};
use super::peer::Peer;
use super::recipient::{self, Asking, Decision, Refusal};
use super::serving::Serving;
use super::submission;
use super::weight::choose;
use crate::backend::{Cause, Conversation, DEFAULT_ENVELOPE_OCTETS, Reservation, Slot, envelope_octets};
use crate::lookup::Verifier;
use crate::mail::{AddressKey, Body, Envelope, ForwardPath, Mailbox, Notify, Recipient};
use crate::metrics::{ListenerMetrics, RecipientReason};
use crate::plan::{Backend, BackendId, Deliver, Listener, OnPartial, Profile, Target};
use crate::policy::bounce::Facts;
use crate::route::RuleId;
use crate::smtp::{self, Reply, Sender, reply};
use crate::stamp::token;
use crate::telemetry;

/// From MAIL to the reply.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) serving: Arc<Serving>,
    pub(super) listener: Arc<Listener>,
    pub(super) sender: Sender,
    /// Whether somebody vouches for the sender.
    pub(super) vouched: bool,
    /// Whether the sender may be told by a notification, as far as is known at MAIL.
    may_notify: bool,
    pub(super) recipients: Vec<Recipient>,
    pub(super) group: Option<Group>,
    pub(super) body: Body,
    /// The recipient that somebody has to be asked about.
    pub(super) candidate: Option<Box<Candidate>>,
    /// A conversation with a backend that has taken none of the recipients so far.
    spare: Option<(BackendId, Box<Conversation>)>,
    /// The rule by which the sender was counted: a transaction counts once.
    counted: Option<RuleId>,
    held: Held,
    /// How much longer it may wait for the byte budget, all waits together.
    patience: Duration,
    /// Octets of all addresses so far and what parts them, refused ones too.
    octets: usize,
    /// Its own.
    pub(super) span: Span,
}

/// How long a message waits for the byte budget.
const MEMORY_PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a header that one octet of an address may take: percent-encoded twice.
const WIDEST: usize = 5;

/// The delivery group of a transaction: its first recipient's.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rule: RuleId,
    pub(super) backend: BackendId,
    /// With a relay, beside that of the sender.
    pub(super) conversation: Option<Box<Conversation>>,
    /// A place in the backend's circuit; released when the transaction ends, however it ends.
    _slot: Slot,
}

/// A recipient that a rule takes, and that is not part of the transaction yet.
#[derive(Debug)]
pub(super) struct Candidate {
    asked: smtp::Recipient,
    rule: RuleId,
    rewritten: Mailbox,
}

/// What became of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is part of the transaction.
    Joined,
    /// It is the candidate: whether it exists has to be asked of others.
    Asked,
}

impl Transaction {
    pub(super) fn new(
        (serving, listener): (Arc<Serving>, Arc<Listener>),
        (sender, vouched): (Sender, bool),
        budget: &Arc<Budget>,
        span: Span,
    ) -> Self {
        let facts = Facts { sender: &sender.reverse_path, vouched, answer: false };
        let may_notify = serving.notifier().is_some_and(|notifier| notifier.judge(facts).is_ok());
        let (octets, held) = (sender.reverse_path.len(), Held::new(budget));
        Self {
            serving,
            listener,
            sender,
            vouched,
            may_notify,
            recipients: Vec::new(),
            group: None,
            body: Body::new(),
            candidate: None,
            spare: None,
            counted: None,
            held,
            patience: MEMORY_PATIENCE,
            octets,
            span,
        }
    }

    /// The recipient that somebody has to be asked about, as the client said it.
    pub(super) fn asked(&self) -> Option<&ForwardPath> {
        self.candidate.as_ref().map(|candidate| &candidate.asked.forward_path)
    }

    /// Takes a recipient into the transaction, or says why not. One that somebody has to be asked about, a
    /// service or a relay, becomes the candidate; [`Self::join`] takes it afterwards, and then
    /// [`Self::ask_relay`] keeps it or not.
    ///
    /// Lists come first, and so does what the transaction holds already; what only a recipient that
    /// exists may cost (the backend's slot, the sender's rate) comes last. Postmaster is not asked
    /// about (RFC 5321 §4.5.1).
    pub(super) fn recipient(
        &mut self,
        asked: smtp::Recipient,
        peer: &Peer,
        metrics: &ListenerMetrics,
    ) -> Result<Taken, Refusal> {
        if self.listener.profile == Profile::Submission
            && let Some(reply) = submission::refuse_recipient(&asked.forward_path)
        {
            return Err(Refusal::new(reply, RecipientReason::Syntax));
        }
        let asking = Asking { sender: &self.sender.reverse_path, done: peer.done() };
        let path = &asked.forward_path;
        let decision = recipient::decide(&self.serving.plan, &self.listener, path, asking);
        let (rule, rewritten) = match decision {
            Decision::Route { rule, rewritten, .. } => (rule, rewritten),
            Decision::Refuse(refusal) => return Err(refusal),
        };
        if let Some(group) = &self.group {
            self.joins(group, rule, &rewritten)?;
        }
        let candidate = Candidate { asked, rule, rewritten };
        let (_, deliver) = self.usable(rule)?;
        if deliver.relays || self.verifier(&candidate)?.is_some() {
            self.candidate = Some(Box::new(candidate));
            return Ok(Taken::Asked);
        }
        self.join(candidate, peer, metrics).map(|()| Taken::Joined)
    }

    /// Who knows whether a candidate exists, and by which address; `None` where nobody has to be asked.
    pub(super) fn verifier(
        &self,
        candidate: &Candidate,
    ) -> Result<Option<(Arc<Verifier>, AddressKey)>, Refusal> {
        let (_, deliver) = self.usable(candidate.rule)?;
        let (Some(id), ForwardPath::Mailbox(mailbox)) = (deliver.verification, &candidate.asked.forward_path)
        else {
            return Ok(None);
        };
        if mailbox.is_postmaster() {
            return Ok(None);
        }
        let verifier = self.serving.verifier(id).map(Arc::clone);
        verifier.zip(mailbox.key()).map(Some).ok_or_else(misconfigured)
    }

    /// Takes a candidate into the transaction, or says why not. The first one opens the group.
    pub(super) fn join(
        &mut self,
        candidate: Candidate,
        peer: &Peer,
        metrics: &ListenerMetrics,
    ) -> Result<(), Refusal> {
        let Candidate { asked: smtp::Recipient { forward_path: path, dsn }, rule, rewritten } = candidate;
        let opened = match &self.group {
            Some(group) => self.joins(group, rule, &rewritten).map(|()| None)?,
            None => Some(self.open_group(rule, &path, peer, metrics)?),
        };
        self.octets += path.len() + rewritten.len() + 2;
        self.recipients.push(Recipient { original: path, rewritten, dsn });
        if opened.is_some() {
            self.group = opened;
        }
        if self.over_header_cap() {
            self.part();
            return Err(Refusal::new(reply::TOO_MANY_RECIPIENTS, RecipientReason::HeaderCap));
        }
        Ok(())
    }

    /// Asks the relay about the recipient that has just joined, where its backend is one. Refused, it
    /// parts again.
    pub(super) async fn ask_relay(&mut self) -> Result<(), Refusal> {
        let Some(group) = &mut self.group else { return Ok(()) };
        let (Some(conversation), Some(recipient)) = (&mut group.conversation, self.recipients.last()) else {
            return Ok(());
        };
        let live = self.serving.backend(group.backend).ok_or_else(misconfigured)?;
        let span = telemetry::relay_span(live.backend());
        let asked = live.recipient(conversation, recipient.clone()).instrument(span.clone()).await;
        let Err(failure) = asked else { return Ok(()) };
        let (backend, cause, detail) = (&live.backend().label, failure.cause, &*failure.detail);
        telemetry::delivery_failed(&span, cause.as_str());
        let reason = if cause == Cause::Verdict {
            tracing::debug!(%backend, detail, "recipient not accepted by the relay");
            RecipientReason::Relay
        } else {
            tracing::warn!(%backend, cause = cause.as_str(), detail, "recipient can't be asked about");
            RecipientReason::RelayFailed
        };
        self.part();
        Err(Refusal::new(outcome::failed(&failure).without_closing(), reason))
    }

    /// The last recipient is none after all. With the last of them the group goes; what was said to a relay
    /// by then holds for the next recipient too.
    fn part(&mut self) {
        self.recipients.pop();
        if self.recipients.is_empty()
            && let Some(group) = self.group.take()
        {
            self.spare = group.conversation.map(|conversation| (group.backend, conversation));
        }
    }

    /// How the client is told of its recipients.
    pub(super) fn telling(&self) -> Telling {
        let each = self.listener.profile == Profile::Lmtp || self.sender.prdr;
        if each { Telling::Each } else { Telling::Once }
    }

    /// What the group's backend is.
    pub(super) fn target(&self) -> Option<&Target> {
        self.backend().map(|backend| &backend.target)
    }

    /// The group's backend.
    pub(super) fn backend(&self) -> Option<&Backend> {
        let group = self.group.as_ref()?;
        self.serving.backend(group.backend).map(|live| live.backend())
    }

    /// The route that the accepted recipients belong to, for counting.
    pub(super) fn route(&self) -> Option<&Arc<str>> {
        let group = self.group.as_ref()?;
        recipient::usable(&self.serving.plan, group.rule).map(|(rule, _)| &rule.route_label)
    }

    /// Whether the envelope takes more of the event's headers than it may. Counted exactly only where
    /// that may be: an octet of an address takes at most [`WIDEST`].
    fn over_header_cap(&self) -> bool {
        if self.group.as_ref().is_some_and(|group| group.conversation.is_some()) {
            return false;
        }
        let room = DEFAULT_ENVELOPE_OCTETS.saturating_sub(self.notification_octets());
        self.octets * WIDEST > room
            && envelope_octets(&self.sender.reverse_path, self.recipients.iter()) > room
    }

    /// What a notification would need takes room in the headers too.
    fn notification_octets(&self) -> usize {
        if self.serving.notifier().is_none() {
            return 0;
        }
        let Sender { reverse_path, dsn, .. } = &self.sender;
        let envelope_id = dsn.envelope_id.as_deref();
        let token = token::octets(reverse_path, envelope_id, self.recipients.iter());
        let asked = || self.recipients.iter().map(|recipient| recipient.dsn.notify);
        let word = |notify: Option<Notify>| notify.map_or(0, |notify| notify.to_string().len()) + ";".len();
        // Where one recipient asks, each has its place in the list.
        let notify: usize = if asked().any(|notify| notify.is_some()) { asked().map(word).sum() } else { 0 };
        token + notify + envelope_id.map_or(0, str::len) * WIDEST
    }

    /// Whether one recipient more fits the group.
    fn joins(&self, group: &Group, rule: RuleId, recipient: &Mailbox) -> Result<(), Refusal> {
        if group.rule != rule {
            return Err(Refusal::new(reply::OTHER_GROUP, RecipientReason::OtherGroup));
        }
        let (_, deliver) = self.usable(rule)?;
        if self.recipients.len() >= deliver.max_recipients as usize {
            return Err(Refusal::new(reply::TOO_MANY_RECIPIENTS, RecipientReason::TooMany));
        }
        let live = self.serving.backend(group.backend);
        let may_differ = live.map(|live| live.backend()).is_some_and(|backend| {
            // A mix that can't be told of by a notification must not be.
            let single = match backend.on_partial {
                OnPartial::Single => true,
                OnPartial::Bounce => !self.may_notify,
                OnPartial::Defer => false,
            };
            backend.per_recipient_verdicts && single
        });
        let alone = may_differ && self.telling() == Telling::Once;
        let parted = live
            .zip(self.recipients.first())
            .is_some_and(|(live, first)| live.parts(&self.sender.reverse_path, &first.rewritten, recipient));
        if alone || parted {
            Err(Refusal::new(reply::OTHER_GROUP, RecipientReason::OtherGroup))
        } else {
            Ok(())
        }
    }

    fn open_group(
        &mut self,
        rule: RuleId,
        first: &ForwardPath,
        peer: &Peer,
        metrics: &ListenerMetrics,
    ) -> Result<Group, Refusal> {
        let serving = Arc::clone(&self.serving);
        let (_, deliver) = recipient::usable(&serving.plan, rule).ok_or_else(misconfigured)?;
        let weighted = choose(&deliver.backends, &self.sender.reverse_path, first);
        let live = weighted.and_then(|backend| Some((backend, serving.backend(backend)?)));
        let (backend, live) = live.ok_or_else(misconfigured)?;
        let most = deliver.max_message_bytes.min(live.max_message_bytes());
        if self.sender.size.is_some_and(|size| size > most) {
            return Err(Refusal::new(reply::TOO_LARGE, RecipientReason::TooLarge));
        }
        let Reservation::Granted(slot) = live.reserve() else {
            return Err(Refusal::new(reply::BACKEND_BUSY, RecipientReason::Busy));
        };
        let login = peer.login().map(|login| &**login);
        let who = (login, &self.sender.reverse_path, peer.client.address);
        if self.counted != Some(rule) && !serving.counts().may_send(&deliver.sender_rates, who, metrics) {
            return Err(Refusal::new(reply::TOO_MANY_MESSAGES_FROM_SENDER, RecipientReason::Rate));
        }
        self.counted = Some(rule);
        let spare = self.spare.take().filter(|(spare, _)| *spare == backend);
        let conversation = match spare {
            Some((_, conversation)) => Some(conversation),
            None => live.conversation(self.envelope(Vec::new()), self.sender.size, deliver).map(Box::new),
        };
        Ok(Group { rule, backend, conversation, _slot: slot })
    }

    /// What a backend is told of the sender, and of recipients.
    pub(super) fn envelope(&self, recipients: Vec<Recipient>) -> Envelope {
        Envelope {
            reverse_path: self.sender.reverse_path.clone(),
            recipients,
            body_type: self.sender.body_type,
            smtputf8: self.sender.smtputf8,
            dsn: self.sender.dsn.clone(),
        }
    }

    fn usable(&self, rule: RuleId) -> Result<(&crate::plan::Rule, &Deliver), Refusal> {
        recipient::usable(&self.serving.plan, rule).ok_or_else(misconfigured)
    }

    /// Octets a message of this transaction may have.
    pub(super) fn max_message_bytes(&self) -> u64 {
        let Some(group) = &self.group else { return u64::MAX };
        let deliver = recipient::usable(&self.serving.plan, group.rule);
        let of_rule = deliver.map_or(u64::MAX, |(_, deliver)| deliver.max_message_bytes);
        self.serving.backend(group.backend).map_or(of_rule, |live| of_rule.min(live.max_message_bytes()))
    }

    /// Adds octets of the message; false where the budget has no room for them at once.
    pub(super) fn push(&mut self, octets: Bytes) -> bool {
        self.body.push(octets);
        self.held.try_raise(self.body.allocated())
    }

    /// Waits until the budget has room for what the message holds; the reply where that takes too long.
    ///
    /// In a flood a message comes to its room little by little, as others give theirs back.
    pub(super) async fn wait_for_memory(&mut self) -> Option<Reply> {
        let began = Instant::now();
        let waited = timeout(self.patience, self.held.raise(self.body.allocated())).await;
        self.patience = self.patience.saturating_sub(began.elapsed());
        waited.is_err().then_some(reply::NO_MEMORY)
    }
}

fn misconfigured() -> Refusal {
    Refusal::new(reply::MISCONFIGURED, RecipientReason::Misconfigured)
}

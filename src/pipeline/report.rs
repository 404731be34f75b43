//! What becomes of transactions, told to people who watch: see `feed`. Not here: how it is counted and logged.
//!
//! What became of a transaction is held back until all replies to it have been said, so that they are part of it: what
//! the pipeline has decided need not be what the engine says in the end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::account::{Account, DeliveryAccount};
use super::feed::{Event, NAMED, Stage};
use super::journal;
use super::outcome;
use super::reason::Reasons;
use super::recipient::Refusal;
use super::session::Session;
use super::transaction::Transaction;
use crate::backend::{Delivery, Outcome};
use crate::mail::{ForwardPath, Recipient, ReversePath};
use crate::metrics::{MessageOutcome, RecipientReason};
use crate::plan::Target;
use crate::smtp::reply;
use crate::smtp::{Heard, Part, Question, Reply, Verb};

/// An event, and an account where those are wanted.
#[derive(Debug, Clone)]
pub struct Report {
    /// The event.
    pub event: Event,
    /// All else that is known.
    pub account: Option<Box<Account>>,
}

impl Report {
    /// The same, as of now.
    pub(super) fn now(mut self: Box<Self>) -> Self {
        self.event.at = SystemTime::now();
        *self
    }

    /// The client is told this of it.
    fn answered(&mut self, reply: &Reply) {
        self.event.code = self.event.code.max(Some(reply.code()));
        if let Some(account) = &mut self.account {
            account.replies.push(journal::shown(reply));
        }
    }
}

impl From<Event> for Report {
    fn from(event: Event) -> Self {
        Self { event, account: None }
    }
}

impl Session {
    /// Whether all that is said has to be told by [`Self::heard`], [`Self::said`] and [`Self::noted`].
    pub fn is_narrated(&self) -> bool {
        self.journal.is_some()
    }

    /// The client has said something.
    pub fn heard(&mut self, heard: Heard) {
        self.settle();
        if heard.part == Part::Beginning {
            // It was part of what was said before.
            self.abandoned();
        }
        if let Some(journal) = &mut self.journal {
            journal.heard(heard);
        }
    }

    /// We say something, in answer to this. Only a message has more than one reply.
    pub fn said(&mut self, verb: Verb, reply: &Reply) {
        let answers_message = verb == Verb::Message;
        if !answers_message
            && self.pending.as_ref().is_some_and(|report| report.event.stage == Stage::Message)
        {
            self.settle();
        }
        self.say(reply);
        if !answers_message {
            self.settle();
            self.give_up();
            self.settle();
        }
    }

    /// We say the last, unasked: where a message is coming in, that is what it hears.
    pub fn last_word(&mut self, reply: &Reply) {
        self.reset();
        self.give_up();
        self.say(reply);
    }

    fn say(&mut self, reply: &Reply) {
        if let Some(journal) = &mut self.journal {
            journal.said(reply);
        }
        if let Some(report) = &mut self.pending {
            report.answered(reply);
        }
    }

    /// Something happens that nobody says.
    pub fn noted(&mut self, text: impl FnOnce() -> String) {
        if let Some(journal) = &mut self.journal {
            journal.noted(&text());
        }
    }

    /// All replies to what was heard last have been said.
    pub fn settle(&mut self) {
        let Some(mut report) = self.pending.take() else { return };
        if let (Some(account), Some(journal)) = (&mut report.account, &self.journal) {
            account.transcript = journal.transcript();
        }
        self.door.feed.tell(|| *report);
    }

    /// The engine has refused a sender or a recipient by itself.
    pub fn turned_down(&mut self, question: &Question, reply: &Reply) {
        match question {
            Question::Sender(sender) => self.refused_sender(&sender.reverse_path, reply),
            Question::Recipient(recipient) => {
                let too_many = *reply == reply::TOO_MANY_RECIPIENTS;
                // What else the engine has to say of a recipient is that it comes out of order.
                let reason = if too_many { RecipientReason::TooMany } else { RecipientReason::Syntax };
                let refusal = Refusal::new(reply.clone(), reason);
                self.refused_recipient(&recipient.forward_path, &refusal);
            }
            _ => {}
        }
    }

    /// The transaction of a sender does not begin.
    pub(super) fn refused_sender(&mut self, sender: &ReversePath, reply: &Reply) {
        self.report(|session| session.blank(Stage::Sender, sender, outcome::label_of_ours(reply)));
    }

    /// A recipient does not become part of the transaction.
    pub(super) fn refused_recipient(&mut self, recipient: &ForwardPath, refusal: &Refusal) {
        let outcome = outcome::label_of_ours(&refusal.reply);
        self.report(|session| {
            let transaction = session.transaction.as_deref();
            let sender =
                transaction.map_or(&ReversePath::Null, |transaction| &transaction.sender.reverse_path);
            let mut report = session.blank(Stage::Recipient, sender, outcome);
            if let (Some(account), Some(transaction)) = (&mut report.account, transaction) {
                let reasons = Reasons::new(transaction, &session.peer);
                account.recipients.push(reasons.of_refused(recipient, refusal.reason));
            }
            report.event.recipients.push(recipient.clone());
            report
        });
    }

    /// The message was handed to a backend.
    pub(super) fn delivered(
        &mut self,
        transaction: &Transaction,
        (delivery, outcomes): (&Delivery, &[Outcome]),
        told: &outcome::Told,
        took: Duration,
    ) {
        self.report(|session| {
            let recipients = &delivery.envelope.recipients;
            let mut report = session.of(transaction, recipients, told.outcome);
            report.event.id = Some(delivery.id);
            report.event.size = Some(delivery.message.len());
            report.event.took = Some(took);
            if let Some(account) = &mut report.account {
                for (recipient, outcome) in account.recipients.iter_mut().zip(outcomes) {
                    recipient.outcome = Some(match outcome {
                        Ok(receipt) => Ok(receipt.to_string()),
                        Err(failure) => Err(failure.to_string()),
                    });
                }
                account.delivery =
                    transaction.target().map(|target| delivery_account(target, delivery, took));
            }
            report
        });
    }

    /// What is known of a transaction whose message has begun, before it has an end.
    pub(super) fn of(
        &self,
        transaction: &Transaction,
        recipients: &[Recipient],
        outcome: MessageOutcome,
    ) -> Report {
        let mut report = self.blank(Stage::Message, &transaction.sender.reverse_path, outcome);
        let named = &recipients[..recipients.len().min(NAMED)];
        let event = &mut report.event;
        event.recipients = named.iter().map(|recipient| recipient.original.clone()).collect();
        event.unnamed = recipients.len() - named.len();
        event.route = transaction.route().map(Arc::clone);
        event.backend = transaction.backend().map(|backend| Arc::clone(&backend.label));
        if let Some(account) = &mut report.account {
            let reasons = Reasons::new(transaction, &self.peer);
            account.recipients = named.iter().map(|recipient| reasons.of(&recipient.original)).collect();
        }
        report
    }

    /// Holds a report back until all has been said; it is made only where somebody watches.
    pub(super) fn report(&mut self, make: impl FnOnce(&Self) -> Report) {
        self.settle();
        if self.door.feed.is_watched() {
            self.pending = Some(Box::new(make(self)));
        } else {
            self.door.feed.unseen();
        }
    }

    /// A report that names nobody but the sender yet, and no reply.
    fn blank(&self, stage: Stage, sender: &ReversePath, outcome: MessageOutcome) -> Report {
        let event = Event {
            at: SystemTime::now(),
            stage,
            id: None,
            listener: Arc::clone(&self.door.listener),
            client: self.peer.client.address,
            login: self.peer.login().map(Arc::clone),
            sender: sender.clone(),
            recipients: Vec::new(),
            unnamed: 0,
            route: None,
            backend: None,
            size: None,
            outcome,
            code: None,
            took: None,
        };
        let account = self.journal.as_ref().map(|journal| {
            Box::new(Account {
                gateway: self.door.current.borrow().plan.gateway.name.to_string().into(),
                client: self.peer.client,
                client_name: self.peer.name().cloned(),
                greeting: self.greeting.as_deref().cloned(),
                tls: self.peer.tls().cloned(),
                recipients: Vec::new(),
                delivery: None,
                replies: Vec::new(),
                began: journal.began_at,
                transcript: Vec::new(),
            })
        });
        Report { event, account }
    }
}

fn delivery_account(target: &Target, delivery: &Delivery, took: Duration) -> DeliveryAccount {
    DeliveryAccount {
        kind: target.kind(),
        target: target.to_string(),
        attempts: delivery.attempts.as_ref().map(|attempts| attempts.take()).unwrap_or_default(),
        took,
        prefix: delivery.prefix.clone(),
        message: delivery.message.clone(),
        trace_id: delivery.trace.trace_id.to_string(),
    }
}

//! Why a recipient went the way it did, in words: `recipient` decides once more, and what it goes by is told. Pure.
//!
//! `explain` tells the same from manifests, and all matches that were weaker.

use super::account::RecipientAccount;
use super::peer::Peer;
use super::recipient::{self, Asking, Decision};
use super::transaction::Transaction;
use crate::mail::{AddressKey, ForwardPath, Mailbox};
use crate::metrics::RecipientReason;
use crate::plan::{Delegation, Deliver, Listener, Plan, Rule};
use crate::route::{Found, RuleId};

/// What the recipients of a transaction are decided by.
pub(super) struct Reasons<'a> {
    plan: &'a Plan,
    listener: &'a Listener,
    asking: Asking<'a>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(transaction: &'a Transaction, peer: &Peer) -> Self {
        let asking = Asking { sender: &transaction.sender.reverse_path, done: peer.done() };
        Self { plan: &transaction.serving.plan, listener: &transaction.listener, asking }
    }

    /// Of a recipient that was taken.
    pub(super) fn of(&self, path: &ForwardPath) -> RecipientAccount {
        self.account(path, RecipientReason::Ok)
    }

    /// Of one that was not.
    pub(super) fn of_refused(&self, path: &ForwardPath, reason: RecipientReason) -> RecipientAccount {
        self.account(path, reason)
    }

    fn account(&self, path: &ForwardPath, reason: RecipientReason) -> RecipientAccount {
        let decision = recipient::decide(self.plan, self.listener, path, self.asking);
        let asked = recipient::mailbox(self.plan, path);
        let found = match &decision {
            Decision::Route { found, .. } => Some(found),
            Decision::Refuse(_) => asked.as_ref(),
        };
        let mut why = Vec::new();
        if let (Some(asked), Some(found)) = (&asked, found)
            && asked != found
        {
            why.push(format!(
                "No rule takes {asked}, so its mail goes to {found}, the postmaster of the gateway."
            ));
        }
        let key = found.and_then(Mailbox::key);
        let rule = key.as_ref().and_then(|key| self.rule(key, &mut why));
        let mut account = RecipientAccount {
            original: path.clone(),
            rewritten: None,
            route: rule.map(|rule| rule.route.to_string()),
            rule: rule.map(|rule| rule.name.clone()),
            why,
            policies: rule.map(|rule| rule.policies.clone()).unwrap_or_default(),
            outcome: None,
        };
        if let Decision::Route { rule, found, rewritten } = decision
            && let Some((_, deliver)) = recipient::usable(self.plan, rule)
        {
            if rewritten != found {
                account.why.push(format!("The rule rewrites it: the backend is told {rewritten}."));
            }
            self.conditions(deliver, &found, &mut account.why);
            account.rewritten = Some(rewritten);
        }
        let known = (account.rule.is_some(), account.rewritten.is_some());
        account.why.extend(refusal(reason, known).map(str::to_owned));
        account
    }

    /// The rule that takes an address, or would.
    fn rule(&self, key: &AddressKey, why: &mut Vec<String>) -> Option<&'a Rule> {
        let gateway = &self.plan.gateway;
        let Some(delegation) = gateway.delegation(&key.domain) else {
            why.push(format!("The domain {} is none of gateway {}.", key.domain, gateway.name));
            return None;
        };
        why.push(self.domain(delegation));
        let open = |rule| self.plan.is_open(delegation, rule);
        let Found::Rule(RuleId(rule)) = self.listener.table.look_up_open(key, self.asking.sender, open)
        else {
            return None;
        };
        let rule = self.plan.rules.get(rule as usize)?;
        if let Some(matched) = self.listener.table.matched(key, self.asking.sender, open) {
            why.push(format!(
                "The strongest match that means it has the domain {} and {}: it is one of rule {} of MailRoute {}.",
                matched.domain, matched.local_part, rule.name, rule.route
            ));
        }
        Some(rule)
    }

    fn domain(&self, delegation: &Delegation) -> String {
        let namespaces: Vec<&str> = delegation.namespaces.iter().map(|namespace| &**namespace).collect();
        let namespaces = match namespaces.as_slice() {
            [] => "to no namespace that has routes".to_owned(),
            namespaces => format!("to {}", namespaces.join(", ")),
        };
        let (gateway, domain) = (&self.plan.gateway.name, &delegation.domain);
        format!("Gateway {gateway} has the domain {domain} and delegates it {namespaces}.")
    }

    /// What was asked of one that the rule takes.
    fn conditions(&self, deliver: &Deliver, found: &Mailbox, why: &mut Vec<String>) {
        let listed = deliver.recipients.as_ref().map(|list| found.key().is_some_and(|key| list.admits(&key)));
        match listed {
            Some(true) => why.push("The list of recipients has it.".to_owned()),
            Some(false) => why.push("Postmaster is taken whatever the list of recipients says.".to_owned()),
            None => {}
        }
        let verification = deliver.verification.and_then(|id| self.plan.verifications.get(id.0 as usize));
        if let Some(verification) = verification.filter(|_| !found.is_postmaster()) {
            let otherwise = if verification.accept_on_error { "is taken" } else { "has to wait" };
            let url = verification.http.url();
            why.push(format!(
                "Whether it exists is asked of {url}; while there is no answer it {otherwise}."
            ));
        }
        for (required, what) in
            [(deliver.require.tls, "TLS"), (deliver.require.auth, "that the client has signed in")]
        {
            if required {
                why.push(format!("A policy requires {what}."));
            }
        }
        if deliver.relays {
            why.push("The relay is asked about each recipient before it is taken.".to_owned());
        }
        if deliver.backends.len() > 1 {
            let of = deliver.backends.len();
            why.push(format!(
                "Its backend is one of {of}, chosen by weight and by a hash of sender and first recipient."
            ));
        }
    }
}

/// Why it is refused, where there is a rule that would take it, and where that takes it by itself.
fn refusal(reason: RecipientReason, (has_rule, routed): (bool, bool)) -> Option<&'static str> {
    Some(match reason {
        // The sentence on the domain says it.
        RecipientReason::Ok | RecipientReason::NotOurs => return None,
        RecipientReason::NoSuchRecipient if routed => "Who is asked says that it does not exist.",
        RecipientReason::NoSuchRecipient if has_rule => "The list of recipients does not have it.",
        RecipientReason::NoSuchRecipient => "No match of any rule means it.",
        RecipientReason::Misconfigured if has_rule => "The rule can't be used as it is written.",
        RecipientReason::Misconfigured => "What is written for its domain can't be used, or read.",
        RecipientReason::OtherGroup => {
            "The transaction has recipients that are delivered apart from it: it has to come in another one."
        }
        RecipientReason::TooMany => "The transaction has as many recipients as it may have.",
        RecipientReason::TooLarge => "The client announces a larger message than rule or backend take.",
        RecipientReason::Busy => "The circuit of the backend is open: it has failed too often just now.",
        RecipientReason::HeaderCap => "With it the envelope would be too large to be told to the backend.",
        RecipientReason::Syntax => "Its domain is not fully qualified, or it comes out of order.",
        RecipientReason::Unsupported => "It can't be part of this transaction.",
        RecipientReason::Rate => "The sender has sent as many messages in a minute as a policy allows.",
        RecipientReason::Unverified => "Who is asked whether it exists does not answer.",
        RecipientReason::NoMemory => "There is no memory for more messages.",
        RecipientReason::TlsRequired => "A policy requires TLS, and there is none.",
        RecipientReason::AuthRequired => "A policy requires that the client has signed in, and it has not.",
        RecipientReason::Relay => "The relay does not take it.",
        RecipientReason::RelayFailed => "The relay can't be asked about it.",
    })
}

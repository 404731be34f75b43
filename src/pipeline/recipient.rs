//! RCPT: which rule takes this recipient, or the reply that says why none does. Pure.
//!
//! Our own mistakes never bounce mail: what is not known is `451`.

use crate::mail::{ForwardPath, Mailbox, ReversePath};
use crate::metrics::RecipientReason;
use crate::plan::{Delegation, Deliver, Listener, Plan, Require, Rule, RuleState};
use crate::route::{DomainPattern, Found, RuleId};
use crate::smtp::reply::{self, Reply};

/// What is decided of one recipient, apart from the transaction it is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This rule takes it.
    Route {
        /// The rule.
        rule: RuleId,
        /// What was looked up: the recipient, or the mailbox that takes an unmatched postmaster's mail.
        found: Mailbox,
        /// What the backend is told.
        rewritten: Mailbox,
    },
    /// Nothing takes it.
    Refuse(Refusal),
}

/// Why a recipient is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reply to RCPT.
    pub reply: Reply,
    /// The label value.
    pub reason: RecipientReason,
}

impl Refusal {
    pub(super) fn new(reply: Reply, reason: RecipientReason) -> Self {
        Self { reply, reason }
    }
}

const NOT_OURS: Refusal = Refusal { reply: reply::NOT_OURS, reason: RecipientReason::NotOurs };
const UNKNOWN: Refusal = Refusal { reply: reply::NO_SUCH_USER, reason: RecipientReason::NoSuchRecipient };
const MISCONFIGURED: Refusal =
    Refusal { reply: reply::MISCONFIGURED, reason: RecipientReason::Misconfigured };

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// MAIL FROM.
    pub sender: &'a ReversePath,
    /// What the client has done of what a policy may require.
    pub done: Require,
}

/// Decides one recipient. An unmatched postmaster goes to the gateway's `postmaster` address
/// (RFC 5321 §4.5.1: its mail must be accepted), and no list refuses it.
pub fn decide(plan: &Plan, listener: &Listener, path: &ForwardPath, asking: Asking<'_>) -> Decision {
    let Some(mailbox) = mailbox(plan, path) else { return Decision::Refuse(NOT_OURS) };
    let postmaster = mailbox.is_postmaster();
    let refusal = match find(plan, listener, &mailbox, asking, postmaster) {
        Ok(rule) => return route(plan, rule, mailbox),
        Err(refusal) => refusal,
    };
    if postmaster
        && refusal == UNKNOWN
        && let Some(other) = &plan.gateway.postmaster
        && let Ok(rule) = find(plan, listener, other, asking, true)
    {
        return route(plan, rule, other.clone());
    }
    Decision::Refuse(refusal)
}

/// What the backend of a rule is told of a recipient.
fn route(plan: &Plan, rule: RuleId, found: Mailbox) -> Decision {
    match usable(plan, rule).and_then(|(_, deliver)| deliver.filters.rewrite.apply(&found)) {
        Some(rewritten) => Decision::Route { rule, found, rewritten },
        None => Decision::Refuse(MISCONFIGURED),
    }
}

/// `<Postmaster>` is the postmaster of the gateway's first exact domain.
pub(super) fn mailbox(plan: &Plan, path: &ForwardPath) -> Option<Mailbox> {
    match path {
        ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
        ForwardPath::Postmaster => {
            let domain = plan.gateway.postmaster_domain()?;
            Mailbox::parse(format!("postmaster@{domain}").as_bytes(), false).ok()
        }
    }
}

fn find(
    plan: &Plan,
    listener: &Listener,
    mailbox: &Mailbox,
    asking: Asking<'_>,
    postmaster: bool,
) -> Result<RuleId, Refusal> {
    let key = mailbox.key().ok_or(NOT_OURS)?;
    let delegation = plan.gateway.delegation(&key.domain).ok_or(NOT_OURS)?;
    let open = |rule| plan.is_open(delegation, rule);
    let rule = match listener.table.look_up_open(&key, asking.sender, open) {
        Found::Rule(rule) => rule,
        Found::Unknown => return Err(MISCONFIGURED),
        Found::Nothing if listener.routed.contains(&delegation.domain) => return Err(UNKNOWN),
        Found::Nothing => return Err(MISCONFIGURED),
    };
    let deliver = usable(plan, rule).ok_or(MISCONFIGURED)?.1;
    if is_open_relay(delegation, deliver, listener) {
        return Err(MISCONFIGURED);
    }
    // Before any list: who may not send mail here needs not know who exists.
    unmet(deliver.require, asking.done).map_or(Ok(()), Err)?;
    let listed = deliver.recipients.as_ref().is_none_or(|list| list.admits(&key));
    match (listed || postmaster, deliver.recipients_unknown) {
        (true, _) => Ok(rule),
        (false, true) => Err(MISCONFIGURED),
        (false, false) => Err(UNKNOWN),
    }
}

/// Whether anyone could send mail to anyone: never, since such a rule is as good as unusable there.
pub fn is_open_relay(delegation: &Delegation, deliver: &Deliver, listener: &Listener) -> bool {
    deliver.relays && delegation.domain == DomainPattern::Any && !listener.requires_auth()
}

/// What is required and not done. STARTTLS first: AUTH may be offered only behind it.
fn unmet(require: Require, done: Require) -> Option<Refusal> {
    match (require.tls && !done.tls, require.auth && !done.auth) {
        (true, _) => Some(Refusal::new(reply::NEEDS_TLS, RecipientReason::TlsRequired)),
        (false, true) => Some(Refusal::new(reply::NEEDS_AUTH, RecipientReason::AuthRequired)),
        (false, false) => None,
    }
}

/// The rule of an id and how it delivers, where it is usable.
pub fn usable(plan: &Plan, id: RuleId) -> Option<(&Rule, &Deliver)> {
    let rule = plan.rules.get(id.0 as usize)?;
    match &rule.state {
        RuleState::Usable(deliver) => Some((rule, deliver)),
        RuleState::Unusable => None,
    }
}

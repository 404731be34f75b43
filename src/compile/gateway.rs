//! A gateway and its listeners: which of them can be opened, and what they allow.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Origin;
use super::attach::Attached;
use super::auth;
use super::bounces;
use super::connection;
use super::delegation::Delegations;
use super::fault::{Fault, Faults};
use super::findings::Findings;
use super::snapshot::Snapshot;
use super::tls;
use crate::api::gateway::{MailGatewaySpec, StampField};
use crate::api::listener as written;
use crate::api::{ApiKind, MailGateway};
use crate::mail::Mailbox;
use crate::mail::address::fold_domain;
use crate::plan::{Gateway, Listener, ObjectName, Profile, Reason};
use crate::route::{DomainPattern, Table};
use crate::sasl::Credentials;
use crate::smtp::{BareNewlines, Limits};
use crate::stamp;

/// A gateway that can be used, without its table.
pub(super) struct Usable<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) spec: &'a MailGatewaySpec,
    pub(super) delegations: Delegations,
    hostname: String,
    postmaster: Option<Mailbox>,
    credentials: Option<Arc<Credentials>>,
    pub(super) bounces: Option<bounces::Usable>,
    /// For each listener, whether it can be opened.
    pub(super) opens: Vec<bool>,
    /// For each listener, its TLS.
    tls: Vec<tls::Read>,
}

/// Reads a gateway; `None` where it is not known what its listeners are to do.
///
/// Without a hostname, or with a domain that can't be read, nothing is served: mail for that domain
/// would bounce by our mistake. What is wrong with one listener stays with that listener.
pub(super) fn read<'a>(
    (snapshot, origin): (&'a Snapshot, Origin),
    (name, gateway): (&'a ObjectName, &'a MailGateway),
    attached: &[Attached<'_>],
    faults: &Faults<'_>,
    findings: &mut Findings,
) -> Option<Usable<'a>> {
    let spec = &gateway.spec;
    let tls = tls::read_all(snapshot, name, spec, findings);
    let credentials = auth::credentials(snapshot, name, spec, findings);
    let all = faults;
    let faults = all.of(ApiKind::Gateway, name);
    let contained = |fault: &Fault| {
        let listener =
            (0..spec.listeners.len()).any(|index| fault.is_under(&format!("spec.listeners[{index}]")));
        let domain = |index: usize| fault.is_under(&format!("spec.domains[{index}].allowedRoutes"));
        listener
            || fault.is_under("spec.auth")
            || fault.is_under("spec.bounces")
            || (0..spec.domains.len()).any(domain)
    };
    let common: Vec<Reason> =
        faults.iter().filter(|fault| !contained(fault)).map(|fault| fault.reason).collect();
    if common.iter().any(|reason| *reason != Reason::UnsupportedValue) {
        return None;
    }
    let mut report = |field: String, message: &str| {
        findings.report((ApiKind::Gateway, name), Reason::Invalid, field, message);
    };
    let Some(hostname) = fold_domain(&spec.hostname) else {
        report("spec.hostname".to_owned(), "is not a domain name");
        return None;
    };
    let postmaster = match &spec.postmaster {
        None => None,
        Some(text) => {
            match Mailbox::parse(text.as_bytes(), true).ok().filter(|mailbox| mailbox.key().is_some()) {
                Some(mailbox) => Some(mailbox),
                None => {
                    report("spec.postmaster".to_owned(), "is not a mailbox: write it as local-part@domain");
                    return None;
                }
            }
        }
    };
    let namespaces: BTreeSet<&str> = attached.iter().map(|route| route.name.namespace.as_str()).collect();
    let namespaces: BTreeSet<Arc<str>> = namespaces.into_iter().map(Arc::from).collect();
    let delegations = Delegations::new(snapshot, name, &spec.domains, &namespaces);
    let delegations = match delegations {
        Ok(delegations) => delegations,
        Err(index) => {
            report(format!("spec.domains[{index}].name"), "is not a domain name, or is there twice");
            return None;
        }
    };
    let opens = |index: usize| {
        let tls = !matches!(tls.get(index), Some(tls::Read::Unusable));
        let auth = credentials.is_some() || !auth::takes_auth(&spec.listeners[index]);
        (tls && auth && common.is_empty())
            && !faults.iter().any(|fault| fault.is_under(&format!("spec.listeners[{index}]")))
    };
    let opens = (0..spec.listeners.len()).map(opens).collect();
    let bounces = bounces::read((snapshot, origin), (name, gateway), (all, &hostname), findings);
    Some(Usable { name, spec, delegations, hostname, postmaster, credentials, bounces, opens, tls })
}

impl Usable<'_> {
    /// The gateway as the data path needs it.
    pub(super) fn plan(&self) -> Gateway {
        let written = &self.spec.stamp;
        let gateway = Gateway {
            name: self.name.clone(),
            hostname: self.hostname.clone(),
            domains: self.delegations.all.iter().map(|written| written.plan.clone()).collect(),
            separators: self.spec.subaddressing.separators.clone(),
            postmaster: self.postmaster.clone(),
            stamp: stamp::Options {
                return_path: written.return_path,
                message_id: written.message_id == StampField::IfMissing,
                date: written.date == StampField::IfMissing,
            },
            bounces: None,
        };
        let bounces = self.bounces.as_ref().map(|bounces| Arc::new(bounces.plan(&gateway)));
        Gateway { bounces, ..gateway }
    }

    /// Whether a sender can be vouched for on a listener: by AUTH, or where mail is submitted by a certificate.
    fn vouches(&self, index: usize, listener: &written::Listener) -> bool {
        let certificates = match self.tls.get(index) {
            Some(tls::Read::Usable(tls)) => !tls.client_authorities.is_empty(),
            _ => false,
        };
        (certificates && listener.profile == written::Profile::Submission)
            || auth::of_listener(listener, self.credentials.as_ref()).is_some()
    }

    /// A listener as the data path needs it.
    pub(super) fn listener(
        &self,
        (index, listener): (usize, &written::Listener),
        (table, routed): (Arc<Table>, BTreeSet<DomainPattern>),
        message_bytes: u64,
        verdicts: bool,
    ) -> Listener {
        let limits = &listener.limits;
        Listener {
            name: listener.name.as_str().into(),
            port: listener.port,
            profile: match listener.profile {
                written::Profile::Mx => Profile::Mx,
                written::Profile::Submission => Profile::Submission,
                written::Profile::Lmtp => Profile::Lmtp,
            },
            max_sessions: limits.sessions,
            max_sessions_per_client: listener.connection.per_client.sessions,
            rates: connection::rates(listener),
            access: connection::access(listener),
            greeting_delay: listener.connection.greeting_delay.as_std(),
            proxy: connection::proxy(listener),
            xclient: connection::networks(&listener.xclient.trusted_cidrs),
            tls: match self.tls.get(index) {
                Some(tls::Read::Usable(tls)) => Some(Arc::clone(tls)),
                _ => None,
            },
            auth: auth::of_listener(listener, self.credentials.as_ref()),
            limits: Limits {
                message_bytes,
                recipients: limits.recipients,
                messages: limits.messages_per_session,
                errors: limits.errors,
            },
            // LMTP has a reply for each recipient without it.
            prdr: verdicts && listener.profile != written::Profile::Lmtp,
            dsn: self.bounces.as_ref().is_some_and(|bounces| bounces.reaches(self.vouches(index, listener))),
            bare_newlines: match listener.connection.bare_newlines {
                written::BareNewlines::Reject => BareNewlines::Reject,
                written::BareNewlines::Pass => BareNewlines::Pass,
            },
            table,
            routed,
        }
    }
}

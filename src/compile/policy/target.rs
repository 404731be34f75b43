//! What a policy holds for: a gateway, a route, or one section of it.

use std::fmt;

use crate::api::ApiKind;
use crate::api::policy::{TargetKind, TargetRef};
use crate::compile::snapshot::{Scope, Snapshot};
use crate::plan::{ObjectName, Reason};

/// What a policy holds for: a gateway, a route, or one section of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::compile) struct Target<'a> {
    kind: TargetKind,
    namespace: &'a str,
    name: &'a str,
    section: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// A gateway or one of its listeners.
    pub(in crate::compile) fn gateway(name: &'a ObjectName, listener: Option<&'a str>) -> Self {
        let ObjectName { namespace, name } = name;
        Self { kind: TargetKind::MailGateway, namespace, name, section: listener }
    }

    /// A route or one of its rules.
    pub(in crate::compile) fn route(name: &'a ObjectName, rule: Option<&'a str>) -> Self {
        let ObjectName { namespace, name } = name;
        Self { kind: TargetKind::MailRoute, namespace, name, section: rule }
    }

    pub(super) fn of(policy: &'a ObjectName, target: &'a TargetRef) -> Self {
        let section = target.section_name.as_deref();
        Self { kind: target.kind, namespace: &policy.namespace, name: &target.name, section }
    }

    pub(super) fn namespace(&self) -> &'a str {
        self.namespace
    }

    pub(super) fn find(&self, snapshot: &Snapshot) -> Found {
        let name = ObjectName::new(self.namespace, self.name);
        let sections = match self.kind {
            TargetKind::MailGateway => snapshot.gateway(&name).map(|gateway| {
                let listeners = gateway.spec.listeners.iter();
                self.section.is_none()
                    || listeners.into_iter().any(|listener| self.is_section(&listener.name))
            }),
            TargetKind::MailRoute => snapshot.route(&name).map(|route| {
                let rules = route.spec.rules.iter();
                self.section.is_none() || rules.into_iter().any(|rule| self.is_section(&rule.name))
            }),
        };
        match sections {
            Some(true) => Found::There,
            Some(false) => self.absent(),
            None => match snapshot.problem(self.api_kind(), &name) {
                Some(problem) => {
                    Found::Absent(Reason::Unreadable, format!("{self} can't be read: {problem}"))
                }
                None if snapshot.scope() == Scope::Gateway => Found::Unknown,
                None => self.absent(),
            },
        }
    }

    fn absent(&self) -> Found {
        let Self { kind, namespace, name, section } = self;
        let part = match kind {
            TargetKind::MailGateway => "listener",
            TargetKind::MailRoute => "rule",
        };
        let section = section.as_ref().map(|section| format!(" with a {part} {section}")).unwrap_or_default();
        let message =
            format!("there is no {kind:?} {namespace}/{name}{section}: the policy holds for nothing there");
        Found::Absent(Reason::TargetNotFound, message)
    }

    fn is_section(&self, name: &str) -> bool {
        self.section == Some(name)
    }

    fn api_kind(&self) -> ApiKind {
        match self.kind {
            TargetKind::MailGateway => ApiKind::Gateway,
            TargetKind::MailRoute => ApiKind::Route,
        }
    }
}

/// Whether a target is there.
pub(super) enum Found {
    There,
    /// It may be another gateway's.
    Unknown,
    /// It is not, or can't be read: why, and what that means.
    Absent(Reason, String),
}

/// `MailRoute namespace/name tickets`.
impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}/{}", self.kind, self.namespace, self.name)?;
        self.section.map_or(Ok(()), |section| write!(f, " {section}"))
    }
}

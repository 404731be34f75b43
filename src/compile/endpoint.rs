//! What backends and callouts have in common: a server, whether it may be called, and the secrets that go
//! with it.

use std::net::IpAddr;
use std::sync::Arc;

use super::Origin;
use super::findings::Findings;
use super::reference::{Unresolved, secret_certificates, secret_identity};
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::reference::{CaSecretRef, ClientTls};
use crate::plan::{Identity, ObjectName};

/// Reads one endpoint, and reports what is wrong with it.
pub(super) struct Reader<'a, 'f> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) origin: Origin,
    kind: ApiKind,
    name: &'a ObjectName,
    /// The field that the endpoint stands in.
    field: &'static str,
    findings: &'f mut Findings,
    sound: bool,
}

impl<'a, 'f> Reader<'a, 'f> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        origin: Origin,
        (kind, name, field): (ApiKind, &'a ObjectName, &'static str),
        findings: &'f mut Findings,
    ) -> Self {
        Self { snapshot, origin, kind, name, field, findings, sound: true }
    }

    /// The namespace of the object, and of all that it refers to.
    pub(super) fn namespace(&self) -> &'a str {
        &self.name.namespace
    }

    /// Reports what is wrong with a field.
    pub(super) fn report(&mut self, field: &str, unresolved: Unresolved) {
        self.sound = false;
        let Unresolved { reason, message } = unresolved;
        let field = format!("{}.{field}", self.field);
        self.findings.report((self.kind, self.name), reason, field, message);
    }

    /// The value, or a report of why there is none.
    pub(super) fn resolve<T>(&mut self, field: &str, found: Result<T, Unresolved>) -> Option<T> {
        found.map_err(|unresolved| self.report(field, unresolved)).ok()
    }

    /// Whom it believes, and who it says it is.
    pub(super) fn trust(&mut self, tls: Option<&ClientTls>) -> Trust {
        let namespace = self.namespace();
        let ca = self.authorities("tls.caSecretRef", tls.and_then(|tls| tls.ca_secret_ref.as_ref()));
        let identity = tls.and_then(|tls| tls.client_certificate_ref.as_ref()).and_then(|secret| {
            let found = secret_identity(self.snapshot, namespace, &secret.name);
            self.resolve("tls.clientCertificateRef", found)
        });
        Trust {
            ca,
            server_name: tls.and_then(|tls| tls.server_name.clone()),
            identity: identity.map(Into::into),
        }
    }

    /// PEM of the certificates that a field refers to.
    pub(super) fn authorities(&mut self, field: &str, ca: Option<&CaSecretRef>) -> Option<Arc<str>> {
        let ca = ca?;
        let found = secret_certificates(self.snapshot, self.namespace(), &ca.name, &ca.key);
        Some(self.resolve(field, found)?.as_str().into())
    }

    /// Whether a loopback address may be a target.
    pub(super) fn allows_loopback(&self) -> bool {
        self.origin == Origin::Files
    }

    /// What was read, unless anything of it, now or before, can't be used.
    pub(super) fn finish<T>(self, read: T) -> Option<T> {
        self.sound.then_some(read)
    }
}

/// TLS towards a server.
pub(super) struct Trust {
    pub(super) ca: Option<Arc<str>>,
    pub(super) server_name: Option<String>,
    pub(super) identity: Option<Arc<Identity>>,
}

/// Whether a host of a URL, without brackets, may be called.
///
/// Link-local addresses are where clouds keep their credentials; a loopback address of a cluster's config
/// would be the front-end pod itself. Names are held to the same when they are resolved.
pub(super) fn permitted(host: &str, origin: Origin) -> Result<(), &'static str> {
    let address: Option<IpAddr> = host.parse().ok();
    let (link_local, loopback) = match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(v4)) => (v4.is_link_local(), v4.is_loopback() || v4.is_unspecified()),
        Some(IpAddr::V6(v6)) => (v6.is_unicast_link_local(), v6.is_loopback() || v6.is_unspecified()),
        None => (false, host.eq_ignore_ascii_case("localhost")),
    };
    match origin {
        _ if link_local => Err("link-local addresses are never called"),
        Origin::Cluster if loopback => Err("loopback addresses are not called with config from a cluster"),
        Origin::Cluster | Origin::Files => Ok(()),
    }
}

//! HTTP endpoints of backends and of callouts: where they are, and the secrets that go with them.

use std::net::IpAddr;

use http::Uri;

use super::Origin;
use super::findings::Findings;
use super::reference::{Unresolved, secret_certificates, secret_identity, secret_line, service_host};
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::backend::HttpAuth;
use crate::api::reference::{ClientTls, Scheme, ServiceRef};
use crate::plan::{Auth, Http, ObjectName, Reason, Secret};

/// What every HTTP endpoint says, whatever kind of object says it.
pub(super) struct Written<'w> {
    pub(super) service: &'w Option<ServiceRef>,
    pub(super) url: &'w Option<String>,
    pub(super) path: &'w Option<String>,
    pub(super) auth: &'w Option<HttpAuth>,
    pub(super) tls: &'w Option<ClientTls>,
}

/// Reads one endpoint, and reports what is wrong with it.
pub(super) struct Reader<'a, 'f> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) origin: Origin,
    kind: ApiKind,
    name: &'a ObjectName,
    /// The field that the endpoint stands in.
    field: &'static str,
    findings: &'f mut Findings,
    /// Whether all that was read so far can be used.
    pub(super) sound: bool,
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

    fn report(&mut self, field: &str, unresolved: Unresolved) {
        self.sound = false;
        let Unresolved { reason, message } = unresolved;
        let field = format!("{}.{field}", self.field);
        self.findings.report((self.kind, self.name), reason, field, message);
    }

    /// The value, or a report of why there is none.
    pub(super) fn resolve<T>(&mut self, field: &str, found: Result<T, Unresolved>) -> Option<T> {
        found.map_err(|unresolved| self.report(field, unresolved)).ok()
    }

    /// The endpoint; `None` where anything that was read of it, now or before, can't be used.
    pub(super) fn read(mut self, written: &Written<'_>) -> Option<Http> {
        let auth = written.auth.as_ref().and_then(|auth| self.auth(auth));
        let namespace = self.namespace();
        let tls = written.tls.as_ref();
        let ca = tls.and_then(|tls| tls.ca_secret_ref.as_ref()).and_then(|ca| {
            let found = secret_certificates(self.snapshot, namespace, &ca.name, &ca.key);
            self.resolve("tls.caSecretRef", found)
        });
        let identity = tls.and_then(|tls| tls.client_certificate_ref.as_ref()).and_then(|secret| {
            let found = secret_identity(self.snapshot, namespace, &secret.name);
            self.resolve("tls.clientCertificateRef", found)
        });
        let Address { https, host, port, path } = self.address(written)?;
        self.sound.then(|| Http {
            https,
            host,
            port,
            path,
            auth,
            signing: Vec::new(),
            ca: ca.map(|pem| pem.as_str().into()),
            server_name: tls.and_then(|tls| tls.server_name.clone()),
            identity: identity.map(Into::into),
            allow_loopback: self.allows_loopback(),
        })
    }

    /// Whether a loopback address may be a target.
    pub(super) fn allows_loopback(&self) -> bool {
        self.origin == Origin::Files
    }

    fn auth(&mut self, auth: &HttpAuth) -> Option<Auth> {
        let namespace = self.namespace();
        if let Some(bearer) = &auth.bearer {
            let secret = &bearer.secret_ref;
            let token = secret_line(self.snapshot, namespace, &secret.name, &secret.key);
            let token = self.resolve("auth.bearer.secretRef", token)?;
            return Some(Auth::Bearer(Secret::new(token.as_bytes())));
        }
        let secret = &auth.basic.as_ref()?.secret_ref.name;
        let field = "auth.basic.secretRef";
        let username = secret_line(self.snapshot, namespace, secret, "username");
        let username = self.resolve(field, username)?.to_owned();
        if username.contains(':') {
            let message =
                format!("the username in Secret {namespace}/{secret} has a colon (RFC 7617 section 2)");
            self.report(field, Unresolved::new(Reason::InvalidSecretKey, message));
        }
        let password = secret_line(self.snapshot, namespace, secret, "password");
        let password = self.resolve(field, password)?;
        Some(Auth::Basic { username, password: Secret::new(password.as_bytes()) })
    }

    fn address(&mut self, written: &Written<'_>) -> Option<Address> {
        if let Some(service) = written.service {
            let host = service_host(self.snapshot, self.namespace(), service);
            let host = self.resolve("service", host)?;
            let path = written.path.clone().unwrap_or_else(|| "/".to_owned());
            return Some(Address { https: service.scheme == Scheme::Https, host, port: service.port, path });
        }
        let url = written.url.as_ref()?;
        let address = Address::parse(url);
        let address = address.and_then(|address| permitted(&address.host, self.origin).map(|()| address));
        self.resolve("url", address.map_err(|message| Unresolved::new(Reason::Invalid, message)))
    }
}

/// Where an HTTP endpoint is.
struct Address {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    fn parse(url: &str) -> Result<Self, &'static str> {
        let authority =
            url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
        if authority.contains('@') {
            return Err("a user or password never stands in a URL: put it into a Secret and use auth");
        }
        let parsed: Uri = url.parse().map_err(|_| "is not an http or https URL")?;
        let https = match parsed.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("is not an http or https URL"),
        };
        let host = parsed.host().filter(|host| !host.is_empty()).ok_or("is a URL without a host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port_u16().unwrap_or(if https { 443 } else { 80 });
        let path = parsed.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { https, host, port, path })
    }
}

/// Link-local addresses are where clouds keep their credentials; a loopback address of a cluster's
/// config would be the front-end pod itself. Names are held to the same when they are resolved.
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

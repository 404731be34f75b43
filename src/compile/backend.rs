//! MailBackends, with what they refer to at hand.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

use super::Origin;
use super::fault::Faults;
use super::findings::Findings;
use super::reference::{Unresolved, secret_certificates, secret_key, secret_line, service_host};
use super::snapshot::Snapshot;
use crate::api::backend::{HttpAuth, HttpBackend, OnPartial as WrittenOnPartial};
use crate::api::reference::Scheme;
use crate::api::{ApiKind, MailBackend};
use crate::plan::{Auth, Backend, Circuit, Http, ObjectName, OnPartial, Reason, Secret, Target};
use crate::smtp::Reply;
use crate::smtp::reply::Enhanced;

/// Standard Webhooks: a symmetric key has 24 to 64 octets.
const SIGNING_KEY_OCTETS: std::ops::RangeInclusive<usize> = 24..=64;

/// Reads every backend; `None` for one that can't be used.
pub(super) fn read_all<'a>(
    snapshot: &'a Snapshot,
    origin: Origin,
    faults: &Faults<'_>,
    findings: &mut Findings,
) -> HashMap<&'a ObjectName, Option<Arc<Backend>>> {
    let mut read = HashMap::new();
    for (name, backend) in snapshot.backends() {
        let mut reader = Reader { snapshot, origin, name, findings, sound: true };
        let target = reader.target(backend);
        let sound = reader.sound && faults.of(ApiKind::Backend, name).is_empty();
        read.insert(name, target.filter(|_| sound).map(|target| Arc::new(plan(name, backend, target))));
    }
    read
}

fn plan(name: &ObjectName, backend: &MailBackend, target: Target) -> Backend {
    let spec = &backend.spec;
    Backend {
        name: name.clone(),
        label: name.to_string().into(),
        target,
        max_in_flight: spec.limits.max_in_flight,
        max_message_bytes: spec.limits.max_message_bytes.bytes(),
        circuit: Circuit {
            consecutive_failures: spec.circuit.consecutive_failures,
            open_for: spec.circuit.open_for.as_std(),
        },
        responses: responses(&spec.responses),
        per_recipient_verdicts: spec.per_recipient_verdicts,
        on_partial: match spec.on_partial {
            // Bounce is told as unsupported, so it comes no further.
            WrittenOnPartial::Single | WrittenOnPartial::Bounce => OnPartial::Single,
            WrittenOnPartial::Defer => OnPartial::Defer,
        },
    }
}

/// Replies whose shape the bounds have checked.
fn responses(written: &BTreeMap<String, String>) -> BTreeMap<u16, Reply> {
    written.iter().filter_map(|(status, text)| Some((status.parse().ok()?, reply(text)?))).collect()
}

/// `550 5.7.1 Not wanted here`.
fn reply(text: &str) -> Option<Reply> {
    let mut words = text.splitn(3, ' ');
    let code = words.next()?.parse().ok()?;
    let mut enhanced = words.next()?.split('.').skip(1).map(|number| number.parse().ok());
    let enhanced = Enhanced { subject: enhanced.next()??, detail: enhanced.next()?? };
    Reply::from_parts(code, Some(enhanced), words.next()?)
}

struct Reader<'a, 'f> {
    snapshot: &'a Snapshot,
    origin: Origin,
    name: &'a ObjectName,
    findings: &'f mut Findings,
    sound: bool,
}

impl Reader<'_, '_> {
    fn report(&mut self, field: &str, unresolved: Unresolved) {
        self.sound = false;
        let Unresolved { reason, message } = unresolved;
        self.findings.report((ApiKind::Backend, self.name), reason, field, message);
    }

    /// The value, or a report of why there is none.
    fn resolve<T>(&mut self, field: &str, found: Result<T, Unresolved>) -> Option<T> {
        found.map_err(|unresolved| self.report(field, unresolved)).ok()
    }

    fn target(&mut self, backend: &MailBackend) -> Option<Target> {
        let http = backend.spec.http.as_ref()?;
        let auth = http.auth.as_ref().and_then(|auth| self.auth(auth));
        let signing = self.signing(http);
        let ca = http.tls.as_ref().and_then(|tls| tls.ca_secret_ref.as_ref()).and_then(|ca| {
            let found = secret_certificates(self.snapshot, &self.name.namespace, &ca.name, &ca.key);
            self.resolve("spec.http.tls.caSecretRef", found)
        });
        let server_name = http.tls.as_ref().and_then(|tls| tls.server_name.clone());
        let address = self.address(http)?;
        let allow_loopback = self.origin == Origin::Files;
        let Address { https, host, port, path } = address;
        let ca = ca.map(|pem| pem.as_str().into());
        Some(Target::Http(Http { https, host, port, path, auth, signing, ca, server_name, allow_loopback }))
    }

    fn auth(&mut self, auth: &HttpAuth) -> Option<Auth> {
        let namespace = self.name.namespace.as_str();
        if let Some(bearer) = &auth.bearer {
            let secret = &bearer.secret_ref;
            let token = secret_line(self.snapshot, namespace, &secret.name, &secret.key);
            let token = self.resolve("spec.http.auth.bearer.secretRef", token)?;
            return Some(Auth::Bearer(Secret::new(token.as_bytes())));
        }
        let secret = &auth.basic.as_ref()?.secret_ref.name;
        let field = "spec.http.auth.basic.secretRef";
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

    fn signing(&mut self, http: &HttpBackend) -> Vec<Secret> {
        let mut keys = Vec::new();
        let refs = http.signing.iter().flat_map(|signing| &signing.secret_refs);
        for (index, secret) in refs.enumerate() {
            let found = secret_key(self.snapshot, &self.name.namespace, &secret.name, &secret.key);
            let found = found.and_then(|octets| {
                signing_key(octets).ok_or_else(|| {
                    let message = format!(
                        "key {} of Secret {}/{} is not a signing key of Standard Webhooks: \
                         whsec_ and 24 to 64 octets in base64",
                        secret.key, self.name.namespace, secret.name
                    );
                    Unresolved::new(Reason::InvalidSecretKey, message)
                })
            });
            keys.extend(self.resolve(&format!("spec.http.signing.secretRefs[{index}]"), found));
        }
        keys
    }

    fn address(&mut self, http: &HttpBackend) -> Option<Address> {
        if let Some(service) = &http.service {
            let host = service_host(self.snapshot, &self.name.namespace, service);
            let host = self.resolve("spec.http.service", host)?;
            let path = http.path.clone().unwrap_or_else(|| "/".to_owned());
            return Some(Address { https: service.scheme == Scheme::Https, host, port: service.port, path });
        }
        let address = Address::parse(http.url.as_ref()?).and_then(|address| address.permitted(self.origin));
        self.resolve("spec.http.url", address.map_err(|message| Unresolved::new(Reason::Invalid, message)))
    }
}

/// `whsec_` and the octets in base64; the prefix may be missing, as the libraries have it.
fn signing_key(octets: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(octets).ok()?.trim();
    let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
    SIGNING_KEY_OCTETS.contains(&key.len()).then(|| Secret::new(&key))
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

    /// Link-local addresses are where clouds keep their credentials; a loopback address of a cluster's
    /// config would be the front-end pod itself. Names are held to the same when they are resolved.
    fn permitted(self, origin: Origin) -> Result<Self, &'static str> {
        let address: Option<IpAddr> = self.host.parse().ok();
        let (link_local, loopback) = match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(v4)) => (v4.is_link_local(), v4.is_loopback() || v4.is_unspecified()),
            Some(IpAddr::V6(v6)) => (v6.is_unicast_link_local(), v6.is_loopback() || v6.is_unspecified()),
            None => (false, self.host.eq_ignore_ascii_case("localhost")),
        };
        match origin {
            _ if link_local => Err("link-local addresses are never called"),
            Origin::Cluster if loopback => {
                Err("loopback addresses are not called with config from a cluster")
            }
            Origin::Cluster | Origin::Files => Ok(self),
        }
    }
}

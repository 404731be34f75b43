//! What one object names of others: namespaces by their labels, keys of Secrets, ports of Services.
//!
//! Secrets, ConfigMaps and Services are always those of the object's own namespace.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::snapshot::Snapshot;
use crate::api::reference::{
    AllowedRoutes, FromNamespaces, LabelOperator, LabelRequirement, LabelSelector, Scheme, ServiceRef,
};
use crate::plan::{Identity, Reason, Secret};

/// Why a reference does not lead to what it should.
pub(super) struct Unresolved {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Unresolved {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Whether `allowedRoutes` of an object in namespace `own` let in routes of another namespace.
pub(super) fn allows(snapshot: &Snapshot, allowed: &AllowedRoutes, own: &str, other: &str) -> bool {
    match allowed.namespaces.from {
        FromNamespaces::Same => own == other,
        FromNamespaces::All => true,
        // Without a selector it is not known who was meant: nobody, then.
        FromNamespaces::Selector => {
            allowed.namespaces.selector.as_ref().is_some_and(|selector| selects(snapshot, selector, other))
        }
    }
}

fn selects(snapshot: &Snapshot, selector: &LabelSelector, namespace: &str) -> bool {
    let label = |key: &str| snapshot.namespace_label(namespace, key);
    selector.match_labels.iter().all(|(key, value)| label(key) == Some(value))
        && selector.match_expressions.iter().all(|requirement| meets(requirement, label(&requirement.key)))
}

fn meets(requirement: &LabelRequirement, label: Option<&str>) -> bool {
    let listed = label.is_some_and(|label| requirement.values.iter().any(|value| value == label));
    match requirement.operator {
        LabelOperator::In => listed,
        LabelOperator::NotIn => !listed,
        LabelOperator::Exists => label.is_some(),
        LabelOperator::DoesNotExist => label.is_none(),
    }
}

/// The octets of a key of a Secret, never empty.
pub(super) fn secret_key<'a>(
    snapshot: &'a Snapshot,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<&'a [u8], Unresolved> {
    let Some(secret) = snapshot.secret(namespace, name) else {
        let message = format!("there is no Secret {namespace}/{name}: create it, or name another");
        return Err(Unresolved::new(Reason::SecretNotFound, message));
    };
    let octets = secret.data.as_ref().and_then(|data| data.get(key));
    octets.map(|octets| &*octets.0).filter(|octets| !octets.is_empty()).ok_or_else(|| {
        let message = format!("Secret {namespace}/{name} has no key {key} with something in it");
        Unresolved::new(Reason::InvalidSecretKey, message)
    })
}

/// The same as text of one line, such as a token: what ends the line does not belong to it.
pub(super) fn secret_line<'a>(
    snapshot: &'a Snapshot,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<&'a str, Unresolved> {
    let octets = secret_key(snapshot, namespace, name, key)?;
    let text = std::str::from_utf8(octets).ok().map(|text| text.trim_end_matches(['\r', '\n']));
    text.filter(|text| !text.is_empty() && !text.contains(char::is_control)).ok_or_else(|| {
        let message = format!("key {key} of Secret {namespace}/{name} is not text of one line");
        Unresolved::new(Reason::InvalidSecretKey, message)
    })
}

/// The same as certificates in PEM.
pub(super) fn secret_certificates(
    snapshot: &Snapshot,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<String, Unresolved> {
    let octets = secret_key(snapshot, namespace, name, key)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(octets).collect();
    let readable = certificates.is_ok_and(|certificates| !certificates.is_empty());
    let text = std::str::from_utf8(octets).ok().filter(|_| readable);
    text.map(str::to_owned).ok_or_else(|| {
        let message = format!("key {key} of Secret {namespace}/{name} holds no certificates in PEM");
        Unresolved::new(Reason::InvalidSecretKey, message)
    })
}

/// A Secret of type `kubernetes.io/tls`: a certificate and its key, which belong together.
pub(super) fn secret_identity(
    snapshot: &Snapshot,
    namespace: &str,
    name: &str,
) -> Result<Identity, Unresolved> {
    let invalid = |message: String| Unresolved::new(Reason::InvalidSecretKey, message);
    let pem = secret_certificates(snapshot, namespace, name, "tls.crt")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.unwrap_or_default();
    let key = PrivateKeyDer::from_pem_slice(secret_key(snapshot, namespace, name, "tls.key")?);
    let key = key.map_err(|_| {
        invalid(format!("key tls.key of Secret {namespace}/{name} holds no private key in PEM"))
    })?;
    let octets = Secret::new(key.secret_der());
    let usable = CertifiedKey::from_der(chain.clone(), key, &ring::default_provider());
    match usable {
        Ok(_) => Ok(Identity { chain, key: octets }),
        Err(error) => Err(invalid(format!(
            "certificate and private key of Secret {namespace}/{name} can't be used together: {error}"
        ))),
    }
}

/// The Service of a namespace that a host name leads to by the names of the cluster, be it there or not:
/// `name.namespace.svc`, with or without the cluster's own domain.
pub(super) fn service_of<'h>(host: &'h str, namespace: &str) -> Option<&'h str> {
    let (name, rest) = host.split_once('.')?;
    let rest = rest.strip_prefix(namespace)?.strip_prefix(".svc")?;
    matches!(rest, "" | "." | ".cluster.local" | ".cluster.local.").then_some(name)
}

/// Whether a host and a port are those of a Service of the namespace.
pub(super) fn is_service(snapshot: &Snapshot, namespace: &str, (host, port): (&str, u16)) -> bool {
    service_of(host, namespace).is_some_and(|name| {
        let service = ServiceRef { name: name.to_owned(), port, scheme: Scheme::Http };
        service_host(snapshot, namespace, &service).is_ok()
    })
}

/// The host name of a Service that has the port.
///
/// A Service of type ExternalName is refused: it leads to any host its author likes, which is what
/// `backends.allow: [Service]` is there to prevent.
pub(super) fn service_host(
    snapshot: &Snapshot,
    namespace: &str,
    service: &ServiceRef,
) -> Result<String, Unresolved> {
    let (name, port) = (&service.name, service.port);
    let not_found = |message: String| Unresolved::new(Reason::ServiceNotFound, message);
    let Some(object) = snapshot.service(namespace, name) else {
        return Err(not_found(format!("there is no Service {namespace}/{name}: create it, or name another")));
    };
    let spec = object.spec.as_ref();
    if spec.and_then(|spec| spec.type_.as_deref()) == Some("ExternalName") {
        let message = format!("Service {namespace}/{name} is an ExternalName: write its host in url instead");
        return Err(Unresolved::new(Reason::Invalid, message));
    }
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    if ports.iter().any(|each| each.port == i32::from(port)) {
        return Ok(format!("{name}.{namespace}.svc"));
    }
    let known: Vec<String> = ports.iter().map(|each| each.port.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(not_found(format!("Service {namespace}/{name} has no port {port}; it has {known}")))
}

//! TLS of listeners: certificates with their keys, and the authorities of clients.
//!
//! All that can be wrong with them is found here, by the same library that will serve them, so that
//! nothing of a plan fails when a client comes. A certificate that can't be used is told and left out;
//! the listener is served with the others, since one bad Secret should not keep all mail away. Without
//! any it is not opened, and neither is it with authorities that can't be read. Whether a certificate
//! has expired is not known here, where there is no clock: a metric tells.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::findings::Findings;
use super::reference::{Unresolved, secret_identity, secret_key};
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::gateway::MailGatewaySpec;
use crate::api::listener::{self as written, ListenerTls, TlsVersion};
use crate::api::reference::CaSecretRef;
use crate::plan::{Certificate, Identity, ObjectName, Reason, Tls, TlsMode};

/// What became of a listener's TLS.
#[derive(Debug, Clone)]
pub(super) enum Read {
    /// It has none.
    None,
    /// It can be served.
    Usable(Arc<Tls>),
    /// It is not to be opened.
    Unusable,
}

/// Reads TLS of every listener of a gateway, in order.
pub(super) fn read_all<'a>(
    snapshot: &'a Snapshot,
    gateway: &'a ObjectName,
    spec: &'a MailGatewaySpec,
    findings: &mut Findings,
) -> Vec<Read> {
    let mut reader = Reader { snapshot, gateway, findings, known: HashMap::new() };
    let listeners = spec.listeners.iter().enumerate();
    listeners
        .map(|(index, listener)| reader.listener(listener, &format!("spec.listeners[{index}].tls")))
        .collect()
}

struct Reader<'a, 'f> {
    snapshot: &'a Snapshot,
    gateway: &'a ObjectName,
    findings: &'f mut Findings,
    /// Certificates by the name of their Secret; several listeners may have the same.
    known: HashMap<&'a str, Result<Arc<Certificate>, String>>,
}

impl<'a> Reader<'a, '_> {
    fn listener(&mut self, listener: &'a written::Listener, at: &str) -> Read {
        let Some(tls) = &listener.tls else { return Read::None };
        let mode = match tls.mode {
            written::TlsMode::Disabled => return Read::None,
            written::TlsMode::StartTls => TlsMode::StartTls,
            written::TlsMode::Implicit => TlsMode::Implicit,
        };
        let certificates = self.certificates(tls, at);
        let authorities = match &tls.client_certificates {
            None => Some(Vec::new()),
            Some(clients) => self.authorities(&clients.ca_secret_ref, at),
        };
        match authorities {
            Some(client_authorities) if !certificates.is_empty() => Read::Usable(Arc::new(Tls {
                mode,
                certificates,
                only_13: tls.min_version == TlsVersion::Tls13,
                required: tls.required,
                client_authorities,
            })),
            _ => Read::Unusable,
        }
    }

    fn certificates(&mut self, tls: &'a ListenerTls, at: &str) -> Vec<Arc<Certificate>> {
        let mut usable = Vec::new();
        for (index, reference) in tls.certificate_refs.iter().enumerate() {
            match self.certificate(&reference.name) {
                Ok(certificate) => usable.push(certificate),
                Err(message) => {
                    let field = format!("{at}.certificateRefs[{index}]");
                    let reason = Reason::InvalidCertificateRef;
                    self.findings.report((ApiKind::Gateway, self.gateway), reason, field, message);
                }
            }
        }
        usable
    }

    /// The certificate of a Secret, or what is wrong with it.
    fn certificate(&mut self, secret: &'a str) -> Result<Arc<Certificate>, String> {
        if let Some(known) = self.known.get(secret) {
            return known.clone();
        }
        let read = self.read_certificate(secret);
        self.known.insert(secret, read.clone());
        read
    }

    fn read_certificate(&self, secret: &str) -> Result<Arc<Certificate>, String> {
        let namespace = self.gateway.namespace.as_str();
        let Identity { chain, key } =
            secret_identity(self.snapshot, namespace, secret).map_err(|wrong| wrong.message)?;
        let (names, not_after) = facts(&chain)
            .ok_or_else(|| format!("the certificate of Secret {namespace}/{secret} can't be read"))?;
        Ok(Arc::new(Certificate { chain, key, names, not_after }))
    }

    fn authorities(&mut self, reference: &CaSecretRef, at: &str) -> Option<Vec<CertificateDer<'static>>> {
        let CaSecretRef { name, key } = reference;
        let namespace = &self.gateway.namespace;
        let octets = secret_key(self.snapshot, namespace, name, key);
        let read = octets.and_then(|octets| {
            anchors(octets).ok_or_else(|| {
                let message = format!(
                    "key {key} of Secret {namespace}/{name} holds no certificates of authorities in PEM"
                );
                Unresolved::new(Reason::InvalidSecretKey, message)
            })
        });
        read.map_err(|Unresolved { reason, message }| {
            let field = format!("{at}.clientCertificates.caSecretRef");
            self.findings.report((ApiKind::Gateway, self.gateway), reason, field, message);
        })
        .ok()
    }
}

/// The names of the first certificate, and when it ends.
fn facts(chain: &[CertificateDer<'_>]) -> Option<(Vec<String>, i64)> {
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let written = certificate.subject_alternative_name().ok()?;
    let written = written.map_or(&[][..], |names| &names.value.general_names);
    let names = written.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Some((names.collect(), certificate.validity().not_after.timestamp()))
}

/// Certificates that can each be an authority; `None` where one can't.
fn anchors(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).ok()?;
    }
    (!store.is_empty()).then_some(certificates)
}

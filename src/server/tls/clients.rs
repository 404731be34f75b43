//! Certificates of clients. They are asked for, never insisted on: one that does not verify counts as
//! none, and the handshake goes on.
//!
//! So there are two questions. Whether the client has the key of the certificate it shows is rustls'
//! to ask in the handshake, and a wrong answer ends it. Whether the certificate leads to an authority
//! is asked here once the handshake is done, and after each resumption again.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Octets of the longest identity that is told.
const LONGEST_IDENTITY: usize = 255;

/// Who is believed to vouch for clients.
#[derive(Debug, Clone)]
pub(super) struct Authorities(Arc<dyn ClientCertVerifier>);

impl Authorities {
    /// `None` where there are none.
    pub(super) fn new(
        authorities: &[CertificateDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Self>, rustls::Error> {
        if authorities.is_empty() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone())?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let verifier = builder.build().map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Some(Self(verifier)))
    }

    /// Who the client is, where one of these authorities says so.
    pub(super) fn identify(&self, chain: &[CertificateDer<'_>]) -> Option<Arc<str>> {
        let (first, others) = chain.split_first()?;
        self.0.verify_client_cert(first, others, UnixTime::now()).ok()?;
        identity(first)
    }
}

/// The name that a certificate gives its owner: the first mail address, else the first DNS name, else
/// the first URI of its subject alternative names, else the common name of its subject.
fn identity(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let of_kind = |kind: fn(&GeneralName<'_>) -> Option<String>| names.iter().find_map(kind);
    let mail = |name: &GeneralName<'_>| match name {
        GeneralName::RFC822Name(name) => presentable(name),
        _ => None,
    };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => presentable(name),
        _ => None,
    };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(name) => presentable(name),
        _ => None,
    };
    let common_name = || {
        let name = certificate.subject().iter_common_name().next()?;
        presentable(name.as_str().ok()?)
    };
    let found = of_kind(mail).or_else(|| of_kind(dns)).or_else(|| of_kind(uri)).or_else(common_name)?;
    Some(found.into())
}

/// What can stand in a header field and a log line as it is.
fn presentable(name: &str) -> Option<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= LONGEST_IDENTITY && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
}

/// Lets every certificate pass, given that its owner has the key.
#[derive(Debug)]
pub(super) struct Clients(Arc<dyn ClientCertVerifier>);

impl Clients {
    pub(super) fn new(authorities: &Authorities) -> Self {
        Self(Arc::clone(&authorities.0))
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// A certificate that is none to us (one of X.509 version 1, say) has no key to verify with, and will
/// never identify anyone.
fn is_unreadable(certificate: &CertificateDer<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_err()
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn told(common_name: &str, names: &[SanType]) -> Option<Arc<str>> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names.extend_from_slice(names);
        identity(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn the_kind_of_name_decides_and_then_the_order() {
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        let uri = SanType::URI(text("spiffe://partner.example/mta"));
        let [first, second] =
            ["mx1", "mx2"].map(|host| SanType::DnsName(text(&format!("{host}.partner.example"))));
        let mail = SanType::Rfc822Name(text("mta@partner.example"));
        let all = [uri.clone(), first.clone(), second.clone(), mail];
        assert_eq!(told("someone", &all).as_deref(), Some("mta@partner.example"));
        assert_eq!(told("someone", &all[..3]).as_deref(), Some("mx1.partner.example"));
        assert_eq!(told("someone", &[second, first]).as_deref(), Some("mx2.partner.example"));
        assert_eq!(told("someone", &[uri]).as_deref(), Some("spiffe://partner.example/mta"));
        assert_eq!(told("Jürgen", &[]).as_deref(), Some("Jürgen"));
    }

    #[test]
    fn a_name_that_could_forge_a_field_is_none() {
        for name in ["", " ", "a\r\nX-Forged: yes", "a\0b", &"a".repeat(256)] {
            assert_eq!(told(name, &[]), None, "{name:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_nobody() {
        assert_eq!(identity(&CertificateDer::from(vec![0x30, 0x80, 1])), None);
    }
}

//! One authority: a certificate that may sign others, and its key.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::AuthorityError;

/// How long an authority is valid.
pub(super) const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Certificates are valid from before they were made: clocks of nodes differ.
pub(super) const BACKDATED: Duration = Duration::from_secs(3600);

/// A certificate authority. Shows its name alone.
pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    /// When it stops to be valid.
    pub(super) not_after: SystemTime,
}

impl Authority {
    /// A new one, valid for [`LIFE`] from `now`.
    pub(super) fn generate(now: SystemTime) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let not_after = whole(now + LIFE);
        let mut params = CertificateParams::default();
        params.not_before = (now - BACKDATED).into();
        params.not_after = not_after.into();
        // A name of its own, so that no verifier takes one for another.
        let made = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, format!("mailchute controller CA {made}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { certificate, key, not_after })
    }

    /// Reads one from PEM. What is wrong is told without quoting it.
    pub(super) fn read(certificate: &[u8], key: &[u8]) -> Result<Self, AuthorityError> {
        let damaged = |what: &str| AuthorityError::Damaged(what.to_owned());
        let certificate =
            CertificateDer::from_pem_slice(certificate).map_err(|_| damaged("the certificate is not PEM"))?;
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| damaged("the key is not PEM of PKCS #8"))?;
        let key = KeyPair::try_from(&key).map_err(|_| damaged("the key can't be read"))?;
        let (_, read) =
            X509Certificate::from_der(&certificate).map_err(|_| damaged("the certificate can't be read"))?;
        if read.public_key().raw != key.subject_public_key_info() {
            return Err(damaged("the key is not that of the certificate"));
        }
        if !read.is_ca() {
            return Err(damaged("the certificate is not one of an authority"));
        }
        let not_after = u64::try_from(read.validity().not_after.timestamp()).unwrap_or_default();
        let not_after = UNIX_EPOCH + Duration::from_secs(not_after);
        Ok(Self { certificate, key, not_after })
    }

    /// Signs a server's certificate for `names`, which may be DNS names or addresses.
    pub(super) fn sign(
        &self,
        names: &[String],
        valid: (SystemTime, SystemTime),
        key: &KeyPair,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let mut params = CertificateParams::new(names)?;
        params.not_before = valid.0.into();
        params.not_after = valid.1.into();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, "mailchute controller");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = rcgen::Issuer::from_ca_cert_der(&self.certificate, &self.key)?;
        Ok(params.signed_by(key, &issuer)?.der().clone())
    }

    /// The certificate, which everybody may see.
    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The key in PEM, for the Secret.
    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// In whole seconds, as certificates have it.
pub(super) fn whole(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(authority: &Authority) -> String {
        crate::controller::authority::holdings::pem(authority.certificate())
    }

    #[test]
    fn what_was_made_is_read_again() {
        let now = SystemTime::now();
        let made = Authority::generate(now).unwrap();
        let read = Authority::read(pem(&made).as_bytes(), made.key_pem().as_bytes()).unwrap();
        assert_eq!((read.certificate(), read.not_after), (made.certificate(), made.not_after));
        assert_eq!(read.not_after, whole(now + LIFE));
    }

    #[test]
    fn what_is_damaged_is_told_and_not_quoted() {
        let now = SystemTime::now();
        let (one, other) = (Authority::generate(now).unwrap(), Authority::generate(now).unwrap());
        let certificate = pem(&one);
        let cut = &certificate[..certificate.len() / 2];
        let key = one.key_pem();
        for (certificate, key, what) in [
            (certificate.as_str(), other.key_pem().as_str(), "not that of"),
            (cut, key.as_str(), "certificate is not PEM"),
            (certificate.as_str(), "secret words", "key is not PEM"),
            ("", key.as_str(), "certificate is not PEM"),
        ] {
            let error = Authority::read(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(what) && !error.contains("secret words"), "{error}");
        }
        let (leaf_key, names) = (KeyPair::generate().unwrap(), ["a.example".to_owned()]);
        let leaf = one.sign(&names, (now, now + LIFE), &leaf_key).unwrap();
        let leaf = crate::controller::authority::holdings::pem(&leaf);
        let error = Authority::read(leaf.as_bytes(), leaf_key.serialize_pem().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("authority"), "{error}");
    }

    #[test]
    fn debug_shows_no_key() {
        let authority = Authority::generate(SystemTime::now()).unwrap();
        let shown = format!("{authority:?}");
        assert!(shown.contains("not_after") && shown.len() < 150, "{shown}");
    }
}

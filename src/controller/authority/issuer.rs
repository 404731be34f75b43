//! What a replica needs of the authority: to sign for itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::KeyPair;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::AuthorityError;
use super::ca::{Authority, BACKDATED, whole};

/// How long a server's certificate is valid.
pub(super) const LEAF_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The authority that signs now. Shows when it ends alone.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<Authority>);

/// A certificate for a server, with its key, which leaves this process never.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// What rustls serves.
    pub certified: Arc<CertifiedKey>,
    /// When to sign a new one: at two thirds of its life.
    pub renew_at: SystemTime,
}

impl Issuer {
    pub(super) fn new(authority: Arc<Authority>) -> Self {
        Self(authority)
    }

    /// A certificate for `names`, with a new key. It ends with the authority at the latest.
    ///
    /// # Errors
    ///
    /// A name that no certificate can hold.
    pub fn leaf(&self, names: &[String], now: SystemTime) -> Result<Leaf, AuthorityError> {
        let key = KeyPair::generate()?;
        let not_after = whole(now + LEAF_LIFE).min(self.0.not_after);
        let certificate = self.0.sign(names, (now - BACKDATED, not_after), &key)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = ring::default_provider().key_provider.load_private_key(key)?;
        let left = not_after.duration_since(now).unwrap_or_default();
        Ok(Leaf {
            certified: Arc::new(CertifiedKey::new(vec![certificate], key)),
            renew_at: now + left * 2 / 3,
        })
    }

    /// The certificate that clients have to believe.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.0.certificate()
    }

    /// When the authority ends.
    pub fn not_after(&self) -> SystemTime {
        self.0.not_after
    }
}

/// The same authority.
impl PartialEq for Issuer {
    fn eq(&self, other: &Self) -> bool {
        self.certificate() == other.certificate()
    }
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    fn verify(leaf: &Leaf, believed: &Issuer, name: &str, at: SystemTime) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(believed.certificate().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&leaf.certified.cert[0], &[], &name, &[], at).map(|_| ())
    }

    fn issuer(now: SystemTime) -> Issuer {
        Issuer::new(Arc::new(Authority::generate(now).unwrap()))
    }

    #[test]
    fn a_leaf_is_believed_for_its_names_and_its_day() {
        let now = SystemTime::now();
        let (ours, other) = (issuer(now), issuer(now));
        let names = ["mailchute-controller.mail-system.svc", "localhost", "127.0.0.1"].map(str::to_owned);
        let leaf = ours.leaf(&names, now).unwrap();
        for name in &names {
            verify(&leaf, &ours, name, now).unwrap();
        }
        verify(&leaf, &ours, "localhost", now - BACKDATED / 2).unwrap();
        verify(&leaf, &ours, "localhost", leaf.renew_at).unwrap();
        verify(&leaf, &ours, "localhost", now + LEAF_LIFE + Duration::from_secs(1)).unwrap_err();
        verify(&leaf, &ours, "other.mail-system.svc", now).unwrap_err();
        verify(&leaf, &other, "localhost", now).unwrap_err();
    }

    #[test]
    fn a_leaf_does_not_outlive_its_authority() {
        let now = SystemTime::now();
        let ours = issuer(now);
        let late = ours.not_after() - Duration::from_secs(90);
        let leaf = ours.leaf(&["localhost".to_owned()], late).unwrap();
        assert!(leaf.renew_at < ours.not_after());
        verify(&leaf, &ours, "localhost", ours.not_after() + Duration::from_secs(1)).unwrap_err();
    }
}

//! Whose signatures on certificates are believed.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The certificates that the system trusts, read once.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    Arc::new(roots)
});

/// Those that the system trusts.
pub(super) fn of_the_system() -> Arc<RootCertStore> {
    Arc::clone(&SYSTEM)
}

/// Those of a PEM text, which has to hold at least one.
pub(super) fn of(pem: &str) -> Result<RootCertStore, &'static str> {
    const BAD: &str = "the CA certificates can't be read";
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| BAD)?).map_err(|_| BAD)?;
    }
    if roots.is_empty() { Err(BAD) } else { Ok(roots) }
}

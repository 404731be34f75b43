//! Which certificate a client is shown: by the name it asks for (SNI, RFC 6066 §3), then by the
//! signatures it understands.
//!
//! A client that asks for no name, or for one that nobody has, gets the first certificate that it can
//! verify the signature of: SMTP clients that don't verify names come with any (RFC 7672 §8.1).

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::plan::Certificate;

/// The certificates of a listener, in the order of its `certificateRefs`.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Named>);

#[derive(Debug)]
struct Named {
    names: Vec<String>,
    certified: Arc<CertifiedKey>,
}

impl Certificates {
    pub(super) fn new(
        certificates: &[Arc<Certificate>],
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let named = |certificate: &Arc<Certificate>| {
            let key = PrivateKeyDer::try_from(certificate.key.reveal());
            let key = key.map_err(|error| rustls::Error::General(error.to_owned()))?;
            let key = provider.key_provider.load_private_key(key.clone_key())?;
            let certified = Arc::new(CertifiedKey::new(certificate.chain.clone(), key));
            Ok(Named { names: certificate.names.clone(), certified })
        };
        certificates.iter().map(named).collect::<Result<_, _>>().map(Self)
    }

    /// From the best to the last that would do.
    fn by_preference<'a>(&'a self, name: Option<&str>) -> impl Iterator<Item = &'a Named> {
        let rank = move |named: &&Named| name.map_or(Fit::None, |name| named.fit(name));
        let mut named: Vec<&Named> = self.0.iter().collect();
        // Stable: among equals the order of the configuration holds.
        named.sort_by_key(rank);
        named.into_iter()
    }
}

/// How well a certificate fits a name, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    Wildcard,
    None,
}

impl Named {
    fn fit(&self, asked: &str) -> Fit {
        // RFC 9525 §6.3: a wildcard stands for one label, the leftmost.
        let behind = asked.split_once('.').map(|(_, behind)| behind);
        let wildcard = |name: &str| name.strip_prefix("*.").is_some_and(|suffix| behind == Some(suffix));
        if self.names.iter().any(|name| name == asked) {
            Fit::Exact
        } else if self.names.iter().any(|name| wildcard(name)) {
            Fit::Wildcard
        } else {
            Fit::None
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let understood = |named: &&Named| named.certified.key.choose_scheme(schemes).is_some();
        // rustls has put the name in lower case.
        let mut named = self.by_preference(hello.server_name());
        let best = named.next()?;
        // With one that the client can't verify rustls says so in the right words.
        let chosen = std::iter::once(best).chain(named).find(understood).unwrap_or(best);
        Some(Arc::clone(&chosen.certified))
    }
}

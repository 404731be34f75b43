//! The certificate that the snapshot server presents, renewed in time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::issuer::{Issuer, Leaf};

/// A certificate with its key, once there is one.
pub type Certified = Option<Arc<CertifiedKey>>;

/// Longest sleep: a clock that was set is noticed after it.
const LOOK: Duration = Duration::from_secs(600);

/// How long until signing is tried again after it failed.
const AGAIN: Duration = Duration::from_secs(10);

/// The DNS names of a Service as pods of any namespace say them.
pub fn names(service: &str, namespace: &str) -> Vec<String> {
    ["svc", "svc.cluster.local"].map(|suffix| format!("{service}.{namespace}.{suffix}")).into()
}

/// Presents the certificate that is current at each handshake. Until there is one, none succeeds.
pub struct Presented(pub watch::Receiver<Certified>);

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Certified {
        self.0.borrow().clone()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented")
    }
}

/// Signs a certificate for `names` at once when the issuer is another, and before one ends; until the
/// issuer or whoever presents it is gone.
pub async fn renew(
    mut issuers: watch::Receiver<Option<Arc<Issuer>>>,
    names: Vec<String>,
    certified: watch::Sender<Certified>,
) {
    while !certified.is_closed() {
        let issuer = issuers.borrow_and_update().clone();
        let leaf = issuer.map(|issuer| issuer.leaf(&names, SystemTime::now()));
        let renew_at = match leaf {
            Some(Ok(Leaf { certified: new, renew_at })) => {
                tracing::debug!(?names, "a serving certificate was signed");
                certified.send_replace(Some(new));
                Some(renew_at)
            }
            Some(Err(error)) => {
                tracing::error!(%error, ?names, "the serving certificate can't be signed");
                Some(SystemTime::now() + AGAIN)
            }
            None => None,
        };
        tokio::select! {
            changed = issuers.changed() => if changed.is_err() { return },
            () = certified.closed() => return,
            () = until(renew_at) => {}
        }
    }
}

/// Waits for a time of the wall clock; for ever without one.
pub(super) async fn until(due: Option<SystemTime>) {
    let Some(due) = due else { return std::future::pending().await };
    while let Ok(left) = due.duration_since(SystemTime::now()) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::ca::Authority;
    use super::*;

    fn issuer() -> Arc<Issuer> {
        Arc::new(Issuer::new(Arc::new(Authority::generate(SystemTime::now()).unwrap())))
    }

    #[tokio::test]
    async fn another_issuer_signs_at_once() {
        let (issuers, current) = watch::channel(None);
        let (sender, mut certified) = watch::channel(None);
        let work = tokio::spawn(renew(current, names("control", "mail"), sender));
        let mut seen = Vec::new();
        for _ in 0..2 {
            issuers.send_replace(Some(issuer()));
            certified.changed().await.unwrap();
            seen.push(certified.borrow_and_update().clone().unwrap().cert[0].clone());
        }
        assert_ne!(seen[0], seen[1]);
        drop(certified);
        work.await.unwrap();
    }

    #[test]
    fn names_are_those_of_the_service() {
        assert_eq!(names("control", "mail"), ["control.mail.svc", "control.mail.svc.cluster.local"]);
    }
}

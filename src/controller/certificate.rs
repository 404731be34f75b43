//! A serving certificate that somebody else has made, such as cert-manager: read from a folder, and again
//! when it is another.
//!
//! The folder is one that a Secret is mounted into: `tls.crt` and `tls.key`. What can't be used is told,
//! and the last that could stays.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio::time::sleep;

use super::authority::Certified;

const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
/// How often the folder is looked at. A kubelet writes it anew within a minute or so.
const PERIOD: Duration = Duration::from_secs(5);

/// Why a folder holds no certificate that can be used. Never quotes what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("{}: {problem}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Chain and key are no pair that can be used.
    #[error("{CHAIN} and {KEY} in {}: {problem}", folder.display())]
    Pair {
        /// Where.
        folder: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
}

/// Reads a folder, and follows it for as long as somebody looks. Needs a tokio runtime.
///
/// # Errors
///
/// What is wrong with it at the start.
pub async fn follow(folder: PathBuf) -> Result<watch::Receiver<Certified>, CertificateError> {
    let (mut follower, first) = Follower::new(folder).await?;
    let (sender, certificate) = watch::channel(Some(first));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = sleep(PERIOD) => {}
            }
            if let Some(another) = follower.look().await {
                sender.send_replace(Some(another));
            }
        }
    });
    Ok(certificate)
}

/// A folder, and what it held when it was last looked at.
struct Follower {
    folder: PathBuf,
    last: Result<Pair, CertificateError>,
}

impl Follower {
    async fn new(folder: PathBuf) -> Result<(Self, Arc<CertifiedKey>), CertificateError> {
        let pair = Pair::read(&folder).await?;
        let certified = Arc::new(pair.certified(&folder)?);
        Ok((Self { folder, last: Ok(pair) }, certified))
    }

    /// Another certificate, if there is one that can be used.
    async fn look(&mut self) -> Option<Arc<CertifiedKey>> {
        let now = Pair::read(&self.folder).await;
        if now == self.last {
            return None;
        }
        self.last = now;
        let certified = self.last.as_ref().map_err(CertificateError::clone);
        match certified.and_then(|pair| pair.certified(&self.folder)) {
            Ok(certified) => {
                tracing::info!(folder = %self.folder.display(), "another serving certificate");
                Some(Arc::new(certified))
            }
            Err(error) => {
                tracing::error!(%error, "the serving certificate can't be used, the last one stays");
                None
            }
        }
    }
}

/// What the two files hold.
#[derive(PartialEq, Eq)]
struct Pair {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    async fn read(folder: &Path) -> Result<Self, CertificateError> {
        Ok(Self { chain: read(&folder.join(CHAIN)).await?, key: read(&folder.join(KEY)).await? })
    }

    fn certified(&self, folder: &Path) -> Result<CertifiedKey, CertificateError> {
        let wrong = |name: &str| {
            let file = folder.join(name);
            // The error's own words may quote a line.
            move |error: pem::Error| {
                let problem = match error {
                    pem::Error::NoItemsFound => "holds no PEM of the right kind",
                    _ => "is not PEM",
                };
                CertificateError::File { file, problem: problem.to_owned() }
            }
        };
        let chain = CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(wrong(CHAIN))?;
        if chain.is_empty() {
            return Err(wrong(CHAIN)(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(wrong(KEY))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| CertificateError::Pair { folder: folder.to_owned(), problem: error.to_string() })
    }
}

async fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let wrong = |error: io::Error| CertificateError::File {
        file: file.to_owned(),
        problem: format!("can't be read: {error}"),
    };
    tokio::fs::read(file).await.map_err(wrong)
}

#[cfg(test)]
mod tests;

//! The controller's own certificate authority: what its snapshot server presents, and what front-ends
//! believe.
//!
//! Front-ends hold no credentials of the cluster, so they can't ask its API whom to believe: they read
//! the bundle of a ConfigMap. What signs is in a Secret of the controller's namespace, type `Opaque`:
//!
//! | key | what it holds |
//! | --- | --- |
//! | `tls.crt`, `tls.key` | the authority that signs: certificate and key (ECDSA P-256), PEM |
//! | `since` | when it began to sign, RFC 3339 |
//! | `next.crt`, `next.key` | the authority that will sign next; absent most of the time |
//! | `published` | when every bundle held the next one, RFC 3339; absent until then |
//! | `previous.crt` | the authority before, as long as certificates that it signed may be in use |
//!
//! The leader makes and rotates them ([`Keeper`]); every replica follows the Secret ([`follow()`]) and signs
//! a short-lived certificate for itself, in memory ([`renew`]). The life of an authority:
//!
//! ```text
//! made ──▶ next: in every bundle ──10 min──▶ signs ──2/3 of a year──▶ previous: in every bundle ──1 day──▶ gone
//! ```
//!
//! The first one signs at once: nobody believes another. So does one that stands in for a Secret that was
//! deleted, which is how to be rid of an authority whose key is known to others.
//!
//! Where cert-manager makes the certificates instead, the leader publishes its authority in the same
//! ConfigMaps, and no more.
//!
//! Not here: who is let in (`TokenReview`).

mod bundle;
mod ca;
mod follow;
mod holdings;
mod issuer;
mod keeper;
mod rotation;
mod serving;

pub use follow::{Held, Seen, follow};
pub use issuer::{Issuer, Leaf};
pub use keeper::{Keeper, Kept, Namespaces, Unpublished};
pub use serving::{Certified, Presented, names, renew};

/// Why a certificate can't be had.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Making or signing a certificate failed.
    #[error("can't make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// What was made can't be served.
    #[error("can't use the certificate that was made: {0}")]
    Use(#[from] rustls::Error),
    /// A Secret does not hold what it should; never tells contents.
    #[error("{0}")]
    Damaged(String),
}

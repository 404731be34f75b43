//! The controller: watch → compile → publish, status, lease, serving certificate.
//!
//! ```text
//! source::cluster ─▶ picture (gate, hold) ─▶ server ─▶ front-ends
//! ```
//!
//! | module | what |
//! | --- | --- |
//! | [`picture`] | the loop: objects in, one picture at a time out |
//! | `gate` | what is published of each gateway, and what stays as it was |
//! | `hold` | whether a snapshot that loses most routes waits |
//! | [`server`] | snapshots over HTTP/2, for front-ends that can say who they are |
//! | [`authority`] | the certificate that it presents, and whom front-ends believe |
//! | [`certificate`] | the same, made by somebody else, from a folder |
//! | [`lease`], [`owner`] | who leads, and who owns what is created |
//! | [`leading`] | all that the leader does alone |
//! | `writer` | the status of objects |
//! | `notify`, `events` | what people are told, and how each thing is told once |
//! | `outdated` | CRDs that are older than the controller |
//!
//! What needs one writer alone waits for [`lease`]: the status of objects, Events, and the Secret of the
//! [`authority`]. All replicas do the rest.

pub mod authority;
pub mod certificate;
mod events;
mod gate;
mod hold;
pub mod leading;
pub mod lease;
mod notify;
mod outdated;
pub mod owner;
pub mod picture;
pub mod server;
mod writer;

/// Whose fields they are that the controller writes.
const FIELD_MANAGER: &str = "mailchute";

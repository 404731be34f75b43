//! The controller: watch → compile → publish, status, lease, serving certificate.
//!
//! What needs one writer alone waits for [`lease`]: the status of objects, Events, and the Secret of the
//! [`authority`]. All replicas do the rest.

pub mod authority;
pub mod lease;
pub mod owner;

/// Whose fields they are that the controller writes.
const FIELD_MANAGER: &str = "mailchute";

//! SASL: who may sign in, and the server's side of each mechanism.
//!
//! Pure: nonces come in as arguments, and so does whoever runs what is slow.

/// Who may sign in, and how each can prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {}

//! A stream of NATS JetStream, as needed.

use std::sync::Arc;

use super::{Identity, Secret, Template};

/// A stream, and the server that it is reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nats {
    /// Host name or address, as in the URL, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it is spoken to inside TLS or not at all; otherwise as the server asks.
    pub tls_required: bool,
    /// PEM of the CA certificates to trust; `None` for those of the system.
    pub ca: Option<Arc<str>>,
    /// Name to verify instead of the host.
    pub server_name: Option<String>,
    /// What is shown to a server that asks who calls (mutual TLS).
    pub identity: Option<Arc<Identity>>,
    /// Whether a loopback address may be a target: config from files yes, from a cluster no.
    pub allow_loopback: bool,
    /// How we sign in.
    pub auth: Option<NatsAuth>,
    /// The stream that has to take the message.
    pub stream: String,
    /// What a message is published on.
    pub subject: Template,
}

/// How a client signs in to NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsAuth {
    /// A token.
    Token(Secret),
    /// User and password.
    User {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A key of the user's that the server knows.
    Nkey {
        /// Its public half, as NATS writes it: `U…`.
        public: String,
        /// The seed of its private half, 32 octets (Ed25519, RFC 8032).
        seed: Secret,
    },
    /// A credentials file: a JWT that says who the user is, and the key that it names.
    Credentials {
        /// The JWT.
        jwt: Secret,
        /// The seed of the key, 32 octets (Ed25519, RFC 8032).
        seed: Secret,
    },
}

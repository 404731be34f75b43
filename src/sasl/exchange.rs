//! What is said in an exchange, step by step.
//!
//! ```text
//! Plain ─────────────────────────▶ Password
//! LoginName ─▶ LoginPassword ────▶ Password
//! ScramFirst ─▶ ScramFinal ─▶ ScramProved ─▶ SignedIn        any ─▶ Failed
//! ```
//!
//! Base64, and what the client hears in the end, are the protocol's.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::credentials::Credentials;
use super::name;
use super::scram::{self, Challenged};

/// Octets of randomness in our part of a SCRAM nonce.
pub const NONCE_OCTETS: usize = 18;

/// An exchange that waits for the client.
#[derive(Debug)]
pub struct Exchange(State);

#[derive(Debug)]
enum State {
    Plain,
    LoginName,
    LoginPassword { name: Bytes },
    ScramFirst { nonce: String },
    ScramFinal(Box<Challenged>),
    ScramProved(Arc<str>),
}

/// What becomes of an exchange.
#[derive(Debug)]
pub enum Turn {
    /// It goes on: the answer to this comes next.
    Challenge(Bytes, Exchange),
    /// Name and password are here: [`Credentials::check`] says whether they are right.
    Password(Attempt),
    /// The client has proved to be this user.
    SignedIn(Arc<str>),
    /// It is over.
    Failed,
}

/// An exchange has failed; why is not told, not even inside.
#[derive(Debug)]
pub(super) struct Failed;

/// A name and a password. Never shown.
pub struct Attempt {
    name: String,
    password: Bytes,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}

impl Attempt {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn password(&self) -> &[u8] {
        &self.password
    }

    fn new(name: &[u8], password: Bytes) -> Option<Self> {
        // RFC 4616 §2: `passwd = 1*SAFE`.
        let name = name::prepare(name).filter(|_| !password.is_empty())?;
        Some(Self { name, password })
    }

    /// RFC 4616 §2: `[authzid] NUL authcid NUL passwd`. To act for someone else is nobody's right.
    fn plain(message: &Bytes) -> Option<Self> {
        let mut parts = message.split(|octet| *octet == 0);
        let (authzid, name, password) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let attempt = Self::new(name, message.slice_ref(password))?;
        let same = authzid.is_empty() || name::prepare(authzid).as_deref() == Some(attempt.name());
        same.then_some(attempt)
    }
}

impl Exchange {
    /// PLAIN (RFC 4616).
    pub fn plain() -> Self {
        Self(State::Plain)
    }

    /// LOGIN (draft-murchison-sasl-login): name and password, each asked for.
    pub fn login() -> Self {
        Self(State::LoginName)
    }

    /// SCRAM-SHA-256, with octets that were never used before.
    pub fn scram(nonce: [u8; NONCE_OCTETS]) -> Self {
        Self(State::ScramFirst { nonce: STANDARD.encode(nonce) })
    }

    /// The client has chosen the mechanism, with an initial response or without (RFC 4954 §4). It speaks
    /// first in all of them; LOGIN alone asks for what it wants to hear.
    pub fn begin(self, initial_response: Option<Bytes>, credentials: &Credentials) -> Turn {
        match initial_response {
            Some(response) => self.respond(response, credentials),
            None => {
                let challenge = if matches!(self.0, State::LoginName) { "Username:" } else { "" };
                Turn::Challenge(Bytes::from_static(challenge.as_bytes()), self)
            }
        }
    }

    /// The client has answered a challenge.
    pub fn respond(self, response: Bytes, credentials: &Credentials) -> Turn {
        self.step(response, credentials).unwrap_or(Turn::Failed)
    }

    fn step(self, response: Bytes, credentials: &Credentials) -> Result<Turn, Failed> {
        let go_on = |challenge: String, state| Turn::Challenge(challenge.into(), Self(state));
        Ok(match self.0 {
            State::Plain => Turn::Password(Attempt::plain(&response).ok_or(Failed)?),
            State::LoginName => go_on("Password:".to_owned(), State::LoginPassword { name: response }),
            State::LoginPassword { name } => Turn::Password(Attempt::new(&name, response).ok_or(Failed)?),
            State::ScramFirst { nonce } => {
                let (challenge, challenged) = scram::first(&response, &nonce, credentials)?;
                go_on(challenge, State::ScramFinal(Box::new(challenged)))
            }
            State::ScramFinal(challenged) => {
                let (signature, user) = challenged.finish(&response)?;
                go_on(signature, State::ScramProved(user))
            }
            State::ScramProved(user) if response.is_empty() => Turn::SignedIn(user),
            State::ScramProved(_) => return Err(Failed),
        })
    }
}

//! SASL (RFC 4422): who may sign in, and the server's side of each mechanism.
//!
//! Pure: nonces come in as arguments. [`Credentials::check`] is slow by intent, so the caller sees to
//! it that it holds up nobody.
//!
//! | file | what |
//! | --- | --- |
//! | `exchange` | what is said, step by step: PLAIN, LOGIN |
//! | `scram` | the same of SCRAM-SHA-256 |
//! | `credentials` | users by name, and who stands in for those that don't exist |
//! | `source` | reading them from the keys of a Secret |
//! | `hash` | what is kept of a password: argon2, bcrypt, SCRAM keys |
//! | `name` | preparing names and passwords (SASLprep) |
//!
//! # An unknown user is not to be told from a wrong password
//!
//! In PLAIN and LOGIN a name that is not there costs what one of those that are there costs: its hash
//! is made with the parameters and the salt of a user who stands in for it, and the answer is no. In
//! SCRAM it gets a salt of its own and the iterations of the one who stands in, and fails at the proof.
//! Who stands in, and the salt, follow from the name and from a secret digest of all credentials: they
//! are the same at each attempt, on every pod, and as long as the credentials are the same. So where
//! users' hashes differ in cost, those of names that don't exist differ in the same proportion.

mod credentials;
mod exchange;
mod hash;
mod name;
mod scram;
mod source;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use exchange::{Attempt, Exchange, NONCE_OCTETS, Turn};
pub use hash::HashError;
pub use source::{Flaw, FlawKind};

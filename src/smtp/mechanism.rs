//! SASL mechanisms by their registered names, and sets of them.
//!
//! Not here: what they do. That is the outside's, step by step.

use std::fmt;

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login; obsolete and widely used.
    Login,
    /// RFC 5802, RFC 7677.
    ScramSha256,
}

impl Mechanism {
    /// All of them, in the order in which they are announced: the best first, since many clients take
    /// the first that they know.
    pub const ALL: [Self; 3] = [Self::ScramSha256, Self::Plain, Self::Login];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// Some mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// None: AUTH is not offered.
    pub const NONE: Self = Self(0);

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it is one of these.
    pub fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & mechanism.bit() != 0
    }

    /// The mechanisms, in the order of [`Mechanism::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter().filter(move |mechanism| self.contains(*mechanism))
    }
}

impl FromIterator<Mechanism> for Mechanisms {
    fn from_iter<I: IntoIterator<Item = Mechanism>>(iter: I) -> Self {
        Self(iter.into_iter().fold(0, |bits, mechanism| bits | mechanism.bit()))
    }
}

/// The names, separated by spaces, as EHLO says them.
impl fmt::Display for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mechanism) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{}", mechanism.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let some: Mechanisms = [Mechanism::Login, Mechanism::ScramSha256].into_iter().collect();
        assert_eq!(some.to_string(), "SCRAM-SHA-256 LOGIN");
        assert!(some.contains(Mechanism::Login) && !some.contains(Mechanism::Plain) && !some.is_empty());
        assert!(Mechanisms::NONE.is_empty());
        assert_eq!(Mechanisms::from_iter(Mechanism::ALL).to_string(), "SCRAM-SHA-256 PLAIN LOGIN");
    }
}

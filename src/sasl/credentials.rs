//! Users by name, and who stands in for those that don't exist.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::exchange::Attempt;
use super::hash::{DIGEST, Hash, Keys, MAX_SALT, mac};

/// Who may sign in, and what each one's password is checked against. There is at least one user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// By name, in its order.
    users: Vec<(Arc<str>, Hash)>,
    /// A digest of all of it: nobody who can't read the credentials knows it.
    secret: [u8; DIGEST],
    whole: bool,
}

/// Nothing of the credentials but how many they are.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("users", &self.users.len()).field("whole", &self.whole).finish()
    }
}

/// What is known of a name.
struct Found<'a> {
    /// The user's own hash, or that of who stands in.
    hash: &'a Hash,
    /// `None`: there is no such user.
    user: Option<&'a Arc<str>>,
}

impl Credentials {
    /// Users in the order of their names; none where there is none. `whole`: no entry had to be left out.
    pub(super) fn new(users: Vec<(Arc<str>, Hash)>, secret: [u8; DIGEST], whole: bool) -> Option<Self> {
        (!users.is_empty()).then_some(Self { users, secret, whole })
    }

    /// Whether every entry could be read. Otherwise one that could not may be that of whoever fails to
    /// sign in, so that the failure is not for good.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether every user, as far as is known, has SCRAM keys: only then can all use the mechanism.
    pub fn has_scram(&self) -> bool {
        self.whole && self.users.iter().all(|(_, hash)| hash.keys().is_some())
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is no user: never.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Checks a name and a password; gives the user's name. Slow by intent, whoever it is.
    pub fn check(&self, attempt: &Attempt) -> Option<Arc<str>> {
        let Found { hash, user } = self.find(attempt.name())?;
        let verified = hash.verify(attempt.password());
        user.filter(|_| verified).cloned()
    }

    /// The SCRAM keys of a name, and its user. A name that does not exist has keys that nobody can
    /// prove to have.
    pub(super) fn keys(&self, name: &str) -> Option<(Keys, Option<Arc<str>>)> {
        let Found { hash, user } = self.find(name)?;
        let keys = hash.keys()?;
        match user {
            Some(user) => Some((keys.clone(), Some(Arc::clone(user)))),
            None => Some((self.made_up(name, keys.iterations, keys.salt.len()), None)),
        }
    }

    fn find(&self, name: &str) -> Option<Found<'_>> {
        let found = self.users.binary_search_by(|(user, _)| (**user).cmp(name));
        let index = found.unwrap_or_else(|_| self.stand_in(name));
        let (user, hash) = self.users.get(index)?;
        Some(Found { hash, user: found.is_ok().then_some(user) })
    }

    /// Which user's hash is made for a name that does not exist.
    pub(super) fn stand_in(&self, name: &str) -> usize {
        let [a, b, c, d, e, f, g, h, ..] = self.derive("stand-in", name);
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        // At least one user: the remainder is one of their indices.
        usize::try_from(number.checked_rem(self.users.len() as u64).unwrap_or_default()).unwrap_or_default()
    }

    fn made_up(&self, name: &str, iterations: NonZeroU32, salt: usize) -> Keys {
        let halves = [self.derive("salt", name), self.derive("more salt", name)];
        let octets: [u8; MAX_SALT] = std::array::from_fn(|at| halves[at / DIGEST][at % DIGEST]);
        let salt = octets.iter().copied().take(salt).collect();
        let (stored, server) = (self.derive("stored key", name), self.derive("server key", name));
        Keys { iterations, salt, stored, server }
    }

    fn derive(&self, what: &str, name: &str) -> [u8; DIGEST] {
        mac(&self.secret, format!("{what}\0{name}").as_bytes())
    }
}

//! AUTH: exchanges with clients that sign in, and what becomes of those that fail.
//!
//! | who fails | what happens |
//! | --- | --- |
//! | once in a session | the answer is held back for 1 s |
//! | twice | 2 s |
//! | three times | 3 s, then `421 4.7.0` |
//! | 60 times in an hour, from one client network (IPv6 by /64) | `421 4.7.0` at AUTH, before anything is checked; one more try is free each minute |
//!
//! Passwords are checked on threads of their own, as many at a time as there are processors, so no more
//! of them than that take the memory of argon2. Whoever would have to wait too long gets `454 4.7.0`.
//!
//! Neither a password nor a name that failed is ever logged: people type the one in place of the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::session::{Answered, Session};
use crate::metrics::AuthOutcome;
use crate::plan::{Listener, ListenerAuth};
use crate::policy::{Allowance, Network, Rate, Rates};
use crate::sasl::{Attempt, Exchange, Turn};
use crate::smtp::reply::{self, Reply};
use crate::smtp::{Answer, AuthStep, Mechanism, Mechanisms};

/// Failures in a session, the last of which ends it.
const MAX_FAILURES: u32 = 3;
/// How much longer the answer to each failure is held back.
const FAILURE_HOLD: Duration = Duration::from_secs(1);
/// Failures of one client network.
const NETWORK_FAILURES: Rate = Rate::per_hour(60);
/// Passwords that wait for each one that is checked.
const WAITING: usize = 32;
/// How long a password may wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all sessions share of AUTH. It outlives the plan, so that an edit gives nobody more tries.
#[derive(Debug)]
pub(super) struct SignIns {
    /// Passwords that are checked or wait.
    places: Semaphore,
    /// Passwords that are checked.
    checks: Arc<Semaphore>,
    patience: Duration,
    failures: Rates,
}

impl Default for SignIns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (places, checks) = (Semaphore::new(processors * (1 + WAITING)), Semaphore::new(processors));
        Self { places, checks: Arc::new(checks), patience: PATIENCE, failures: Rates::default() }
    }
}

/// What a password came to.
enum Checked {
    /// It is this user's.
    User(Arc<str>),
    Wrong,
    /// Too many others wait.
    Busy,
}

/// What one session remembers of AUTH.
#[derive(Debug, Default)]
pub(super) struct SignIn {
    exchange: Option<(Method, Exchange)>,
    failures: u32,
}

/// How an exchange goes: it sees one configuration from its beginning to its end.
#[derive(Debug, Clone)]
struct Method {
    mechanism: Mechanism,
    auth: Arc<ListenerAuth>,
}

impl SignIns {
    /// Checks a password without holding up anybody who does something else.
    async fn check(&self, auth: &Arc<ListenerAuth>, attempt: Attempt) -> Checked {
        let Ok(_place) = self.places.try_acquire() else { return Checked::Busy };
        let Ok(Ok(turn)) = timeout(self.patience, Arc::clone(&self.checks).acquire_owned()).await else {
            return Checked::Busy;
        };
        let auth = Arc::clone(auth);
        let checked = spawn_blocking(move || {
            // A session that goes away leaves its password to be checked to the end.
            let _turn = turn;
            auth.credentials.check(&attempt)
        });
        match checked.await {
            Ok(user) => user.map_or(Checked::Wrong, Checked::User),
            Err(error) => {
                tracing::error!(%error, "a password could not be checked");
                Checked::Busy
            }
        }
    }

    fn is_blocked(&self, network: Network) -> bool {
        self.failures.look(&network, NETWORK_FAILURES, Instant::now()) == Allowance::Over
    }

    fn failed(&self, network: Network) {
        self.failures.take(&network, NETWORK_FAILURES, Instant::now());
    }
}

impl Session {
    /// The mechanisms that are on offer here and now.
    pub(super) fn mechanisms(&self, listener: &Listener) -> Mechanisms {
        listener.auth.as_ref().map_or(Mechanisms::NONE, |auth| self.mechanisms_of(auth))
    }

    /// The reply to MAIL where the client has yet to sign in.
    pub(super) fn needs_auth(&self, listener: &Listener) -> Option<Reply> {
        if !listener.requires_auth() || self.peer.login().is_some() {
            return None;
        }
        Some(if self.mechanisms(listener).is_empty() { reply::NEEDS_TLS } else { reply::NEEDS_AUTH })
    }

    fn mechanisms_of(&self, auth: &ListenerAuth) -> Mechanisms {
        if self.peer.tls().is_none() && !auth.allow_plaintext {
            return Mechanisms::NONE;
        }
        let scram = auth.credentials.has_scram();
        Mechanism::ALL.into_iter().filter(|each| scram || *each != Mechanism::ScramSha256).collect()
    }

    /// Takes a step of an exchange.
    pub(super) async fn auth(&mut self, step: AuthStep) -> Answered {
        let (method, turn) = match step {
            AuthStep::Begin(mechanism, initial_response) => {
                let Some(auth) = self.listener_auth(mechanism) else {
                    // What was announced is not on offer any more.
                    return Answer::Refuse(reply::AUTH_UNAVAILABLE).into();
                };
                let method = Method { mechanism, auth };
                if self.sign_ins().is_blocked(self.network()) {
                    self.door.metrics.auth(mechanism, AuthOutcome::Blocked);
                    return Answer::Refuse(reply::TOO_MANY_AUTH_FAILURES_FROM_CLIENT).into();
                }
                let turn = exchange(mechanism).begin(initial_response, &method.auth.credentials);
                (method, turn)
            }
            AuthStep::Response(response) => {
                let Some((method, exchange)) = self.sign_in().exchange.take() else {
                    return Answer::Refuse(reply::AUTH_UNAVAILABLE).into();
                };
                let turn = exchange.respond(response, &method.auth.credentials);
                (method, turn)
            }
            AuthStep::Cancel => {
                if let Some((method, _)) = self.sign_in().exchange.take() {
                    self.door.metrics.auth(method.mechanism, AuthOutcome::Cancelled);
                }
                return Answer::Accept.into();
            }
        };
        self.turn(method, turn).await
    }

    async fn turn(&mut self, method: Method, turn: Turn) -> Answered {
        match turn {
            Turn::Challenge(challenge, exchange) => {
                self.sign_in().exchange = Some((method, exchange));
                Answer::Challenge(challenge).into()
            }
            Turn::Password(attempt) => match self.sign_ins().check(&method.auth, attempt).await {
                Checked::User(user) => self.signed_in(&method, user),
                Checked::Wrong => self.failed(&method),
                Checked::Busy => {
                    self.door.metrics.auth(method.mechanism, AuthOutcome::Busy);
                    Answer::Refuse(reply::AUTH_UNAVAILABLE).into()
                }
            },
            Turn::SignedIn(user) => self.signed_in(&method, user),
            Turn::Failed => self.failed(&method),
        }
    }

    fn signed_in(&mut self, method: &Method, user: Arc<str>) -> Answered {
        let (client, listener) = (self.peer.client.address, &*self.door.listener);
        tracing::info!(%client, listener, mechanism = method.mechanism.as_str(), user = &*user, "signed in");
        self.door.metrics.auth(method.mechanism, AuthOutcome::Accepted);
        self.peer.set_login(Some(user));
        Answer::Accept.into()
    }

    fn failed(&mut self, method: &Method) -> Answered {
        let (client, listener) = (self.peer.client.address, &*self.door.listener);
        tracing::info!(%client, listener, mechanism = method.mechanism.as_str(), "sign-in failed");
        self.door.metrics.auth(method.mechanism, AuthOutcome::Refused);
        self.sign_ins().failed(self.network());
        let sign_in = self.sign_in();
        sign_in.failures += 1;
        let failures = sign_in.failures;
        let reply = if failures >= MAX_FAILURES {
            reply::TOO_MANY_AUTH_FAILURES
        } else if method.auth.credentials.is_whole() {
            reply::AUTH_FAILED
        } else {
            // It may be a user whose entry can't be read: that is our mistake.
            reply::AUTH_UNAVAILABLE
        };
        Answered { answer: Answer::Refuse(reply), hold: FAILURE_HOLD * failures }
    }

    /// AUTH of the listener as it is now, where this mechanism is on offer.
    fn listener_auth(&self, mechanism: Mechanism) -> Option<Arc<ListenerAuth>> {
        let serving = Arc::clone(&self.door.current.borrow());
        let auth = serving.listener(&self.door.listener)?.auth.as_ref()?;
        self.mechanisms_of(auth).contains(mechanism).then(|| Arc::clone(auth))
    }

    fn sign_ins(&self) -> Arc<SignIns> {
        Arc::clone(self.door.current.borrow().sign_ins())
    }

    fn sign_in(&mut self) -> &mut SignIn {
        self.sign_in.get_or_insert_default()
    }

    fn network(&self) -> Network {
        Network::of(self.peer.client.address)
    }
}

fn exchange(mechanism: Mechanism) -> Exchange {
    match mechanism {
        Mechanism::Plain => Exchange::plain(),
        Mechanism::Login => Exchange::login(),
        Mechanism::ScramSha256 => Exchange::scram(rand::random()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::Credentials;

    /// `pencil`, at a cost that takes a while.
    const BCRYPT: &str = "$2b$10$abcdefghijklmnopqrstuu2fMqzrrTFXV22h0L0W0mrmQ9CsTiWs.";

    fn auth() -> Arc<ListenerAuth> {
        let (credentials, _) = Credentials::read([("alice", BCRYPT.as_bytes())].into_iter());
        let credentials = Arc::new(credentials.unwrap());
        Arc::new(ListenerAuth { required: false, allow_plaintext: true, credentials })
    }

    fn attempt(auth: &ListenerAuth, said: &'static [u8]) -> Attempt {
        match Exchange::plain().begin(Some(said.into()), &auth.credentials) {
            Turn::Password(attempt) => attempt,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_check_holds_up_nobody() {
        let (sign_ins, auth) = (SignIns::default(), auth());
        let mut check = std::pin::pin!(sign_ins.check(&auth, attempt(&auth, b"\0alice\0pencil")));
        let mut others = 0;
        let checked = loop {
            tokio::select! {
                biased;
                checked = &mut check => break checked,
                () = tokio::task::yield_now() => others += 1,
            }
        };
        assert!(matches!(checked, Checked::User(user) if &*user == "alice"));
        assert!(others > 1, "the only thread did nothing else");
        let checked = sign_ins.check(&auth, attempt(&auth, b"\0alice\0crayon")).await;
        assert!(matches!(checked, Checked::Wrong));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_would_wait_too_long_is_sent_away() {
        let auth = auth();
        let full = SignIns { places: Semaphore::new(0), ..SignIns::default() };
        assert!(matches!(full.check(&auth, attempt(&auth, b"\0alice\0pencil")).await, Checked::Busy));
        let checks = Arc::new(Semaphore::new(0));
        let slow = SignIns { checks, patience: Duration::from_millis(10), ..SignIns::default() };
        assert!(matches!(slow.check(&auth, attempt(&auth, b"\0alice\0pencil")).await, Checked::Busy));
    }
}

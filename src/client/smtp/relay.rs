//! A relay: its idle sessions, and how a new one comes to be.
//!
//! A session that has done its work waits for the next message, the youngest first, so that those of a burst
//! can end. One that the relay has closed is found when it is taken, and at the latest by the sweep, a task
//! that lives only while there are idle sessions. How many there are is bounded by whoever bounds the
//! conversations at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::announced::Announced;
use super::command::Unable;
use super::conversation::CLOSING;
use super::link::{Fault, Link, Server};
use super::login::Login;
use super::opening::{Dialect, Introduction, Obstacle, Upgrade};
use super::reply::Reply;
use super::session::{Session, Stage, Trouble};
use super::trust::Trust;
use crate::client::dial::Reach;
use crate::plan::{self, RelayTls};

/// How long a session may be idle: under what mail servers wait for a command, which is minutes, and under
/// what those that are short of processes wait (Postfix: 10 s) only where these say so by closing.
const IDLE: Duration = Duration::from_secs(30);
/// How long a connection is used, so that a relay of several replicas sees its load shift. Postfix:
/// `smtp_connection_reuse_time_limit`.
const OLDEST: Duration = Duration::from_secs(300);
/// How often closed sessions are looked for.
const SWEEP: Duration = Duration::from_secs(5);
/// How long a relay may take to end a transaction.
const RESET: Duration = Duration::from_secs(5);

/// A relay as its client sees it. Clones share the sessions.
#[derive(Clone)]
pub(crate) struct Relay(Arc<Inner>);

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("dialect", &self.0.dialect).finish_non_exhaustive()
    }
}

struct Inner {
    server: Server,
    security: RelayTls,
    dialect: Dialect,
    hello: String,
    login: Option<Login>,
    pool: Arc<Mutex<Pool>>,
}

#[derive(Default)]
struct Pool {
    /// The youngest is last.
    idle: Vec<Idle>,
    sweeping: bool,
}

struct Idle {
    session: Session,
    until: Instant,
}

/// By when to have a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For TCP, and for TLS where that comes first.
    pub(crate) connect: Duration,
    /// For all of it.
    pub(crate) deadline: Instant,
}

/// Why a transaction has not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unbegun {
    /// The relay could not take it, so nothing was said.
    Unable(Unable),
    /// It was tried.
    Trouble(Trouble),
}

impl From<Unable> for Unbegun {
    fn from(unable: Unable) -> Self {
        Self::Unable(unable)
    }
}

impl From<Trouble> for Unbegun {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// The lines of an envelope: MAIL, then RCPTs.
pub(crate) type Lines = (String, Vec<String>);

impl Relay {
    /// Fails, in words, where certificates or names can't be used.
    pub(crate) fn new(plan: &plan::Relay, dialect: Dialect) -> Result<Self, &'static str> {
        let trust = match (plan.tls, &plan.ca) {
            (RelayTls::Opportunistic, _) => Trust::Anybody,
            (_, Some(pem)) => Trust::Authorities(pem.to_string()),
            (_, None) => Trust::System,
        };
        let needs_name = matches!(plan.tls, RelayTls::StartTls | RelayTls::Implicit);
        let reach = Reach::of_backend(plan.allow_loopback);
        let server = Server::new((&plan.host, plan.port, reach), needs_name, &trust, None)?;
        let login = plan
            .login
            .as_ref()
            .map(|login| Login { user: login.username.clone(), password: login.password.clone() });
        let (hello, pool) = (plan.hello.clone(), Arc::default());
        Ok(Self(Arc::new(Inner { server, security: plan.tls, dialect, hello, login, pool })))
    }

    /// What is spoken.
    pub(crate) fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// Begins a transaction on an idle session, or else on a new one: gives the answers to RCPT. `lines`
    /// are made for what the relay announces.
    ///
    /// An idle session that turns out to be closed before MAIL is answered gives way to a new one, once.
    pub(crate) async fn begin(
        &self,
        lines: impl Fn(&Announced) -> Result<Lines, Unable>,
        patience: Patience,
    ) -> Result<(Session, Vec<Reply>), Unbegun> {
        let mut session = match self.idle() {
            Some(session) => session,
            None => self.open(patience).await?,
        };
        loop {
            let (mail, recipients) = match lines(session.announced()) {
                Ok(lines) => lines,
                Err(unable) => {
                    self.put(session);
                    return Err(unable.into());
                }
            };
            match session.envelope(&mail, &recipients, patience.deadline).await {
                Ok(replies) => return Ok((session, replies)),
                Err(trouble) if session.is_reused() && is_stale(&trouble) => {
                    self.clear();
                    session = self.open(patience).await?;
                }
                Err(trouble) => {
                    self.put(session);
                    return Err(trouble.into());
                }
            }
        }
    }

    /// Keeps a session for the next message. A transaction that is open is ended first, by a task of its
    /// own; `held` is held until then.
    pub(crate) fn give_back(&self, session: Session, held: impl Send + 'static) {
        if session.is_idle() || !session.is_usable() {
            return self.put(session);
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (relay, mut session) = (self.clone(), session);
        runtime.spawn(async move {
            let reset = session.reset(Instant::now() + RESET).await;
            if reset.is_ok() {
                relay.put(session);
            }
            drop(held);
        });
    }

    /// One that can't be used again is closed.
    fn put(&self, mut session: Session) {
        let now = Instant::now();
        let until = (now + IDLE).min(session.born() + OLDEST);
        if !session.is_idle() || now >= until || Handle::try_current().is_err() {
            return;
        }
        session.rest();
        let mut pool = lock(&self.0.pool);
        pool.idle.push(Idle { session, until });
        if !pool.sweeping {
            pool.sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(&self.0.pool)));
        }
    }

    fn idle(&self) -> Option<Session> {
        loop {
            let mut idle = lock(&self.0.pool).idle.pop()?;
            if idle.is_good(Instant::now()) {
                return Some(idle.session);
            }
        }
    }

    /// Gives up all idle sessions: one of them turned out to be closed.
    fn clear(&self) {
        let stale = std::mem::take(&mut lock(&self.0.pool).idle);
        drop(stale);
    }

    async fn open(&self, patience: Patience) -> Result<Session, Trouble> {
        let upgrade = match self.0.security {
            RelayTls::Disabled | RelayTls::Implicit => Upgrade::Never,
            RelayTls::Opportunistic => Upgrade::IfOffered,
            RelayTls::StartTls => Upgrade::StartTls,
        };
        match self.open_with(upgrade, patience).await {
            // Who would do without TLS does without it where it does not come about.
            Err(trouble) if upgrade == Upgrade::IfOffered && is_of_tls(&trouble) => {
                self.open_with(Upgrade::Never, patience).await
            }
            opened => opened,
        }
    }

    async fn open_with(&self, upgrade: Upgrade, patience: Patience) -> Result<Session, Trouble> {
        let Inner { server, dialect, hello, login, .. } = &*self.0;
        let soon = patience.deadline.min(Instant::now() + patience.connect);
        let mut link = Link::connect(server, soon).await?;
        if self.0.security == RelayTls::Implicit {
            link = link.secure(server, soon).await?;
        }
        let introduction = Introduction {
            dialect: *dialect,
            upgrade,
            hello: hello.clone(),
            login: login.clone(),
            nonce: Some(rand::random()),
        };
        Session::open(link, server, introduction, patience.deadline).await
    }
}

impl Idle {
    fn is_good(&mut self, now: Instant) -> bool {
        now < self.until && self.session.is_alive()
    }
}

fn is_stale(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Fault(Fault::Broken(_)) => true,
        Trouble::Refused { stage: Stage::Mail, reply } => reply.code == CLOSING,
        _ => false,
    }
}

fn is_of_tls(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Fault(Fault::Tls(_)) => true,
        Trouble::Unopened(Obstacle::Refused { stage, .. }) => *stage == "STARTTLS",
        _ => false,
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives up what is closed or old, until nothing is left.
async fn sweep(pool: Weak<Mutex<Pool>>) {
    loop {
        sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut pool = lock(&pool);
        pool.idle.retain_mut(|idle| idle.is_good(now));
        if pool.idle.is_empty() {
            pool.sweeping = false;
            return;
        }
    }
}

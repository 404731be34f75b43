//! The front-end's side of the controller: asks for its gateway's snapshots, for ever.
//!
//! ```text
//!            ┌──────────── pause, with jitter ◀───────────┐
//!            ▼                                            │ any trouble, and the end of a connection
//! connect (DNS, CA file, TLS) ──▶ ask (token file) ──▶ 304 ──▶ ask …
//!                                      │ 200
//!                                      ▼
//!                      offer ──▶ used ──▶ copy ──▶ ask, with its version
//!                            └─▶ refused ────────▶ ask, saying so
//! ```
//!
//! A snapshot is offered to whoever compiles it, who says what became of it; one that is in use stays
//! so for as long as no other takes its place, whatever becomes of the controller. The next request's
//! `If-None-Match` names it, which is the acknowledgement. One that can't be used is named in
//! `Mailchute-Refused`, so that the controller can tell, and does not send it again.
//!
//! The last snapshot that was taken into use lies in a copy, if there is a place for one. A process
//! that starts while the controller is away serves that. It holds Secrets, as the snapshot does.
//!
//! Connections are those of one front-end: one at a time, one request at a time. Every one is made anew
//! from the names and files as they are then, so that addresses, certificates and tokens may change
//! meanwhile; a pause lies before each, so that a fleet does not come back at once. That one ends which
//! has worked, in order or not, is told only where the next one fails: there are several controllers.
//!
//! | file | what |
//! | --- | --- |
//! | `address` | where the controller is |
//! | `request` | one request and what its answer means |
//! | `follower` | the task: connections, pauses, offers |
//! | `pause` | how long to wait before a connection |
//! | `copy` | the last good snapshot on disk |
//! | `trouble` | why there is no snapshot, in words |
//!
//! Not here: what a snapshot says (`compile`), and readiness (`commands`). No Kubernetes client: the
//! pod's token is good for nothing but this.

mod address;
mod copy;
mod follower;
mod pause;
mod request;
mod trouble;

use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};

pub use address::{Address, AddressError};

use super::wire::Decoded;
use crate::metrics::Metrics;
use crate::plan::ObjectName;

/// Whom to ask, for what, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the controller is.
    pub controller: Address,
    /// Whose snapshots.
    pub gateway: ObjectName,
    /// The file of the CA certificates by which the controller is known, PEM. Read before each connection.
    pub ca: PathBuf,
    /// The file of the service-account token. Read before each request.
    pub token: PathBuf,
    /// The file for the last good snapshot, if it is kept.
    pub copy: Option<PathBuf>,
}

/// What there is to hear of the controller.
#[derive(Debug)]
pub enum Event {
    /// A snapshot that is to be used or refused.
    Offered(Offer),
    /// There is no snapshot yet; why, in words.
    Without(String),
}

/// A snapshot that waits for what becomes of it.
#[derive(Debug)]
pub struct Offer {
    /// What it holds.
    pub decoded: Decoded,
    /// When the controller said so.
    pub as_of: SystemTime,
    /// Where to say what became of it.
    pub answer: Answer,
}

/// Says what became of an offer. Dropped without a word it says that the offer was refused.
#[derive(Debug)]
pub struct Answer(oneshot::Sender<Verdict>);

impl Answer {
    /// It is in use.
    pub fn used(self) {
        // Nobody hears it where the process ends.
        let _ = self.0.send(Verdict::Used);
    }

    /// It can't be used; why, in words.
    pub fn refused(self, why: String) {
        let _ = self.0.send(Verdict::Refused(why));
    }
}

/// What became of an offer.
#[derive(Debug)]
enum Verdict {
    Used,
    Refused(String),
}

/// A controller that is followed, while it is held.
#[derive(Debug)]
pub struct Remote {
    events: mpsc::Receiver<Event>,
}

impl Remote {
    /// The next event. May be dropped while it waits; nothing is lost by it.
    ///
    /// `None` once the runtime shuts down.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// Follows a controller from then on. Needs a tokio runtime.
pub fn follow(options: Options, metrics: Metrics) -> Remote {
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(follower::Follower::new(options, metrics, sender).run());
    Remote { events }
}

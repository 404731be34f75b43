//! One request, from its head to its answer.
//!
//! ```text
//! head ─▶ whose token? ─▶ is the gateway there? ─▶ is it this one's? ─▶ something new? ─▶ 200
//!                                                                           │ wait ─────▶ 304
//! ```
//!
//! While a request waits, all of this is looked at anew with every picture: a gateway that is given to
//! another service account goes to nobody else any more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Request;
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{self, Answer, Refusal};
use super::fleet::Fleet;
use super::request::Asked;
use super::reviews::{Caller, Reviews};
use super::standing::Standing;
use crate::controller::picture::{Known, Pictures, Published};
use crate::metrics::Metrics;

/// What answers requests. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) pictures: Pictures,
    pub(super) reviews: Arc<Reviews>,
    pub(super) fleet: Arc<Fleet>,
    pub(super) metrics: Metrics,
    /// Whether the server is about to end: nobody waits any longer then.
    pub(super) closing: watch::Receiver<bool>,
}

impl Desk {
    /// Answers, whatever it is. A body is never read.
    pub(super) async fn answer<B>(
        self,
        request: Request<B>,
        peer: SocketAddr,
        standing: Arc<Standing>,
    ) -> Answer {
        let metrics = self.metrics.clone();
        let answered = match Asked::read(request.method(), request.uri().path(), request.headers()) {
            Ok(asked) => self.serve(&asked, peer, &standing).await,
            Err(refusal) => Err(refusal),
        };
        let answer = answered.unwrap_or_else(|refusal| {
            tracing::debug!(%peer, path = request.uri().path(), %refusal, "a snapshot is not given");
            refusal.answer()
        });
        metrics.snapshot_answered(answer.status().as_u16());
        answer
    }

    async fn serve(
        mut self,
        asked: &Asked,
        peer: SocketAddr,
        standing: &Standing,
    ) -> Result<Answer, Refusal> {
        let caller = self.reviews.caller(&asked.token).await?;
        let allowed = self.look(asked, &caller)?;
        let _under_way = standing.admit()?;
        let who = caller.pod.clone().unwrap_or_else(|| peer.to_string());
        self.fleet.hear(asked, &who, Instant::now());
        if !asked.knows(&allowed.encoded.version) {
            return Ok(answer::snapshot(&allowed, asked.coding));
        }
        let late = sleep(asked.wait);
        tokio::pin!(late);
        loop {
            tokio::select! {
                () = &mut late => return Ok(answer::nothing_new(&allowed.encoded.version)),
                _ = self.closing.wait_for(|closing| *closing) => {
                    return Ok(answer::nothing_new(&allowed.encoded.version));
                }
                changed = self.pictures.changed() => if changed.is_err() {
                    return Ok(answer::nothing_new(&allowed.encoded.version));
                }
            }
            let published = self.look(asked, &caller)?;
            if !asked.knows(&published.encoded.version) {
                return Ok(answer::snapshot(&published, asked.coding));
            }
        }
    }

    /// What is published of the gateway as it is now, for a caller that may have it.
    fn look(&mut self, asked: &Asked, caller: &Caller) -> Result<Arc<Published>, Refusal> {
        let picture = self.pictures.borrow_and_update().clone().ok_or(Refusal::Starting)?;
        let gateway = &asked.gateway;
        let (named, published) = match picture.gateway(gateway) {
            Known::Published(published) => (published.service_account.as_deref(), Some(published)),
            Known::Unusable { service_account } => (service_account, None),
            Known::Absent => return Err(Refusal::NoSuchGateway(gateway.clone())),
        };
        if !named.is_some_and(|name| caller.is(&gateway.namespace, name)) {
            let (user, gateway) = (caller.user.clone(), gateway.clone());
            return Err(Refusal::Stranger { user, gateway });
        }
        published.cloned().ok_or_else(|| Refusal::Unusable(gateway.clone()))
    }
}

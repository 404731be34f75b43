//! Recipient verification: asks a service over HTTP whether a recipient exists, and remembers.
//!
//! ```text
//! verify ─▶ remembered? ─▶ someone asks for it already? ─▶ cap ─▶ circuit ─▶ GET ─▶ answer
//! ```
//!
//! A service that is down, slow or says what it should not is trouble, never a "no": trouble is not
//! remembered, and while there is much of it the service is left alone for a while, so that not every
//! recipient has to wait for the time limit. Of those who wait for one request one drives it; if that
//! one goes away, the next asks again.
//!
//! Not here: what a client is told, and that postmaster is never asked about.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, HeaderValue};
use http::{Request, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use moka::Expiry;
use moka::future::Cache;
use percent_encoding::utf8_percent_encode;
use tokio::sync::Semaphore;
use tokio::time::{self, timeout_at};

use crate::client::circuit::{Circuit, Health, Reservation};
use crate::client::fault::{Again, Fault};
use crate::client::http::{Client, Endpoint, PARAMETER};
use crate::mail::AddressKey;
use crate::plan;
use answer::{Answer, Known};

mod answer;

/// Requests to one service at a time.
const MAX_IN_FLIGHT: usize = 64;
/// Octets that remembered answers of one service may take.
const MEMORY: u64 = 16 << 20;
/// What an answer takes in memory beside its address: a generous estimate.
const OVERHEAD: u32 = 256;
/// A service that so often in a row gave no answer is left alone.
const CIRCUIT: plan::Circuit = plan::Circuit { consecutive_failures: 5, open_for: Duration::from_secs(10) };
/// How often a request is sent again whose connection turned out to be closed.
const MAX_RETRIES: u32 = 2;

/// What is known of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It exists.
    Exists,
    /// It does not exist.
    Missing,
    /// The service gave no answer that can be used.
    Unknown,
}

/// A service that knows recipients, and what it has said.
pub struct Verifier {
    plan: Arc<plan::Verification>,
    /// Or why no request can ever be sent.
    prepared: Result<Prepared, &'static str>,
    known: Cache<String, Known>,
    cap: Semaphore,
    circuit: Arc<Circuit>,
}

struct Prepared {
    endpoint: Endpoint,
    client: Client<Empty<Bytes>>,
}

/// How long answers are remembered.
struct Remember {
    positive: Duration,
    negative: Duration,
}

impl Expiry<String, Known> for Remember {
    fn expire_after_create(&self, _: &String, known: &Known, _: Instant) -> Option<Duration> {
        Some(match known {
            Known::Exists => self.positive,
            Known::Missing => self.negative,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.plan.label).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A service of which nothing is known yet. It may block, as `Live::new` does.
    pub fn new(plan: Arc<plan::Verification>) -> Self {
        let prepare =
            || Ok(Prepared { endpoint: Endpoint::new(&plan.http)?, client: Client::new(&plan.http)? });
        let known = Cache::builder()
            .max_capacity(MEMORY)
            .weigher(|address: &String, _| u32::try_from(address.len()).unwrap_or(u32::MAX) + OVERHEAD)
            .expire_after(Remember { positive: plan.positive, negative: plan.negative })
            .build();
        let (cap, circuit) = (Semaphore::new(MAX_IN_FLIGHT), Circuit::new(CIRCUIT));
        Self { prepared: prepare(), plan, known, cap, circuit }
    }

    /// The services of a new plan, in its order. One that is equal to one of `old` is that very one:
    /// what it has said and its connections stay.
    pub fn adopt(new: &[Arc<plan::Verification>], old: &[Arc<Self>]) -> Vec<Arc<Self>> {
        let held: HashMap<&str, &Arc<Self>> = old.iter().map(|each| (&*each.plan.label, each)).collect();
        let adopt = |plan: &Arc<plan::Verification>| match held.get(&*plan.label) {
            Some(verifier) if verifier.plan == *plan => Arc::clone(verifier),
            _ => Arc::new(Self::new(Arc::clone(plan))),
        };
        new.iter().map(adopt).collect()
    }

    /// What the plan says of it.
    pub fn verification(&self) -> &plan::Verification {
        &self.plan
    }

    /// Whether a recipient exists, within the time limit. Those who ask for the same at the same time
    /// share one request, and its failure.
    pub async fn verify(&self, recipient: &AddressKey) -> Verified {
        let address = format!("{}@{}", recipient.local_part, recipient.domain);
        let deadline = time::Instant::now() + self.plan.timeout;
        let ask = async {
            let asked = self.ask(&address, deadline).await;
            asked.inspect_err(|trouble| {
                tracing::warn!(
                    policy = &*self.plan.label,
                    trouble = &**trouble,
                    "no recipient can be verified"
                );
            })
        };
        let known = self.known.try_get_with_by_ref(address.as_str(), ask);
        match timeout_at(deadline, known).await {
            Ok(Ok(Known::Exists)) => Verified::Exists,
            Ok(Ok(Known::Missing)) => Verified::Missing,
            Ok(Err(_)) | Err(_) => Verified::Unknown,
        }
    }

    async fn ask(&self, address: &str, deadline: time::Instant) -> Result<Known, String> {
        let prepared = self.prepared.as_ref().map_err(|why| (*why).to_owned())?;
        let permit = timeout_at(deadline, self.cap.acquire()).await;
        let Ok(Ok(_permit)) = permit else { return Err("too many requests under way".to_owned()) };
        let Reservation::Granted(_slot) = self.circuit.reserve(Instant::now()) else {
            return Err("it gave no answer so often that it is left alone for a while".to_owned());
        };
        let answer = prepared.get(address, self.plan.timeout, deadline).await;
        let health = answer.as_ref().map_or(Health::Down { retry_after: None }, Answer::health);
        self.circuit.record(Instant::now(), health);
        answer.map_err(|fault| fault.detail)?.known()
    }
}

impl Prepared {
    async fn get(&self, address: &str, limit: Duration, deadline: time::Instant) -> Result<Answer, Fault> {
        let mut retries = 0;
        loop {
            match self.client.exchange(self.request(address), limit, deadline).await {
                Ok(arriving) => return Ok(Answer::read(arriving, deadline).await),
                Err(fault) if fault.again == Again::Now && retries < MAX_RETRIES => retries += 1,
                Err(fault) => return Err(fault),
            }
        }
    }

    fn request(&self, address: &str) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri(self.endpoint.path.as_str(), address);
        self.endpoint.insert_into(request.headers_mut());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(answer::CONTENT_TYPE));
        request
    }
}

/// The path with one parameter more.
fn uri(path: &str, address: &str) -> Uri {
    let before = if path.contains('?') { '&' } else { '?' };
    let address = utf8_percent_encode(address, PARAMETER);
    // A path with such a parameter behind it is still one.
    format!("{path}{before}recipient={address}").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_parameter_whatever_it_holds() {
        for (path, address, expected) in [
            ("/verify", "a@example.org", "/verify?recipient=a%40example.org"),
            ("/verify?x=1", "a+b@example.org", "/verify?x=1&recipient=a%2Bb%40example.org"),
            ("/", "a&b=c #?/%@[::1]", "/?recipient=a%26b%3Dc%20%23%3F%2F%25%40%5B%3A%3A1%5D"),
            ("/v", "jürgen@example.org", "/v?recipient=j%C3%BCrgen%40example.org"),
        ] {
            assert_eq!(uri(path, address).to_string(), expected);
        }
    }
}

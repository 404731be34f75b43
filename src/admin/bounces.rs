//! `POST /v1/bounces`: a backend asks to have a sender told of recipients that it could not serve after all.
//!
//! On a port of its own, to be bound where backends come from and nobody else. The token that came with the
//! event says which message it was, and that whoever asks was given that message; there is no other
//! authorization.
//!
//! ```json
//! {"token": "…", "recipients": [{"address": "a@example.org", "status": "5.1.1", "diagnostic": "550 5.1.1 No such user"}]}
//! ```
//!
//! | answer | when |
//! | --- | --- |
//! | `202` | the gateway's relay has taken the notification: `{"notification": "<its id>"}` |
//! | `400` | the body is not the JSON above, or the token is no token |
//! | `403` | the token was sealed with another key or by another gateway, or was changed |
//! | `408` | the body did not come within 10 s |
//! | `409` | nobody may be told: null reverse-path, our own address, nobody vouches for it, NOTIFY without FAILURE |
//! | `410` | the token is older than five days |
//! | `413` | the body is larger than 128 KiB |
//! | `415` | it is not `application/json` |
//! | `422` | a recipient that the message did not have, one with two statuses, or a status of no failure |
//! | `429` | too many notifications in this minute; with Retry-After |
//! | `502` | the relay refuses the notification for good |
//! | `503` | the relay defers it or is not there, or this gateway sends none now; with Retry-After |
//!
//! The same asked twice is sent twice, with the same Message-ID: that of `notification`, at the gateway's host name.
//!
//! One address has 16 connections at a time; more are closed.
//!
//! Every answer but `202` has `{"error": "…"}`, and then nothing was sent: `429` and `503` may be tried again.

use std::future::Future;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::answer::{self, Answer, PLAIN};
use super::listen::{self, Limits};
use crate::metrics::Metrics;
use crate::pipeline::bounce::{Denied, Refused, Undelivered, Unsent, bounce};
use crate::pipeline::serving::Current;

/// Octets of a body: the largest token, and a few hundred recipients.
const MAX_BODY: usize = 128 * 1024;
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// What to wait before `429` and `503` are tried again, seconds.
const AGAIN_IN: &str = "30";

/// A few backends ask now and then; a connection that waits for the relay holds its place, and no pod those of all
/// others.
const LIMITS: Limits = Limits {
    connections: 128,
    per_address: 16,
    idle: Duration::from_secs(10),
    age: Duration::from_secs(300),
    grace: Duration::from_secs(30),
};

/// What answers.
#[derive(Debug, Clone)]
pub struct Bounces {
    /// What is served now.
    pub current: Current,
    /// Where it is counted.
    pub metrics: Metrics,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: String,
    recipients: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    address: String,
    status: String,
    diagnostic: Option<String>,
}

#[derive(Serialize)]
struct Notified {
    notification: String,
}

#[derive(Serialize)]
struct Error<'a> {
    error: &'a str,
}

impl Bounces {
    /// Serves until `shutdown` is done and the answers under way are out.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let handle = move |request: Request<Incoming>| {
            let bounces = self.clone();
            async move { bounces.answer(request).await }
        };
        listen::serve(listener, LIMITS, handle, shutdown).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        if request.uri().path() != "/v1/bounces" {
            return answer::new(StatusCode::NOT_FOUND, PLAIN, "not found\n");
        }
        if *request.method() != Method::POST {
            return answer::method_not_allowed("POST");
        }
        if !is_json(request.headers().get(CONTENT_TYPE)) {
            return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json");
        }
        let body = match timeout(BODY_PATIENCE, Limited::new(request.into_body(), MAX_BODY).collect()).await {
            Err(_) => return error(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Ok(Err(broken)) if broken.downcast_ref::<LengthLimitError>().is_some() => {
                return error(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 128 KiB");
            }
            Ok(Err(_)) => return error(StatusCode::BAD_REQUEST, "the body did not come whole"),
            Ok(Ok(body)) => body.to_bytes(),
        };
        match serde_json::from_slice(&body) {
            Ok(asked) => self.bounce(&asked).await,
            Err(problem) => error(StatusCode::BAD_REQUEST, &problem.to_string()),
        }
    }

    async fn bounce(&self, asked: &Asked) -> Answer {
        let serving = self.current.borrow().clone();
        let undelivered: Vec<Undelivered<'_>> = asked
            .recipients
            .iter()
            .map(|failed| Undelivered {
                address: &failed.address,
                status: &failed.status,
                diagnostic: failed.diagnostic.as_deref(),
            })
            .collect();
        match bounce(&serving, &self.metrics, &asked.token, &undelivered).await {
            Ok(id) => answer::json(StatusCode::ACCEPTED, &Notified { notification: id.to_string() }),
            Err(denied) => error(status(&denied), &denied.to_string()),
        }
    }
}

fn status(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Token(Refused::Malformed) => StatusCode::BAD_REQUEST,
        Denied::Token(Refused::Foreign) => StatusCode::FORBIDDEN,
        Denied::Token(Refused::Expired) => StatusCode::GONE,
        Denied::Nobody
        | Denied::NotARecipient(_)
        | Denied::Twice(_)
        | Denied::NoFailure(_)
        | Denied::TooLong(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Denied::Unsent(Unsent::Suppressed(_)) => StatusCode::CONFLICT,
        Denied::Unsent(Unsent::Limited) => StatusCode::TOO_MANY_REQUESTS,
        Denied::Unsent(Unsent::Refused(_)) => StatusCode::BAD_GATEWAY,
        Denied::Unavailable | Denied::Unsent(Unsent::Deferred(_)) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn error(status: StatusCode, error: &str) -> Answer {
    let mut answer = answer::json(status, &Error { error });
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(AGAIN_IN));
    }
    answer
}

/// Parameters don't matter (RFC 9110 §8.3.1).
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

//! Requests → answers: who may ask, which path is which.
//!
//! The port has no log-in, so a web page elsewhere must not reach it through the reader's browser: a
//! request for a foreign host name is turned away (DNS rebinding), no answer may be read across origins,
//! and an event can't be posted without fields that need a preflight, which is never granted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, REFERRER_POLICY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::mail::Mail;
use super::view::{Content, Summary, Whole};
use super::{INBOUND, Inbox, page};
use crate::admin::answer::{self, Answer};

/// For a whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Messages in a list, where the request does not say.
const DEFAULT_LIMIT: usize = 100;
/// Content type of a message.
const MESSAGE: &str = "message/rfc822";
/// Everything comes from here, nothing is inline, nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An inbox behind a port.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) inbox: Inbox,
    /// The address that was bound.
    pub(super) bound: IpAddr,
}

impl Site {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let mut answer = if self.is_addressed(request.uri(), request.headers()) {
            self.route(request).await
        } else {
            problem(StatusCode::MISDIRECTED_REQUEST, "the host name is not one of this machine's own")
        };
        let headers = answer.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    /// Whether host and target name this machine: by a loopback name or address, or by the bound address.
    fn is_addressed(&self, target: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let host = host
            .to_str()
            .ok()
            .filter(|host| !host.contains('@'))
            .and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| self.is_ours(host.host()))
            && target.host().is_none_or(|host| self.is_ours(host))
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = host.to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match literal {
            Some(literal) => literal.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
            None => name.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
        };
        // Rebinding needs a name: where every address is bound, every address is ours.
        address.is_some_and(|address| {
            address.is_loopback() || address == self.bound || self.bound.is_unspecified()
        })
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        if request.uri().path() == INBOUND {
            return match *request.method() {
                Method::POST => self.take(request).await,
                _ => answer::method_not_allowed("POST"),
            };
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer::method_not_allowed("GET, HEAD");
        }
        let uri = request.uri();
        let segments: Vec<&str> = uri.path().split('/').skip(1).collect();
        match segments.as_slice() {
            [""] => page::list(&self.inbox.store, self.inbox.smtp),
            ["messages", id] => match self.find(id).await {
                Ok((mail, content)) => page::message(&mail, &content),
                Err(_) => page::missing(),
            },
            ["api", "v1", "messages"] => self.list(uri.query()),
            ["api", "v1", "messages", id] => match self.find(id).await {
                Ok((mail, content)) => answer::json(StatusCode::OK, &Whole::of(&mail, &content)),
                Err(refusal) => refusal,
            },
            ["api", "v1", "messages", id, "raw"] => self.raw(id),
            [file] => page::file(file).unwrap_or_else(no_such_path),
            _ => no_such_path(),
        }
    }

    async fn take(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let essence = content_type.split(|&octet| octet == b';').next().unwrap_or_default();
        if !essence.trim_ascii().eq_ignore_ascii_case(MESSAGE.as_bytes()) {
            return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an event's content type is message/rfc822");
        }
        let limited = Limited::new(body, self.inbox.store.max_bytes());
        let raw: Bytes = match timeout(BODY_TIMEOUT, limited.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return problem(StatusCode::PAYLOAD_TOO_LARGE, "larger than the whole inbox");
            }
            Ok(Err(_)) => return problem(StatusCode::BAD_REQUEST, "the body did not arrive whole"),
            Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        };
        match Mail::read(&head.headers, raw, SystemTime::now()) {
            Ok(mail) => {
                let id = mail.id.clone();
                self.inbox.take(mail);
                answer::json(StatusCode::OK, &Taken { id: &id })
            }
            Err(why) => problem(StatusCode::BAD_REQUEST, &why.to_string()),
        }
    }

    fn list(&self, query: Option<&str>) -> Answer {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let limit =
            pairs.filter(|(name, _)| *name == "limit").map(|(_, value)| value.parse::<usize>()).next();
        match limit.unwrap_or(Ok(DEFAULT_LIMIT)) {
            Ok(limit) => {
                let mails = self.inbox.store.newest(limit);
                let list: Vec<_> = mails.iter().map(|mail| Summary::of(mail)).collect();
                answer::json(StatusCode::OK, &list)
            }
            Err(_) => problem(StatusCode::BAD_REQUEST, "limit is not a number"),
        }
    }

    fn raw(&self, id: &str) -> Answer {
        let Some(mail) = self.inbox.store.find(id) else { return no_such_message() };
        let mut answer = answer::new(StatusCode::OK, MESSAGE, mail.raw.clone());
        let name = HeaderValue::from_str(&format!("attachment; filename=\"{}.eml\"", mail.id));
        // An id is letters, digits, '.', '_' and '-': always a value.
        answer.headers_mut().extend(name.ok().map(|name| (CONTENT_DISPOSITION, name)));
        answer
    }

    /// A message and what is in it. Reading a large one takes a while, so it is done aside.
    async fn find(&self, id: &str) -> Result<(Arc<Mail>, Content), Answer> {
        let mail = self.inbox.store.find(id).ok_or_else(no_such_message)?;
        let raw = mail.raw.clone();
        match spawn_blocking(move || Content::of(&raw)).await {
            Ok(content) => Ok((mail, content)),
            Err(_) => Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "the message can't be read")),
        }
    }
}

#[derive(Serialize)]
struct Taken<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    error: &'a str,
}

fn problem(status: StatusCode, error: &str) -> Answer {
    answer::json(status, &Problem { error })
}

fn no_such_message() -> Answer {
    problem(StatusCode::NOT_FOUND, "no such message: it never came, or made room for newer ones")
}

fn no_such_path() -> Answer {
    problem(StatusCode::NOT_FOUND, "no such path")
}

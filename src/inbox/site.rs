//! Requests → answers: who may ask, which path is which.
//!
//! The port has no log-in, so a web page elsewhere must not reach it through the reader's browser: a
//! request for a foreign host name is turned away (DNS rebinding), no answer may be read across origins,
//! and an event can't be posted without fields that need a preflight, which is never granted.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::content::Content;
use super::entry::Entry;
use super::events::{EVENT_STREAM, Shape, Watcher};
use super::mail::Mail;
use super::page::{self, View};
use super::part::{self, File};
use super::query::Query;
use super::view::{Summary, Whole};
use super::{INBOUND, Inbox, html};
use crate::admin::answer::{self, Answer};

/// For a whole body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Content type of a message.
const MESSAGE: &str = "message/rfc822";
/// Content type of a part: never one that a browser would show.
const OCTETS: &str = "application/octet-stream";
/// Everything comes from here, nothing is inline, nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// How the names of Services end, in a cluster as most are. No public name ends so: there is no top-level domain `svc`,
/// and RFC 6762 keeps `local` out of the DNS.
const SERVICES: [&str; 2] = [".svc", ".svc.cluster.local"];

/// An answer that may go on for as long as somebody reads it.
type Stream = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// An inbox behind a port.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) inbox: Inbox,
    /// The address that was bound.
    pub(super) bound: IpAddr,
    /// Has a value once this process ends.
    pub(super) closing: watch::Receiver<bool>,
}

impl Site {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Stream {
        let mut answer = if !self.is_addressed(request.uri(), request.headers()) {
            whole(problem(StatusCode::MISDIRECTED_REQUEST, "the host name is not one of this machine's own"))
        } else {
            match (request.method(), request.uri().path()) {
                (&Method::GET, "/api/v1/events") => self.watch(&request, Shape::Summary),
                (&Method::GET, "/events") => self.watch(&request, Shape::Row),
                _ => whole(self.route(request).await),
            }
        };
        let headers = answer.headers_mut();
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
        for (name, value) in [
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("x-dns-prefetch-control"), "off"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    /// Whether host and target name this machine: by a loopback name or address, by the bound address, or as a Service.
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
        let everywhere = self.bound.is_unspecified();
        let is_service = || SERVICES.iter().any(|suffix| name.ends_with(suffix));
        if name == "localhost" || name.ends_with(".localhost") || (everywhere && is_service()) {
            return true;
        }
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match literal {
            Some(literal) => literal.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
            None => name.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
        };
        // Rebinding needs a name: where every address is bound, every address is ours.
        address.is_some_and(|address| address.is_loopback() || address == self.bound || everywhere)
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        match (request.uri().path(), request.method()) {
            (INBOUND, &Method::POST) => return self.take(request).await,
            (INBOUND, _) => return answer::method_not_allowed("POST"),
            ("/api/v1/messages", &Method::DELETE) => return self.clear(request.headers()),
            (_, &Method::GET | &Method::HEAD) => {}
            ("/api/v1/messages", _) => return answer::method_not_allowed("GET, HEAD, DELETE"),
            _ => return answer::method_not_allowed("GET, HEAD"),
        }
        let uri = request.uri();
        let query = match Query::parse(uri.query().unwrap_or_default()) {
            Ok(query) => query,
            Err(why) => return problem(StatusCode::BAD_REQUEST, &why.to_string()),
        };
        let segments: Vec<&str> = uri.path().split('/').skip(1).collect();
        match segments.as_slice() {
            [""] => page::list(&self.inbox, &query),
            ["messages", id] => self.show(id, View::asked(uri.query().unwrap_or_default())).await,
            ["messages", id, "html"] => self.html(id).await,
            ["messages", id, "parts", number] => self.part(id, number).await,
            ["messages", id, "raw"] | ["api", "v1", "messages", id, "raw"] => self.raw(id),
            ["api", "v1", "messages"] => {
                let found = self.inbox.store.list(&query);
                let list: Vec<_> = found.entries.iter().map(|entry| Summary::of(entry)).collect();
                answer::json(StatusCode::OK, &list)
            }
            ["api", "v1", "messages", id] => match self.find(id).await {
                Ok((entry, content)) => answer::json(StatusCode::OK, &Whole::of(&entry, &content)),
                Err(refusal) => refusal,
            },
            [file] => page::file(file).unwrap_or_else(no_such_path),
            _ => no_such_path(),
        }
    }

    fn watch(&self, request: &Request<Incoming>, shape: Shape) -> Stream {
        let query = match Query::parse(request.uri().query().unwrap_or_default()) {
            Ok(query) => query,
            Err(why) => return whole(problem(StatusCode::BAD_REQUEST, &why.to_string())),
        };
        let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
        let seen = last.map(str::to_owned).or_else(|| query.after.clone());
        let (store, instance) = (Arc::clone(&self.inbox.store), Arc::clone(&self.inbox.instance));
        let watcher = Watcher { store, instance, shape, query, closing: self.closing.clone() };
        let (head, _) = answer::new(StatusCode::OK, EVENT_STREAM, Bytes::new()).into_parts();
        Response::from_parts(head, watcher.watch(seen.as_deref()))
    }

    /// A page elsewhere can't ask for it: that takes a preflight, which is not granted, and browsers say where they
    /// come from.
    fn clear(&self, headers: &HeaderMap) -> Answer {
        let says = |name: &str, ours: &[&str]| {
            headers.get(name).is_none_or(|value| ours.iter().any(|ours| value.as_bytes() == ours.as_bytes()))
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let origin = format!("http://{host}");
        if !says("sec-fetch-site", &["same-origin", "none"]) || !says(ORIGIN.as_str(), &[origin.as_str()]) {
            return problem(StatusCode::FORBIDDEN, "asked for by a page elsewhere");
        }
        self.inbox.store.clear();
        answer::json(StatusCode::OK, &serde_json::json!({}))
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
            Ok(Ok(body)) => owned(body.to_bytes()),
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

    async fn show(&self, id: &str, view: Option<View>) -> Answer {
        // What comes while it is read is told to the page.
        let revision = self.inbox.store.revision();
        match self.find(id).await {
            Ok((entry, content)) => page::message(&self.inbox, (&entry, revision), &content, view),
            Err(refusal) if refusal.status() == StatusCode::NOT_FOUND => page::missing(),
            Err(_) => page::unreadable(id),
        }
    }

    async fn html(&self, id: &str) -> Answer {
        let Some(entry) = self.inbox.store.find(id) else { return no_such_message() };
        let raw = entry.raw.clone().unwrap_or_default();
        let document = match aside(move || html::document(&raw)).await {
            Ok(Some(document)) => document,
            Ok(None) => return problem(StatusCode::NOT_FOUND, "the message has no HTML"),
            Err(failure) => return failure,
        };
        let mut answer = answer::new(StatusCode::OK, page::HTML, document);
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(html::POLICY));
        answer
    }

    async fn part(&self, id: &str, number: &str) -> Answer {
        let Some(entry) = self.inbox.store.find(id) else { return no_such_message() };
        let raw = entry.raw.clone().unwrap_or_default();
        let number = number.parse().unwrap_or(usize::MAX);
        let File { octets, disposition } = match aside(move || File::of(&raw, number)).await {
            Ok(Some(file)) => file,
            Ok(None) => return problem(StatusCode::NOT_FOUND, "the message has no such part"),
            Err(failure) => return failure,
        };
        let mut answer = answer::new(StatusCode::OK, OCTETS, octets);
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
        answer
    }

    fn raw(&self, id: &str) -> Answer {
        let Some(entry) = self.inbox.store.find(id) else { return no_such_message() };
        let Some(raw) = entry.raw.clone() else {
            return problem(StatusCode::NOT_FOUND, "no message is kept of this transaction");
        };
        let mut answer = answer::new(StatusCode::OK, MESSAGE, raw);
        let disposition = part::disposition(&format!("{id}.eml"));
        answer.headers_mut().extend(disposition.map(|value| (CONTENT_DISPOSITION, value)));
        answer
    }

    /// A message and what is in it.
    async fn find(&self, id: &str) -> Result<(Arc<Entry>, Content), Answer> {
        let entry = self.inbox.store.find(id).ok_or_else(no_such_message)?;
        let raw = entry.raw.clone().unwrap_or_default();
        Ok((entry, aside(move || Content::of(&raw)).await?))
    }
}

/// A body that came at once shares the connection's buffer, which would stay as long as the body does.
fn owned(body: Bytes) -> Bytes {
    /// What hyper reads at once, at most: `h1_max_buf_size`.
    const BUFFER: usize = 8192 + 4096 * 100;
    if body.len() < BUFFER { Bytes::copy_from_slice(&body) } else { body }
}

/// Reading a large message takes a while, and what a sender wrote must not end more than its own request.
async fn aside<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Answer> {
    let failed = |_| problem(StatusCode::INTERNAL_SERVER_ERROR, "the message can't be read");
    spawn_blocking(read).await.map_err(failed)
}

fn whole(answer: Answer) -> Stream {
    answer.map(BodyExt::boxed_unsync)
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

//! `GET /v1/transactions`: what became of them, as it happens. Who reads asks again with the `next` of the last answer.
//!
//! It tells who writes to whom, so it is for the pod itself: `kubectl port-forward` comes from there, for those whom the
//! cluster lets forward ports. A page in a browser is kept out by its Host, which is a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::header::HOST;
use http::uri::Authority;
use http::{Method, Request, StatusCode};

use super::answer::{self, Answer, PLAIN};
use super::listen::Source;
use super::view::View;
use crate::pipeline::feed::Feed;

/// Where it is.
pub(super) const PATH: &str = "/v1/transactions";

/// How long a reading waits for something to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a request for [`PATH`].
pub(super) async fn answer<B>(feed: &Feed, request: &Request<B>) -> Answer {
    if request.method() != Method::GET {
        return answer::method_not_allowed("GET");
    }
    if !is_of_the_pod(request) {
        let why = "transactions are shown to 127.0.0.1 alone: use kubectl port-forward\n";
        return answer::new(StatusCode::FORBIDDEN, PLAIN, why);
    }
    let view = match View::parse(request.uri().query().unwrap_or_default()) {
        Ok(view) => view,
        Err(problem) => return answer::new(StatusCode::BAD_REQUEST, PLAIN, format!("{problem}\n")),
    };
    let batch = feed.read(view.after, PATIENCE).await;
    answer::json(StatusCode::OK, &view.show(&batch))
}

/// A proxy beside us has addresses of its own in 127.0.0.0/8, so just these two count.
fn is_of_the_pod<B>(request: &Request<B>) -> bool {
    let ours = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let source = request.extensions().get::<Source>();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let by_address = host.is_some_and(|host| {
        let host = host.host();
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    });
    by_address && source.is_some_and(|Source(address)| ours.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str, source: &str) -> Request<()> {
        let mut request = Request::get(PATH).header(HOST, host).body(()).unwrap();
        request.extensions_mut().insert(Source(source.parse().unwrap()));
        request
    }

    #[test]
    fn only_the_pod_itself_may_ask_and_no_page() {
        for (host, source, expected) in [
            ("127.0.0.1:9464", "127.0.0.1", true),
            ("localhost:19464", "127.0.0.1", true),
            ("[::1]:9464", "::1", true),
            ("10.0.0.7:9464", "10.0.0.9", false),
            ("127.0.0.1:9464", "127.0.0.6", false),
            ("rebound.example:9464", "127.0.0.1", false),
        ] {
            assert_eq!(is_of_the_pod(&request(host, source)), expected, "{host} {source}");
        }
    }
}

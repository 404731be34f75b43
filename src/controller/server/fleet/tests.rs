//! Who is there, and who is counted where.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use super::*;
use crate::controller::picture::Published;
use crate::source::wire::Encoded;

fn picture(version: &str) -> Picture {
    let encoded = Encoded { version: version.to_owned(), body: Bytes::new(), gzip: Bytes::new() };
    let published = Published { encoded, service_account: None, routes: 0 };
    let gateways = BTreeMap::from([(ObjectName::new("mail", "public"), Arc::new(published))]);
    Picture::new(Arc::default(), gateways, BTreeMap::new(), Vec::new())
}

fn asked(in_use: &str, refused: Option<&str>) -> Asked {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer abc"));
    headers.insert("if-none-match", HeaderValue::from_str(&format!("\"{in_use}\"")).unwrap());
    headers.extend(refused.map(|refused| {
        let name = http::HeaderName::from_static("mailchute-refused");
        (name, HeaderValue::from_str(&format!("{refused} can't")).unwrap())
    }));
    Asked::read(&Method::GET, "/v1/gateways/mail/public/snapshot", &headers).unwrap()
}

fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
}

fn counted(metrics: &Metrics) -> (f64, f64) {
    let of = |current| value(metrics, &format!("mailchute_clients{{version_current=\"{current}\"}}"));
    (of(true), of(false))
}

#[test]
fn each_pod_is_counted_once_by_what_it_uses() {
    let (metrics, now) = (Metrics::new(), Instant::now());
    let fleet = Fleet::new(metrics.clone());
    for (who, version) in [("a", "1"), ("a", "2"), ("b", "2"), ("c", "1")] {
        fleet.hear(&asked(version, None), who, now);
    }
    fleet.count(Some(&picture("2")), now);
    assert_eq!(counted(&metrics), (2.0, 1.0));
    fleet.count(Some(&picture("3")), now);
    assert_eq!(counted(&metrics), (0.0, 3.0));
}

#[test]
fn who_is_silent_is_forgotten() {
    let (metrics, now) = (Metrics::new(), Instant::now());
    let fleet = Fleet::new(metrics.clone());
    fleet.hear(&asked("1", None), "a", now);
    fleet.hear(&asked("1", None), "b", now + SILENCE / 2);
    fleet.count(Some(&picture("1")), now + SILENCE);
    assert_eq!(counted(&metrics), (1.0, 0.0));
}

#[test]
fn a_refusal_is_counted_once_however_often_it_is_said() {
    let (metrics, now) = (Metrics::new(), Instant::now());
    let fleet = Fleet::new(metrics.clone());
    for (who, refused) in [("a", "2"), ("a", "2"), ("b", "2"), ("a", "2"), ("a", "3")] {
        fleet.hear(&asked("1", Some(refused)), who, now);
    }
    assert_eq!(value(&metrics, "mailchute_snapshot_refusals_total{gateway=\"mail/public\"}"), 3.0);
}

#[test]
fn no_more_are_known_than_so_many() {
    let (metrics, now) = (Metrics::new(), Instant::now());
    let fleet = Fleet::new(metrics.clone());
    for number in 0..KNOWN + 10 {
        fleet.hear(&asked("1", None), &number.to_string(), now);
    }
    fleet.count(Some(&picture("1")), now);
    assert_eq!(counted(&metrics), (KNOWN as f64, 0.0));
}

//! Pool, cap and circuit survive a new plan for as long as the backend is equal.

use super::{accepted, backend, deliver, one};
use crate::support::misbehaving::{Misbehaving, status};
use mailchute::backend::Live;
use mailchute::metrics::Metrics;
use mailchute::plan;
use std::sync::Arc;

#[tokio::test]
async fn an_equal_backend_keeps_its_connections_and_another_does_not() {
    let metrics = Metrics::new();
    let server = Misbehaving::start([status("200 OK")]).await;
    let plan = |path: &str| {
        let http = plan::Http { path: path.to_owned(), ..server.target() };
        vec![Arc::new(backend(http))]
    };
    let first = Live::adopt(&plan("/a"), &[], &metrics);
    assert_eq!(deliver(&first[0], &one()).await, accepted());
    let same = Live::adopt(&plan("/a"), &first, &metrics);
    assert!(Arc::ptr_eq(&first[0], &same[0]));
    assert_eq!(deliver(&same[0], &one()).await, accepted());
    let changed = Live::adopt(&plan("/b"), &same, &metrics);
    assert!(!Arc::ptr_eq(&same[0], &changed[0]));
    assert_eq!(deliver(&changed[0], &one()).await, accepted());
    let connections: Vec<_> = server.heard().iter().map(|heard| heard.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn backends_are_matched_by_name_not_by_place() {
    let metrics = Metrics::new();
    let server = Misbehaving::start([status("200 OK")]).await;
    let named = |name: &str| Arc::new(plan::Backend { label: name.into(), ..backend(server.target()) });
    let old = Live::adopt(&[named("n/a"), named("n/b"), named("n/c")], &[], &metrics);
    let new = Live::adopt(&[named("n/d"), named("n/c"), named("n/a")], &old, &metrics);
    assert!(Arc::ptr_eq(&new[1], &old[2]) && Arc::ptr_eq(&new[2], &old[0]));
    assert_eq!(&*new[0].backend().label, "n/d");
    let text = metrics.render();
    assert!(text.contains("mailchute_circuit_state{backend=\"n/a\"} 0"), "{text}");
    assert!(!text.contains("n/b"), "{text}");
}

//! Compile: a gateway with 10,000 routes, and a list of 1,000,000 recipients.
//!
//! Aims: 300 ms and 2 s.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use mailchute::api::{ApiKind, ConfigMap, Object};
use mailchute::compile::{Inspected, Origin, Snapshot, compile};
use mailchute::plan::ObjectName;
use serde_json::{Value, json};

fn object(kind: ApiKind, name: &str, spec: &Value) -> Arc<Inspected> {
    let value = json!({ "metadata": { "namespace": "app", "name": name }, "spec": spec });
    Arc::new(kind.deserialize(value).expect("a well-formed object").into())
}

fn gateway() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let listeners = json!([{ "name": "mx", "port": 2525 }]);
    let domains = json!([{ "name": "example.net" }]);
    let spec = json!({ "hostname": "mx.example.net", "listeners": listeners, "domains": domains });
    snapshot.insert(object(ApiKind::Gateway, "public", &spec)).expect("each name is given once");
    let spec = json!({ "http": { "url": "http://inbox.example.net/" } });
    snapshot.insert(object(ApiKind::Backend, "inbox", &spec)).expect("each name is given once");
    snapshot
}

fn route(snapshot: &mut Snapshot, name: &str, local_part: Option<Value>) {
    let mut recipient = json!({ "domain": "example.net" });
    if let Some(local_part) = local_part {
        recipient["localPart"] = local_part;
    }
    let rule = json!({
        "name": "rule",
        "matches": [{ "recipient": recipient }],
        "delivery": { "backendRefs": [{ "name": "inbox" }] },
    });
    let spec = json!({ "parentRefs": [{ "name": "public" }], "rules": [rule] });
    snapshot.insert(object(ApiKind::Route, name, &spec)).expect("each name is given once");
}

/// A gateway with so many routes.
pub(super) fn routes(number: usize) -> Snapshot {
    let mut snapshot = gateway();
    for index in 0..number {
        let value = format!("user{index}");
        route(&mut snapshot, &format!("route-{index}"), Some(json!({ "type": "Exact", "value": value })));
    }
    snapshot
}

/// A gateway with one route and a list of so many recipients.
pub(super) fn recipients(number: usize) -> Snapshot {
    let mut snapshot = gateway();
    route(&mut snapshot, "all", None);
    let recipients = json!({ "from": [{ "configMapRef": { "name": "users", "key": "list" } }] });
    let spec = json!({ "targetRefs": [{ "kind": "MailRoute", "name": "all" }], "recipients": recipients });
    snapshot.insert(object(ApiKind::Policy, "users", &spec)).expect("each name is given once");
    let list: String = (0..number).map(|index| format!("user{index}@example.net\n")).collect();
    let mut config_map =
        ConfigMap { data: Some(BTreeMap::from([("list".to_owned(), list)])), ..ConfigMap::default() };
    config_map.metadata.namespace = Some("app".to_owned());
    config_map.metadata.name = Some("users".to_owned());
    snapshot
        .insert(Arc::new(Object::ConfigMap(Box::new(config_map)).into()))
        .expect("each name is given once");
    snapshot
}

/// Whole compilations.
pub(crate) fn compilations(criterion: &mut Criterion) {
    let gateway = ObjectName::new("app", "public");
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    for (name, snapshot) in [("10k_routes", routes(10_000)), ("1m_recipients", recipients(1_000_000))] {
        let compiled = compile(&snapshot, &gateway, Origin::Files);
        assert!(compiled.plan.is_some_and(|plan| plan.gateway.domains[0].routed), "{:?}", compiled.findings);
        group.bench_function(name, |bencher| {
            bencher.iter(|| compile(black_box(&snapshot), &gateway, Origin::Files));
        });
    }
}

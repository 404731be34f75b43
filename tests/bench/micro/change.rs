//! What one change among 10,000 routes costs each side: all else stands as it did.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion};
use mailchute::api::Object;
use mailchute::compile::{Inspected, Origin, Snapshot, compile, compile_with_standings, select};
use mailchute::plan::ObjectName;
use mailchute::source::wire::{Decoder, Encoder, encode, inflate};
use mailchute::status::{Offer, Outcome, report};

use super::compile::routes;

/// The same objects, as an index gives them out, but for the last route, which is another each time.
fn changed(all: &Snapshot, change: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (.., object) in all.shared_objects() {
        let object = if object.name() == "route-9999" { edited(object, change) } else { Arc::clone(object) };
        snapshot.insert(object).expect("each name is given once");
    }
    snapshot
}

fn edited(object: &Inspected, change: usize) -> Arc<Inspected> {
    let mut object: Object = Object::clone(object);
    if let Object::Route(route) = &mut object {
        route.spec.rules[0].name = format!("change-{change}");
    }
    Arc::new(object.into())
}

/// As the controller draws a picture.
fn draw(whole: &Snapshot, gateway: &ObjectName, encoder: &mut Encoder) {
    let selection = select(whole, gateway);
    let compiled = compile_with_standings(&selection, gateway, Origin::Cluster);
    let offer = Offer::Current { version: encoder.encode(&selection, gateway).version };
    black_box(report(whole, &BTreeMap::from([(gateway.clone(), Outcome::new(compiled, offer))])));
}

/// From what a watch has brought to what is published, and from there to a plan.
pub(crate) fn changes(criterion: &mut Criterion) {
    let gateway = ObjectName::new("app", "public");
    let all = routes(10_000);
    let mut group = criterion.benchmark_group("change");
    group.sample_size(10);
    let mut change = 0..;
    let mut encoder = Encoder::default();
    group.bench_function("controller", |bencher| {
        bencher.iter_batched(
            || change.next().unwrap_or_default(),
            |change| draw(&changed(&all, change), &gateway, &mut encoder),
            BatchSize::PerIteration,
        );
    });
    let mut decoder = Decoder::default();
    group.bench_function("front_end", |bencher| {
        bencher.iter_batched(
            || encode(&select(&changed(&all, change.next().unwrap_or_default()), &gateway), &gateway),
            |sent| {
                let body = inflate(&sent.gzip, sent.body.len()).expect("what was compressed");
                let decoded = decoder.decode(&body).expect("what was written");
                compile(&decoded.snapshot, &gateway, Origin::Cluster)
            },
            BatchSize::PerIteration,
        );
    });
}

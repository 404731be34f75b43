//! A snapshot on its way: a gateway with 10,000 routes, and a list of 1,000,000 recipients.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use mailchute::plan::ObjectName;
use mailchute::source::wire::{MAX_BODY, decode, encode, inflate};

use super::compile::{recipients, routes};

/// Written with its hash and its compressed form, and read from either.
pub(crate) fn snapshots(criterion: &mut Criterion) {
    let gateway = ObjectName::new("app", "public");
    let mut group = criterion.benchmark_group("wire");
    group.sample_size(10);
    for (name, snapshot) in [("10k_routes", routes(10_000)), ("1m_recipients", recipients(1_000_000))] {
        let encoded = encode(&snapshot, &gateway);
        println!("{name}: {encoded:?}");
        group.throughput(Throughput::Bytes(encoded.body.len() as u64));
        group.bench_function(format!("encode_{name}"), |bencher| {
            bencher.iter(|| encode(black_box(&snapshot), &gateway));
        });
        group.bench_function(format!("inflate_{name}"), |bencher| {
            bencher.iter(|| inflate(black_box(&encoded.gzip), MAX_BODY).expect("what was compressed"));
        });
        group.bench_function(format!("decode_{name}"), |bencher| {
            bencher.iter(|| decode(black_box(&encoded.body)).expect("what was written"));
        });
    }
}

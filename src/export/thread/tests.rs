//! What is sent at once, and what is left at the end.

use std::net::{Ipv4Addr, SocketAddr};

use opentelemetry_sdk::Resource;
use prometheus::IntCounter;
use tokio::net::TcpListener;

use super::*;
use crate::export::settings::{Batching, Settings};
use crate::metrics::{MessageOutcome, Signal};

/// What grpc-go takes unless it is told otherwise.
const MOST_OCTETS: usize = 4 << 20;

#[test]
fn figures_go_in_requests_that_a_collector_takes() {
    let metrics = Metrics::new();
    let listener = metrics.listener("mx");
    let namespace = "n".repeat(63);
    for route in 0..7_000 {
        listener.message(&format!("{namespace}/{route:0>253}"), MessageOutcome::ALL[0]);
    }
    let families = metrics.gather();
    let series: usize = families.iter().map(|family| family.get_metric().len()).sum();
    let requests = points(&metrics, SystemTime::now(), &(&Resource::builder_empty().build()).into());
    assert!(series > 7_000 && requests.len() > 2, "{series}");
    assert!(requests.iter().all(|request| request.message.len() < MOST_OCTETS));
    assert_eq!(requests.iter().map(|request| request.records).sum::<usize>(), series);
}

fn collector(address: SocketAddr, metrics: &Metrics) -> Collector {
    let endpoint = format!("http://{address}");
    let settings = Settings::read(&|name| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| endpoint.clone()));
    let (target, _) = settings.unwrap().traces.unwrap();
    Collector::new(Signal::Traces, &target, metrics.export(Signal::Traces)).unwrap()
}

#[tokio::test]
async fn what_can_not_be_sent_before_the_end_is_counted() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let metrics = Metrics::new();
    let collector = collector(silent.local_addr().unwrap(), &metrics);
    let batching = Batching { queue: 10, batch: 2, delay: Duration::from_millis(1) };
    let queue = Queue::new(batching, IntCounter::new("overflowed", "-").unwrap());
    (0..5).for_each(|record| queue.put(record));
    let (stop, stopped) = watch::channel(false);
    let encode = |batch: Vec<u32>| Request { message: Vec::new(), records: batch.len() };
    let stops = async {
        // The first two are under way.
        let (stream, _) = silent.accept().await.unwrap();
        stop.send(true).unwrap();
        stream
    };
    tokio::join!(drain(queue, collector, encode, stopped), stops);
    assert_eq!(metrics.export(Signal::Traces).lost.get(), 5);
}

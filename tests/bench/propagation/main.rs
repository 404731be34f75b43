//! The benchmark of a change: from `apply` in a cluster until every front-end answers by it.
//!
//! A real etcd and kube-apiserver, `mailchute control` and several `mailchute serve` as processes. What is
//! measured is what a sender sees: a recipient that did not exist is applied, and sessions ask each
//! front-end for it until it is taken. `tests/bench/README.md` says what the figures mean.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that can't be made says why by a panic")]

mod ask;
mod figures;
mod fill;
mod fleet;
#[path = "../../cluster/harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "the other figures are those of the load benchmark")]
#[path = "../load/process.rs"]
mod process;
#[path = "../../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use clap::Parser;
use kube::Client;

use figures::Figures;
use fill::Routes;
use fleet::Fleet;
use harness::ControlPlane;

/// From `apply` in a cluster until every front-end answers by it.
#[derive(Debug, Parser)]
#[command(name = "propagation")]
struct Arguments {
    /// Routes of the gateway.
    #[arg(long, default_value_t = 10_000)]
    routes: usize,
    /// Recipients in lists of policies.
    #[arg(long, default_value_t = 0)]
    recipients: usize,
    /// Front-ends.
    #[arg(long, default_value_t = 3)]
    front_ends: usize,
    /// Changes that are measured.
    #[arg(long, default_value_t = 200)]
    changes: usize,
}

fn main() {
    // `cargo bench` adds `--bench` to what the user wrote.
    let arguments = Arguments::parse_from(std::env::args_os().filter(|argument| argument != "--bench"));
    let plane = ControlPlane::start();
    plane.install_crds();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = runtime.block_on(plane.client());
    let began = Instant::now();
    let routes = Routes::new(&plane, arguments.routes);
    runtime.block_on(routes.fill(&client, arguments.recipients));
    println!(
        "{} routes, {} recipients in lists: made in {:.0?}",
        arguments.routes,
        arguments.recipients,
        began.elapsed()
    );

    let began = Instant::now();
    let fleet = Fleet::start(&plane, &routes.namespace, arguments.front_ends);
    println!("controller and {} front-ends ready after {:.1?}", arguments.front_ends, began.elapsed());
    fleet.print_snapshot();
    fleet.print_memory("at rest");
    if arguments.changes > 0 {
        let figures = measure(&runtime, &client, &routes, &fleet, arguments.changes);
        figures.print();
        fleet.print_compiles();
        fleet.print_memory("after the changes");
    }
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    client: &Client,
    routes: &Routes,
    fleet: &Fleet,
    changes: usize,
) -> Figures {
    let mut figures = Figures::default();
    let mut askers = fleet.askers(&routes.steady());
    for change in 0..changes {
        let (index, recipient) = routes.change(change);
        let applied = Instant::now();
        let asking: Vec<_> = askers
            .drain(..)
            .map(|mut asker| {
                let recipient = recipient.clone();
                std::thread::spawn(move || {
                    let taken = asker.until_taken(&recipient);
                    (asker, taken)
                })
            })
            .collect();
        runtime.block_on(routes.apply(client, index, change));
        let answered = applied.elapsed();
        let mut slowest = Duration::ZERO;
        for asking in asking {
            let (asker, taken) = asking.join().unwrap();
            slowest = slowest.max(taken - applied);
            askers.push(asker);
        }
        figures.add(answered, slowest);
        // Out of step with whatever ticks.
        std::thread::sleep(Duration::from_millis(u64::try_from(change * 7 % 50).unwrap_or_default()));
    }
    figures
}

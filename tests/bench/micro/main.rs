//! Criterion benches of the pure rooms: what one call costs, without sockets.
//!
//! `cargo bench --bench micro -- <filter>`. The whole path is measured by `load`, not here.

mod change;
mod compile;
mod engine;
mod routes;
mod wire;

use criterion::{Criterion, criterion_group, criterion_main};

// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group! {
    name = micro;
    config = Criterion::default();
    targets = engine::message, engine::unstuff, compile::compilations, routes::table, routes::patterns, routes::list,
        wire::snapshots, change::changes
}
criterion_main!(micro);

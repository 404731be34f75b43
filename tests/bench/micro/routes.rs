//! Route table, patterns and recipient lists, asked with random keys.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion};
use mailchute::mail::{AddressKey, ReversePath};
use mailchute::policy::{ListMode, RecipientList};
use mailchute::route::local::Separators;
use mailchute::route::pattern::LocalPattern;
use mailchute::route::{Builder, Candidate, DomainPattern, LocalPart, RuleId, Subaddress, Table};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const SIZES: [u32; 3] = [10, 10_000, 1_000_000];
/// Addresses that a bench goes through: their text alone exceeds the caches that are close.
const ASKED: usize = 1 << 17;

fn address(local_part: String) -> AddressKey {
    AddressKey { local_part, domain: "example.net".to_owned() }
}

/// Recipients that are in a table of `size`, in random order.
fn hits(size: u32) -> Vec<AddressKey> {
    let mut random = SmallRng::seed_from_u64(1);
    (0..ASKED).map(|_| address(format!("user.{}", random.random_range(0..size)))).collect()
}

/// Recipients that are in none.
fn misses() -> Vec<AddressKey> {
    let mut random = SmallRng::seed_from_u64(2);
    (0..ASKED).map(|_| address(format!("nobody.{}", random.random::<u32>()))).collect()
}

fn exact(local_part: String, rule: u32) -> Candidate {
    Candidate {
        domain: DomainPattern::Exact("example.net".to_owned()),
        local_part: LocalPart::Exact(local_part, Subaddress::Ignore),
        sender: None,
        rule: RuleId(rule),
    }
}

fn table_of(size: u32) -> Table {
    let mut builder = Builder::new("+");
    for rule in 0..size {
        builder.insert(exact(format!("user.{rule}"), rule)).expect("no two are the same");
    }
    builder.build()
}

/// Calls `ask` with one address after the other, so that no two calls touch the same lines.
fn ask(bencher: &mut criterion::Bencher<'_>, asked: &[AddressKey], mut ask: impl FnMut(&AddressKey)) {
    let mut next = asked.iter().cycle();
    bencher.iter(|| next.next().map(&mut ask));
}

/// Look-up of exact recipients in tables of three sizes, and how long the largest takes to build.
pub(crate) fn table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route/look_up");
    for size in SIZES {
        let table = table_of(size);
        println!("{size} recipients: {} octets", table.heap_octets());
        for (name, asked) in [("hit", hits(size)), ("miss", misses())] {
            group.bench_with_input(BenchmarkId::new(name, size), &asked, |bencher, asked| {
                ask(bencher, asked, |recipient| {
                    black_box(table.look_up(recipient, &ReversePath::Null));
                });
            });
        }
    }
    group.finish();
    let mut group = criterion.benchmark_group("route/build");
    group.sample_size(10);
    group.bench_function("1000000", |bencher| {
        bencher.iter_batched(|| 1_000_000, table_of, BatchSize::LargeInput);
    });
    group.finish();
}

/// One match of usual patterns and of the dearest that compile, each with a text of 64 octets that
/// was not asked before, so that the lazy automaton of an expression keeps meeting new states.
pub(crate) fn patterns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route/pattern");
    let mut random = SmallRng::seed_from_u64(3);
    let mut text = || (0..64).map(|_| char::from(random.random_range(b'a'..b'e'))).collect();
    let texts: Vec<String> = (0..ASKED).map(|_| text()).collect();
    let wildcard = |pattern: &str| LocalPart::Wildcard(pattern.to_owned(), Subaddress::Match);
    let regex = |pattern: &str| LocalPart::RegularExpression(pattern.to_owned(), Subaddress::Match);
    // Each branch has to remember where in the last octets its letters stood.
    let branches =
        ["ab", "ac", "ad", "bc", "bd", "cd", "a", "b", "c", "d"].map(|c| format!("[{c}][a-e]{{60}}"));
    for (name, local_part) in [
        ("wildcard", wildcard("*-case")),
        ("wildcard/worst", wildcard(&format!("*{}z", "?".repeat(31)))),
        ("regex", regex("[a-z0-9._-]{1,64}")),
        ("regex/unicode", regex(r"[\w.]+")),
        ("regex/worst", regex(&format!(".*(?:{})[^a-e].*", branches.join("|")))),
    ] {
        let pattern = LocalPattern::compile(&local_part).expect("the pattern is within the limits");
        let separators = Separators::default();
        let mut next = texts.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| next.next().map(|text| pattern.matches(separators.part(text))));
        });
    }
    group.finish();
}

/// A list of a million addresses.
pub(crate) fn list(criterion: &mut Criterion) {
    const SIZE: u32 = 1_000_000;
    let mut builder = RecipientList::builder(ListMode::AllowList, "+");
    for number in 0..SIZE {
        builder.address(&address(format!("user.{number}"))).expect("the address is short");
    }
    let list = builder.build();
    println!("{SIZE} addresses: {} octets", list.heap_octets());
    let mut group = criterion.benchmark_group("policy/admits");
    for (name, asked) in [("hit", hits(SIZE)), ("miss", misses())] {
        group.bench_with_input(BenchmarkId::new(name, SIZE), &asked, |bencher, asked| {
            ask(bencher, asked, |recipient| {
                black_box(list.admits(recipient));
            });
        });
    }
    group.finish();
}

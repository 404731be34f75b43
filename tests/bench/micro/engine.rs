//! The protocol engine: a whole session, and how fast the text of DATA is unstuffed.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use mailchute::smtp::reply::DELIVERED;
use mailchute::smtp::{Action, Answer, BareNewlines, Config, Hello, Limits, Question, Session};

/// Octets of a read in data, as the server reads.
const READ: usize = 64 * 1024;
/// Octets of the text that is unstuffed.
const TEXT: usize = 4 << 20;

fn config() -> Arc<Config> {
    Arc::new(Config {
        hostname: "mx.bench.example".into(),
        limits: Limits { message_bytes: 64 << 20, recipients: 100, messages: 0, errors: 10 },
        bare_newlines: BareNewlines::Reject,
        lmtp: false,
        greeting_delay: false,
    })
}

/// Feeds one read and accepts all that is asked; gives the octets of the message that came.
fn feed(session: &mut Session, input: Bytes) -> usize {
    session.receive(input);
    let mut octets = 0;
    while let Some(action) = session.poll() {
        match action {
            Action::Body(part) => octets += black_box(part).len(),
            Action::Ask(Question::Hello(_)) => {
                session.answer(Answer::Capabilities(Hello::default()));
            }
            Action::Ask(Question::Message) => session.answer(Answer::Delivered(DELIVERED)),
            Action::Ask(_) => session.answer(Answer::Accept),
            other => drop(black_box(other)),
        }
    }
    octets
}

fn in_data() -> Session {
    let mut session = Session::new(config());
    for group in ["", "EHLO c\r\n", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"] {
        feed(&mut session, Bytes::from_static(group.as_bytes()));
    }
    session
}

/// One message of 1 KiB: commands in one group, then the text in one read.
pub(crate) fn message(criterion: &mut Criterion) {
    let text = Bytes::from([&b"Subject: x\r\n\r\n"[..], &line(62).repeat(16), b".\r\n"].concat());
    let mut session = Session::new(config());
    feed(&mut session, Bytes::new());
    feed(&mut session, Bytes::from_static(b"EHLO c.example\r\n"));
    criterion.bench_function("engine/message", |bencher| {
        bencher.iter(|| {
            feed(&mut session, Bytes::from_static(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"));
            feed(&mut session, text.clone())
        });
    });
}

/// Octets a second, for lines of the usual length, dots that begin every tenth, and one long line.
pub(crate) fn unstuff(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unstuff");
    group.throughput(Throughput::Bytes(TEXT as u64));
    let dotted = [line(76).repeat(9), b"..".to_vec(), line(74)].concat();
    for (name, unit) in [("lines", line(76)), ("dots", dotted), ("long", line(60_000))] {
        let text = unit.repeat(TEXT / unit.len());
        let reads: Vec<Bytes> = text.chunks(READ).map(Bytes::copy_from_slice).collect();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_batched_ref(
                in_data,
                |session| reads.iter().map(|read| feed(session, read.clone())).sum::<usize>(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn line(octets: usize) -> Vec<u8> {
    [&vec![b'x'; octets][..], b"\r\n"].concat()
}

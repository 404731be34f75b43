//! The cap on deliveries at a time.

use super::{accepted, backend, deliver, failed, hasty, one};
use crate::support::misbehaving::{Act, Misbehaving, answer};
use mailchute::backend::{Cause, Live};
use mailchute::metrics::Metrics;
use mailchute::plan;
use std::sync::Arc;
use tokio::sync::Notify;

#[tokio::test]
async fn at_the_cap_a_message_waits_until_its_deadline() {
    let release = Arc::new(Notify::new());
    let slow = Act::AnswerWhen(Arc::clone(&release), answer("200 OK", &[], ""));
    let server = Misbehaving::start([slow]).await;
    let plan = plan::Backend { max_in_flight: 1, ..backend(server.target()) };
    let live = Live::new(Arc::new(plan), &Metrics::new());
    let patient = one();
    let others = async {
        server.wait_heard(1).await;
        assert_eq!(deliver(&live, &hasty()).await, failed(Cause::InFlightCap));
        assert_eq!(server.heard().len(), 1);
        release.notify_one();
    };
    assert_eq!(tokio::join!(deliver(&live, &patient), others).0, accepted());
}

#[tokio::test]
async fn a_message_that_waited_goes_when_its_turn_comes() {
    let release = Arc::new(Notify::new());
    let slow = || Act::AnswerWhen(Arc::clone(&release), answer("200 OK", &[], ""));
    let server = Misbehaving::start([slow(), Act::Answer(answer("404 No", &[], ""))]).await;
    let plan = plan::Backend { max_in_flight: 1, ..backend(server.target()) };
    let live = Live::new(Arc::new(plan), &Metrics::new());
    let (first, second) = (one(), one());
    let later = async {
        server.wait_heard(1).await;
        let waiting = deliver(&live, &second);
        tokio::pin!(waiting);
        assert!(has_to_wait(waiting.as_mut()).await);
        release.notify_one();
        waiting.await
    };
    assert_eq!(tokio::join!(deliver(&live, &first), later), (accepted(), failed(Cause::Misconfigured)));
    assert_eq!(server.connections(), 1);
}

/// Whether a future has to wait when it is first asked.
async fn has_to_wait(mut future: std::pin::Pin<&mut impl Future>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

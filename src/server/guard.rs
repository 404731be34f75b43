//! A panic ends one connection and nothing else.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// The future panicked; the panic's own message is in the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs a future to its end, or to its panic. What it borrowed is given back in either case.
///
/// It is pinned where it stands: given to another future it would take room twice.
pub(super) async fn catch<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, Panicked> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_value() {
        assert_eq!(catch(pin!(async { 1 })).await, Ok(1));
        let panics = pin!(async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        });
        assert_eq!(catch(panics).await, Err::<(), _>(Panicked));
    }
}

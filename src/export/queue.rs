//! Records on their way to the exporter's thread. Whoever puts one in never waits: where there is no room it is
//! dropped and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prometheus::IntCounter;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::settings::Batching;

/// A log line and what wrote it.
pub(super) type LogRecord = (SdkLogRecord, InstrumentationScope);

/// Records that wait. Clones share them.
#[derive(Debug)]
pub(super) struct Queue<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    waiting: Mutex<VecDeque<T>>,
    /// There is a batch, or nothing more will come.
    ready: Notify,
    batching: Batching,
    overflowed: IntCounter,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Queue<T> {
    pub(super) fn new(batching: Batching, overflowed: IntCounter) -> Self {
        let (waiting, ready) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { waiting, ready, batching, overflowed }))
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, record: T) {
        let mut waiting = self.waiting();
        if waiting.len() >= self.0.batching.queue {
            drop(waiting);
            self.0.overflowed.inc();
            return;
        }
        waiting.push_back(record);
        let has_batch = waiting.len() == self.0.batching.batch;
        drop(waiting);
        if has_batch {
            self.0.ready.notify_one();
        }
    }

    /// The next records, at most a batch: at once where there is one, else what has come by the end of the
    /// delay, which may be nothing.
    pub(super) async fn take(&self) -> Vec<T> {
        let Batching { batch, delay, .. } = self.0.batching;
        if self.waiting().len() < batch {
            // Late or not, what is there goes.
            let _ = timeout(delay, self.0.ready.notified()).await;
        }
        self.take_now()
    }

    /// What is there, at most a batch.
    pub(super) fn take_now(&self) -> Vec<T> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(self.0.batching.batch);
        waiting.drain(..count).collect()
    }

    /// How many records wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }
}

impl SpanProcessor for Queue<SpanData> {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.put(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl LogProcessor for Queue<LogRecord> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.put((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(50);

    fn queue(queue: usize, batch: usize) -> (Queue<u32>, IntCounter) {
        let overflowed = IntCounter::new("overflowed", "-").unwrap();
        let batching = Batching { queue, batch, delay: DELAY };
        (Queue::new(batching, overflowed.clone()), overflowed)
    }

    #[test]
    fn what_has_no_room_is_dropped_and_counted() {
        let (queue, overflowed) = queue(3, 2);
        (0..10).for_each(|record| queue.put(record));
        assert_eq!(overflowed.get(), 7);
        assert_eq!((queue.take_now(), queue.take_now(), queue.take_now()), (vec![0, 1], vec![2], vec![]));
    }

    #[tokio::test]
    async fn a_full_batch_waits_for_nothing_and_a_part_of_one_for_the_delay() {
        let (queue, _) = queue(8, 2);
        (0..2).for_each(|record| queue.put(record));
        assert_eq!(queue.take().await, [0, 1]);
        // The batch that was taken has left a notice, which wakes once for nothing.
        assert_eq!(queue.take().await, Vec::<u32>::new());
        queue.put(2);
        let began = tokio::time::Instant::now();
        assert_eq!(queue.take().await, [2]);
        assert!(began.elapsed() >= DELAY);
    }
}

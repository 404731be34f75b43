//! What goes on while a test does something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

/// Something that is done over and over, and is to succeed each time. It ends when this is dropped.
pub(crate) struct Meanwhile {
    stop: Arc<AtomicBool>,
    done: Option<JoinHandle<usize>>,
}

impl Meanwhile {
    /// Begins. `work` panics where it does not succeed.
    pub(crate) fn start(mut work: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_told = Arc::clone(&stop);
        let done = spawn(move || {
            let mut count = 0;
            while !is_told.load(Ordering::Relaxed) {
                work();
                count += 1;
            }
            count
        });
        Self { stop, done: Some(done) }
    }

    /// Ends it: it was done, and has succeeded each time.
    pub(crate) fn finish(mut self) {
        let count = self.end().expect("it went well all the while");
        assert!(count > 0, "it was never done");
    }

    /// `None` where it went wrong, of which its own panic tells.
    fn end(&mut self) -> Option<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.done.take()?.join().ok()
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.end();
    }
}

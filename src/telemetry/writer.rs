//! Log lines on their way out: gathered for a moment by a thread of their own, so that mail never
//! waits for whoever reads the log, and a burst of lines is one write.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// How long the end of the process waits for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Octets that may wait; beyond them lines are dropped and counted.
const CAPACITY: usize = 1 << 20;

/// Where lines are put. Clones share one queue.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    octets: Vec<u8>,
    dropped: u64,
    closed: bool,
    /// All is written, and nothing more will be.
    done: bool,
}

/// Writes what was gathered when it is dropped: keep it until the process ends.
#[derive(Debug)]
#[must_use = "log lines that wait are lost without it"]
pub struct Flush(Lines);

/// Starts the thread that writes to `out`.
pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Lines, Flush)> {
    let lines = Lines(Arc::default());
    let shared = Arc::clone(&lines.0);
    thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(out))?;
    Ok((lines.clone(), Flush(lines)))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut out: impl Write) {
        loop {
            let queue = self.filled.wait_while(self.lock(), |queue| queue.is_empty() && !queue.closed);
            let closed = queue.map_or(true, |queue| queue.closed);
            if !closed {
                thread::sleep(GATHER);
            }
            let (octets, dropped) = self.lock().take();
            // Nobody is left to be told that the log can't be written.
            let _ = out.write_all(&octets);
            if dropped > 0 {
                let _ =
                    writeln!(out, "mailchute: {dropped} log lines dropped, the log is not read fast enough");
            }
            let _ = out.flush();
            if closed {
                self.lock().done = true;
                self.written.notify_all();
                return;
            }
        }
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.octets.is_empty() && self.dropped == 0
    }

    fn take(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.octets), std::mem::take(&mut self.dropped))
    }
}

/// Takes whole lines: the subscriber writes each in one piece.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut queue = self.0.lock();
        let was_empty = queue.is_empty();
        if queue.octets.len() + line.len() > CAPACITY {
            queue.dropped += 1;
        } else {
            queue.octets.extend_from_slice(line);
        }
        drop(queue);
        if was_empty {
            self.0.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Waits until all is written; not for ever, since nobody may be reading.
impl Drop for Flush {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut queue = shared.lock();
        queue.closed = true;
        shared.filled.notify_one();
        drop(shared.written.wait_timeout_while(queue, LAST_WORDS, |queue| !queue.done));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Write for Out {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_whole_and_in_order_at_the_latest_at_the_end() {
        let out = Out::default();
        let (lines, flush) = start(out.clone()).unwrap();
        for n in 0..1000 {
            (&lines).write_all(format!("line {n}\n").as_bytes()).unwrap();
        }
        drop(flush);
        let expected: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        assert_eq!(String::from_utf8(out.0.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn a_log_that_is_not_read_drops_lines_and_says_so() {
        let out = Out::default();
        let held = out.0.lock().unwrap();
        let (lines, flush) = start(out.clone()).unwrap();
        for _ in 0..3 * CAPACITY / 1024 {
            (&lines).write_all(&[b'x'; 1024]).unwrap();
        }
        drop(held);
        drop(flush);
        let written = out.0.lock().unwrap().clone();
        assert!(written.len() <= 2 * CAPACITY + 200, "{}", written.len());
        assert!(String::from_utf8_lossy(&written).contains("log lines dropped"));
    }
}

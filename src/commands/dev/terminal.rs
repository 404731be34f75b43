//! What `mailchute dev` says, on a thread of its own: a terminal that is stopped, or a pipe that nobody reads, holds up
//! nothing else.

use std::io::{self, Write as _};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// What may wait to be said.
const WAITING: usize = 1024;
/// For what waits at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Standard output. What does not fit before it is read is left out.
#[derive(Debug)]
pub(super) struct Terminal {
    said: SyncSender<String>,
    /// How many texts were left out since the last one that was not.
    unsaid: u64,
}

/// Is over once all is said.
#[derive(Debug)]
pub(super) struct Silence(oneshot::Receiver<()>);

impl Terminal {
    pub(super) fn open() -> io::Result<(Self, Silence)> {
        let (said, texts) = mpsc::sync_channel::<String>(WAITING);
        let (end, silence) = oneshot::channel();
        thread::Builder::new().name("terminal".to_owned()).spawn(move || {
            for text in texts {
                let mut out = io::stdout().lock();
                // Whoever stops reading what we say still gets the mail.
                drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
            }
            drop(end);
        })?;
        Ok((Self { said, unsaid: 0 }, Silence(silence)))
    }

    /// Says a line of a message, and never waits.
    pub(super) fn say(&mut self, mut text: String) {
        if self.unsaid > 0 {
            text = format!("{}{text}", missed(self.unsaid));
        }
        match self.said.try_send(text) {
            Ok(()) => self.unsaid = 0,
            Err(_) => self.unsaid += 1,
        }
    }

    /// Says that there were more messages.
    pub(super) fn skip(&mut self, messages: u64) {
        self.unsaid += messages;
    }
}

impl Silence {
    /// Waits for it, but not for long.
    pub(super) async fn fall(self) {
        drop(timeout(LAST_WORDS, self.0).await);
    }
}

fn missed(messages: u64) -> String {
    format!("({messages} messages came too fast to list)\n")
}

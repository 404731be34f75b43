//! Asks a front-end for a recipient until it is taken.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Between two questions: that much too late a change may be seen.
const PAUSE: Duration = Duration::from_millis(2);

/// Longer than any change takes that takes at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session.
#[derive(Debug)]
pub(crate) struct Asker {
    stream: BufReader<TcpStream>,
    /// A recipient that is always taken, so that asking is no harvesting.
    steady: String,
}

impl Asker {
    pub(crate) fn new(front_end: SocketAddr, steady: &str) -> Self {
        let stream = TcpStream::connect(front_end).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut asker = Self { stream: BufReader::new(stream), steady: steady.to_owned() };
        asker.code();
        asker.write("EHLO bench.example\r\n");
        asker.code();
        asker
    }

    /// When it was first taken.
    pub(crate) fn until_taken(&mut self, recipient: &str) -> Instant {
        let steady = &self.steady;
        let transaction = format!("MAIL FROM:<>\r\nRCPT TO:<{recipient}>\r\nRCPT TO:<{steady}>\r\nRSET\r\n");
        let began = Instant::now();
        loop {
            self.write(&transaction);
            let codes = [(); 4].map(|()| self.code());
            if codes[1] == 250 {
                return Instant::now();
            }
            assert_eq!((codes[0], codes[1], codes[2]), (250, 550, 250), "{recipient}");
            assert!(began.elapsed() < PATIENCE, "{recipient} is never taken");
            std::thread::sleep(PAUSE);
        }
    }

    fn write(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn code(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line
                    .get(..3)
                    .and_then(|code| code.parse().ok())
                    .unwrap_or_else(|| panic!("{line:?}"));
            }
        }
    }
}

//! A mail server that does as it is told, right or wrong: over SMTP or LMTP, in the clear.
//!
//! Written on bare sockets, since a real server can't be made to break its own protocol. What is right
//! is shown with real servers, in `tests/peers`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use super::until::{PATIENCE, until_true};

/// What to do about something that was said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Say these lines, without their line ends.
    Say(&'static str),
    /// The same, then close.
    SayAndClose(&'static str),
    /// Close without a word.
    Close,
    /// Say nothing, and read no more, until [`Relay::release`] or the end of the test.
    Hang,
    /// To DATA and BDAT: begin to read, then say this and read no more.
    CutShort(&'static str),
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// In which session, from 0.
    pub(crate) session: usize,
    /// Its line; `CONNECT` before there is any, `MESSAGE` behind a message.
    pub(crate) line: String,
}

/// A message as it came, dot-unstuffed.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The line of MAIL.
    pub(crate) mail: String,
    /// The lines of RCPT that were taken.
    pub(crate) recipients: Vec<String>,
    /// Its octets.
    pub(crate) octets: Vec<u8>,
}

impl Message {
    /// Its octets, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }
}

/// Decides what to do; `None`: what a good server does.
type Decide = Box<dyn Fn(&Said, usize) -> Option<Act> + Send + Sync>;

struct State {
    capabilities: Vec<&'static str>,
    decide: Decide,
    kept: Mutex<Kept>,
    released: Condvar,
}

#[derive(Default)]
struct Kept {
    said: Vec<Said>,
    /// How often each verb was heard.
    heard: HashMap<String, usize>,
    messages: Vec<Message>,
    sessions: usize,
    closed: usize,
    released: bool,
}

/// The server; it listens for as long as the process lives.
pub(crate) struct Relay {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Relay {
    /// It announces these, and does what a good server does.
    pub(crate) fn good(capabilities: &[&'static str]) -> Self {
        Self::deciding(capabilities, |_, _| None)
    }

    /// The same, but for what begins with one of these, each time.
    pub(crate) fn but(capabilities: &[&'static str], acts: &[(&'static str, Act)]) -> Self {
        let acts = acts.to_vec();
        Self::deciding(capabilities, move |said, _| {
            acts.iter().find(|(begins, _)| said.line.starts_with(begins)).map(|(_, act)| *act)
        })
    }

    /// The same, but only the first time that it is said.
    pub(crate) fn but_once(capabilities: &[&'static str], begins: &'static str, act: Act) -> Self {
        let done = AtomicBool::new(false);
        Self::deciding(capabilities, move |said, _| {
            let first = said.line.starts_with(begins) && !done.swap(true, Ordering::Relaxed);
            first.then_some(act)
        })
    }

    /// `decide` is given what was said and how often its verb was heard before.
    pub(crate) fn deciding(
        capabilities: &[&'static str],
        decide: impl Fn(&Said, usize) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            capabilities: capabilities.to_vec(),
            decide: Box::new(decide),
            kept: Mutex::default(),
            released: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                let session = {
                    let mut kept = state.kept.lock().unwrap();
                    kept.sessions += 1;
                    kept.sessions - 1
                };
                std::thread::spawn(move || {
                    Session::new(stream, session, &state).serve();
                    state.kept.lock().unwrap().closed += 1;
                });
            }
        });
        Self { address, state }
    }

    /// All that was said so far.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.state.kept.lock().unwrap().said.clone()
    }

    /// The lines of one session, without those that open it.
    pub(crate) fn lines(&self, session: usize) -> Vec<String> {
        let said = self.said().into_iter().filter(|said| said.session == session);
        let opens = |line: &str| ["CONNECT", "EHLO", "LHLO"].iter().any(|verb| line.starts_with(verb));
        said.map(|said| said.line).filter(|line| !opens(line)).collect()
    }

    /// Messages that came so far.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.state.kept.lock().unwrap().messages.clone()
    }

    /// Sessions that were opened so far.
    pub(crate) fn sessions(&self) -> usize {
        self.state.kept.lock().unwrap().sessions
    }

    /// Waits until a line that begins so was said so often.
    pub(crate) fn wait_said(&self, begins: &str, times: usize) {
        let what = format!("{begins} is said {times} times");
        until_true(&what, || {
            self.said().iter().filter(|said| said.line.starts_with(begins)).count() >= times
        });
    }

    /// Waits until so many sessions have ended.
    pub(crate) fn wait_closed(&self, sessions: usize) {
        until_true("sessions end", || self.state.kept.lock().unwrap().closed >= sessions);
    }

    /// Goes on where it hangs.
    pub(crate) fn release(&self) {
        self.state.kept.lock().unwrap().released = true;
        self.state.released.notify_all();
    }
}

/// Whether a session goes on.
#[derive(PartialEq, Eq)]
enum Goes {
    On,
    /// It is over.
    Down,
}

struct Session<'a> {
    reader: BufReader<TcpStream>,
    number: usize,
    state: &'a State,
    lmtp: bool,
    mail: String,
    recipients: Vec<String>,
    octets: Vec<u8>,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, number: usize, state: &'a State) -> Self {
        stream.set_nodelay(true).unwrap();
        let (mail, recipients, octets) = (String::new(), Vec::new(), Vec::new());
        Self { reader: BufReader::new(stream), number, state, lmtp: false, mail, recipients, octets }
    }

    fn serve(mut self) {
        if self.take("CONNECT".to_owned()) == Goes::Down {
            return;
        }
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if self.take(line.trim_end().to_owned()) == Goes::Down {
                return;
            }
        }
    }

    /// Notes what was said, and does what is to be done about it.
    fn take(&mut self, line: String) -> Goes {
        let said = Said { session: self.number, line };
        let verb = said.line.split(' ').next().unwrap_or_default().to_owned();
        let before = {
            let mut kept = self.state.kept.lock().unwrap();
            kept.said.push(said.clone());
            let heard = kept.heard.entry(verb.clone()).or_default();
            *heard += 1;
            *heard - 1
        };
        let act = (self.state.decide)(&said, before);
        if verb == "BDAT" && !matches!(act, Some(Act::CutShort(_))) {
            self.read_chunk(&said.line);
            return self.take("MESSAGE".to_owned());
        }
        match act {
            Some(act) => self.act(act, &said.line),
            None => self.obey(&verb, &said.line),
        }
    }

    fn act(&mut self, act: Act, line: &str) -> Goes {
        match act {
            Act::Say(text) => self.say(text),
            Act::SayAndClose(text) => {
                self.say(text);
                let _ = self.reader.get_mut().shutdown(Shutdown::Both);
                Goes::Down
            }
            Act::Close => Goes::Down,
            Act::Hang => self.hang(),
            Act::CutShort(text) => {
                if line == "DATA" {
                    self.say("354 go");
                }
                let mut some = [0; 16];
                let _ = self.reader.read(&mut some);
                self.say(text);
                self.hang()
            }
        }
    }

    fn hang(&mut self) -> Goes {
        let kept = self.state.kept.lock().unwrap();
        let waited = self.state.released.wait_timeout_while(kept, PATIENCE, |kept| !kept.released);
        drop(waited);
        Goes::Down
    }

    fn obey(&mut self, verb: &str, line: &str) -> Goes {
        match verb {
            "CONNECT" => self.say("220 relay.example ready"),
            "EHLO" | "LHLO" => {
                self.lmtp = verb == "LHLO";
                let mut lines = vec!["relay.example"];
                lines.extend(&self.state.capabilities);
                let last = lines.len() - 1;
                let separator = |at| if at == last { ' ' } else { '-' };
                let lines: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(at, line)| format!("250{}{line}", separator(at)))
                    .collect();
                self.write(&lines.join("\r\n"))
            }
            "MAIL" => {
                self.mail = line.to_owned();
                self.recipients.clear();
                self.say("250 2.1.0 sender ok")
            }
            "RCPT" => {
                self.recipients.push(line.to_owned());
                self.say("250 2.1.5 recipient ok")
            }
            "DATA" if self.recipients.is_empty() => self.say("503 5.5.1 no recipients"),
            "DATA" => {
                if self.say("354 go on") == Goes::Down || self.read_text() == Goes::Down {
                    return Goes::Down;
                }
                self.take("MESSAGE".to_owned())
            }
            "MESSAGE" => self.keep(),
            "RSET" => {
                self.recipients.clear();
                self.say("250 2.0.0 reset")
            }
            "QUIT" => {
                self.say("221 2.0.0 bye");
                Goes::Down
            }
            _ => self.say("500 5.5.2 what"),
        }
    }

    /// Keeps the message, and says so: over LMTP for each recipient.
    fn keep(&mut self) -> Goes {
        let recipients = std::mem::take(&mut self.recipients);
        let replies = if self.lmtp { recipients.len() } else { 1 };
        let message =
            Message { mail: self.mail.clone(), recipients, octets: std::mem::take(&mut self.octets) };
        let number = {
            let mut kept = self.state.kept.lock().unwrap();
            kept.messages.push(message);
            kept.messages.len()
        };
        let reply = format!("250 2.0.0 Ok: queued as TEST{number}");
        self.write(&vec![reply; replies].join("\r\n"))
    }

    fn read_text(&mut self) -> Goes {
        self.octets.clear();
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                return Goes::Down;
            }
            if line == b".\r\n" {
                return Goes::On;
            }
            self.octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    fn read_chunk(&mut self, line: &str) {
        let mut words = line.split(' ');
        let octets: usize = words.nth(1).unwrap().parse().unwrap();
        assert_eq!(words.next(), Some("LAST"), "{line}");
        let mut chunk = vec![0; octets];
        // A client that goes away in the middle has sent no message.
        if self.reader.read_exact(&mut chunk).is_ok() {
            self.octets = chunk;
        }
    }

    fn say(&mut self, text: &str) -> Goes {
        self.write(text)
    }

    fn write(&mut self, text: &str) -> Goes {
        let written = self.reader.get_mut().write_all(format!("{text}\r\n").as_bytes());
        if written.is_ok() { Goes::On } else { Goes::Down }
    }
}

//! Whoever reads the stream: makes it, and looks at what is in it. A client of NATS that shares nothing with
//! ours but the documents.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::recorder::Received;
use super::until::{PATIENCE, until};

/// A stream that takes what is published on `mail.` and below, keeps it in files, and knows for an hour what it
/// has.
pub(crate) fn config() -> Value {
    config_with(&json!({}))
}

/// The same, of which `fields` are other.
pub(crate) fn config_with(fields: &Value) -> Value {
    let mut config = json!({
        "name": "MAIL", "subjects": ["mail.>"], "storage": "file", "discard": "new", "num_replicas": 1,
        "max_msgs": -1, "max_bytes": -1, "max_consumers": -1, "max_msg_size": -1, "max_age": 0,
        "retention": "limits", "duplicate_window": 3_600_000_000_000u64,
    });
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    config
}

/// A message of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// What it was published on.
    pub(crate) subject: String,
    headers: Vec<(String, String)>,
    /// What it holds.
    pub(crate) received: Received,
}

impl Taken {
    /// What the server tells of it.
    fn read(message: &Value) -> Self {
        let octets = |name: &str| STANDARD.decode(message[name].as_str().unwrap_or_default()).unwrap();
        let headers = String::from_utf8(octets("hdrs")).unwrap();
        let lines =
            headers.strip_prefix("NATS/1.0\r\n").unwrap().strip_suffix("\r\n\r\n").unwrap().split("\r\n");
        let pair =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            subject: message["subject"].as_str().unwrap().to_owned(),
            headers: lines.map(|line| pair(line).unwrap()).collect(),
            received: Received { headers: http::HeaderMap::new(), body: octets("data").into() },
        }
    }

    /// A header that is there once, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let values: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        assert!(values.len() < 2, "{name} is there {} times", values.len());
        values.first().copied().unwrap_or_default()
    }

    /// The names of all headers.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// A client that is signed in.
pub(crate) struct Consumer {
    stream: BufReader<TcpStream>,
}

impl Consumer {
    /// Connects to a server that asks for nothing.
    pub(crate) fn connect(server: SocketAddr) -> Self {
        Self::connect_with(server, |_| json!({}))
    }

    /// Connects; `says` is how it signs in, given what is to be signed.
    pub(crate) fn connect_with(server: SocketAddr, says: impl FnOnce(&str) -> Value) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut consumer = Self { stream: BufReader::new(stream) };
        let line = consumer.line();
        let info: Value = serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap();
        let mut connect = json!({"verbose": false, "pedantic": true, "headers": true, "no_responders": true,
            "lang": "tests", "version": "1", "protocol": 1});
        let says = says(info["nonce"].as_str().unwrap_or_default());
        connect.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        consumer.say(&format!("CONNECT {connect}\r\nSUB answers 1\r\nPING\r\n"));
        consumer.wait_for("PONG");
        consumer
    }

    fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next line that begins so; what comes before it is asked whether we are there.
    fn wait_for(&mut self, word: &str) -> String {
        loop {
            let line = self.line();
            match line.as_str() {
                line if line.starts_with(word) => return line.to_owned(),
                "PING" => self.say("PONG\r\n"),
                other => assert!(other.starts_with("INFO "), "{other}"),
            }
        }
    }

    /// What JetStream answers to a request; where it is not there yet, the request is made again.
    fn ask(&mut self, subject: &str, request: &Value) -> Value {
        for _ in 0..1000 {
            let request = if request.is_null() { String::new() } else { request.to_string() };
            self.say(&format!("PUB $JS.API.{subject} answers {}\r\n{request}\r\n", request.len()));
            let line = self.wait_for_message();
            let size: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
            let mut octets = vec![0; size + 2];
            self.stream.read_exact(&mut octets).unwrap();
            if line.starts_with("MSG") {
                return serde_json::from_slice(&octets).unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("nobody answers to {subject}");
    }

    fn wait_for_message(&mut self) -> String {
        loop {
            let line = self.line();
            match line.as_str() {
                line if line.starts_with("MSG ") || line.starts_with("HMSG ") => return line.to_owned(),
                "PING" => self.say("PONG\r\n"),
                other => assert!(other.starts_with("INFO "), "{other}"),
            }
        }
    }

    /// The same, hoped to succeed.
    fn succeed(&mut self, subject: &str, request: &Value) -> Value {
        let answer = self.ask(subject, request);
        assert!(answer["error"].is_null(), "{subject}: {answer}");
        answer
    }

    /// Makes a stream.
    pub(crate) fn create(&mut self, config: &Value) {
        let name = config["name"].as_str().unwrap();
        self.succeed(&format!("STREAM.CREATE.{name}"), config);
    }

    /// Changes a stream.
    pub(crate) fn update(&mut self, config: &Value) {
        self.succeed("STREAM.UPDATE.MAIL", config);
    }

    /// Takes the stream away.
    pub(crate) fn delete(&mut self) {
        self.succeed("STREAM.DELETE.MAIL", &Value::Null);
    }

    /// All that is in the stream.
    pub(crate) fn messages(&mut self) -> Vec<Taken> {
        let info = self.succeed("STREAM.INFO.MAIL", &Value::Null);
        let at = |name: &str| info["state"][name].as_u64().unwrap();
        let (first, last) = (at("first_seq"), at("last_seq"));
        let mut get = |sequence| self.succeed("STREAM.MSG.GET.MAIL", &json!({"seq": sequence}));
        // An empty one begins at 0, which no message has.
        (first.max(1)..=last).map(|sequence| Taken::read(&get(sequence)["message"])).collect()
    }

    /// Answers one message that is published on `subject` by `answer`.
    pub(crate) fn respond(mut self, subject: &str, answer: Bytes) {
        self.say(&format!("SUB {subject} 2\r\nPING\r\n"));
        self.wait_for("PONG");
        std::thread::spawn(move || {
            let line = self.wait_for_message();
            let words: Vec<&str> = line.split(' ').collect();
            let mut octets = vec![0; words.last().unwrap().parse::<usize>().unwrap() + 2];
            self.stream.read_exact(&mut octets).unwrap();
            let reply = words[3].to_owned();
            self.say(&format!("PUB {reply} {}\r\n", answer.len()));
            self.stream.get_mut().write_all(&answer).unwrap();
            self.say("\r\n");
        });
    }
}

/// Waits until the stream of a server that was started anew is there, and gives what is in it.
pub(crate) fn messages(server: SocketAddr) -> Vec<Taken> {
    let mut consumer = Consumer::connect(server);
    until("the stream is there", || {
        consumer.ask("STREAM.INFO.MAIL", &Value::Null)["error"].is_null().then_some(())
    });
    consumer.messages()
}

//! A stream of NATS JetStream that takes what is published, and tells how much that was.

use crate::backends::Behind;
use crate::peers::{Peer, free_port};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What it keeps at most, so that no disk is filled.
const MOST_OCTETS: u64 = 1024 * 1024 * 1024;

/// The server, and a connection to ask it by.
pub(crate) struct Stream {
    server: Peer,
    client: BufReader<TcpStream>,
}

impl Stream {
    /// Starts a server whose files are in `folder`, and makes the stream.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self> {
        let address = free_port()?;
        let (configuration, log) = (folder.join("nats.conf"), folder.join("nats.log"));
        let store = folder.join("nats");
        fs::write(&configuration, format!("listen: \"{address}\"\njetstream {{ store_dir: {store:?} }}\n"))?;
        let child = Command::new(program)
            .arg("--config")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let mut server = Peer { child, address, log };
        server.wait_until(|| TcpStream::connect(address).is_ok())?;
        let client = BufReader::new(TcpStream::connect(address)?);
        client.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut stream = Self { server, client };
        stream.line("INFO ")?;
        stream.say("CONNECT {\"verbose\": false, \"pedantic\": false}\r\nSUB answers 1\r\nPING\r\n")?;
        stream.line("PONG")?;
        let config = serde_json::json!({"name": "BENCH", "subjects": ["bench"], "storage": "file",
            "retention": "limits", "discard": "old", "max_bytes": MOST_OCTETS, "num_replicas": 1});
        stream.ask("STREAM.CREATE.BENCH", &config.to_string())?;
        Ok(stream)
    }

    fn ask(&mut self, subject: &str, request: &str) -> Result<Value> {
        self.say(&format!("PUB $JS.API.{subject} answers {}\r\n{request}\r\n", request.len()))?;
        let line = self.line("MSG ")?;
        let size: usize = line.trim_end().rsplit(' ').next().unwrap_or_default().parse()?;
        let mut octets = vec![0; size + 2];
        self.client.read_exact(&mut octets)?;
        let answer: Value = serde_json::from_slice(&octets)?;
        ensure!(answer["error"].is_null(), "{subject}: {answer}");
        Ok(answer)
    }

    fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.client.get_mut().write_all(text.as_bytes())?)
    }

    /// The next line that begins so.
    fn line(&mut self, word: &str) -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(
                self.client.read_line(&mut line)? > 0,
                "nats-server is gone:\n{}",
                self.server.log_tail()
            );
            if line.starts_with(word) {
                return Ok(line);
            }
            ensure!(!line.starts_with("-ERR"), "nats-server says {line}");
            if line.starts_with("PING") {
                self.say("PONG\r\n")?;
            }
        }
    }
}

impl Behind for Stream {
    fn backend(&self) -> String {
        format!("nats: {{url: \"nats://{}\", stream: BENCH, subject: bench}}", self.server.address)
    }

    fn arrived(&mut self) -> Result<u64> {
        let info = self.ask("STREAM.INFO.BENCH", "")?;
        info["state"]["last_seq"].as_u64().context("the stream does not tell how much has come")
    }
}

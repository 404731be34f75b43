//! The processes that `compare` sets against each other: it starts them, waits until they are ready, and ends them.

use crate::message::DOMAIN;
use crate::secure::{self, Layer};
use crate::sink::Stats;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take from its start to its first greeting.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A process and where it listens. It ends with this value.
pub(crate) struct Peer {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What it writes.
    pub(crate) log: PathBuf,
}

impl Peer {
    /// The HTTP server behind all that is measured.
    pub(crate) fn sink(folder: &Path) -> Result<Self> {
        Self::of_this_program("sink", &[], folder)
    }

    /// The mail server behind those that relay.
    pub(crate) fn relay(lmtp: bool, folder: &Path) -> Result<Self> {
        Self::of_this_program("relay", if lmtp { &["--lmtp"] } else { &[] }, folder)
    }

    /// The yardstick, posting to `sink`.
    pub(crate) fn floor(sink: SocketAddr, folder: &Path, layer: Layer) -> Result<Self> {
        let to = format!("http://{sink}/inbound");
        let tls = match layer {
            Layer::Plain => None,
            Layer::Tls => Some("--tls"),
        };
        let arguments: Vec<&str> = ["--to", &to].into_iter().chain(tls).collect();
        Self::of_this_program("floor", &arguments, folder)
    }

    /// `mailchute serve` on manifests of our own; `backend` is what its one backend says.
    pub(crate) fn mailchute(
        program: &Path,
        backend: &str,
        folder: &Path,
        sessions: u64,
        layer: Layer,
    ) -> Result<Self> {
        Self::mailchute_under(program, backend, folder, sessions, layer, &[])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn mailchute_under(
        program: &Path,
        backend: &str,
        folder: &Path,
        sessions: u64,
        layer: Layer,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let address = free_port()?;
        let manifests = folder.join(format!("manifests-{}", address.port()));
        fs::create_dir(&manifests)?;
        fs::write(manifests.join("bench.yaml"), manifest(address.port(), backend, sessions, layer)?)?;
        let log = folder.join(format!("mailchute-{}.log", address.port()));
        let output = File::create(&log)?;
        let child = Command::new(program)
            .args(["serve", "--admin", "127.0.0.1:0", "--max-sessions", &sessions.to_string(), "--manifests"])
            .arg(&manifests)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let mut peer = Self { child, address, log };
        peer.wait_for_greeting(layer)?;
        Ok(peer)
    }

    fn of_this_program(subcommand: &str, arguments: &[&str], folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{subcommand}.log"));
        let mut child = Command::new(std::env::current_exe()?)
            .arg(subcommand)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?)
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening ").and_then(|address| address.parse().ok());
        let mut peer = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into(), log };
        peer.address = address.with_context(|| format!("{subcommand} did not start: {}", peer.log_tail()))?;
        Ok(peer)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last lines of what it wrote, for when something went wrong.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    fn wait_for_greeting(&mut self, layer: Layer) -> Result<()> {
        let address = self.address;
        self.wait_until(|| greets(address, layer))
    }

    /// Waits until `ready` holds; that it ends instead is an error.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", self.log_tail());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the server is not ready on {}:\n{}", self.address, self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a backend says that posts to `sink`.
pub(crate) fn http(sink: SocketAddr) -> String {
    format!("http: {{url: \"http://{sink}/inbound\"}}")
}

/// What the sink has counted.
pub(crate) fn stats(sink: SocketAddr) -> Result<Stats> {
    let mut stream = TcpStream::connect(sink)?;
    stream.write_all(b"GET /stats HTTP/1.1\r\nHost: sink\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (_, body) = response.split_once("\r\n\r\n").context("no answer from the sink")?;
    Ok(serde_json::from_str(body)?)
}

fn greets(address: SocketAddr, layer: Layer) -> bool {
    let greeting = || -> Result<[u8; 4]> {
        if layer == Layer::Tls {
            return secure::greeting(address);
        }
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting)?;
        stream.write_all(b"QUIT\r\n")?;
        Ok(greeting)
    };
    greeting().is_ok_and(|greeting| &greeting == b"220 ")
}

/// A port that was free a moment ago: a manifest has to name one.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn manifest(port: u16, backend: &str, sessions: u64, layer: Layer) -> Result<String> {
    let (tls, secret) = match layer {
        Layer::Plain => ("{mode: Disabled}", String::new()),
        Layer::Tls => {
            let (certificate, key) = secure::pem()?;
            let data = serde_json::json!({"tls.crt": certificate, "tls.key": key});
            let secret =
                format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: bench}}\nstringData: {data}\n");
            ("{mode: Implicit, certificateRefs: [{name: bench}]}", secret)
        }
    };
    Ok(format!(
        r#"apiVersion: mailchute.dev/v1alpha1
kind: MailGateway
metadata: {{name: bench}}
spec:
  hostname: mx.{DOMAIN}
  listeners:
  - name: mx
    port: {port}
    profile: MX
    tls: {tls}
    limits: {{sessions: {sessions}}}
    connection: {{perClient: {{sessions: {sessions}}}}}
  domains:
  - {{name: {DOMAIN}, allowedRoutes: {{namespaces: {{from: All}}}}}}
  postmaster: postmaster@{DOMAIN}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {{name: bench}}
spec:
  parentRefs: [{{name: bench}}]
  rules:
  - name: all
    matches: [{{recipient: {{domain: {DOMAIN}}}}}]
    delivery: {{backendRefs: [{{name: sink}}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: sink}}
spec:
  {backend}
{secret}"#
    ))
}

//! The real program under `serve`, in a folder of its own: started, watched, ended by its process id.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::manifests::{Manifests, free_port};
use super::until::{PATIENCE, until, until_true};

/// A front-end. It is killed when this is dropped.
pub(crate) struct FrontEnd {
    /// Where it listens by the name of `mx`, if the manifests were given that port.
    pub(crate) smtp: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl FrontEnd {
    /// All recipients of `example.org` go to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        Self::to_with(target, &[])
    }

    /// The same, with more arguments of `serve`.
    pub(crate) fn to_with(target: SocketAddr, arguments: &[&str]) -> Self {
        let port = free_port();
        Self::start(port, &Manifests::listening(port).all_to(target), arguments)
    }

    /// Starts, and waits until it is ready. `port` is where `mx` listens.
    pub(crate) fn start(port: u16, manifests: &Manifests, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("manifests")).unwrap();
        std::fs::write(folder.path().join("manifests/all.yaml"), manifests.yaml()).unwrap();
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let admin = local(free_port());
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let child = spawn(&folder, admin, &arguments);
        let mut front_end = Self { smtp: local(port), admin, folder, arguments, child };
        front_end.wait_until_ready();
        front_end
    }

    /// Starts anew what has ended or was killed, and waits until it is ready.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.folder, self.admin, &self.arguments);
        self.wait_until_ready();
    }

    /// Puts other manifests in place of those it has, at once, as an editor does.
    pub(crate) fn edit(&self, manifests: &Manifests) {
        self.write(&manifests.yaml());
    }

    /// The same, with any text.
    pub(crate) fn write(&self, yaml: &str) {
        let new = self.folder.path().join("all.yaml.new");
        std::fs::write(&new, yaml).unwrap();
        std::fs::rename(new, self.folder.path().join("manifests/all.yaml")).unwrap();
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the front-end ends", || self.child.try_wait().unwrap())
    }

    /// Whether `/readyz` says so.
    pub(crate) fn is_ready(&self) -> bool {
        get(self.admin, "/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// The sum of all series whose name and labels hold each of these words.
    pub(crate) fn metric(&self, words: &[&str]) -> f64 {
        let (_, text) = get(self.admin, "/metrics").unwrap();
        let series = text.lines().filter_map(|line| line.rsplit_once(' '));
        let fits = |name: &str| !name.starts_with('#') && words.iter().all(|word| name.contains(word));
        series.filter(|(name, _)| fits(name)).map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Waits until [`Self::metric`] is `value`.
    pub(crate) fn wait_for_metric(&self, words: &[&str], value: f64) {
        let same = |found: f64| (found - value).abs() < 0.5;
        until_true(&format!("{words:?} is {value}"), || same(self.metric(words)));
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log(&self.folder)).unwrap_or_default()
    }

    fn wait_until_ready(&mut self) {
        until_true("the front-end is ready", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the front-end ended: {ended:?}\n{}", self.log());
            self.is_ready()
        });
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the front-end's last lines:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

/// The program, to be given arguments.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailchute"));
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Sends a signal to a process that this one has started.
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success());
}

fn spawn(folder: &TempDir, admin: SocketAddr, arguments: &[String]) -> Child {
    let output = File::options().create(true).append(true).open(log(folder)).unwrap();
    program()
        .args(["serve", "--address", "127.0.0.1", "--admin", &admin.to_string(), "--manifests"])
        .arg(folder.path().join("manifests"))
        .args(arguments)
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

/// Status and body of a GET; nothing where nobody answers.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

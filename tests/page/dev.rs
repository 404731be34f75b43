//! The real `mailchute dev` as a process.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::get::{get, is_ready};
use crate::support::manifests::free_port;
use crate::support::program::{Running, program};
use crate::support::until::until;

/// Who sends, where nobody asks.
pub(crate) const SENDER: &str = "sender@client.example";

/// It runs until this is dropped.
pub(crate) struct Dev {
    /// Where mail is to be sent.
    pub(crate) smtp: SocketAddr,
    /// Where the page is.
    pub(crate) page: SocketAddr,
    admin: SocketAddr,
    own: Option<String>,
    running: Running,
    folder: TempDir,
}

impl Dev {
    /// With the manifests that it brings.
    pub(crate) fn start() -> Self {
        Self::run(free_port(), None)
    }

    /// With manifests of one's own, whose listener is at this port.
    pub(crate) fn with(smtp: u16, manifests: &str) -> Self {
        Self::run(smtp, Some(manifests.to_owned()))
    }

    fn run(smtp: u16, own: Option<String>) -> Self {
        let [smtp, page, admin] =
            [smtp, free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let folder = tempfile::tempdir().unwrap();
        let running = spawn(&folder, [smtp, page, admin], own.as_deref());
        let mut dev = Self { smtp, page, admin, own, running, folder };
        dev.running.wait_until(|| is_ready(admin));
        dev
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it anew, where it was.
    pub(crate) fn restart(&mut self) {
        self.running = spawn(&self.folder, [self.smtp, self.page, self.admin], self.own.as_deref());
        let admin = self.admin;
        self.running.wait_until(|| is_ready(admin));
    }

    /// A message from a client of its own; gives the transaction's id.
    pub(crate) fn send(&self, message: &[u8]) -> String {
        self.send_to(&["anyone@example.org"], message)
    }

    /// The same to others.
    pub(crate) fn send_to(&self, to: &[&str], message: &[u8]) -> String {
        let reply = Client::greeted(self.smtp).send(SENDER, to, message);
        assert_eq!(reply.code, 250, "{reply:?}");
        // What the page is told of it comes a moment later.
        until("the message is known", || {
            let first = self.list().into_iter().find(|message| {
                message["outcome"].is_string() && reply.text().contains(message["id"].as_str().unwrap())
            })?;
            first["id"].as_str().map(str::to_owned)
        })
    }

    /// The newest messages.
    pub(crate) fn list(&self) -> Vec<Value> {
        let (_, list) = get(self.page, "/api/v1/messages").unwrap();
        serde_json::from_slice(&list).unwrap()
    }

    /// What is at a path of the page.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let (status, body) = get(self.page, path).unwrap();
        assert_eq!(status, 200, "{path}");
        body
    }

    /// What it holds, MiB (VmRSS of proc_pid_status(5)).
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }

    /// A path of the page, for a browser.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.page)
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

fn spawn(folder: &TempDir, [smtp, page, admin]: [SocketAddr; 3], own: Option<&str>) -> Running {
    let mut command = program();
    command.args(["dev", "--page", &page.to_string(), "--admin", &admin.to_string()]);
    match own {
        Some(manifests) => {
            let path = folder.path().join("manifests");
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("all.yaml"), manifests).unwrap();
            command.arg("--manifests").arg(path);
        }
        None => {
            command.args(["--smtp", &smtp.to_string()]);
        }
    }
    Running::start(&mut command, &folder.path().join("log"))
}

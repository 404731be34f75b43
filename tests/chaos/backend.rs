//! The backend as a process: it writes down each message before it confirms it.
//!
//! A line goes to the log by one write, which outlives the process; nothing here outlives the machine.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::support::manifests::free_port;
use crate::support::message::Taken;
use crate::support::recorder::{answer_each, serve};
use crate::support::until::until;

/// The first argument that makes this program a backend.
pub(crate) const COMMAND: &str = "backend";

/// Serves on `address` for ever.
pub(crate) fn run(address: &str, log: &str) {
    // Linux gives a port back at once when its owner is killed; connections that linger don't hold it.
    let listener = until("the port is free again", || TcpListener::bind(address).ok());
    let log = Arc::new(File::options().create(true).append(true).open(log).unwrap());
    serve(listener, move |stream| {
        let log = Arc::clone(&log);
        async move {
            answer_each(stream, |received| {
                let line = Taken::of(&received).line();
                let written = (&*log).write(line.as_bytes()).unwrap();
                assert_eq!(written, line.len());
                async { 204 }
            })
            .await;
        }
    });
}

/// The process, seen from outside. It is killed when this is dropped.
pub(crate) struct Backend {
    /// Where it listens, after every start.
    pub(crate) address: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Backend {
    /// Starts with a log in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = folder.join("taken");
        let child = spawn(address, &log);
        Self { address, log, child }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts anew what was killed.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.address, &self.log);
    }

    /// What it has confirmed, or was about to.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        Taken::read(&self.log)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(address: SocketAddr, log: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([COMMAND, &address.to_string()]).arg(log).stdin(Stdio::null()).spawn().unwrap()
}

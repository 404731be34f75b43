//! nats-server with JetStream, in a folder of its own: started, stopped, paused, started again.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::manifests::free_port;
use crate::support::program::Running;

/// Where the program is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/build");
        let output = Command::new(build).args(["where", "nats"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Path::new(String::from_utf8(output.stdout).unwrap().trim_end()).join("nats-server")
    })
}

/// A server. It is killed when this is dropped.
pub(crate) struct Server {
    /// Where it listens, after every start.
    pub(crate) address: SocketAddr,
    running: Option<Running>,
    folder: TempDir,
}

impl Server {
    /// One that anybody may use.
    pub(crate) fn start() -> Self {
        Self::with(|_| String::new())
    }

    /// One without JetStream.
    pub(crate) fn plain() -> Self {
        let mut server = Self::idle(|_| String::new());
        std::fs::write(server.folder.path().join("nats.conf"), format!("listen: \"{}\"", server.address))
            .unwrap();
        server.restart();
        server
    }

    /// One whose configuration says more; what it names may be written to its folder.
    pub(crate) fn with(more: impl FnOnce(&Path) -> String) -> Self {
        let mut server = Self::idle(more);
        server.restart();
        server
    }

    /// The same, not started yet.
    pub(crate) fn idle(more: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let more = more(folder.path());
        let server = Self { address, running: None, folder };
        server.configure(&more);
        server
    }

    /// Starts what is not started, was stopped or was killed, and waits until it is there.
    pub(crate) fn restart(&mut self) {
        let folder = self.folder.path();
        // It ends with us, however we end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program());
        command.arg("--config").arg(folder.join("nats.conf")).stdin(Stdio::null());
        let mut running = Running::start(&mut command, &folder.join("log"));
        let address = self.address;
        running.wait_until(|| TcpStream::connect(address).is_ok());
        self.running = Some(running);
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    /// Has it read another configuration; only what it can change as it runs may differ.
    pub(crate) fn set(&mut self, more: &str) {
        self.configure(more);
        self.running().hang_up();
    }

    /// Says something else in its configuration, for when it reads it next.
    pub(crate) fn configure(&self, more: &str) {
        let (address, folder) = (self.address, self.folder.path());
        let store = folder.join("store");
        let configuration = format!("listen: \"{address}\"\njetstream {{ store_dir: {store:?} }}\n{more}\n");
        std::fs::write(folder.join("nats.conf"), configuration).unwrap();
    }

    /// Stops it in whatever it does, so that it says nothing and takes nothing.
    pub(crate) fn pause(&self) {
        self.running().freeze();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.running().thaw();
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }
}

//! Another program that serves, in the foreground and in a folder of its own; it is stopped by its id.
//!
//! Its program has to be installed: `tests/run` does that.

use std::fs::Permissions;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::Running;

/// The longest that it may live, seconds, should the test be killed before it can end it.
pub(crate) const LIFE: &str = "150";

/// A folder in which a program finds its configuration and keeps what it writes. Programs that change
/// to a user of their own can read it.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// It serves. It is told to end when this is dropped, before its folder goes.
pub(crate) struct Server {
    running: Running,
    folder: TempDir,
}

impl Server {
    /// Starts `program` and waits until something listens at `address`. It must not fork itself away.
    pub(crate) fn start(folder: TempDir, address: SocketAddr, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LIFE, program]).args(arguments);
        command.current_dir(folder.path()).stdin(Stdio::null());
        let running = Running::start(&mut command, &folder.path().join("log"));
        let mut server = Self { running, folder };
        server.running.wait_until(|| TcpStream::connect(address).is_ok());
        server
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `timeout` hands this on; to kill it would leave the program behind.
        self.running.terminate();
        self.running.wait();
    }
}

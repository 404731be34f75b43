//! Processes and folders that end with the process of the tests, by whatever it ends: what tests share
//! is never dropped, and a killed process drops nothing.
//!
//! A process is told by the kernel when its parent is gone: `setpriv --pdeathsig`. The parent is a thread
//! there, and a test's thread ends with the test, so all are started from one that never ends. A folder,
//! and what else is named after it, is swept by the script `sweep`, which waits until its input ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

use super::tools;
use crate::support::program::Running;

/// How every folder's name begins.
const PREFIX: &str = "mailchute-cluster-";
/// What removes a folder and all that belongs to it.
const SWEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/harness/sweep");

/// Starts one of the tools in a folder.
pub(super) fn start(folder: &Path, name: &str, arguments: &[String]) -> Running {
    start_as(folder, name, &[], &[&[tools::path(name).display().to_string()], arguments].concat())
}

/// Starts what a command line says, which is killed when the process of the tests ends; with `wrapper`
/// between, a command that takes another one. What it writes goes to `<name>.log` of the folder.
pub(super) fn start_as(folder: &Path, name: &str, wrapper: &[&str], words: &[String]) -> Running {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(wrapper).args(words);
    command.current_dir(folder).env("PATH", tools::search_path()).stdin(Stdio::null());
    let log = folder.join(format!("{name}.log"));
    on_immortal_thread(move || Running::start(&mut command, &log))
}

/// Does something on a thread that never ends.
fn on_immortal_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    type Work = Box<dyn FnOnce() + Send>;
    static THREAD: OnceLock<Mutex<Sender<Work>>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| {
        let (sender, receiver) = channel::<Work>();
        std::thread::spawn(move || receiver.into_iter().for_each(|work| work()));
        Mutex::new(sender)
    });
    let (sender, receiver) = channel();
    let answer = Box::new(move || _ = sender.send(work()));
    thread.lock().unwrap().send(answer).unwrap();
    receiver.recv().unwrap()
}

/// A folder, and the control groups that are named after it. They go with this, or with the process.
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    /// A new one. What killed runs have left is removed first.
    pub(crate) fn new() -> Self {
        sweep_leftovers();
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        let path = folder.keep();
        let mut command = Command::new("setsid");
        command.args([SWEEP, "when-told"]).arg(&path).stdin(Stdio::piped());
        let sweeper = command.spawn().unwrap();
        Self { path, sweeper }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, which no other has.
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    /// Writes a file into it, and gives where.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The end of its input tells the sweeper.
        drop(self.sweeper.stdin.take());
        self.sweeper.wait().unwrap();
    }
}

/// Removes folders of processes that were ended before they or their sweepers could. Those in use are
/// locked by their sweepers.
fn sweep_leftovers() {
    static SWEPT: OnceLock<()> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let pattern = std::env::temp_dir().join(PREFIX);
        let mut command = Command::new(SWEEP);
        command.arg("leftovers").arg(pattern).stdin(Stdio::null()).stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "what killed runs have left can't be removed");
    });
}

/// What a log says, or nothing.
pub(crate) fn read(path: &Path) -> String {
    File::open(path).and_then(std::io::read_to_string).unwrap_or_default()
}

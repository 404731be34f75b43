//! The real program as a process: what it writes goes to a file, and it is ended by its id.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::until::{until, until_true};

/// The program, to be given arguments.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailchute"));
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// It runs, or has run. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it; what it writes is appended to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        Self::start_into(command, log, appended(log))
    }

    /// The same, but what it has for its user goes elsewhere.
    pub(crate) fn start_into(command: &mut Command, log: &Path, output: impl Into<Stdio>) -> Self {
        let child = command.stdout(output).stderr(appended(log)).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` holds; that it ends instead is a failure.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) {
        until_true("the program is ready", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the program ended: {ended:?}\n{}", self.log());
            ready()
        });
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Lets it do nothing from now on: what it has open stays so.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        // One of its threads takes the signal and stops the others; on a busy machine they go on until then.
        until_true("all of its threads have stopped", || self.threads_are("T"));
    }

    /// Lets it go on where it was.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Tells it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Whether all of its threads are in a state, by proc_pid_stat(5).
    fn threads_are(&self, state: &str) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let is = |stat: &str| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(state));
        let stat = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat"));
        threads.flatten().all(|thread| stat(thread).is_ok_and(|stat| is(&stat)))
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the program ends", || self.child.try_wait().unwrap())
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn appended(log: &Path) -> File {
    File::options().create(true).append(true).open(log).unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the program's last lines:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

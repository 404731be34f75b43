//! A real Postfix, with a configuration, a queue and ports of its own. It needs root.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::manifests::free_port;
use super::server::{LIFE, folder};
use super::until::until_true;

/// Where its master writes its number.
const PID: &str = "queue/pid/master.pid";

/// `postfix` in the foreground; it is stopped when this is dropped.
pub(crate) struct Postfix {
    /// Where it takes mail.
    pub(crate) address: SocketAddr,
    /// Where its files are.
    pub(crate) folder: TempDir,
    child: Child,
}

impl Postfix {
    /// Starts one; `settings` say where mail goes, and how.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_in(folder(), settings)
    }

    /// The same, with files of its own in `folder`.
    pub(crate) fn start_in(folder: TempDir, settings: &str) -> Self {
        Self::start_at(free_port(), folder, settings)
    }

    /// The same, at this port.
    pub(crate) fn start_at(port: u16, folder: TempDir, settings: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        configure(folder.path(), address, settings);
        let at = folder.path().display().to_string();
        let child = spawn(&["postfix", "-c", &at, "start-fg"], folder.path());
        let mut postfix = Self { address, folder, child };
        postfix.wait_until_it_listens();
        postfix
    }

    fn wait_until_it_listens(&mut self) {
        until_true("Postfix listens", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "Postfix ended (it needs root and its own users):\n{}", self.log());
            TcpStream::connect(self.address).is_ok() && self.master().is_some()
        });
    }

    /// The process that leads all others; it listens before it says so.
    fn master(&self) -> Option<u32> {
        fs::read_to_string(self.folder.path().join(PID)).ok()?.trim().parse().ok()
    }

    /// Ends all of its processes at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        let master = self.master().unwrap();
        // It leads the group of all that it has started; what is left of them would go on to take mail.
        run(Command::new("sh").args(["-c", &format!("kill -9 -{master}")]));
        self.child.wait().unwrap();
        // They end one after another; the last of them gives up port and lock.
        until_true("all of it is gone", || !is_alive(master));
        fs::remove_file(self.folder.path().join(PID)).unwrap();
    }

    /// Starts anew what was killed: its master alone, since `postfix start` looks at each of its files first,
    /// and gives up where one was half written.
    pub(crate) fn restart(&mut self) {
        let master =
            run(Command::new("postconf").arg("-c").arg(self.folder.path()).args(["-h", "daemon_directory"]));
        let master = format!("{}/master", master.trim());
        self.child =
            spawn(&[&master, "-c", &self.folder.path().display().to_string(), "-s"], self.folder.path());
        self.wait_until_it_listens();
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A line of its log with all of these words.
    pub(crate) fn line(&self, words: &[&str]) -> Option<String> {
        let log = self.log();
        let found = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
        found.map(ToOwned::to_owned)
    }

    /// What is left in its queue.
    pub(crate) fn queue(&self) -> String {
        run(Command::new("postqueue").arg("-c").arg(self.folder.path()).arg("-p"))
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Postfix's log:\n{}", self.log());
        }
        // It is a group of processes: its own master has to end them.
        let _ = Command::new("postfix").arg("-c").arg(self.folder.path()).arg("stop").output();
        let _ = self.child.wait();
    }
}

/// Lines of main.cf by which it delivers what is for `domain` into Maildirs in `mail` of its folder; `maps` says
/// which is whose.
pub(crate) fn mailboxes(folder: &Path, domain: &str, maps: &str) -> String {
    let mail = folder.join("mail");
    fs::create_dir(&mail).unwrap();
    run(Command::new("chown").arg("nobody").arg(&mail));
    format!(
        "virtual_mailbox_domains = {domain}\nvirtual_mailbox_base = {}\nvirtual_mailbox_maps = {maps}\n\
         virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\nvirtual_minimum_uid = 1\n",
        mail.display()
    )
}

/// Whether a process of this group runs.
fn is_alive(group: u32) -> bool {
    let of_group = |entry: fs::DirEntry| {
        // Behind the name, which may hold anything: state, parent, group (proc(5)).
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, group_of_it) = (fields.next(), fields.nth(1));
        group_of_it == Some(&group.to_string()) && !matches!(state, Some("Z" | "X"))
    };
    fs::read_dir("/proc").unwrap().any(|entry| of_group(entry.unwrap()))
}

fn spawn(command: &[&str], folder: &Path) -> Child {
    let output = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new("timeout")
        .args(["--kill-after=5", LIFE])
        .args(command)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

fn run(command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `tests/run` installs it"));
    assert!(output.status.success(), "{command:?} failed: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn configure(folder: &Path, address: SocketAddr, settings: &str) {
    let [queue, data] = ["queue", "data"].map(|name| folder.join(name));
    fs::create_dir(&queue).unwrap();
    fs::create_dir(&data).unwrap();
    run(Command::new("chown").arg("postfix").arg(&data));
    let main = format!(
        "compatibility_level = 3.6\n\
         queue_directory = {}\ndata_directory = {}\nmaillog_file = /dev/stdout\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
         myhostname = relay.client.example\nmydestination =\nalias_maps =\nalias_database =\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\nsmtp_host_lookup = native\n\
         queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n{settings}",
        queue.display(),
        data.display(),
    );
    fs::write(folder.join("main.cf"), main).unwrap();
    fs::write(folder.join("master.cf"), services(address)).unwrap();
}

/// The services that sending and delivering take, none in a chroot.
fn services(address: SocketAddr) -> String {
    let unix = "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
        rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
        trace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n\
        proxymap unix - - n - - proxymap\nsmtp unix - - n - - smtp\nlmtp unix - - n - - lmtp\nrelay unix - - n - - smtp\n\
        showq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n\
        discard unix - - n - - discard\nvirtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
        tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\n";
    format!("{address} inet n - n - - smtpd\n{unix}")
}

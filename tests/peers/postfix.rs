//! A real Postfix that relays into Mailchute, with a configuration, a queue and ports of its own.

use std::fs::{self, File, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};
use crate::support::until::{until, until_true};
use crate::{MESSAGE, run};

/// The longest that it may live, seconds, should this test be killed before it can end it.
const LIFE: &str = "150";

/// `postfix` in the foreground; it is stopped when this is dropped.
struct Postfix {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Postfix {
    /// Starts one that relays all mail to `relay`.
    fn start(relay: SocketAddr) -> Self {
        // Its daemons run as users of their own, which have to get at their queue.
        let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        configure(folder.path(), address, relay);
        let output = File::create(folder.path().join("log")).unwrap();
        let child = Command::new("timeout")
            .args(["--kill-after=5", LIFE, "postfix", "-c"])
            .arg(folder.path())
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut postfix = Self { address, folder, child };
        until_true("Postfix listens", || {
            let ended = postfix.child.try_wait().unwrap();
            assert!(ended.is_none(), "Postfix ended (it needs root and its own users):\n{}", postfix.log());
            TcpStream::connect(address).is_ok()
        });
        postfix
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What is left in its queue.
    fn queue(&self) -> String {
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

fn configure(folder: &Path, address: SocketAddr, relay: SocketAddr) {
    let [queue, data] = ["queue", "data"].map(|name| folder.join(name));
    fs::create_dir(&queue).unwrap();
    fs::create_dir(&data).unwrap();
    run(Command::new("chown").arg("postfix").arg(&data));
    let main = format!(
        "compatibility_level = 3.6\n\
         queue_directory = {}\ndata_directory = {}\nmaillog_file = /dev/stdout\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
         myhostname = relay.client.example\nmydestination =\nalias_maps =\nalias_database =\n\
         relayhost = [127.0.0.1]:{}\nsmtp_tls_security_level = none\nsmtpd_tls_security_level = none\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\nsmtp_host_lookup = native\n\
         queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n",
        queue.display(),
        data.display(),
        relay.port()
    );
    fs::write(folder.join("main.cf"), main).unwrap();
    fs::write(folder.join("master.cf"), services(address)).unwrap();
}

/// The services that relaying takes, none in a chroot.
fn services(address: SocketAddr) -> String {
    let unix = "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
        rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n\
        trace unix - - n - 0 bounce\nverify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\n\
        proxymap unix - - n - - proxymap\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\n\
        showq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n\
        discard unix - - n - - discard\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
        tlsmgr unix - - n 1000? 1 tlsmgr\npostlog unix-dgram n - n - 1 postlogd\n";
    format!("{address} inet n - n - - smtpd\n{unix}")
}

/// One route and one backend for each of these local parts.
fn routes(port: u16, backends: &[(&str, &Recorder)]) -> Manifests {
    backends.iter().fold(Manifests::listening(port), |manifests, (local, backend)| {
        let recipient = format!("domain: example.org, localPart: {{type: Exact, value: {local}}}");
        manifests.route(local, &recipient, backend.address, "")
    })
}

#[test]
fn recipients_of_different_routes_each_get_it_exactly_once() {
    let [sales, support, billing] = [(); 3].map(|()| Recorder::start());
    let backends = [("sales", &sales), ("support", &support), ("billing", &billing)];
    let port = free_port();
    let front_end = FrontEnd::start(port, &routes(port, &backends), &[]);
    let postfix = Postfix::start(front_end.smtp);
    let recipients = backends.map(|(local, _)| format!("{local}@example.org"));
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut client = Client::greeted(postfix.address);
    assert_eq!(client.send("a@client.example", &recipients, MESSAGE.as_bytes()).code, 250);
    let received = backends.map(|(_, backend)| backend.wait_for(1));
    until("its queue is empty", || postfix.queue().contains("queue is empty").then_some(()));
    // It asked for all three in one transaction, so that two were told to come again.
    let deferred = ["mailchute_recipients_total", r#"reason="other_group""#];
    assert!(front_end.metric(&deferred) >= 2.0, "{}", postfix.log());
    for ((local, backend), received) in backends.iter().zip(&received) {
        assert_eq!(backend.received().len(), 1, "{local}\n{}", postfix.log());
        is_relayed(&received[0], &format!("{local}@example.org"));
    }
}

/// What Postfix sends is its own Received and then what it was given.
fn is_relayed(received: &Received, to: &str) {
    assert_eq!(received.header("ce-rcptto"), to);
    assert_eq!(received.header("ce-mailfrom"), "a@client.example");
    assert_eq!(received.header("ce-helo"), "relay.client.example");
    assert!(received.body.ends_with(MESSAGE.as_bytes()), "{}", String::from_utf8_lossy(&received.body));
    let prefix = String::from_utf8_lossy(&received.body[..received.body.len() - MESSAGE.len()]).into_owned();
    let names = prefix.lines().filter(|line| !line.starts_with([' ', '\t']));
    let names: Vec<&str> = names.map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, ["Return-Path", "Received", "Received"], "{prefix}");
}

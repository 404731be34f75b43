//! HAProxy in front, in TCP mode: the header it really writes, with what it adds to one, and the
//! checks by which it decides whether we are there.

use std::net::SocketAddr;
use std::process::Command;

use crate::run;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, folder};
use crate::support::until::until_true;

/// Where the client connects from; HAProxy itself comes from 127.0.0.1.
pub(crate) const CLIENT: &str = "127.0.0.77";

/// HAProxy with one server, `options` of which say how it is talked to.
struct Proxy {
    address: SocketAddr,
    server: Server,
}

impl Proxy {
    fn start(to: SocketAddr, check: &str, options: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let folder = folder();
        let configuration = format!(
            "global\n  log stdout format raw local0\n\
             defaults\n  mode tcp\n  log global\n  timeout connect 10s\n  timeout client 60s\n  \
             timeout server 60s\n  option log-health-checks\n\
             frontend mail\n  bind {address}\n  unique-id-format %ci:%cp\n  default_backend mailchute\n\
             backend mailchute\n  {check}\n  server only {to} {options}\n"
        );
        std::fs::write(folder.path().join("haproxy.cfg"), configuration).unwrap();
        let server = Server::start(folder, address, "haproxy", &["-db", "-f", "haproxy.cfg"]);
        Self { address, server }
    }

    /// Waits until one of its checks has found us.
    fn checked(&self, passed: &str) {
        let found = || self.server.log().contains(passed);
        until_true(&format!("HAProxy says: {passed}"), found);
    }
}

/// A front-end that wants the header of 127.0.0.1.
pub(crate) fn front_end(backend: &Recorder) -> FrontEnd {
    let port = free_port();
    let fields = "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.1/32]}";
    FrontEnd::start(port, &Manifests::listening_with(port, fields).all_to(backend.address), &[])
}

/// Sends a message from [`CLIENT`] by way of a proxy.
pub(crate) fn send(proxy: SocketAddr) {
    run(Command::new("swaks")
        .args(["--server", &proxy.to_string(), "--local-interface", CLIENT, "--helo", "client.example"])
        .args(["--from", "a@client.example", "--to", "b@example.org", "--timeout", "30"]));
}

/// One message came, and from [`CLIENT`].
pub(crate) fn is_from_the_client(backend: &Recorder) {
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-clientip"), CLIENT);
    let body = String::from_utf8_lossy(&received[0].body).into_owned();
    assert!(body.contains(&format!("\r\nReceived: from client.example ([{CLIENT}])")), "{body}");
}

#[test]
fn version_1() {
    let backend = Recorder::start();
    let front_end = front_end(&backend);
    send(Proxy::start(front_end.smtp, "", "send-proxy").address);
    is_from_the_client(&backend);
}

#[test]
fn version_2() {
    let backend = Recorder::start();
    let front_end = front_end(&backend);
    send(Proxy::start(front_end.smtp, "", "send-proxy-v2").address);
    is_from_the_client(&backend);
}

#[test]
fn version_2_with_a_checksum_and_an_id() {
    let backend = Recorder::start();
    let front_end = front_end(&backend);
    let options = "send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl";
    send(Proxy::start(front_end.smtp, "", options).address);
    is_from_the_client(&backend);
}

#[test]
fn its_checks_are_no_clients() {
    // With `smtpchk` HAProxy says EHLO behind its header, else it connects and leaves.
    for (check, options, passed) in [
        ("", "check inter 50ms send-proxy", "Layer4 check passed"),
        ("", "check inter 50ms send-proxy-v2", "Layer4 check passed"),
        ("option smtpchk EHLO haproxy.example", "check inter 50ms send-proxy", "Layer7 check passed"),
        ("option smtpchk EHLO haproxy.example", "check inter 50ms send-proxy-v2", "Layer7 check passed"),
    ] {
        let backend = Recorder::start();
        let front_end = front_end(&backend);
        let proxy = Proxy::start(front_end.smtp, check, options);
        proxy.checked(passed);
        send(proxy.address);
        is_from_the_client(&backend);
        let sessions = |outcome: &str| front_end.metric(&["mailchute_smtp_sessions_total", outcome]);
        until_true("more checks come", || sessions("\"health_check\"") > 3.5);
        front_end.wait_for_metric(&["mailchute_smtp_sessions_total", "\"quit\""], 1.0);
        // Beside the client there is whoever found out that HAProxy listens.
        let others = sessions("") - sessions("\"health_check\"");
        assert!(others < 2.5, "{others} sessions are no checks");
    }
}

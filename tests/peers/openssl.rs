//! OpenSSL's `s_client`, the TLS that most mail servers have: it verifies us, resumes a session, and sees
//! it end as the RFC wants. Versions and ciphers are in `tls`.

use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::scene::Scene;

/// How the client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    StartTls,
    Implicit,
}

struct Peer {
    scene: Scene,
    begin: Begin,
    folder: TempDir,
}

impl Peer {
    fn start(begin: Begin) -> Self {
        let scene = if begin == Begin::StartTls { Scene::starttls() } else { Scene::implicit() };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("authority.crt"), scene.authority.pem()).unwrap();
        Self { scene, begin, folder }
    }

    /// What the client says of a session in which it only takes its leave.
    fn says(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args(["30", "openssl", "s_client", "-connect", &self.scene.front_end.smtp.to_string()]);
        command.args(["-CAfile", "authority.crt", "-verify_return_error"]);
        command.args(["-verify_hostname", "mx.example.org", "-servername", "mx.example.org"]);
        // `-ign_eof`: it goes on to listen when there is no more to say.
        command.args(["-crlf", "-ign_eof"]).args(arguments);
        if self.begin == Begin::StartTls {
            command.args(["-starttls", "smtp", "-name", "client.example"]);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"QUIT\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // OpenSSL fails where a stream ends without `close_notify`.
        assert!(output.status.success() && said.contains("221 2.0.0"), "{}\n{said}", output.status);
        said
    }
}

#[test]
fn a_session_is_verified_and_ends_without_a_complaint() {
    for begin in [Begin::StartTls, Begin::Implicit] {
        let peer = Peer::start(begin);
        for version in ["-tls1_3", "-tls1_2"] {
            let said = peer.says(&[version]);
            assert!(said.contains("Verified peername: mx.example.org"), "{begin:?} {said}");
        }
        peer.scene.handshakes(&["\"full\""], 2.0);
    }
}

#[test]
fn a_session_is_resumed() {
    for (begin, version) in
        [(Begin::StartTls, "-tls1_3"), (Begin::Implicit, "-tls1_3"), (Begin::Implicit, "-tls1_2")]
    {
        let peer = Peer::start(begin);
        assert!(peer.says(&[version, "-sess_out", "session"]).contains("\nNew, "));
        let again = peer.says(&[version, "-sess_in", "session"]);
        assert!(again.contains("\nReused, "), "{again}");
        peer.scene.handshakes(&["\"resumed\""], 1.0);
    }
}

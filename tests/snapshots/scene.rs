//! A front-end that follows a controller of ours, each in a folder of the test's own.

use std::io::Write;
use std::net::SocketAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use mailchute::compile::select;
use mailchute::plan::ObjectName;
use mailchute::source;
use mailchute::source::wire::{Encoded, encode};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::controller::{Act, Controller};
use crate::support::acceptor::acceptor;
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::until::until_true;

/// The token that the front-end shows.
pub(crate) const TOKEN: &str = "token-wk9pQz-planted";

/// Both sides, and what they know each other by.
pub(crate) struct Scene {
    pub(crate) authority: Authority,
    pub(crate) controller: Controller,
    pub(crate) front_end: FrontEnd,
    port: u16,
}

impl Scene {
    /// The controller does this; the front-end is started and not waited for.
    pub(crate) fn start(act: impl FnOnce(u16) -> Act) -> Self {
        Self::start_with(act, &[], |_| {})
    }

    /// The same with more arguments of `serve`, and with what `prepare` leaves in the front-end's folder.
    pub(crate) fn start_with(
        act: impl FnOnce(u16) -> Act,
        arguments: &[&str],
        prepare: impl FnOnce(&TempDir),
    ) -> Self {
        let (authority, port) = (Authority::new(), free_port());
        let controller = Controller::start(tls(&authority), act(port));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        prepare(&folder);
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut all: Vec<String> =
            ["--controller", &controller.url(), "--gateway", "default/public"].map(str::to_owned).into();
        all.extend([
            "--controller-ca".to_owned(),
            file("ca.crt"),
            "--controller-token".to_owned(),
            file("token"),
        ]);
        all.extend(["--snapshot-copy".to_owned(), file("copy")]);
        all.extend(arguments.iter().map(ToString::to_string));
        let front_end = FrontEnd::spawn(port, folder, all);
        Self { authority, controller, front_end, port }
    }

    /// The front-end is ready, with a snapshot that takes mail for these local parts.
    pub(crate) fn serving(local_parts: &[&str]) -> Self {
        let mut scene = Self::start(|port| Act::Publish(snapshot(port, local_parts)));
        scene.front_end.wait_until_ready();
        scene
    }

    /// A snapshot that takes mail for these local parts of `example.org`.
    pub(crate) fn snapshot(&self, local_parts: &[&str]) -> Encoded {
        snapshot(self.port, local_parts)
    }

    /// The controller publishes that from now on; waits until it is in use.
    pub(crate) fn publish(&self, local_parts: &[&str]) {
        let encoded = self.snapshot(local_parts);
        let version = encoded.version.clone();
        self.controller.act(Act::Publish(encoded));
        self.wait_for_version(&version);
    }

    /// Waits until this version is in use.
    pub(crate) fn wait_for_version(&self, version: &str) {
        self.front_end.wait_for_metric(&["mailchute_config_snapshot_info", version], 1.0);
    }

    /// The controller is there again, on the port that it had.
    pub(crate) fn reopen(&mut self) {
        self.controller.open(tls(&self.authority));
    }

    /// What a recipient is answered.
    pub(crate) fn rcpt(&self, recipient: &str) -> u16 {
        rcpt(self.front_end.smtp, recipient)
    }

    /// Waits until the log holds this.
    pub(crate) fn wait_for_log(&self, words: &str) {
        until_true(&format!("the log says {words:?}"), || self.front_end.log().contains(words));
    }

    /// Why it is not ready, once that is this.
    pub(crate) fn wait_unready(&self, words: &str) {
        until_true(&format!("/readyz says {words:?}"), || {
            self.front_end.get("/readyz").is_some_and(|(status, why)| status == 503 && why.contains(words))
        });
    }
}

/// TLS of a controller at 127.0.0.1 that this authority vouches for.
pub(crate) fn tls(authority: &Authority) -> TlsAcceptor {
    acceptor(authority, "h2", None)
}

/// What a recipient of `example.org` is answered there.
pub(crate) fn rcpt(smtp: SocketAddr, recipient: &str) -> u16 {
    let mut client = Client::greeted(smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.try_say(&format!("RCPT TO:<{recipient}>")).unwrap().code
}

/// As a controller makes it.
pub(crate) fn snapshot(port: u16, local_parts: &[&str]) -> Encoded {
    of(&manifests(port, local_parts).yaml())
}

/// A gateway that takes mail for these local parts of `example.org`, for a host that nobody has.
pub(crate) fn manifests(port: u16, local_parts: &[&str]) -> Manifests {
    const API: &str = "apiVersion: mailchute.dev/v1alpha1\n";
    let mut manifests = Manifests::listening(port);
    for local_part in local_parts {
        manifests = manifests
            .document(&format!(
                "{API}kind: MailRoute\nmetadata: {{name: {local_part}}}\nspec:\n  parentRefs: [{{name: public}}]\n  \
                 rules:\n  - name: only\n    matches: [{{recipient: {{domain: example.org, localPart: {{type: Exact, \
                 value: {local_part}}}}}}}]\n    delivery: {{backendRefs: [{{name: {local_part}}}]}}"
            ))
            .document(&format!(
                "{API}kind: MailBackend\nmetadata: {{name: {local_part}}}\nspec: {{http: {{url: \
                 \"http://inbox.invalid/in\"}}}}"
            ));
    }
    manifests
}

/// The snapshot of gateway `public` among manifests.
pub(crate) fn of(yaml: &str) -> Encoded {
    let gateway = ObjectName::new("default", "public");
    let whole = source::parse("manifests", yaml).unwrap().snapshot;
    encode(&select(&whole, &gateway), &gateway)
}

/// Compressed.
pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

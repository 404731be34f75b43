//! A front-end whose listener has TLS, and all that stands around it.

use super::certificates::{Authority, Certificate};
use super::front_end::FrontEnd;
use super::manifests::{Manifests, free_port};
use super::recorder::Recorder;

/// The family that counts handshakes.
pub(crate) const HANDSHAKES: &str = "mailchute_smtp_tls_handshakes_total";

/// A front-end with one listener that has TLS, and all that stands around it.
pub(crate) struct Scene {
    /// Gets what is sent to `example.org`.
    pub(crate) backend: Recorder,
    /// Signed the certificate, and vouches for clients.
    pub(crate) authority: Authority,
    /// Of `mx.example.org`.
    pub(crate) certificate: Certificate,
    /// Where the listener is.
    pub(crate) port: u16,
    /// The program.
    pub(crate) front_end: FrontEnd,
}

impl Scene {
    /// `fields` is what `tls` says beside the certificate, which is of `mx.example.org`.
    pub(crate) fn with(fields: &str) -> Self {
        Self::with_arguments(fields, "", &[])
    }

    /// The same, with more fields of the listener and more arguments of `serve`.
    pub(crate) fn with_arguments(fields: &str, listener: &str, arguments: &[&str]) -> Self {
        let (backend, authority) = (Recorder::start(), Authority::new());
        let certificate = authority.server(&["mx.example.org"]);
        let port = free_port();
        let tls = format!("{}{listener}", tls(fields, &["mx"]));
        let manifests = Manifests::listening_with(port, &tls).all_to(backend.address);
        let manifests = manifests.certificate("mx", &certificate);
        let manifests = manifests.secret("partners", "Opaque", &[("ca.crt", &authority.pem())]);
        let front_end = FrontEnd::start(port, &manifests, arguments);
        Self { backend, authority, certificate, port, front_end }
    }

    /// Of mode StartTLS.
    pub(crate) fn starttls() -> Self {
        Self::with("mode: StartTLS")
    }

    /// Of mode Implicit.
    pub(crate) fn implicit() -> Self {
        Self::with("mode: Implicit")
    }

    /// Waits until so many handshakes ended so.
    pub(crate) fn handshakes(&self, words: &[&str], count: f64) {
        self.front_end.wait_for_metric(&[&[HANDSHAKES], words].concat(), count);
    }

    /// Waits until so many breaches of this kind are counted.
    pub(crate) fn violations(&self, kind: &str, count: f64) {
        self.front_end.wait_for_metric(&["mailchute_smtp_protocol_violations_total", kind], count);
    }

    /// Waits until so many sessions ended so.
    pub(crate) fn sessions(&self, outcome: &str, count: f64) {
        self.front_end.wait_for_metric(&["mailchute_smtp_sessions_total", outcome], count);
    }
}

/// The field `tls` of a listener.
pub(crate) fn tls(fields: &str, secrets: &[&str]) -> String {
    let secrets: Vec<String> = secrets.iter().map(|name| format!("{{name: {name}}}")).collect();
    format!("tls: {{{fields}, certificateRefs: [{}]}}", secrets.join(", "))
}

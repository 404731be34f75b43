//! The YAML that a front-end is given: one gateway, and a route with a backend for each destination.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// What stands at the head of every manifest.
const API: &str = "apiVersion: mailchute.dev/v1alpha1\n";

/// Listeners, and what stands behind them.
#[derive(Clone, Default)]
pub(crate) struct Manifests {
    listeners: String,
    gateway: String,
    documents: String,
}

impl Manifests {
    /// A gateway with one listener.
    pub(crate) fn listening(port: u16) -> Self {
        Self::default().listener("mx", port, "")
    }

    /// The same, with fields as [`Self::listener`] takes them.
    pub(crate) fn listening_with(port: u16, fields: &str) -> Self {
        Self::default().listener("mx", port, fields)
    }

    /// One listener more; `fields` is what it says beside name and port, as `name: value, …`.
    #[must_use]
    pub(crate) fn listener(mut self, name: &str, port: u16, fields: &str) -> Self {
        let separator = if fields.is_empty() { "" } else { ", " };
        writeln!(self.listeners, "  - {{name: {name}, port: {port}{separator}{fields}}}").unwrap();
        self
    }

    /// A field of the gateway, as one line.
    #[must_use]
    pub(crate) fn gateway(mut self, field: &str) -> Self {
        writeln!(self.gateway, "  {field}").unwrap();
        self
    }

    /// One more document.
    #[must_use]
    pub(crate) fn document(mut self, yaml: &str) -> Self {
        write!(self.documents, "---\n{yaml}\n").unwrap();
        self
    }

    /// All recipients of `example.org` go to `target`.
    #[must_use]
    pub(crate) fn all_to(self, target: SocketAddr) -> Self {
        self.route("all", "domain: example.org", target, "")
    }

    /// Recipients that match go to `target`; `fields` is what the backend says beside its `http`, by lines.
    #[must_use]
    pub(crate) fn route(mut self, name: &str, recipient: &str, target: SocketAddr, fields: &str) -> Self {
        let indented: String = fields.lines().map(|line| format!("  {line}\n")).collect();
        write!(
            self.documents,
            "---\n{API}kind: MailRoute\nmetadata: {{name: {name}}}\nspec:\n  parentRefs: [{{name: public}}]\n  \
             rules:\n  - name: only\n    matches: [{{recipient: {{{recipient}}}}}]\n    \
             delivery: {{backendRefs: [{{name: {name}}}]}}\n\
             ---\n{API}kind: MailBackend\nmetadata: {{name: {name}}}\nspec:\n  \
             http: {{url: \"http://{target}/inbound\"}}\n{indented}"
        )
        .unwrap();
        self
    }

    /// All recipients of `example.org` go to a mail server, of kind `smtp` or `lmtp`; `fields` is what the
    /// backend says of it beside its place, as `name: value, …`.
    #[must_use]
    pub(crate) fn relayed(self, kind: &str, target: SocketAddr, fields: &str) -> Self {
        self.relayed_with((kind, target, fields), "", "retry: {attempts: 0}")
    }

    /// The same, with more fields of the backend and of the rule's delivery.
    #[must_use]
    pub(crate) fn relayed_with(
        self,
        (kind, target, fields): (&str, SocketAddr, &str),
        backend: &str,
        delivery: &str,
    ) -> Self {
        let (host, port) = (target.ip(), target.port());
        let behind = |fields: &str| if fields.is_empty() { String::new() } else { format!(", {fields}") };
        let [fields, backend, delivery] = [fields, backend, delivery].map(behind);
        self.document(&format!(
            "{API}kind: MailRoute\nmetadata: {{name: all}}\nspec:\n  parentRefs: [{{name: public}}]\n  rules:\n  \
             - name: only\n    matches: [{{recipient: {{domain: example.org}}}}]\n    \
             delivery: {{backendRefs: [{{name: all}}]{delivery}}}\n---\n{API}kind: MailBackend\n\
             metadata: {{name: all}}\nspec: {{{kind}: {{host: {host}, port: {port}{fields}}}{backend}}}"
        ))
    }

    /// The whole, as one file.
    pub(crate) fn yaml(&self) -> String {
        format!(
            "{API}kind: MailGateway\nmetadata: {{name: public}}\nspec:\n  hostname: mx.example.org\n  listeners:\n\
             {}  domains:\n  - {{name: example.org, allowedRoutes: {{namespaces: {{from: All}}}}}}\n  \
             postmaster: postmaster@example.org\n{}{}",
            self.listeners, self.gateway, self.documents
        )
    }
}

/// A port that is free now and that no outgoing connection will be given: below what Linux takes for
/// those (32768), and another one at each call.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        // Far apart for processes with neighbouring ids.
        let port = FIRST + (start.wrapping_mul(67).wrapping_add(step)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

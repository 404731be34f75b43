//! A front-end whose mail goes to a stream.

use std::net::SocketAddr;

use crate::support::client::{Client, Reply};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};

/// A front-end, and what is said to it.
pub(crate) struct Stage {
    /// The program.
    pub(crate) front_end: FrontEnd,
}

/// What a backend says, beside its stream and its server.
#[derive(Default, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// Fields of `nats`, each behind a comma.
    pub(crate) nats: &'a str,
    /// Fields of the backend, by lines.
    pub(crate) backend: &'a str,
    /// Fields of the rule's delivery, each behind a comma.
    pub(crate) delivery: &'a str,
}

/// Quick to give up, so that a test needs not wait.
pub(crate) const HASTY: &str = ", timeouts: {total: 2s}";

impl Stage {
    /// Everything for `example.org` goes to `mail.in` of a server that asks for nothing.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::with(server, Said::default())
    }

    /// The same, with more said.
    pub(crate) fn with(server: SocketAddr, said: Said<'_>) -> Self {
        Self::among(server, said, |manifests| manifests)
    }

    /// The same, with more manifests.
    pub(crate) fn among(
        server: SocketAddr,
        said: Said<'_>,
        more: impl FnOnce(Manifests) -> Manifests,
    ) -> Self {
        let port = free_port();
        Self::starting(port, &more(manifests(port, &format!("nats://{server}"), said)))
    }

    /// With these manifests, of a listener at `port`.
    pub(crate) fn starting(port: u16, manifests: &Manifests) -> Self {
        Self { front_end: FrontEnd::start(port, manifests, &[]) }
    }

    /// A client that has greeted.
    pub(crate) fn client(&self) -> Client {
        Client::greeted(self.front_end.smtp)
    }

    /// What is said to a message from `a@client.example` to `b@example.org`.
    pub(crate) fn send(&self, message: &[u8]) -> Reply {
        self.client().send("a@client.example", &["b@example.org"], message)
    }

    /// That a message is answered so.
    pub(crate) fn expect(&self, message: &[u8], reply: &str) {
        let said = self.send(message);
        let (code, text) = (said.code, said.text());
        assert!(
            format!("{code} {text}").starts_with(reply),
            "{code} {text}, hoped for {reply}\n{}",
            self.front_end.log()
        );
    }
}

/// A gateway, a route and a backend that publishes to `url`.
pub(crate) fn manifests(port: u16, url: &str, said: Said<'_>) -> Manifests {
    const API: &str = "apiVersion: mailchute.dev/v1alpha1\n";
    let subject = if said.nats.contains("subject:") { "" } else { ", subject: mail.in" };
    let fields: String = said.backend.lines().map(|line| format!("  {line}\n")).collect();
    let Said { nats, delivery, .. } = said;
    Manifests::listening(port)
        .document(&format!(
            "{API}kind: MailRoute\nmetadata: {{name: all}}\nspec:\n  parentRefs: [{{name: public}}]\n  rules:\n  \
             - name: only\n    matches: [{{recipient: {{domain: example.org}}}}]\n    \
             delivery: {{backendRefs: [{{name: queue}}]{delivery}}}"
        ))
        .document(&format!(
            "{API}kind: MailBackend\nmetadata: {{name: queue}}\nspec:\n  \
             nats: {{url: \"{url}\", stream: MAIL{subject}{nats}}}\n{fields}"
        ))
}

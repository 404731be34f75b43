//! A gateway that sends notifications, and what a backend asks of it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::front_end::FrontEnd;
use super::manifests::{Manifests, free_port};
use super::post::{Answer, post};

/// Two keys of bounce tokens.
pub(crate) const KEY: &str = "a key of bounce tokens, long enough";
pub(crate) const OTHER_KEY: &str = "another key of bounce tokens, long enough";

/// A front-end with a port for bounces.
pub(crate) struct Notifying {
    pub(crate) front_end: FrontEnd,
    pub(crate) bounces: SocketAddr,
}

/// What `spec.bounces` says, with a relay at this port; `senders` is `Vouched` or `All`.
pub(crate) fn bounces(manifests: Manifests, relay: u16, senders: &str, keys: &str) -> Manifests {
    manifests
        .gateway(&format!(
            "bounces: {{relay: {{host: 127.0.0.1, port: {relay}, tls: Disabled}}, sealSecretRef: {{name: seal}}, \
             senders: {senders}}}"
        ))
        .document(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: seal}}\nstringData: {{{keys}}}"))
}

/// Such keys in a Secret.
pub(crate) fn keys(primary: &str, secondary: Option<&str>) -> String {
    let second = secondary.map(|key| format!(", secondary: \"{key}\"")).unwrap_or_default();
    format!("primary: \"{primary}\"{second}")
}

impl Notifying {
    /// All recipients of `example.org` go to `backend`, and everybody may be told through the relay at this port.
    pub(crate) fn start(backend: SocketAddr, relay: u16) -> Self {
        let manifests = |port| Manifests::listening(port).all_to(backend);
        Self::start_with(|port| bounces(manifests(port), relay, "All", &keys(KEY, None)))
    }

    /// With other manifests, given the port of `mx`.
    pub(crate) fn start_with(manifests: impl FnOnce(u16) -> Manifests) -> Self {
        Self::start_on(free_port(), manifests)
    }

    /// The same, with `mx` at this port.
    pub(crate) fn start_on(port: u16, manifests: impl FnOnce(u16) -> Manifests) -> Self {
        Self::start_under(port, manifests, &[])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_under(
        port: u16,
        manifests: impl FnOnce(u16) -> Manifests,
        variables: &[(&str, &str)],
    ) -> Self {
        let bounces = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let arguments = ["--bounces-address", &bounces.to_string()];
        let front_end = FrontEnd::start_all(port, &manifests(port).yaml(), &arguments, variables);
        Self { front_end, bounces }
    }

    /// Asks to have the sender told.
    pub(crate) fn ask(&self, token: &str, recipients: &Value) -> Answer {
        ask(self.bounces, token, recipients)
    }

    /// The same of one recipient.
    pub(crate) fn ask_of(&self, token: &str, address: &str) -> Answer {
        self.ask(token, &unknown(address))
    }
}

/// Asks a front-end to have the sender told.
pub(crate) fn ask(bounces: SocketAddr, token: &str, recipients: &Value) -> Answer {
    post(bounces, "/v1/bounces", &json!({"token": token, "recipients": recipients}))
}

/// A recipient that does not exist.
pub(crate) fn unknown(address: &str) -> Value {
    json!([{"address": address, "status": "5.1.1", "diagnostic": "550 5.1.1 No such user here"}])
}

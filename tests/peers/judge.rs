//! A backend that has an opinion on each recipient.

use std::net::SocketAddr;

use tokio::runtime::Runtime;

use crate::support::misbehaving::{Act, Heard, Misbehaving, answer};

/// It serves for as long as this lives.
pub(crate) struct Judge {
    server: Misbehaving,
    _runtime: Runtime,
}

impl Judge {
    /// It takes every message, but not for `address`.
    pub(crate) fn refusing(address: &str) -> Self {
        let verdict = format!(
            r#"{{"version":1,"recipients":[{{"address":"{address}","action":"reject","code":550,"enhancedCode":"5.1.1","text":"No such user"}}]}}"#
        );
        let kind = "content-type: application/vnd.mailchute.verdict+json";
        let act = Act::Answer(answer("200 OK", &[kind], &verdict));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let server = runtime.block_on(Misbehaving::start([act]));
        Self { server, _runtime: runtime }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What it was sent.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.server.heard()
    }
}

//! Where destinations are, as people write it.

use crate::plan::{Http, Relay, RelayTls};

/// Port and path included.
pub(super) fn url(http: &Http) -> String {
    let scheme = if http.https { "https" } else { "http" };
    format!("{scheme}://{}:{}{}", bracketed(&http.host), http.port, http.path)
}

/// Where a relay is, and whether it is spoken to inside TLS.
pub(super) fn relay(relay: &Relay) -> String {
    let tls = match relay.tls {
        RelayTls::Disabled => "without TLS",
        RelayTls::Opportunistic => "inside TLS where it can",
        RelayTls::StartTls | RelayTls::Implicit => "inside TLS",
    };
    format!("{}:{} {tls}", bracketed(&relay.host), relay.port)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

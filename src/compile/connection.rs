//! Who may connect to a listener, through whom, and how often.

use super::fault::Fault;
use crate::api::Object;
use crate::api::listener::{Listener, ProxyMode};
use crate::plan::{Access, ClientRates, Proxy, Reason};
use crate::policy::Networks;

/// Networks that can't be read. A listener with one is not opened: to leave out an entry of `denyCIDRs`
/// lets in whom it was to keep out, and to leave out one of `allowCIDRs` turns away whom it was to let in.
pub(super) fn check(object: &Object) -> Vec<Fault> {
    let Object::Gateway(gateway) = object else { return Vec::new() };
    let mut faults = Vec::new();
    for (index, listener) in gateway.spec.listeners.iter().enumerate() {
        let connection = &listener.connection;
        for (field, written) in [
            ("proxyProtocol.trustedCIDRs", &listener.proxy_protocol.trusted_cidrs),
            ("xclient.trustedCIDRs", &listener.xclient.trusted_cidrs),
            ("connection.allowCIDRs", &connection.allow_cidrs),
            ("connection.denyCIDRs", &connection.deny_cidrs),
        ] {
            let bad = written.iter().enumerate().filter(|(_, text)| Networks::parse(&[text]).is_err());
            faults.extend(bad.map(|(nth, text)| {
                let field = format!("spec.listeners[{index}].{field}[{nth}]");
                let message = format!(
                    "{text} is no network: write it as 192.0.2.0/24 or 2001:db8::/32; until then the \
                     listener is not opened"
                );
                Fault::new(Reason::Invalid, field, message)
            }));
        }
    }
    faults
}

/// Whose PROXY header is believed.
pub(super) fn proxy(listener: &Listener) -> Option<Proxy> {
    let required = match listener.proxy_protocol.mode {
        ProxyMode::Disabled => return None,
        ProxyMode::Optional => false,
        ProxyMode::Required => true,
    };
    Some(Proxy { required, trusted: networks(&listener.proxy_protocol.trusted_cidrs) })
}

/// Who may connect.
pub(super) fn access(listener: &Listener) -> Access {
    let connection = &listener.connection;
    Access { allow: networks(&connection.allow_cidrs), deny: networks(&connection.deny_cidrs) }
}

/// How often a client may come.
pub(super) fn rates(listener: &Listener) -> ClientRates {
    let per_client = &listener.connection.per_client;
    ClientRates {
        connections_per_minute: per_client.connections_per_minute,
        messages_per_minute: per_client.messages_per_minute,
    }
}

/// A list that [`check`] has read already: only listeners without a fault are opened.
pub(super) fn networks(written: &[String]) -> Networks {
    Networks::parse(written).unwrap_or_default()
}

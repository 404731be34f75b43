//! From a host name to a connection: DNS and TCP.
//!
//! Link-local addresses are never a backend's target, wherever a name resolves to them: that is where
//! clouds keep their metadata services. Loopback is one only where the configuration may say so.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

/// One address gets no less than this, while there is time at all, though others wait behind it.
const LEAST_PER_ADDRESS: Duration = Duration::from_secs(1);

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    host: String,
    port: u16,
    reach: Reach,
}

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any: whoever asks types the address.
    Any,
    /// Not those that are link-local.
    NotLinkLocal,
    /// Neither those nor loopback.
    Elsewhere,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unconnected {
    /// No address of the host may be called.
    Forbidden(String),
    /// Refused, or no address at all.
    Unreachable(String),
    /// No answer in time.
    Late(&'static str),
}

impl Reach {
    /// What a backend may call.
    pub(super) fn of_backend(allow_loopback: bool) -> Self {
        if allow_loopback { Self::NotLinkLocal } else { Self::Elsewhere }
    }

    /// The unspecified address counts as loopback: connecting to it ends there.
    fn allows(self, address: IpAddr) -> bool {
        let (link_local, loopback) = match address.to_canonical() {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_loopback() || v4.octets()[0] == 0),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_loopback() || v6.is_unspecified()),
        };
        match self {
            Self::Any => true,
            Self::NotLinkLocal => !link_local,
            Self::Elsewhere => !link_local && !loopback,
        }
    }
}

impl Dial {
    pub(super) fn new(host: &str, port: u16, reach: Reach) -> Self {
        Self { host: host.to_owned(), port, reach }
    }

    /// A connection, by `deadline`.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<TcpStream, Unconnected> {
        let addresses =
            timeout_at(deadline, self.addresses()).await.map_err(|_| Unconnected::Late("DNS"))??;
        let tcp = connect_any(&addresses, deadline).await?;
        // Only a latency matter: without it the connection works all the same.
        drop(tcp.set_nodelay(true));
        Ok(tcp)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Unconnected> {
        let found: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|error| Unconnected::Unreachable(format!("DNS: {error}")))?
                .collect(),
        };
        if found.is_empty() {
            return Err(Unconnected::Unreachable("DNS: no address".to_owned()));
        }
        let allowed: Vec<_> = found.into_iter().filter(|at| self.reach.allows(at.ip())).collect();
        if allowed.is_empty() {
            let detail = "every address is link-local or loopback, which can't be a target".to_owned();
            return Err(Unconnected::Forbidden(detail));
        }
        Ok(allowed)
    }
}

/// The first address that answers; the time left is shared among those not tried yet.
async fn connect_any(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Unconnected> {
    let mut last = Unconnected::Late("TCP");
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = (left / others).max(LEAST_PER_ADDRESS).min(left);
        last = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => Unconnected::Unreachable(format!("TCP: {error}")),
            Err(_) => Unconnected::Late("TCP"),
        };
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_is_never_a_target_and_loopback_only_where_allowed() {
        let [lenient, strict] = [true, false].map(Reach::of_backend);
        for address in ["169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254"] {
            let address = address.parse().unwrap();
            assert!(!lenient.allows(address) && !strict.allows(address), "{address}");
            assert!(Reach::Any.allows(address));
        }
        for address in ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:127.0.0.1"] {
            let address = address.parse().unwrap();
            assert!(lenient.allows(address) && !strict.allows(address), "{address}");
        }
        for address in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            let address = address.parse().unwrap();
            assert!(lenient.allows(address) && strict.allows(address), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_forbidden_address_is_refused() {
        let refused = Dial::new("localhost", 1, Reach::Elsewhere).addresses().await.unwrap_err();
        assert!(matches!(refused, Unconnected::Forbidden(_)), "{refused:?}");
    }
}

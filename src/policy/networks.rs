//! Lists of networks: who is trusted, admitted or turned away by address.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks in CIDR notation (RFC 4632, RFC 4291 §2.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads a list; the error is the index of the first entry that is none.
    pub fn parse<S: AsRef<str>>(written: &[S]) -> Result<Self, usize> {
        let parsed = written.iter().enumerate().map(|(index, text)| network(text.as_ref()).ok_or(index));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is in one of them. An IPv4 address in IPv6 clothes is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address without a prefix length is a network of its own.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_by_network() {
        let networks = Networks::parse(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]).unwrap();
        for (address, inside) in [
            ("10.255.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named_by_its_place() {
        assert_eq!(Networks::parse(&["10.0.0.0/8", "10.0.0.0/33"]), Err(1));
        assert_eq!(Networks::parse(&["example.org"]), Err(0));
    }
}

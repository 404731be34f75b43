//! Where the controller is: `https://HOST` or `https://HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// RFC 9110 §4.2.2: the default port of https.
const HTTPS: u16 = 443;

/// The origin that serves snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Why a text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("not a URL: write https://HOST:PORT")]
    NoUrl,
    /// A token and Secrets would go over the wire in the clear.
    #[error("a controller is reached by https only")]
    NotHttps,
    /// Something stands behind the host or before it.
    #[error("only a host and a port: leave out user, path and query")]
    MoreThanOrigin,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url: Uri = text.parse().map_err(|_| AddressError::NoUrl)?;
        match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => {}
            Some(_) => return Err(AddressError::NotHttps),
            None => return Err(AddressError::NoUrl),
        }
        let authority = url.authority().ok_or(AddressError::NoUrl)?;
        let bare = authority.as_str().contains('@') || url.query().is_some();
        if bare || !matches!(url.path(), "" | "/") {
            return Err(AddressError::MoreThanOrigin);
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| AddressError::NoUrl)?,
            None => HTTPS,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || port == 0 { Err(AddressError::NoUrl) } else { Ok(Self { host, port }) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "https://[{host}]:{port}")
        } else {
            write!(f, "https://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_and_nothing_else() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        for (text, expected) in [
            ("https://mailchute-controller.mail.svc:8443", "https://mailchute-controller.mail.svc:8443"),
            ("https://controller/", "https://controller:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://127.0.0.1:1", "https://127.0.0.1:1"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("", AddressError::NoUrl),
            ("controller:8443", AddressError::NoUrl),
            ("/v1", AddressError::NoUrl),
            ("https://controller:x", AddressError::NoUrl),
            ("https://controller:0", AddressError::NoUrl),
            ("http://controller:8443", AddressError::NotHttps),
            ("https://user:word@controller", AddressError::MoreThanOrigin),
            ("https://controller/v1", AddressError::MoreThanOrigin),
            ("https://controller/?a=b", AddressError::MoreThanOrigin),
        ] {
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }
}

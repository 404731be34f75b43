//! TLS of listeners, by rustls: STARTTLS (RFC 3207) and implicit (RFC 8314), 1.2 and 1.3.
//!
//! | file | what |
//! | --- | --- |
//! | `offer` | what a connection makes of it, and when |
//! | `servers` | one rustls configuration per compiled `plan::Tls`, kept while that stays equal |
//! | `certificates` | which certificate a client is shown |
//! | `clients` | certificates of clients: asked for, never insisted on |
//! | `handshake` | the handshake, its deadline and its count |
//! | `records` | a connection that holds no buffers |

mod certificates;
mod clients;
mod handshake;
mod offer;
mod records;
mod servers;

pub(super) use handshake::HandshakeError;
pub(super) use offer::TlsOffer;
pub(super) use records::{Driven, Records};
pub(super) use servers::{TlsServer, TlsServers};

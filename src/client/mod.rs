//! The other side of a conversation: what we call, and how.
//!
//! | file | what |
//! | --- | --- |
//! | `http` | requests over HTTP/1.1 and HTTP/2, for backends and for callouts |
//! | `nats` | requests to a server of NATS |
//! | `smtp` | conversations with mail servers, for the probe and for backends |
//! | `dial`, `tls`, `stream` | from a host name to a connection, in the clear or inside TLS |
//! | `authorities` | whose certificates are believed |
//! | `fault` | why there is no answer |
//! | `circuit` | when to stop calling, and for how long |
//!
//! Not here: what is asked and what an answer means, see `backend` and `lookup`.

mod authorities;
pub mod circuit;
mod dial;
pub(crate) mod fault;
pub(crate) mod http;
pub(crate) mod nats;
pub(crate) mod smtp;
mod stream;
mod tls;

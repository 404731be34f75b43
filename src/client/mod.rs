//! The other side of a conversation: what we call, and how.
//!
//! | file | what |
//! | --- | --- |
//! | `http` | requests over HTTP/1.1 and HTTP/2, for backends and for callouts |
//! | `smtp` | mail servers, for the probe and for backends |
//! | `tcp`, `stream` | a connection, in the clear or inside TLS |
//! | `authorities` | whose certificates are believed |
//! | `circuit` | when to stop calling, and for how long |
//!
//! Not here: what is asked and what an answer means, see `backend` and `lookup`.

mod authorities;
pub mod circuit;
pub(crate) mod http;
pub(crate) mod smtp;
mod stream;
mod tcp;

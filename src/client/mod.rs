//! The other side of a conversation: what we call, and how.
//!
//! | file | what |
//! | --- | --- |
//! | `http` | requests over HTTP/1.1 and HTTP/2, for backends and for callouts |
//! | `circuit` | when to stop calling, and for how long |
//!
//! Not here: what is asked and what an answer means, see `backend` and `lookup`.

pub mod circuit;
pub(crate) mod http;

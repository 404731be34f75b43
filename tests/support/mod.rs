//! What several integration tests stand on.
//!
//! | file | what |
//! | --- | --- |
//! | `postfix` | a real Postfix |
//! | `program` | the real program as a process |
//! | `front_end` | the same under `serve`, in a folder of its own |
//! | `manifests` | the YAML it is given |
//! | `recorder` | an HTTP backend that keeps what it was sent |
//! | `maildir` | what a mail server has delivered |
//! | `relay` | a mail server that does as it is told |
//! | `consumer` | who reads a stream of JetStream |
//! | `directory` | a service that is asked whether recipients exist |
//! | `certificates` | certificates of an authority of one's own |
//! | `client` | an SMTP client that says exactly what it is told |
//! | `sender`, `message`, `ledger` | a load: who sends it, what it is, what became of it |
//! | `scene` | a front-end whose listener has TLS |
//! | `secure`, `believing` | the same inside TLS, whatever the certificate |
//! | `get` | an HTTP client that gets |
//! | `conditions` | the table of conditions, and a status as text |
//! | `golden` | texts that stand in the tree as they are to be |
//! | `misbehaving` | an HTTP server that breaks its own framing |
//! | `http2`, `acceptor` | an HTTP/2 server that does as it is told; TLS of servers in this process |
//! | `secret` | Secrets among the manifests |
//! | `number` | a number that the environment gives |
//! | `server` | another program that serves, in a folder of its own |
//! | `until` | waiting, with a deadline |

#![allow(dead_code, reason = "each test crate stands on a part of it")]

pub(crate) mod acceptor;
pub(crate) mod believing;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod conditions;
pub(crate) mod consumer;
pub(crate) mod directory;
pub(crate) mod front_end;
pub(crate) mod get;
pub(crate) mod golden;
pub(crate) mod http2;
pub(crate) mod ledger;
pub(crate) mod maildir;
pub(crate) mod manifests;
pub(crate) mod message;
pub(crate) mod misbehaving;
pub(crate) mod number;
pub(crate) mod postfix;
pub(crate) mod program;
pub(crate) mod recorder;
pub(crate) mod relay;
pub(crate) mod scene;
pub(crate) mod secret;
pub(crate) mod secure;
pub(crate) mod sender;
pub(crate) mod server;
pub(crate) mod until;

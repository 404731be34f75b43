//! The real program on real sockets: what only shows there.

mod access;
mod answers;
mod auth;
mod byte_exact;
mod clients_that_leave;
mod cross_protocol;
mod dev;
mod drain;
mod greeting_delay;
mod last_reply;
mod lmtp;
mod loops;
mod memory;
mod pipelining;
mod prdr;
mod probe;
mod proxy;
mod rates;
mod recipients;
mod refused_messages;
mod reload;
mod require;
mod sessions;
mod tls;
mod verification;
mod xclient;

//! A snapshot on its way from the controller to a front-end: one gateway's objects as JSON, its version
//! and its compressed form.
//!
//! ```json
//! {"schema":1,"gateway":"mail-system/public","objects":[…],"unreadable":[…],"version":"9f86d081884c7d65…"}
//! ```
//!
//! An object stands there as the API server would write it, less what no front-end needs: status,
//! `managedFields`, annotations, and of the metadata all but what compile reads. The version names the
//! contents: any replica of the controller that has seen the same objects gives the same one. A
//! Secret stands in it as uid, resourceVersion and names of keys, so a version, which everyone may see
//! in status and metrics, tells nothing of what a Secret holds.
//!
//! A front-end may be older than the controller. A field that it does not know is left out and told; an
//! object that it can't read is one that is known to be unreadable, and the rest is used. What can't be
//! understood without more than that gets another [`SCHEMA`].
//!
//! Not here: how it travels and who may ask for it (`remote`, and `controller`), and what is selected
//! (`compile`).

mod decode;
mod encode;
mod gzip;
mod written;

pub use decode::{Decoded, Decoder, decode};
pub use encode::{Encoded, Encoder, encode};
pub(super) use gzip::deflate;
pub use gzip::inflate;

/// The form of the body that this version writes and reads. It changes when a reader of the old form
/// would mistake the new one.
pub const SCHEMA: u32 = 1;

/// Octets of a body that a reader takes, inflated: a hundred times those of 10,000 routes, five times
/// those of 1,000,000 recipients.
pub const MAX_BODY: usize = 256 << 20;

/// Why octets are no snapshot. Never quotes them: they may hold Secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is larger than a reader takes.
    #[error("more than {limit} octets")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The compressed form is damaged.
    #[error("not gzip, or damaged: {0}")]
    Gzip(String),
    /// It is in a form that this version does not know.
    #[error("schema {found}, and this version of mailchute knows {SCHEMA} only")]
    Schema {
        /// What it says of itself.
        found: u64,
    },
    /// It is no JSON, or not what a snapshot looks like.
    #[error("not a snapshot: {0}")]
    Malformed(String),
}

#[cfg(test)]
mod tests;

//! Why there is no snapshot from the controller, in words for the log and for `/readyz`.

use std::io;
use std::path::PathBuf;

use http::StatusCode;

use crate::source::wire::WireError;

/// What keeps a front-end from its controller. Holds no token and nothing of a snapshot.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The CA file.
    #[error("the CA certificates in {} can't be read: {source}", file.display())]
    Ca { file: PathBuf, source: io::Error },
    /// The token file.
    #[error("the token in {} can't be used: {source}", file.display())]
    Token { file: PathBuf, source: io::Error },
    /// No connection, or it broke, or nothing came in time.
    #[error("{0}")]
    Unreachable(String),
    /// The server has ended the connection in an orderly way.
    #[error("the controller has closed the connection")]
    Closed,
    /// A connection that has worked is gone without a word, or answers no pings.
    #[error("the connection to the controller is lost: {0}")]
    Lost(String),
    /// The gateway is not there.
    #[error("the controller knows no such gateway: {0}")]
    NoGateway(String),
    /// Another answer than one expects.
    #[error("the controller answers {}: {reason}", status.as_u16())]
    Answered { status: StatusCode, reason: String },
    /// The answer is no snapshot.
    #[error("the controller's snapshot {version} can't be read: {error}")]
    Unreadable { version: String, error: WireError },
    /// The answer is no snapshot of ours.
    #[error("the controller's snapshot {version} can't be used: {why}")]
    Unusable { version: String, why: String },
    /// A snapshot that was refused before has come again, or one that is in use.
    #[error("the controller sends snapshot {0} again")]
    Again(String),
}

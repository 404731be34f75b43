//! Why a server that we call has given no answer, and whether it helps to try again.

use super::dial::Unconnected;

/// Why a server has given no answer.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// For the log: what happened, without content or credentials.
    pub(crate) detail: String,
    pub(crate) again: Again,
}

/// What it failed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The server can't be a target.
    Misconfigured,
    /// Refused, DNS, TLS.
    Unreachable,
    /// The connection or the stream broke before the answer was there.
    Reset,
    /// No answer in time.
    Timeout,
}

/// Whether what failed may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    /// After a pause: the server may be back.
    Later,
    /// At once: it was only the connection.
    Now,
}

impl Fault {
    /// A connection that did not come to be.
    pub(super) fn connect(kind: Kind, detail: impl Into<String>) -> Self {
        let again = if kind == Kind::Misconfigured { Again::No } else { Again::Later };
        Self { kind, detail: detail.into(), again }
    }

    /// The server is silent until the deadline.
    pub(super) fn late() -> Self {
        Self { kind: Kind::Timeout, detail: "no answer in time".to_owned(), again: Again::No }
    }
}

impl From<Unconnected> for Fault {
    fn from(unconnected: Unconnected) -> Self {
        match unconnected {
            Unconnected::Forbidden(why) => Self::connect(Kind::Misconfigured, why),
            Unconnected::Unreachable(why) => Self::connect(Kind::Unreachable, why),
            Unconnected::Late(stage) => Self::connect(Kind::Timeout, format!("{stage}: no answer in time")),
        }
    }
}

//! A line that a client says, and the same for people. Pure.

/// What goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its octets, the line end included.
    pub(crate) octets: Vec<u8>,
    /// The same for people, without secrets.
    pub(crate) shown: String,
}

impl Line {
    /// A line without secrets.
    pub(crate) fn of(text: String) -> Self {
        Self { octets: format!("{text}\r\n").into_bytes(), shown: text }
    }
}

//! The label enums: closed sets of words, so that no series comes from what a client says.

/// How an SMTP session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionOutcome {
    /// The client said QUIT.
    Quit,
    /// The client closed or reset the connection without QUIT.
    Disconnected,
    /// Not served at all: a limit of sessions, or a client that is not welcome.
    Refused,
    /// We closed it because of what the client did.
    Expelled,
    /// A deadline or the minimum rate was missed.
    TimedOut,
    /// Closed because the front-end or the listener goes away.
    Drained,
    /// No client: a proxy that connected on its own behalf, or said nothing at all.
    HealthCheck,
    /// Our own fault: a panic, or a session that was dropped without a word.
    Failed,
}

impl SessionOutcome {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Quit,
        Self::Disconnected,
        Self::Refused,
        Self::Expelled,
        Self::TimedOut,
        Self::Drained,
        Self::HealthCheck,
        Self::Failed,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Disconnected => "disconnected",
            Self::Refused => "refused",
            Self::Expelled => "expelled",
            Self::TimedOut => "timed_out",
            Self::Drained => "drained",
            Self::HealthCheck => "health_check",
            Self::Failed => "failed",
        }
    }
}

/// How RCPT was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecipientOutcome {
    /// `250`.
    Accepted,
    /// `5xx`.
    Refused,
    /// `4xx`.
    Deferred,
}

impl RecipientOutcome {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Deferred];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Deferred => "deferred",
        }
    }
}

/// Why RCPT was answered so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecipientReason {
    /// It is taken.
    Ok,
    /// No rule, or no entry of a list, takes it.
    NoSuchRecipient,
    /// The domain is not the gateway's.
    NotOurs,
    /// Our configuration does not say, or can't be read.
    Misconfigured,
    /// It belongs to another delivery group than the transaction.
    OtherGroup,
    /// The transaction has as many as it may.
    TooMany,
    /// The declared size is over its limit.
    TooLarge,
    /// The backend's circuit is open.
    Busy,
    /// The envelope would pass the header cap of the delivery.
    HeaderCap,
    /// The address or a parameter is not understood, or RCPT came out of order.
    Syntax,
    /// An address that needs SMTPUTF8, or can't be put in this transaction otherwise.
    Unsupported,
    /// The sender has sent too many messages in a minute.
    Rate,
    /// It can't be found out whether it exists.
    Unverified,
    /// The byte budget has no room.
    NoMemory,
    /// A policy requires TLS.
    TlsRequired,
    /// A policy requires the client to sign in.
    AuthRequired,
    /// The relay has refused it, for good or for now.
    Relay,
    /// The relay has no say: it can't be reached, or does not let us in.
    RelayFailed,
}

impl RecipientReason {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::Ok,
        Self::NoSuchRecipient,
        Self::NotOurs,
        Self::Misconfigured,
        Self::OtherGroup,
        Self::TooMany,
        Self::TooLarge,
        Self::Busy,
        Self::HeaderCap,
        Self::Syntax,
        Self::Unsupported,
        Self::Rate,
        Self::Unverified,
        Self::NoMemory,
        Self::TlsRequired,
        Self::AuthRequired,
        Self::Relay,
        Self::RelayFailed,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoSuchRecipient => "no_such_recipient",
            Self::NotOurs => "not_ours",
            Self::Misconfigured => "misconfigured",
            Self::OtherGroup => "other_group",
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::HeaderCap => "header_cap",
            Self::Syntax => "syntax",
            Self::Unsupported => "unsupported",
            Self::Rate => "rate",
            Self::Unverified => "unverified",
            Self::NoMemory => "no_memory",
            Self::TlsRequired => "tls_required",
            Self::AuthRequired => "auth_required",
            Self::Relay => "relay",
            Self::RelayFailed => "relay_failed",
        }
    }
}

/// What became of an attempt to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthOutcome {
    /// The client has signed in.
    Accepted,
    /// No such user, a wrong password, or nothing that the mechanism knows.
    Refused,
    /// The client cancelled, or sent what is no base64.
    Cancelled,
    /// Too many passwords wait to be checked.
    Busy,
    /// The client's network has failed too often: nothing was checked.
    Blocked,
}

impl AuthOutcome {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Refused, Self::Cancelled, Self::Busy, Self::Blocked];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::Blocked => "blocked",
        }
    }
}

/// How a message was answered after its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageOutcome {
    /// `250`: every recipient is confirmed.
    Delivered,
    /// `250` for some recipients only: LMTP, PRDR.
    Partial,
    /// `4xx`: the client should try again; with a reply for each recipient, for one of them at least.
    Deferred,
    /// `5xx` by the backend's word.
    Refused,
    /// `5xx` by ours: size, bare newlines, loop.
    Rejected,
    /// The client went away before the end of data.
    Abandoned,
}

impl MessageOutcome {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Delivered, Self::Partial, Self::Deferred, Self::Refused, Self::Rejected, Self::Abandoned];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Partial => "partial",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The state of a backend's circuit, as its gauge shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Deliveries go through.
    Closed = 0,
    /// One delivery may try.
    HalfOpen = 1,
    /// None may.
    Open = 2,
}

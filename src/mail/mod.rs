//! The vocabulary of mail: addresses, envelope, body, header fields, ids.
//!
//! Pure, and imports nothing of ours; every other room speaks in these words.

pub mod address;
pub mod body;
pub mod dsn;
pub mod envelope;
pub mod header;
pub mod id;
pub mod tls;

pub use address::{AddressError, AddressKey, ForwardPath, Host, Mailbox, ReversePath};
pub use body::Body;
pub use dsn::{Notify, OriginalRecipient, RecipientDsn, Returned, SenderDsn};
pub use envelope::{BodyType, Client, Envelope, Greeting, GreetingName, Protocol, Recipient};
pub use id::TransactionId;
pub use tls::Tls;

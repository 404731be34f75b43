//! Where API objects come from: files on disk, read and watched; a cluster; the snapshots that a
//! controller sends.
//!
//! Not here: what the objects mean (that is `compile`).

pub mod cluster;
pub mod error;
pub mod files;
mod lenient;
mod object;
pub mod remote;
pub mod watch;
pub mod wire;
mod yaml;

pub use error::{SourceError, Unreadable};
pub use files::{Loaded, parse, read};
pub use watch::{Event, Watch, watch};

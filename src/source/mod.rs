//! Where API objects come from: files on disk, read and watched.
//!
//! Not here: what the objects mean (that is `compile`).

pub mod error;
pub mod files;
mod object;
pub mod watch;
mod yaml;

pub use error::{SourceError, Unreadable};
pub use files::{Loaded, parse, read};
pub use watch::{Event, Watch, watch};

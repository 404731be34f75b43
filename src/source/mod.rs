//! Where API objects come from: files on disk, read and watched, and snapshots on their way from a controller.
//!
//! Not here: what the objects mean (that is `compile`).

pub mod error;
pub mod files;
mod object;
pub mod watch;
pub mod wire;
mod yaml;

pub use error::{SourceError, Unreadable};
pub use files::{Loaded, parse, read};
pub use watch::{Event, Watch, watch};

//! Counting what is seen of a cluster.

use super::Metrics;

/// What happened to the watch of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WatchEvent {
    /// All objects were listed.
    Listed,
    /// An object came or changed.
    Applied,
    /// An object went.
    Deleted,
    /// An object can't be read.
    Unreadable,
    /// An object has fields that are not known.
    UnknownFields,
    /// The watch was interrupted.
    Failed,
    /// The cluster has no such kind.
    Gone,
}

impl WatchEvent {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Listed,
        Self::Applied,
        Self::Deleted,
        Self::Unreadable,
        Self::UnknownFields,
        Self::Failed,
        Self::Gone,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Applied => "applied",
            Self::Deleted => "deleted",
            Self::Unreadable => "unreadable",
            Self::UnknownFields => "unknown_fields",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

impl Metrics {
    /// Something happened to the watch of a kind.
    pub fn watched(&self, kind: &'static str, event: WatchEvent) {
        self.families.watch_events.get(&[kind, event.as_str()]).inc();
    }

    /// How many watches of a kind do not work now, or have not listed yet.
    pub fn watches_out_of_sync(&self, kind: &'static str, count: usize) {
        self.families.watch_synced.get(&[kind]).set(i64::from(count == 0));
    }
}

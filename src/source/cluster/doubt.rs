//! Objects that are gone: deleted, or swept away with their CRD? Pure.
//!
//! An API server that deletes a CRD first deletes its objects, one by one, and its watch tells of each as
//! of any other deletion; only then does the kind answer 404. Whoever believed that would take all routes
//! out of service. So whenever one of our objects goes, nothing is acted upon until the CRD has been
//! looked at, and not while it is on its way out or gone.

use std::collections::BTreeMap;

use crate::api::ApiKind;

/// How a CRD is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definition {
    /// It is there to stay, so what is gone was meant to go.
    Stands,
    /// It is being deleted, or is gone.
    Falls,
    /// It may not be looked at: then what a watch says is believed.
    Hidden,
    /// It can't be said now.
    Unknown,
}

/// So many objects of a kind were lost when a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Losses(u64);

#[derive(Debug, Default)]
struct Doubt {
    lost: u64,
    /// What the question that is under way speaks for.
    asked: Option<Losses>,
}

/// The kinds of which objects were lost, and it is not known why.
#[derive(Debug, Default)]
pub(super) struct Doubts(BTreeMap<ApiKind, Doubt>);

impl Doubts {
    /// An object was lost.
    pub(super) fn lost(&mut self, kind: ApiKind) {
        self.0.entry(kind).or_default().lost += 1;
    }

    /// Whether it is known of all.
    pub(super) fn are_settled(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds whose CRD is to be looked at now.
    pub(super) fn take_due(&mut self) -> Vec<(ApiKind, Losses)> {
        let due = self.0.iter_mut().filter(|(_, doubt)| doubt.asked.is_none());
        due.map(|(kind, doubt)| (*kind, *doubt.asked.insert(Losses(doubt.lost)))).collect()
    }

    /// How a CRD was found. What was lost after the question may have gone with it even so: then, and
    /// where it does not stand, the question is due again.
    pub(super) fn answered(&mut self, kind: ApiKind, losses: Losses, definition: Definition) {
        let Some(doubt) = self.0.get_mut(&kind) else { return };
        doubt.asked = None;
        let is_believed = matches!(definition, Definition::Stands | Definition::Hidden);
        if is_believed && Losses(doubt.lost) == losses {
            self.0.remove(&kind);
        }
    }
}

//! What an object can tell against itself: broken bounds, broken CEL rules, fields that are not
//! supported yet. Whatever a fault stands under is not used.

use std::collections::HashMap;

use super::findings::Findings;
use super::snapshot::Snapshot;
use super::{cel, connection, filters, unsupported};
use crate::api::{ApiKind, Object, bounds};
use crate::plan::{ObjectName, Reason};

/// One fault of one object.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    pub(super) field: String,
    message: String,
}

impl Fault {
    pub(super) fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: message.into() }
    }

    /// Whether the fault stands at a field or anywhere below it.
    pub(super) fn is_under(&self, field: &str) -> bool {
        let rest = self.field.strip_prefix(field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// The faults of all objects.
pub(super) struct Faults<'a> {
    by_kind: HashMap<ApiKind, HashMap<&'a ObjectName, &'a [Fault]>>,
}

impl<'a> Faults<'a> {
    /// Inspects every object and reports what is found.
    pub(super) fn inspect(snapshot: &'a Snapshot, findings: &mut Findings) -> Self {
        for (kind, name, problem) in snapshot.unreadable() {
            findings.report((kind, name), Reason::Unreadable, "", format!("can't be read: {problem}"));
        }
        let mut by_kind: HashMap<_, HashMap<_, _>> = HashMap::new();
        for (kind, name, object) in snapshot.shared_objects() {
            let faults = object.faults();
            for fault in faults {
                findings.report((kind, name), fault.reason, fault.field.clone(), fault.message.clone());
            }
            if !faults.is_empty() {
                by_kind.entry(kind).or_default().insert(name, faults);
            }
        }
        Self { by_kind }
    }

    /// The faults of one object.
    pub(super) fn of(&self, kind: ApiKind, name: &ObjectName) -> &[Fault] {
        let of_kind = self.by_kind.get(&kind);
        of_kind.and_then(|faults| faults.get(name)).copied().unwrap_or_default()
    }
}

/// What an object tells against itself, in the order of the checks.
pub(super) fn inspect(object: &Object) -> Vec<Fault> {
    let out_of_bounds = bounds::check(object)
        .into_iter()
        .map(|violation| Fault::new(Reason::Invalid, violation.field(), violation.message));
    out_of_bounds
        .chain(cel::check(object))
        .chain(connection::check(object))
        .chain(filters::check(object))
        .chain(unsupported::check(object))
        .collect()
}

//! An object, and what it tells against itself.
//!
//! A change in a cluster is compiled together with thousands of objects that are as they were. What an
//! object tells against itself depends on nothing else, so it is found once and kept beside it: whoever
//! holds the same object in the next snapshot, by the same [`Arc`], does not look again.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::fault::{Fault, inspect};
use crate::api::Object;
use crate::plan::ObjectName;

/// An object that never changes, and the faults that stand in it, once somebody has looked for them.
pub struct Inspected {
    name: Arc<ObjectName>,
    object: Object,
    faults: OnceLock<Box<[Fault]>>,
}

impl Inspected {
    /// Its name, shared by all snapshots that hold it.
    pub(super) fn name(&self) -> &Arc<ObjectName> {
        &self.name
    }

    /// What the object tells against itself.
    pub(super) fn faults(&self) -> &[Fault] {
        self.faults.get_or_init(|| inspect(&self.object).into())
    }
}

impl From<Object> for Inspected {
    fn from(object: Object) -> Self {
        let name = ObjectName::new(object.namespace(), object.name()).into();
        Self { name, object, faults: OnceLock::new() }
    }
}

impl Deref for Inspected {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

/// Whether the objects are the same; who has looked at them does not count.
impl PartialEq for Inspected {
    fn eq(&self, other: &Self) -> bool {
        self.object == other.object
    }
}

/// As the object's own: kind and name only.
impl fmt::Debug for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

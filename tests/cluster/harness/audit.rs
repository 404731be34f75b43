//! Who has asked the apiserver for what, from its audit log.

use std::path::Path;

use serde_json::Value;

use super::keeper;

/// One request. Watches are told when they begin and again when they end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// The user.
    pub(crate) user: String,
    /// The verb, as RBAC knows it.
    pub(crate) verb: String,
    /// Group of the resource; empty for the core one, and for what is no resource.
    pub(crate) group: String,
    /// The resource with its subresource, as `pods/eviction`; or the path of what is none.
    pub(crate) resource: String,
    /// Where the object is, or empty.
    pub(crate) namespace: String,
    /// Name of the object, or empty.
    pub(crate) name: String,
    /// What it was answered.
    pub(crate) code: u64,
}

impl Asked {
    /// Whether it was answered that this user may not.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.code, 401 | 403)
    }
}

/// Everything that was asked so far.
pub(super) fn read(log: &Path) -> Vec<Asked> {
    // The last line may be half written.
    let text = keeper::read(log);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| asked(&serde_json::from_str(line).unwrap())).collect()
}

fn asked(event: &Value) -> Asked {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let resource = match (text("/objectRef/resource"), text("/objectRef/subresource")) {
        (none, _) if none.is_empty() => text("/requestURI").split('?').next().unwrap().to_owned(),
        (resource, none) if none.is_empty() => resource,
        (resource, subresource) => format!("{resource}/{subresource}"),
    };
    Asked {
        user: text("/user/username"),
        verb: text("/verb"),
        group: text("/objectRef/apiGroup"),
        resource,
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
    }
}

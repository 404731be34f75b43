//! An object as a watch brings it: read, or known not to be readable, but never the end of the watch.
//!
//! This is kube's `DeserializeGuard` and a little more: it tells unknown fields, says which field can't
//! be read, and lets go at once of what nobody here needs. Managed fields and annotations take more
//! memory than the rest; and what `kubectl apply` leaves in the annotations of a Secret is its contents.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use kube::Resource;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::lenient;
use crate::api::{
    ApiKind, ConfigMap, MailBackend, MailGateway, MailRoute, Namespace, Object, ObjectMeta, RecipientPolicy,
    Secret, Service,
};
use crate::plan::ObjectName;

/// What a watch brings of an object.
#[derive(Clone)]
pub(super) enum Seen {
    /// The object.
    Object {
        object: Object,
        /// Its fields that are not known.
        unknown: Vec<String>,
    },
    /// It can't be read.
    Unreadable { metadata: Box<ObjectMeta>, problem: String },
    /// Name and version of a Secret or a ConfigMap.
    Stub(Box<ObjectMeta>),
}

impl Seen {
    pub(super) fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Object { object, .. } => object.metadata(),
            Self::Unreadable { metadata, .. } | Self::Stub(metadata) => metadata,
        }
    }

    pub(super) fn name(&self) -> ObjectName {
        let metadata = self.metadata();
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        ObjectName { namespace: part(&metadata.namespace), name: part(&metadata.name) }
    }

    /// What a JSON value is; an error only where nobody could say which object it is.
    pub(super) fn read(kind: ApiKind, mut value: Value) -> Result<Self, serde_json::Error> {
        strip(kind, &mut value);
        let lenient::Lenient { object, unknown } = lenient::read(kind, &value);
        match object {
            Ok(object) => Ok(Self::Object { object, unknown }),
            Err(problem) => {
                let metadata = value.get_mut("metadata").map(Value::take).unwrap_or_default();
                Ok(Self::Unreadable { metadata: serde_json::from_value(metadata)?, problem })
            }
        }
    }
}

/// What nobody needs of an object, and of a kind of Kubernetes also its status.
fn strip(kind: ApiKind, value: &mut Value) {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        metadata.remove("annotations");
    }
    if let (false, Some(fields)) = (kind.is_ours(), value.as_object_mut()) {
        fields.remove("status");
    }
}

/// A kind that is watched.
pub(super) trait Watched: Resource<DynamicType = ()> + 'static {
    /// Which.
    const KIND: ApiKind;
}

macro_rules! watched {
    ($($type:ty => $kind:ident),*) => {
        $(impl Watched for $type { const KIND: ApiKind = ApiKind::$kind; })*
    };
}

watched!(
    MailGateway => Gateway, MailRoute => Route, MailBackend => Backend, RecipientPolicy => Policy,
    Secret => Secret, ConfigMap => ConfigMap, Service => Service, Namespace => Namespace
);

/// Whether only names and versions are watched, since most of them are none of our business.
pub(super) const fn by_metadata(kind: ApiKind) -> bool {
    matches!(kind, ApiKind::Secret | ApiKind::ConfigMap)
}

/// An object of a kind that kube's watcher can handle.
pub(super) struct Guarded<K> {
    pub(super) seen: Seen,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Guarded<K> {
    fn clone(&self) -> Self {
        Self { seen: self.seen.clone(), kind: PhantomData }
    }
}

/// The name only.
impl<K> fmt::Debug for Guarded<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seen.name())
    }
}

/// The little of metadata that is read where there is nothing else.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Brief {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

#[derive(Deserialize)]
struct Partial {
    #[serde(default)]
    metadata: Brief,
}

impl From<Partial> for Seen {
    fn from(partial: Partial) -> Self {
        let Brief { name, namespace, uid, resource_version } = partial.metadata;
        Self::Stub(Box::new(ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() }))
    }
}

impl<'de, K: Watched> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seen = if by_metadata(K::KIND) {
            Partial::deserialize(deserializer)?.into()
        } else {
            Seen::read(K::KIND, Value::deserialize(deserializer)?).map_err(D::Error::custom)?
        };
        Ok(Self { seen, kind: PhantomData })
    }
}

impl<K: Watched> Resource for Guarded<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn metadata_api() -> bool {
        by_metadata(K::KIND)
    }

    fn kind(of: &()) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &()) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &()) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &()) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        self.seen.metadata()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.seen {
            Seen::Object { object, .. } => object.metadata_mut(),
            Seen::Unreadable { metadata, .. } | Seen::Stub(metadata) => metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_that_cannot_be_read_keeps_its_name() {
        let route = json!({
            "metadata": {"name": "a", "namespace": "b", "resourceVersion": "7"},
            "spec": {"parentRefs": "x"},
        });
        let guarded: Guarded<MailRoute> = serde_json::from_value(route).unwrap();
        assert_eq!(guarded.meta().resource_version.as_deref(), Some("7"));
        assert_eq!(guarded.seen.name(), ObjectName::new("b", "a"));
        let Seen::Unreadable { problem, .. } = guarded.seen else { panic!("it was read") };
        assert!(problem.starts_with("spec.parentRefs: "), "{problem}");
    }

    #[test]
    fn annotations_and_managed_fields_go_at_once() {
        let backend = json!({
            "metadata": {"name": "a", "annotations": {"b": "c"}, "managedFields": [{"manager": "d"}]},
            "spec": {"http": {"url": "https://example"}},
        });
        let guarded: Guarded<MailBackend> = serde_json::from_value(backend).unwrap();
        assert!(matches!(guarded.seen, Seen::Object { .. }));
        assert_eq!((&guarded.meta().annotations, &guarded.meta().managed_fields), (&None, &None));
    }

    #[test]
    fn of_a_secret_a_watch_keeps_name_and_version() {
        let secret = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {
                "name": "a", "namespace": "b", "uid": "c", "resourceVersion": "7",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
            },
        });
        let guarded: Guarded<Secret> = serde_json::from_value(secret).unwrap();
        let expected = ObjectMeta {
            name: Some("a".into()),
            namespace: Some("b".into()),
            uid: Some("c".into()),
            resource_version: Some("7".into()),
            ..ObjectMeta::default()
        };
        assert_eq!(guarded.meta(), &expected);
    }
}

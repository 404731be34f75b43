//! One object of any kind that Mailchute reads: its own four, and the four of Kubernetes that they refer to.
//!
//! Where the bytes come from, and what becomes of unknown fields, is the reader's affair.

use std::fmt;

use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Secret, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ByteString, GROUP, MailBackend, MailGateway, MailRoute, RecipientPolicy, VERSION};

/// A kind of object that Mailchute reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiKind {
    /// [`MailGateway`].
    Gateway,
    /// [`MailRoute`].
    Route,
    /// [`MailBackend`].
    Backend,
    /// [`RecipientPolicy`].
    Policy,
    /// Secret of the core group.
    Secret,
    /// ConfigMap of the core group.
    ConfigMap,
    /// Service of the core group.
    Service,
    /// Namespace of the core group.
    Namespace,
}

impl ApiKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Gateway,
        Self::Route,
        Self::Backend,
        Self::Policy,
        Self::Secret,
        Self::ConfigMap,
        Self::Service,
        Self::Namespace,
    ];

    /// The kind with these words in `apiVersion` and `kind`; none if it is not one that Mailchute reads.
    #[must_use]
    pub fn find(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == kind && each.api_version() == api_version)
    }

    /// What stands in `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "MailGateway",
            Self::Route => "MailRoute",
            Self::Backend => "MailBackend",
            Self::Policy => "RecipientPolicy",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::Namespace => "Namespace",
        }
    }

    /// What stands in `apiVersion`.
    #[must_use]
    pub fn api_version(self) -> String {
        if self.is_ours() { format!("{GROUP}/{VERSION}") } else { "v1".into() }
    }

    /// Whether it is one of our own four.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Gateway | Self::Route | Self::Backend | Self::Policy)
    }

    /// Reads an object of this kind. A Secret's `stringData` is merged into its `data`, as the API server does.
    ///
    /// Our kinds don't read `apiVersion` and `kind` again, so `serde_ignored` reports these two.
    ///
    /// # Errors
    ///
    /// Those of the deserializer: a field is missing or has a value that its type does not take.
    pub fn deserialize<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        Ok(match self {
            Self::Gateway => Object::Gateway(Box::deserialize(deserializer)?),
            Self::Route => Object::Route(Box::deserialize(deserializer)?),
            Self::Backend => Object::Backend(Box::deserialize(deserializer)?),
            Self::Policy => Object::Policy(Box::deserialize(deserializer)?),
            Self::Secret => Object::Secret(Box::new(merge_string_data(Secret::deserialize(deserializer)?))),
            Self::ConfigMap => Object::ConfigMap(Box::deserialize(deserializer)?),
            Self::Service => Object::Service(Box::deserialize(deserializer)?),
            Self::Namespace => Object::Namespace(Box::deserialize(deserializer)?),
        })
    }
}

/// Kubernetes API: `stringData` is write-only and overrides `data` key by key.
fn merge_string_data(mut secret: Secret) -> Secret {
    for (key, text) in secret.string_data.take().unwrap_or_default() {
        secret.data.get_or_insert_default().insert(key, ByteString(text.into_bytes()));
    }
    secret
}

/// One object of any kind that Mailchute reads.
#[derive(Clone, PartialEq)]
pub enum Object {
    /// A gateway.
    Gateway(Box<MailGateway>),
    /// A route.
    Route(Box<MailRoute>),
    /// A backend.
    Backend(Box<MailBackend>),
    /// A policy.
    Policy(Box<RecipientPolicy>),
    /// Passwords, keys, certificates.
    Secret(Box<Secret>),
    /// Lists of recipients.
    ConfigMap(Box<ConfigMap>),
    /// Where an HTTP backend is.
    Service(Box<Service>),
    /// The labels by which `allowedRoutes` selects.
    Namespace(Box<Namespace>),
}

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ApiKind {
        match self {
            Self::Gateway(_) => ApiKind::Gateway,
            Self::Route(_) => ApiKind::Route,
            Self::Backend(_) => ApiKind::Backend,
            Self::Policy(_) => ApiKind::Policy,
            Self::Secret(_) => ApiKind::Secret,
            Self::ConfigMap(_) => ApiKind::ConfigMap,
            Self::Service(_) => ApiKind::Service,
            Self::Namespace(_) => ApiKind::Namespace,
        }
    }

    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Gateway(object) => &object.metadata,
            Self::Route(object) => &object.metadata,
            Self::Backend(object) => &object.metadata,
            Self::Policy(object) => &object.metadata,
            Self::Secret(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::Namespace(object) => &object.metadata,
        }
    }

    /// Its metadata, to set what was left out.
    pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Gateway(object) => &mut object.metadata,
            Self::Route(object) => &mut object.metadata,
            Self::Backend(object) => &mut object.metadata,
            Self::Policy(object) => &mut object.metadata,
            Self::Secret(object) => &mut object.metadata,
            Self::ConfigMap(object) => &mut object.metadata,
            Self::Service(object) => &mut object.metadata,
            Self::Namespace(object) => &mut object.metadata,
        }
    }

    /// Its name; empty where none is given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// Its namespace: `default` where none is given, as kubectl has it; empty for a Namespace, which has none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        let unnamed = if self.kind() == ApiKind::Namespace { "" } else { "default" };
        self.metadata().namespace.as_deref().unwrap_or(unnamed)
    }
}

/// Kind and name only: a Secret's contents never reach a log by way of `{:?}`.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind().name(), self.namespace(), self.name())
    }
}

/// With `apiVersion` and `kind`, as the API server would send it.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Gateway(object) => object.serialize(serializer),
            Self::Route(object) => object.serialize(serializer),
            Self::Backend(object) => object.serialize(serializer),
            Self::Policy(object) => object.serialize(serializer),
            Self::Secret(object) => object.serialize(serializer),
            Self::ConfigMap(object) => object.serialize(serializer),
            Self::Service(object) => object.serialize(serializer),
            Self::Namespace(object) => object.serialize(serializer),
        }
    }
}

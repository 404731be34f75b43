//! What compile reads: API objects by kind and name, and the names of those that can't be read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Inspected;
use crate::api::{
    ApiKind, ConfigMap, MailBackend, MailGateway, MailRoute, Object, RecipientPolicy, Secret, Service,
};
use crate::plan::ObjectName;

/// API objects, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    objects: ByKind<Arc<Inspected>>,
    /// Objects that are there and can't be read, and why.
    unreadable: ByKind<String>,
    scope: Scope,
}

/// Something for objects of each kind, by their names.
#[derive(Debug, Clone, PartialEq)]
struct ByKind<V>(Box<[BTreeMap<ObjectName, V>; ApiKind::ALL.len()]>);

impl<V> ByKind<V> {
    fn of(&self, kind: ApiKind) -> &BTreeMap<ObjectName, V> {
        &self.0[kind as usize]
    }

    fn of_mut(&mut self, kind: ApiKind) -> &mut BTreeMap<ObjectName, V> {
        &mut self.0[kind as usize]
    }

    /// By kind and name.
    fn all(&self) -> impl Iterator<Item = (ApiKind, &ObjectName, &V)> {
        let all = ApiKind::ALL.into_iter().zip(&*self.0);
        all.flat_map(|(kind, of_kind)| of_kind.iter().map(move |(name, value)| (kind, name, value)))
    }
}

impl<V> Default for ByKind<V> {
    fn default() -> Self {
        Self(Default::default())
    }
}

/// What is in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Scope {
    /// All objects: what is not in it is not there.
    #[default]
    Whole,
    /// Those of one gateway: what belongs to other gateways may be there all the same.
    Gateway,
}

/// An object that is there already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {name} is there twice", kind.name())]
pub struct Duplicate {
    /// Its kind.
    pub kind: ApiKind,
    /// Its name.
    pub name: ObjectName,
}

impl Snapshot {
    /// A snapshot without objects, for those of one gateway: see [`select`](super::select()).
    ///
    /// Nothing is said of what is not in it and belongs to other gateways.
    pub fn of_gateway() -> Self {
        Self { scope: Scope::Gateway, ..Self::default() }
    }

    /// Adds an object.
    ///
    /// # Errors
    ///
    /// There is one of its kind and name already, readable or not; that one stays.
    pub fn insert(&mut self, object: Arc<Inspected>) -> Result<(), Duplicate> {
        let (kind, name) = (object.kind(), ObjectName::new(object.namespace(), object.name()));
        if self.problem(kind, &name).is_some() {
            return Err(Duplicate { kind, name });
        }
        match self.objects.of_mut(kind).entry(name) {
            Entry::Vacant(place) => {
                place.insert(object);
                Ok(())
            }
            Entry::Occupied(held) => Err(Duplicate { kind, name: held.key().clone() }),
        }
    }

    /// Says that an object is there and can't be read, such as one that an API server took under
    /// another schema. It stands for one of its kind and name that was readable before.
    ///
    /// Nobody knows what it says, so nobody may act as if it were not there: what it may concern is
    /// deferred. A route may take whatever no exact match takes, in domains open to its namespace; rules
    /// with a backend that can't be read are unusable, and so are all that a policy of its namespace
    /// could hold for; of a gateway there is no plan.
    pub fn insert_unreadable(&mut self, kind: ApiKind, name: ObjectName, problem: String) {
        self.objects.of_mut(kind).remove(&name);
        self.unreadable.of_mut(kind).insert(name, problem);
    }

    /// The objects that can't be read, by kind and name, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (ApiKind, &ObjectName, &str)> {
        self.unreadable.all().map(|(kind, name, problem)| (kind, name, problem.as_str()))
    }

    /// Why an object can't be read; `None` where it can, or where there is none.
    pub(super) fn problem(&self, kind: ApiKind, name: &ObjectName) -> Option<&str> {
        self.unreadable.of(kind).get(name).map(String::as_str)
    }

    /// The objects of a kind that can't be read, and why.
    pub(super) fn unreadable_of(&self, kind: ApiKind) -> impl Iterator<Item = (&ObjectName, &str)> {
        self.unreadable.of(kind).iter().map(|(name, problem)| (name, problem.as_str()))
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// An object as it is held.
    pub(super) fn shared(&self, kind: ApiKind, name: &ObjectName) -> Option<&Arc<Inspected>> {
        self.objects.of(kind).get(name)
    }

    /// All objects, by kind and name.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectName, &Object)> {
        self.objects.all().map(|(_, name, object)| (name, &***object))
    }

    /// All objects as they are held, by kind and name.
    pub fn shared_objects(&self) -> impl Iterator<Item = (ApiKind, &ObjectName, &Arc<Inspected>)> {
        self.objects.all()
    }

    /// The names of all gateways.
    pub fn gateways(&self) -> impl Iterator<Item = &ObjectName> {
        self.of_kind(ApiKind::Gateway).map(|(name, _)| name)
    }

    /// A gateway.
    pub fn gateway(&self, name: &ObjectName) -> Option<&MailGateway> {
        self.find(ApiKind::Gateway, name).and_then(as_gateway)
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (&ObjectName, &MailRoute)> {
        self.of_kind(ApiKind::Route).filter_map(|(name, object)| Some((name, as_route(object)?)))
    }

    /// A route.
    pub fn route(&self, name: &ObjectName) -> Option<&MailRoute> {
        self.find(ApiKind::Route, name).and_then(as_route)
    }

    pub(super) fn backend(&self, name: &ObjectName) -> Option<&MailBackend> {
        self.find(ApiKind::Backend, name).and_then(as_backend)
    }

    pub(super) fn backends(&self) -> impl Iterator<Item = (&ObjectName, &MailBackend)> {
        self.of_kind(ApiKind::Backend).filter_map(|(name, object)| Some((name, as_backend(object)?)))
    }

    pub(super) fn policies(&self) -> impl Iterator<Item = (&ObjectName, &RecipientPolicy)> {
        self.of_kind(ApiKind::Policy).filter_map(|(name, object)| match object {
            Object::Policy(policy) => Some((name, &**policy)),
            _ => None,
        })
    }

    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        match self.find(ApiKind::Secret, &ObjectName::new(namespace, name))? {
            Object::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<&ConfigMap> {
        match self.find(ApiKind::ConfigMap, &ObjectName::new(namespace, name))? {
            Object::ConfigMap(config_map) => Some(config_map),
            _ => None,
        }
    }

    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        match self.find(ApiKind::Service, &ObjectName::new(namespace, name))? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    /// A label of a namespace. One that is absent has only its name as a label, as every namespace
    /// of a cluster has it.
    pub(super) fn namespace_label<'a>(&'a self, namespace: &'a str, key: &str) -> Option<&'a str> {
        let object = self.find(ApiKind::Namespace, &ObjectName::new("", namespace));
        let labels = object.and_then(|object| object.metadata().labels.as_ref());
        let label = labels.and_then(|labels| labels.get(key)).map(String::as_str);
        label.or_else(|| (key == "kubernetes.io/metadata.name").then_some(namespace))
    }

    fn find(&self, kind: ApiKind, name: &ObjectName) -> Option<&Object> {
        self.objects.of(kind).get(name).map(|object| &***object)
    }

    fn of_kind(&self, kind: ApiKind) -> impl Iterator<Item = (&ObjectName, &Object)> {
        self.objects.of(kind).iter().map(|(name, object)| (name, &***object))
    }
}

fn as_gateway(object: &Object) -> Option<&MailGateway> {
    match object {
        Object::Gateway(gateway) => Some(gateway),
        _ => None,
    }
}

fn as_route(object: &Object) -> Option<&MailRoute> {
    match object {
        Object::Route(route) => Some(route),
        _ => None,
    }
}

fn as_backend(object: &Object) -> Option<&MailBackend> {
    match object {
        Object::Backend(backend) => Some(backend),
        _ => None,
    }
}

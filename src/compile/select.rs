//! One gateway's objects, out of all: what a front-end of it needs to know, and no more.
//!
//! They compile to the same plan as the whole, and to the same findings about them, but for those about
//! what is not there: a selection does not know what belongs to other gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attach;
use super::inspected::Inspected;
use super::reference::allows;
use super::refers::{Key, Reference, references};
use super::snapshot::Snapshot;
use crate::api::policy::{TargetKind, TargetRef};
use crate::api::reference::AllowedRoutes;
use crate::api::{ApiKind, MailGatewaySpec, Namespace, Object, ObjectMeta};
use crate::plan::ObjectName;

/// The objects of one gateway: itself, the routes that name it, their backends, the policies that can
/// hold for them, the Services and the keys of Secrets and ConfigMaps that these name, the labels of
/// namespaces that they select by, and what can't be read and might be one of them. What is taken whole is
/// shared with `snapshot`.
pub fn select(snapshot: &Snapshot, gateway: &ObjectName) -> Snapshot {
    let mut selection = Selection { snapshot, selected: Snapshot::of_gateway(), data: BTreeMap::new() };
    match snapshot.gateway(gateway) {
        Some(written) => selection.fill(gateway, &written.spec),
        None => selection.unreadable(ApiKind::Gateway, gateway),
    }
    selection.selected
}

/// The keys that are named of Secrets and ConfigMaps; `None` for all.
type Data<'a> = BTreeMap<(ApiKind, ObjectName), Option<BTreeSet<&'a str>>>;

struct Selection<'a> {
    snapshot: &'a Snapshot,
    selected: Snapshot,
    data: Data<'a>,
}

impl<'a> Selection<'a> {
    fn fill(&mut self, gateway: &ObjectName, spec: &'a MailGatewaySpec) {
        self.take(ApiKind::Gateway, gateway);
        let mut allowed: Vec<&AllowedRoutes> =
            spec.listeners.iter().map(|each| &each.allowed_routes).collect();
        let mut namespaces: BTreeSet<&str> = BTreeSet::new();
        for (name, problem) in self.snapshot.unreadable_of(ApiKind::Route) {
            let let_in = |allowed: &&AllowedRoutes| {
                allows(self.snapshot, allowed, &gateway.namespace, &name.namespace)
            };
            if allowed.iter().any(let_in) {
                namespaces.insert(&name.namespace);
                self.selected.insert_unreadable(ApiKind::Route, name.clone(), problem.to_owned());
            }
        }
        allowed.extend(spec.domains.iter().map(|domain| &domain.allowed_routes));
        for backend in self.routes(gateway, &mut namespaces) {
            match self.snapshot.backend(&backend) {
                Some(written) => {
                    self.take(ApiKind::Backend, &backend);
                    allowed.push(&written.spec.allowed_routes);
                }
                None => self.unreadable(ApiKind::Backend, &backend),
            }
        }
        self.policies(gateway, &namespaces);
        self.data();
        self.labels(&namespaces, &allowed);
    }

    /// Takes the routes that name the gateway, and gives the names of their backends.
    fn routes(&mut self, gateway: &ObjectName, namespaces: &mut BTreeSet<&'a str>) -> BTreeSet<ObjectName> {
        let mut backends = BTreeSet::new();
        for (name, route) in self.snapshot.routes() {
            if !attach::names(route, name, gateway) {
                continue;
            }
            self.take(ApiKind::Route, name);
            namespaces.insert(&name.namespace);
            for each in route.spec.rules.iter().flat_map(|rule| &rule.delivery.backend_refs) {
                let namespace = each.namespace.as_deref().unwrap_or(&name.namespace);
                backends.insert(ObjectName::new(namespace, &each.name));
            }
        }
        backends
    }

    /// Takes the policies of the gateway and of routes that have been taken.
    fn policies(&mut self, gateway: &ObjectName, namespaces: &BTreeSet<&str>) {
        for (name, policy) in self.snapshot.policies() {
            let aims_here = |target: &TargetRef| match target.kind {
                TargetKind::MailGateway => target.name == gateway.name && name.namespace == gateway.namespace,
                TargetKind::MailRoute => {
                    namespaces.contains(name.namespace.as_str())
                        && self.selected.route(&ObjectName::new(&name.namespace, &target.name)).is_some()
                }
            };
            if policy.spec.target_refs.iter().any(aims_here) {
                self.take(ApiKind::Policy, name);
            }
        }
        for (name, problem) in self.snapshot.unreadable_of(ApiKind::Policy) {
            if name.namespace == gateway.namespace || namespaces.contains(name.namespace.as_str()) {
                self.selected.insert_unreadable(ApiKind::Policy, name.clone(), problem.to_owned());
            }
        }
    }

    fn unreadable(&mut self, kind: ApiKind, name: &ObjectName) {
        if let Some(problem) = self.snapshot.problem(kind, name) {
            self.selected.insert_unreadable(kind, name.clone(), problem.to_owned());
        }
    }

    fn take(&mut self, kind: ApiKind, name: &ObjectName) {
        let Some(object) = self.snapshot.shared(kind, name) else { return };
        for Reference { kind, name: named, key } in references(object) {
            let named = ObjectName::new(&name.namespace, named);
            let keys = self.data.entry((kind, named)).or_insert_with(|| Some(BTreeSet::new()));
            match key {
                Key::All => *keys = None,
                Key::One(key) => keys.iter_mut().for_each(|keys| keys.extend([key])),
            }
        }
        self.put(Arc::clone(object));
    }

    /// What is put in has its kind and name once in the whole already.
    fn put(&mut self, object: Arc<Inspected>) {
        let _ = self.selected.insert(object);
    }

    /// Takes what has been named of Secrets, ConfigMaps and Services.
    fn data(&mut self) {
        for ((kind, name), keys) in std::mem::take(&mut self.data) {
            if let Some(object) = self.snapshot.shared(kind, &name) {
                self.put(keys.map_or_else(|| Arc::clone(object), |keys| with_keys(object, &keys)));
            }
        }
    }

    /// Takes the labels by which namespaces of routes are selected.
    fn labels(&mut self, namespaces: &BTreeSet<&str>, allowed: &[&AllowedRoutes]) {
        let selectors = allowed.iter().filter_map(|allowed| allowed.namespaces.selector.as_ref());
        let keys: BTreeSet<&str> = selectors
            .flat_map(|selector| {
                let expressions = selector.match_expressions.iter().map(|requirement| &requirement.key);
                selector.match_labels.keys().chain(expressions).map(String::as_str)
            })
            .collect();
        for namespace in namespaces {
            let name = ObjectName::new("", namespace);
            let Some(object) = self.snapshot.shared(ApiKind::Namespace, &name) else { continue };
            let mut labels = object.metadata().labels.clone().unwrap_or_default();
            // Every namespace is known to have its name as a label.
            labels.retain(|key, value| {
                keys.contains(key.as_str()) && (key != "kubernetes.io/metadata.name" || value != namespace)
            });
            if !labels.is_empty() {
                let (name, labels) = (object.metadata().name.clone(), Some(labels));
                let metadata = ObjectMeta { name, labels, ..ObjectMeta::default() };
                let namespace = Namespace { metadata, ..Namespace::default() };
                self.put(Arc::new(Object::Namespace(Box::new(namespace)).into()));
            }
        }
    }
}

/// A Secret or ConfigMap with these keys only.
fn with_keys(object: &Arc<Inspected>, keys: &BTreeSet<&str>) -> Arc<Inspected> {
    let named = |key: &String| keys.contains(key.as_str());
    match &***object {
        Object::Secret(secret) if !secret.data.iter().flatten().all(|(key, _)| named(key)) => {
            let mut secret = secret.clone();
            secret.data.iter_mut().for_each(|data| data.retain(|key, _| named(key)));
            Arc::new(Object::Secret(secret).into())
        }
        Object::ConfigMap(config_map) if !config_map.data.iter().flatten().all(|(key, _)| named(key)) => {
            let mut config_map = config_map.clone();
            config_map.data.iter_mut().for_each(|data| data.retain(|key, _| named(key)));
            Arc::new(Object::ConfigMap(config_map).into())
        }
        _ => Arc::clone(object),
    }
}

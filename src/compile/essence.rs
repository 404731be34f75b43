//! What compile reads of an object, and the controller's status needs: its spec or data, and of its
//! metadata the name, the age, the generation.
//!
//! All else (status, managed fields, labels and annotations of our kinds) changes without any effect on
//! mail, so it is left out of what is published: a front-end hears of nothing that does not concern it.
//! A Namespace keeps its labels, a Secret its uid and resourceVersion, which stand for its contents in
//! the version of a snapshot.

use std::sync::Arc;

use crate::api::{
    ConfigMap, MailBackend, MailGateway, MailRoute, Namespace, Object, ObjectMeta, RecipientPolicy, Secret,
    Service, ServicePort, ServiceSpec,
};

/// An object without what compile does not read; the same one where there is nothing to leave out.
pub fn essence(object: &Arc<Object>) -> Arc<Object> {
    let lean = lean(object);
    if is_lean(object, &lean) { Arc::clone(object) } else { Arc::new(reduced(object, lean)) }
}

/// The metadata that stays.
fn lean(object: &Object) -> ObjectMeta {
    let written = object.metadata();
    let lean = ObjectMeta {
        name: written.name.clone(),
        namespace: written.namespace.clone(),
        creation_timestamp: written.creation_timestamp.clone(),
        generation: written.generation,
        ..ObjectMeta::default()
    };
    match object {
        Object::Secret(_) => ObjectMeta {
            uid: written.uid.clone(),
            resource_version: written.resource_version.clone(),
            ..lean
        },
        Object::Namespace(_) => ObjectMeta { labels: written.labels.clone(), ..lean },
        _ => lean,
    }
}

fn is_lean(object: &Object, lean: &ObjectMeta) -> bool {
    let rest = match object {
        Object::Gateway(gateway) => gateway.status.is_none(),
        Object::Route(route) => route.status.is_none(),
        Object::Backend(backend) => backend.status.is_none(),
        Object::Policy(policy) => policy.status.is_none(),
        Object::Secret(secret) => {
            secret.immutable.is_none() && secret.string_data.is_none() && secret.type_.is_none()
        }
        Object::ConfigMap(config_map) => config_map.binary_data.is_none() && config_map.immutable.is_none(),
        Object::Service(service) => {
            service.status.is_none() && service.spec.as_ref().is_none_or(|spec| *spec == ports(spec))
        }
        Object::Namespace(namespace) => namespace.spec.is_none() && namespace.status.is_none(),
    };
    rest && object.metadata() == lean
}

fn reduced(object: &Object, metadata: ObjectMeta) -> Object {
    match object {
        Object::Gateway(gateway) => {
            Object::Gateway(Box::new(MailGateway { metadata, spec: gateway.spec.clone(), status: None }))
        }
        Object::Route(route) => {
            Object::Route(Box::new(MailRoute { metadata, spec: route.spec.clone(), status: None }))
        }
        Object::Backend(backend) => {
            Object::Backend(Box::new(MailBackend { metadata, spec: backend.spec.clone(), status: None }))
        }
        Object::Policy(policy) => {
            Object::Policy(Box::new(RecipientPolicy { metadata, spec: policy.spec.clone(), status: None }))
        }
        Object::Secret(secret) => {
            Object::Secret(Box::new(Secret { metadata, data: secret.data.clone(), ..Secret::default() }))
        }
        Object::ConfigMap(config_map) => {
            let data = config_map.data.clone();
            Object::ConfigMap(Box::new(ConfigMap { metadata, data, ..ConfigMap::default() }))
        }
        Object::Service(service) => {
            let spec = service.spec.as_ref().map(ports);
            Object::Service(Box::new(Service { metadata, spec, status: None }))
        }
        Object::Namespace(_) => Object::Namespace(Box::new(Namespace { metadata, spec: None, status: None })),
    }
}

/// The type of a Service and its port numbers: neither its addresses nor what runs behind them.
fn ports(spec: &ServiceSpec) -> ServiceSpec {
    let number = |port: &ServicePort| ServicePort { port: port.port, ..ServicePort::default() };
    let ports = spec.ports.as_ref().map(|ports| ports.iter().map(number).collect());
    ServiceSpec { ports, type_: spec.type_.clone(), ..ServiceSpec::default() }
}

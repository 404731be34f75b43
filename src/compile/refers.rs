//! Which Secrets, ConfigMaps and Services an object names, and which of their keys: always those of its
//! own namespace. Fields whose feature is not built yet name none.

use super::nats;
use super::reference::service_of;
use crate::api::backend::HttpAuth;
use crate::api::broker::NatsBackend;
use crate::api::reference::{CaSecretRef, ClientTls, LocalRef, ServiceRef};
use crate::api::{ApiKind, MailBackendSpec, MailGatewaySpec, Object, RecipientPolicySpec};

/// A Secret, a ConfigMap or a Service that an object names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference<'a> {
    /// Its kind.
    pub kind: ApiKind,
    /// Its name, in the namespace of the object.
    pub name: &'a str,
    /// What of it is meant.
    pub key: Key<'a>,
}

/// What of an object is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key<'a> {
    /// All of it.
    All,
    /// This key of its data.
    One(&'a str),
}

/// What an object names.
pub fn references(object: &Object) -> Vec<Reference<'_>> {
    let mut named = Named::default();
    match object {
        Object::Gateway(gateway) => named.gateway(&gateway.spec),
        Object::Backend(backend) => {
            let namespace = backend.metadata.namespace.as_deref().unwrap_or_default();
            named.backend(namespace, &backend.spec);
        }
        Object::Policy(policy) => named.policy(&policy.spec),
        Object::Route(_)
        | Object::Secret(_)
        | Object::ConfigMap(_)
        | Object::Service(_)
        | Object::Namespace(_) => {}
    }
    named.all
}

#[derive(Default)]
struct Named<'a> {
    all: Vec<Reference<'a>>,
}

impl<'a> Named<'a> {
    fn secret(&mut self, name: &'a str, key: &'a str) {
        self.all.push(Reference { kind: ApiKind::Secret, name, key: Key::One(key) });
    }

    /// A Secret of type `kubernetes.io/tls`.
    fn identity(&mut self, name: &'a str) {
        self.secret(name, "tls.crt");
        self.secret(name, "tls.key");
    }

    fn gateway(&mut self, spec: &'a MailGatewaySpec) {
        for tls in spec.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            tls.certificate_refs.iter().for_each(|secret| self.identity(&secret.name));
            if let Some(clients) = &tls.client_certificates {
                self.secret(&clients.ca_secret_ref.name, &clients.ca_secret_ref.key);
            }
        }
        if let Some(auth) = &spec.auth {
            let name = &auth.credentials_secret_ref.name;
            // Each key is a user.
            self.all.push(Reference { kind: ApiKind::Secret, name, key: Key::All });
        }
    }

    fn backend(&mut self, namespace: &str, spec: &'a MailBackendSpec) {
        if let Some(nats) = &spec.nats {
            self.nats(namespace, nats);
        }
        if let Some(relay) = &spec.smtp {
            self.relay(&relay.ca_secret_ref, &relay.auth_secret_ref);
        }
        if let Some(store) = &spec.lmtp {
            self.relay(&store.ca_secret_ref, &None);
        }
        let Some(http) = &spec.http else { return };
        self.endpoint(&http.service, &http.auth, &http.tls);
        for secret in http.signing.iter().flat_map(|signing| &signing.secret_refs) {
            self.secret(&secret.name, &secret.key);
        }
    }

    /// Which of the keys a Secret has tells how to sign in, so all of them are meant.
    fn nats(&mut self, namespace: &str, nats: &'a NatsBackend) {
        if let Some(secret) = &nats.credentials_secret_ref {
            nats::KEYS.iter().chain(&nats::PAIR).for_each(|key| self.secret(&secret.name, key));
        }
        if let Some(name) = nats::host(&nats.url).and_then(|host| service_of(host, namespace)) {
            self.service(name);
        }
        self.tls(&nats.tls);
    }

    fn service(&mut self, name: &'a str) {
        self.all.push(Reference { kind: ApiKind::Service, name, key: Key::All });
    }

    fn relay(&mut self, ca: &'a Option<CaSecretRef>, auth: &'a Option<LocalRef>) {
        if let Some(ca) = ca {
            self.secret(&ca.name, &ca.key);
        }
        if let Some(auth) = auth {
            self.secret(&auth.name, "username");
            self.secret(&auth.name, "password");
        }
    }

    fn policy(&mut self, spec: &'a RecipientPolicySpec) {
        if let Some(verification) = &spec.verification {
            let http = &verification.http;
            self.endpoint(&http.service, &http.auth, &http.tls);
        }
        for source in spec.recipients.iter().flat_map(|recipients| &recipients.from) {
            let config_map = &source.config_map_ref;
            let key = Key::One(&config_map.key);
            self.all.push(Reference { kind: ApiKind::ConfigMap, name: &config_map.name, key });
        }
    }

    fn endpoint(
        &mut self,
        service: &'a Option<ServiceRef>,
        auth: &'a Option<HttpAuth>,
        tls: &'a Option<ClientTls>,
    ) {
        if let Some(service) = service {
            self.service(&service.name);
        }
        if let Some(auth) = auth {
            if let Some(bearer) = &auth.bearer {
                self.secret(&bearer.secret_ref.name, &bearer.secret_ref.key);
            }
            if let Some(basic) = &auth.basic {
                self.secret(&basic.secret_ref.name, "username");
                self.secret(&basic.secret_ref.name, "password");
            }
        }
        self.tls(tls);
    }

    fn tls(&mut self, tls: &'a Option<ClientTls>) {
        if let Some(tls) = tls {
            if let Some(ca) = &tls.ca_secret_ref {
                self.secret(&ca.name, &ca.key);
            }
            if let Some(certificate) = &tls.client_certificate_ref {
                self.identity(&certificate.name);
            }
        }
    }
}

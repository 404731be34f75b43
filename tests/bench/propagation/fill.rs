//! The objects: a gateway, routes in several namespaces, each with a domain of its own, and lists.

use std::fmt::Debug;

use futures_util::{StreamExt, stream};
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use mailchute::api::{ConfigMap, MailRoute, RecipientPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::harness::ControlPlane;

/// Routes of one namespace.
const SHARE: usize = 1_000;

/// Requests to the apiserver at once.
const AT_ONCE: usize = 24;

/// Recipients of one ConfigMap, which holds no more than 1 MiB.
const LIST: usize = 25_000;

/// The gateway and its routes.
pub(crate) struct Routes {
    /// The gateway's namespace.
    pub(crate) namespace: String,
    tenants: Vec<String>,
    count: usize,
}

impl Routes {
    /// Makes the namespaces.
    pub(crate) fn new(plane: &ControlPlane, count: usize) -> Self {
        let namespace = plane.namespace("mail");
        let tenants = (0..count.div_ceil(SHARE)).map(|_| plane.namespace("tenant")).collect();
        Self { namespace, tenants, count }
    }

    /// Makes all objects.
    pub(crate) async fn fill(&self, client: &Client, recipients: usize) {
        let routes = stream::iter(0..self.count);
        routes.for_each_concurrent(AT_ONCE, |index| self.make(client, index)).await;
        let lists = stream::iter(0..recipients.div_ceil(LIST));
        lists.for_each_concurrent(4, |list| self.make_list(client, list)).await;
    }

    async fn make(&self, client: &Client, index: usize) {
        let namespace = &self.tenants[index / SHARE];
        if index.is_multiple_of(SHARE) {
            let spec = json!({"http": {"url": "https://hooks.bench.example/in"}});
            create::<mailchute::api::MailBackend>(client, namespace, "hook", &json!({"spec": spec})).await;
        }
        let spec = spec(&self.namespace, index, "steady");
        create::<MailRoute>(client, namespace, &name(index), &json!({"spec": spec})).await;
    }

    async fn make_list(&self, client: &Client, list: usize) {
        let namespace = &self.tenants[list / SHARE];
        let name = name(list);
        let text: String = (0..LIST).map(|index| format!("user{index:05}@{}\n", domain(list))).collect();
        create::<ConfigMap>(
            client,
            namespace,
            &name,
            &json!({"data": {"list": format!("steady@{}\n{text}", domain(list))}}),
        )
        .await;
        let spec = json!({
            "targetRefs": [{"kind": "MailRoute", "name": name}],
            "recipients": {"from": [{"configMapRef": {"name": name, "key": "list"}}]},
        });
        create::<RecipientPolicy>(client, namespace, &name, &json!({"spec": spec})).await;
    }

    /// A recipient that is taken whatever is changed.
    pub(crate) fn steady(&self) -> String {
        format!("steady@{}", domain(self.count - 1))
    }

    /// Which route a change is of, and the recipient that is taken once it is live. Those with lists are left alone.
    pub(crate) fn change(&self, change: usize) -> (usize, String) {
        let (first, last) = (self.count / 2, self.count - 1);
        let index = first + change * 37 % (last - first);
        (index, format!("new{change}@{}", domain(index)))
    }

    /// Makes a change.
    pub(crate) async fn apply(&self, client: &Client, index: usize, change: usize) {
        let api: Api<MailRoute> = Api::namespaced(client.clone(), &self.tenants[index / SHARE]);
        let spec = spec(&self.namespace, index, &format!("new{change}"));
        let patch = Patch::Merge(json!({"spec": spec}));
        api.patch(&name(index), &PatchParams::default(), &patch).await.unwrap();
    }
}

fn name(index: usize) -> String {
    format!("route-{index}")
}

fn domain(index: usize) -> String {
    format!("d{index}.bench.example")
}

fn spec(gateways: &str, index: usize, local_part: &str) -> Value {
    let recipient = json!({"domain": domain(index), "localPart": {"type": "Exact", "value": local_part}});
    json!({
        "parentRefs": [{"name": "public", "namespace": gateways}],
        "rules": [{
            "name": "all",
            "matches": [{"recipient": recipient}],
            "delivery": {"backendRefs": [{"name": "hook"}]},
        }],
    })
}

async fn create<K>(client: &Client, namespace: &str, name: &str, rest: &Value)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug,
{
    let mut value = rest.clone();
    value["apiVersion"] = K::api_version(&()).into();
    value["kind"] = K::kind(&()).into();
    value["metadata"] = json!({"name": name, "namespace": namespace});
    let object: K = serde_json::from_value(value).unwrap();
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.create(&PostParams::default(), &object).await.unwrap();
}

//! What is left out reads back from the apiserver as the Rust types have it.

use mailchute::api::{MailBackend, MailGateway, MailRoute, RecipientPolicy, crds};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Asking, whole};

/// What the type of a kind makes of a spec.
fn typed(kind: &str, spec: &Value) -> Value {
    fn read<T: DeserializeOwned + Serialize>(spec: &Value) -> Value {
        let object: T = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
        serde_json::to_value(object).unwrap()["spec"].clone()
    }
    match kind {
        "MailGateway" => read::<MailGateway>(spec),
        "MailRoute" => read::<MailRoute>(spec),
        "MailBackend" => read::<MailBackend>(spec),
        "RecipientPolicy" => read::<RecipientPolicy>(spec),
        other => panic!("{other}"),
    }
}

/// Empty lists and maps are not written by the types: the same as not given.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(drop_empty);
            fields.retain(|_, field| field != &json!([]));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

/// Takes away all that has a default; where a whole block goes by that, the block.
fn strip(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let properties = schema["properties"].as_object();
            fields.retain(|name, _| {
                properties.and_then(|it| it.get(name)).is_none_or(|inner| inner.get("default").is_none())
            });
            for (name, field) in fields {
                if let Some(inner) = properties.and_then(|it| it.get(name)) {
                    strip(inner, field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(&schema["items"], item)),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_left_out_reads_back_as_the_types_have_it() {
    let apiserver = Asking::start().await;
    let mut defaulted = 0;
    for seed in whole() {
        let crd = crds().into_iter().find(|crd| crd.spec.names.kind == seed.kind).unwrap();
        let version = serde_json::to_value(&crd.spec.versions[0]).unwrap();
        let mut bare = seed.spec.clone();
        strip(&version["schema"]["openAPIV3Schema"]["properties"]["spec"], &mut bare);
        // The scheme is http again, which has no tls.
        for pointer in ["/http/tls", "/verification/http/tls"] {
            bare.pointer_mut(pointer).map(Value::take);
        }
        for spec in [&seed.spec, &bare] {
            let mut there = apiserver.strictly(&seed.kind, spec).await.unwrap();
            let mut expected = typed(&seed.kind, spec);
            drop_empty(&mut there);
            drop_empty(&mut expected);
            assert_eq!(there, expected, "{}: {spec}", seed.kind);
            defaulted += usize::from(there != *spec);
        }
    }
    assert!(defaulted > 6, "only {defaulted} specs had something left out");
}

#[tokio::test]
async fn a_null_is_the_same_as_nothing() {
    let apiserver = Asking::start().await;
    let spec = json!({
        "hostname": "a.test", "postmaster": null, "stamp": null,
        "listeners": [{"name": "a", "port": 25, "profile": null, "tls": null, "limits": {"errors": null}}],
    });
    let there = apiserver.strictly("MailGateway", &spec).await.unwrap();
    assert_eq!(there["listeners"][0]["profile"], "MX");
    assert_eq!(there["listeners"][0]["limits"]["errors"], 10);
    assert_eq!(there["stamp"]["messageId"], "IfMissing");
    assert!(there.get("postmaster").is_none() && there["listeners"][0].get("tls").is_none(), "{there}");
}

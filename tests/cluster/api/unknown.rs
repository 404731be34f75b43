//! Fields that no schema has: refused where the client asks for it, as kubectl does, else dropped.

use serde_json::{Value, json};

use super::Asking;

#[tokio::test]
async fn unknown_fields_are_refused_or_dropped() {
    let apiserver = Asking::start().await;
    let spec = json!({
        "hostname": "a.test", "hostnam": "b.test",
        "listeners": [{"name": "a", "port": 25, "limits": {"session": 1}}],
    });
    let refused = apiserver.strictly("MailGateway", &spec).await.unwrap_err();
    for field in ["spec.hostnam", "spec.listeners[0].limits.session"] {
        let told = format!("unknown field \"{field}\"");
        assert!(refused.message.contains(&told), "{}", refused.message);
    }
    let object = apiserver.create("MailGateway", &json!({ "spec": spec }), "Ignore").await.unwrap();
    assert!(object["spec"].get("hostnam").is_none(), "{object}");
    assert!(object["spec"]["listeners"][0]["limits"].get("session").is_none(), "{object}");
}

#[tokio::test]
async fn a_spec_is_needed() {
    let apiserver = Asking::start().await;
    for crd in mailchute::api::crds() {
        let kind = &crd.spec.names.kind;
        let refused = apiserver.create(kind, &json!({}), "Strict").await.unwrap_err();
        assert!(refused.message.contains("spec: Required value"), "{kind}: {}", refused.message);
        let refused = apiserver.strictly(kind, &Value::Null).await.unwrap_err();
        assert!(refused.message.contains("spec"), "{kind}: {}", refused.message);
    }
}

//! Bodies written and read: what stands in them, in a version, and in no text of ours.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::{ApiKind, Object};
use crate::compile::{Origin, Snapshot, compile};
use crate::plan::ObjectName;

const PLANTED: &str = "wk9pQz-planted";

fn object(value: Value) -> Object {
    let text = |field: &str| value[field].as_str().unwrap().to_owned();
    ApiKind::find(&text("apiVersion"), &text("kind")).unwrap().deserialize(value).unwrap()
}

fn metadata(namespace: &str, name: &str) -> Value {
    json!({
        "name": name, "namespace": namespace, "uid": format!("uid-{name}"), "resourceVersion": "7", "generation": 3,
        "creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"a": "b"}, "annotations": {"noted": "x"},
        "managedFields": [{"manager": "kubectl", "operation": "Apply"}],
    })
}

fn gateway() -> Value {
    json!({
        "apiVersion": "mailchute.dev/v1alpha1", "kind": "MailGateway", "metadata": metadata("mail", "public"),
        "spec": {
            "hostname": "mx.example.org",
            "listeners": [{"name": "mx", "port": 2525, "allowedRoutes": {"namespaces": {"from": "All"}}}],
            "domains": [{"name": "example.org", "allowedRoutes": {"namespaces": {"from": "All"}}}],
        },
        "status": {"snapshotVersion": "before"},
    })
}

fn route() -> Value {
    json!({
        "apiVersion": "mailchute.dev/v1alpha1", "kind": "MailRoute", "metadata": metadata("app", "all"),
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "mail"}],
            "rules": [{
                "name": "only", "matches": [{"recipient": {"domain": "example.org"}}],
                "delivery": {"backendRefs": [{"name": "inbox"}]},
            }],
        },
    })
}

fn backend() -> Value {
    json!({
        "apiVersion": "mailchute.dev/v1alpha1", "kind": "MailBackend", "metadata": metadata("app", "inbox"),
        "spec": {"http": {
            "service": {"name": "inbox", "port": 80}, "path": "/in",
            "auth": {"bearer": {"secretRef": {"name": "token", "key": "token"}}},
        }},
    })
}

fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("app", "token"), "type": "Opaque",
        "stringData": {"token": PLANTED},
    })
}

fn objects() -> Vec<Value> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata("app", "inbox"),
        "spec": {"ports": [{"name": "http", "port": 80}]},
    });
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("app", "users"), "data": {"list": "a\nb\n"},
    });
    let mut namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata("-", "app"), "spec": {}});
    namespace["metadata"].as_object_mut().unwrap().remove("namespace");
    vec![gateway(), route(), backend(), secret(), service, config_map, namespace]
}

fn snapshot(objects: impl IntoIterator<Item = Value>) -> Snapshot {
    let mut snapshot = Snapshot::of_gateway();
    for value in objects {
        snapshot.insert(Arc::new(object(value))).unwrap();
    }
    snapshot
}

fn public() -> ObjectName {
    ObjectName::new("mail", "public")
}

fn version(objects: impl IntoIterator<Item = Value>) -> String {
    encode(&snapshot(objects), &public()).version
}

/// `text` in place of what `pointer` points to.
fn with(mut value: Value, pointer: &str, text: &str) -> Value {
    *value.pointer_mut(pointer).unwrap() = text.into();
    value
}

/// The body of one snapshot, as a tree to be spoilt.
fn body() -> Value {
    serde_json::from_slice(&encode(&snapshot(objects()), &public()).body).unwrap()
}

fn read(body: &Value) -> Result<Decoded, WireError> {
    decode(body.to_string().as_bytes())
}

#[test]
fn what_is_read_is_what_was_written() {
    let mut whole = snapshot(objects());
    whole.insert_unreadable(ApiKind::Policy, ObjectName::new("app", "torn"), "no spec".to_owned());
    let encoded = encode(&whole, &public());
    assert_eq!(inflate(&encoded.gzip, encoded.body.len()).unwrap(), encoded.body);
    let decoded = decode(&encoded.body).unwrap();
    assert_eq!(decoded.gateway, public());
    assert_eq!(decoded.version, encoded.version);
    assert_eq!(decoded.ignored, [""; 0]);
    assert_eq!(encode(&decoded.snapshot, &public()), encoded, "and the same again");
    let made = |snapshot| {
        let compiled = compile(snapshot, &public(), Origin::Cluster);
        let plan = compiled.plan.unwrap();
        assert_eq!(plan.rules.len(), 1);
        (compiled.findings, format!("{:?}", (plan.rules, plan.backends)))
    };
    assert_eq!(made(&decoded.snapshot), made(&whole));
    let unreadable: Vec<_> = decoded.snapshot.unreadable().collect();
    assert_eq!(unreadable, [(ApiKind::Policy, &ObjectName::new("app", "torn"), "no spec")]);
}

#[test]
fn a_secret_is_read_as_from_files() {
    let decoded = decode(&encode(&snapshot([secret()]), &public()).body).unwrap();
    let Object::Secret(read) = decoded.snapshot.objects().next().unwrap().1 else { panic!("no Secret") };
    assert_eq!(read.data.as_ref().unwrap()["token"].0, PLANTED.as_bytes());
    assert_eq!((read.string_data.as_ref(), read.type_.as_deref()), (None, Some("Opaque")));
}

#[test]
fn what_no_front_end_needs_stays_behind() {
    let text = body().to_string();
    for word in ["status", "managedFields", "kubectl", "annotations", "noted", "generation", "uid-public"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(text.contains("2026-01-02T03:04:05Z"), "the age of a route decides between equals");
}

#[test]
fn a_version_moves_with_what_is_read_and_with_nothing_else() {
    let changed = |index: usize, pointer: &str| {
        let mut all = objects();
        all[index] = with(all[index].clone(), pointer, "9");
        version(all)
    };
    let before = version(objects());
    assert!(before.len() == 32 && before.bytes().all(|octet| octet.is_ascii_hexdigit()), "{before}");
    for (index, pointer) in [
        (0, "/status/snapshotVersion"),
        (0, "/metadata/resourceVersion"),
        (1, "/metadata/uid"),
        (2, "/metadata/labels/a"),
    ] {
        assert_eq!(changed(index, pointer), before, "{pointer}");
    }
    for (index, pointer) in [
        (0, "/spec/hostname"),
        (3, "/metadata/uid"),
        (3, "/metadata/resourceVersion"),
        (5, "/data/list"),
        (6, "/metadata/labels/a"),
    ] {
        assert_ne!(changed(index, pointer), before, "{pointer}");
    }
    let mut unreadable = snapshot(objects());
    unreadable.insert_unreadable(ApiKind::Route, ObjectName::new("app", "torn"), "no spec".to_owned());
    assert_ne!(encode(&unreadable, &public()).version, before);
}

#[test]
fn a_version_tells_nothing_of_a_secret() {
    let guessed = [gateway(), with(secret(), "/stringData/token", "another")];
    assert_eq!(version([gateway(), secret()]), version(guessed));
    let mut keys = secret();
    keys["stringData"]["more"] = "".into();
    assert_ne!(
        version([gateway(), secret()]),
        version([gateway(), keys]),
        "the keys that are selected count"
    );
}

#[test]
fn no_text_of_ours_shows_a_secret() {
    let encoded = encode(&snapshot(objects()), &public());
    let decoded = decode(&encoded.body).unwrap();
    let mut texts = vec![format!("{encoded:?}"), format!("{decoded:?}")];
    for spoilt in
        ["/objects/3/data", "/objects/3/data/token", "/objects/3/type", "/schema", "/version", "/gateway"]
    {
        let mut body = body();
        let place = body.pointer_mut(spoilt).expect(spoilt);
        *place = json!([PLANTED]);
        match read(&body) {
            Ok(decoded) => texts.push(format!("{decoded:?}")),
            Err(error) => texts.extend([error.to_string(), format!("{error:?}")]),
        }
    }
    let base64 = "d2s5cFF6LXBsYW50ZWQ=";
    assert!(encoded.body.windows(base64.len()).any(|window| window == base64.as_bytes()));
    for text in texts {
        assert!(!text.contains(PLANTED) && !text.contains(base64), "{text}");
    }
}

#[test]
fn an_object_that_is_newer_is_left_out_as_little_as_can_be() {
    let mut body = body();
    body["objects"][1]["spec"]["rules"][0]["colour"] = json!("blue");
    body["objects"][5]["spec"]["brandNew"] = json!(1);
    body["objects"][0]["spec"]["listeners"][0]["profile"] = json!("Later");
    body["objects"][3]["data"]["token"] = json!(7);
    body["objects"]
        .as_array_mut()
        .unwrap()
        .push(json!({"apiVersion": "mailchute.dev/v2", "kind": "MailParcel"}));
    body["comment"] = json!("new");
    let decoded = read(&body).unwrap();
    let expected = [
        "comment",
        "MailRoute app/all: spec.rules[0].colour",
        "Secret app/token: data.token: not a value that a Secret takes here: data is base64, stringData is text",
        "an object of kind MailParcel",
    ];
    assert_eq!(decoded.ignored, expected);
    let unreadable: Vec<_> = decoded.snapshot.unreadable().map(|(kind, name, _)| (kind, name)).collect();
    assert_eq!(unreadable, [(ApiKind::Gateway, &public())]);
}

#[test]
fn what_is_no_snapshot_is_told_from_what_is_new() {
    let spoilt = |pointer: &str, value: Value| {
        let mut body = body();
        *body.pointer_mut(pointer).expect(pointer) = value;
        read(&body).unwrap_err()
    };
    assert_eq!(spoilt("/schema", json!(2)), WireError::Schema { found: 2 });
    let mut newer = body();
    newer["schema"] = json!(2);
    newer["objects"] = json!({"MailRoute": []});
    assert_eq!(read(&newer), Err(WireError::Schema { found: 2 }), "whatever else it holds");
    for (pointer, value) in [
        ("/gateway", json!("public")),
        ("/version", json!("")),
        ("/version", json!("a\r\nb")),
        ("/objects", json!(null)),
        ("/objects/0", json!({})),
        ("/objects/0/metadata/name", json!("../x")),
        ("/objects/1", body()["objects"][0].clone()),
    ] {
        let error = spoilt(pointer, value);
        assert!(matches!(error, WireError::Malformed(_)), "{pointer}: {error}");
    }
    let whole = body().to_string();
    for text in ["", "null", "[]", "garbage", &whole[..whole.len() - 1], &format!("{whole}x")] {
        assert!(matches!(decode(text.as_bytes()), Err(WireError::Malformed(_))), "{text}");
    }
}

#[test]
fn nothing_is_inflated_beyond_its_bound() {
    let bomb = deflate(&vec![0; 1 << 20]);
    assert!(bomb.len() < 1 << 14);
    assert_eq!(inflate(&bomb, (1 << 20) - 1), Err(WireError::TooLarge { limit: (1 << 20) - 1 }));
    assert_eq!(inflate(&bomb, 1 << 20).unwrap().len(), 1 << 20);
    let mut flipped = bomb.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    for damaged in [&b"garbage"[..], &bomb[..bomb.len() / 2], &flipped, b""] {
        assert!(matches!(inflate(damaged, 1 << 21), Err(WireError::Gzip(_))), "{damaged:?}");
    }
}

//! Bodies written and read: what stands in them, in a version, and in no text of ours.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::{ApiKind, Object};
use crate::compile::{Inspected, Origin, Snapshot, compile};
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
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "plain", "port": 80}]},
    });
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("app", "users"), "data": {"list": "a\nb\n"},
        "binaryData": {"logo": "AAAA"},
    });
    let mut namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata("-", "app"), "spec": {}});
    namespace["metadata"].as_object_mut().unwrap().remove("namespace");
    vec![gateway(), route(), backend(), secret(), service, config_map, namespace]
}

fn snapshot(objects: impl IntoIterator<Item = Value>) -> Snapshot {
    let mut snapshot = Snapshot::of_gateway();
    for value in objects {
        snapshot.insert(Arc::new(object(value).into())).unwrap();
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
    assert_eq!(read.string_data, None);
}

#[test]
fn what_no_front_end_needs_stays_behind() {
    let text = body().to_string();
    let of_metadata = ["managedFields", "kubectl", "annotations", "noted", "generation", "uid-public"];
    let of_kubernetes = ["clusterIP", "plain", "binaryData", "logo", "Opaque"];
    for word in ["status"].iter().chain(&of_metadata).chain(&of_kubernetes) {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(text.contains("2026-01-02T03:04:05Z"), "the age of a route decides between equals");
}

#[test]
fn a_version_moves_with_what_is_read_and_with_nothing_else() {
    let changed = |index: usize, pointer: &str| {
        let mut all = objects();
        all[index] = with(all[index].clone(), pointer, "9999");
        version(all)
    };
    let before = version(objects());
    assert!(before.len() == 32 && before.bytes().all(|octet| octet.is_ascii_hexdigit()), "{before}");
    for (index, pointer) in [
        (0, "/status/snapshotVersion"),
        (0, "/metadata/resourceVersion"),
        (1, "/metadata/uid"),
        (2, "/metadata/labels/a"),
        (4, "/spec/clusterIP"),
        (5, "/binaryData/logo"),
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
        ["/objects/3/data", "/objects/3/data/token", "/objects/3/metadata", "/schema", "/version", "/gateway"]
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

/// The objects of a snapshot as they are held.
fn held(decoded: &Decoded) -> Vec<&Arc<Inspected>> {
    decoded.snapshot.shared_objects().map(|(_, _, object)| object).collect()
}

#[test]
fn what_stands_there_again_is_the_very_object() {
    let mut decoder = Decoder::default();
    let first = decoder.decode(&encode(&snapshot(objects()), &public()).body).unwrap();
    let mut changed = objects();
    changed[1] = with(changed[1].clone(), "/spec/rules/0/name", "another");
    let body = encode(&snapshot(changed), &public()).body;
    let second = decoder.decode(&body).unwrap();
    assert_eq!(Ok(&second), decode(&body).as_ref());
    for (before, after) in held(&first).into_iter().zip(held(&second)) {
        assert_eq!(Arc::ptr_eq(before, after), after.kind() != ApiKind::Route, "{after:?}");
    }
}

#[test]
fn a_secret_is_known_by_its_contents() {
    let body = |token: &str| encode(&snapshot([with(secret(), "/stringData/token", token)]), &public());
    let (one, other) = (body("one"), body("other"));
    assert_eq!(one.version, other.version, "uid and resourceVersion are the same");
    let mut decoder = Decoder::default();
    for encoded in [&one, &other, &other, &one] {
        assert_eq!(decoder.decode(&encoded.body), decode(&encoded.body));
    }
}

#[test]
fn what_is_told_of_an_object_is_told_each_time() {
    let mut body = body();
    body["objects"][1]["spec"]["colour"] = json!("blue");
    body["objects"][2]["spec"] = json!(7);
    body["objects"].as_array_mut().unwrap().push(json!({"apiVersion": "v9", "kind": "MailParcel"}));
    let body = body.to_string();
    let fresh = decode(body.as_bytes()).unwrap();
    assert_eq!((fresh.ignored.len(), fresh.snapshot.unreadable().count()), (2, 1), "{:?}", fresh.ignored);
    let mut decoder = Decoder::default();
    for _ in 0..3 {
        assert_eq!(decoder.decode(body.as_bytes()).as_ref(), Ok(&fresh));
    }
}

#[test]
fn a_body_that_is_no_snapshot_takes_nothing_away() {
    let whole = encode(&snapshot(objects()), &public()).body;
    let mut decoder = Decoder::default();
    let first = decoder.decode(&whole).unwrap();
    let mut twice = body();
    twice["objects"][1] = twice["objects"][0].clone();
    assert!(decoder.decode(twice.to_string().as_bytes()).is_err());
    assert!(decoder.decode(b"garbage").is_err());
    let again = decoder.decode(&whole).unwrap();
    assert!(held(&first).into_iter().zip(held(&again)).all(|(one, other)| Arc::ptr_eq(one, other)));
}

#[test]
fn a_long_list_is_read_anew() {
    let list = with(objects().swap_remove(5), "/data/list", &"a@example.org\n".repeat(10_000));
    let body = encode(&snapshot([list]), &public()).body;
    let mut decoder = Decoder::default();
    let (first, second) = (decoder.decode(&body).unwrap(), decoder.decode(&body).unwrap());
    assert_eq!(first, second);
    assert!(!Arc::ptr_eq(held(&first)[0], held(&second)[0]), "it would be held twice for nothing");
}

#[test]
fn an_object_that_is_json_by_its_form_only_is_no_snapshot() {
    let whole = body().to_string();
    for spoilt in [r#""only\ud800""#, &format!("{}1{}", "[".repeat(200), "]".repeat(200))] {
        let text = whole.replace(r#""only""#, spoilt);
        assert!(matches!(decode(text.as_bytes()), Err(WireError::Malformed(_))), "{spoilt}");
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

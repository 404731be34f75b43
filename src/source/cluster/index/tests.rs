//! What the index makes of what it is told, case by case.

use serde_json::{Value, json};

use super::super::contents::{Fetched, Next, Ticket};
use super::super::doubt::Definition;
use super::*;
use crate::api::ObjectMeta;

fn scope(kind: ApiKind, namespace: Option<&str>) -> Scope {
    Scope { kind, namespace: namespace.map(str::to_owned) }
}

fn seen(kind: ApiKind, name: &str, rest: &Value) -> Seen {
    let mut value = json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"}});
    merge(&mut value, rest);
    Seen::read(kind, value).unwrap()
}

fn merge(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(fields), Value::Object(with)) => {
            for (key, with) in with {
                merge(fields.entry(key).or_insert(Value::Null), with);
            }
        }
        (value, with) => *value = with.clone(),
    }
}

fn stub(name: &str, version: &str) -> Seen {
    let text = |text: &str| Some(text.to_owned());
    Seen::Stub(Box::new(ObjectMeta {
        name: text(name),
        namespace: text("shop"),
        resource_version: text(version),
        ..ObjectMeta::default()
    }))
}

fn key(kind: ApiKind, name: &str) -> Key {
    (kind, ObjectName::new("shop", name))
}

/// A backend with a token in Secret `token`, at Service `web`.
fn backend(more: &Value) -> Seen {
    let mut value = json!({"spec": {"http": {
        "service": {"name": "web", "port": 80},
        "auth": {"bearer": {"secretRef": {"name": "token", "key": "token"}}},
    }}});
    merge(&mut value, more);
    seen(ApiKind::Backend, "hook", &value)
}

fn url(name: &str) -> Seen {
    seen(ApiKind::Backend, name, &json!({"spec": {"http": {"url": "https://example"}}}))
}

fn secret(version: &str) -> Fetched {
    let value = json!({"metadata": {"resourceVersion": version}, "data": {"token": "YQ=="}});
    match seen(ApiKind::Secret, "token", &value) {
        Seen::Object { object, .. } => Fetched::Found(object),
        _ => panic!("a Secret that can't be read"),
    }
}

/// An index all of whose watches have listed nothing.
fn empty() -> Index {
    let scopes = ApiKind::ALL.map(|kind| scope(kind, None));
    let mut index = Index::new(scopes.clone());
    for scope in &scopes {
        index.listed(scope, Vec::new());
    }
    index
}

fn only_due(index: &mut Index) -> Ticket {
    let due = index.contents().take_due();
    assert_eq!(due.len(), 1, "{due:?}");
    due[0].1
}

fn names_of(index: &Index) -> Vec<String> {
    let snapshot = index.snapshot();
    snapshot.objects().map(|(name, object)| format!("{} {}", object.kind().name(), name.name)).collect()
}

#[test]
fn nothing_is_fit_before_every_watch_has_listed() {
    let scopes =
        [scope(ApiKind::Route, None), scope(ApiKind::Secret, Some("a")), scope(ApiKind::Secret, Some("b"))];
    let mut index = Index::new(scopes.clone());
    for scope in &scopes {
        assert!(!index.is_fit());
        assert_eq!(index.listed(scope, Vec::new()), Change::Meaning);
    }
    assert!(index.is_fit());
    assert_eq!(index.listed(&scopes[0], Vec::new()), Change::Nothing);
}

#[test]
fn a_list_stands_for_all_that_its_watch_sees_and_nothing_else() {
    let mut index = empty();
    let services = [scope(ApiKind::Service, Some("shop")), scope(ApiKind::Service, Some("other"))];
    index.applied(ApiKind::Backend, backend(&json!({})));
    let web = || seen(ApiKind::Service, "web", &json!({"spec": {"ports": [{"port": 80}]}}));
    assert_eq!(index.listed(&services[0], vec![web()]), Change::Meaning);
    index.listed(&services[1], Vec::new());
    assert_eq!(names_of(&index), ["MailBackend hook", "Service web"]);
    assert_eq!(index.listed(&services[0], vec![web()]), Change::Nothing);
    assert_eq!(index.listed(&services[0], Vec::new()), Change::Meaning);
    assert_eq!(names_of(&index), ["MailBackend hook"]);
}

#[test]
fn a_change_of_spec_labels_or_ownership_means_something_and_status_does_not() {
    let mut index = empty();
    let base = json!({"metadata": {"uid": "u", "generation": 1}, "spec": {}});
    assert_eq!(index.applied(ApiKind::Backend, backend(&base)), Change::Meaning);
    let differs = |more: Value, expected: Change| {
        let mut index = empty();
        index.applied(ApiKind::Backend, backend(&base));
        let mut value = base.clone();
        merge(&mut value, &more);
        assert_eq!(index.applied(ApiKind::Backend, backend(&value)), expected, "{more}");
    };
    differs(json!({}), Change::Nothing);
    differs(json!({"metadata": {"annotations": {"a": "b"}, "managedFields": []}}), Change::Nothing);
    differs(json!({"metadata": {"resourceVersion": "2"}}), Change::Status);
    differs(json!({"status": {"conditions": []}}), Change::Status);
    differs(json!({"spec": {"limits": {"maxInFlight": 3}}}), Change::Meaning);
    differs(json!({"metadata": {"generation": 2}}), Change::Meaning);
    differs(json!({"metadata": {"labels": {"a": "b"}}}), Change::Meaning);
    differs(json!({"metadata": {"uid": "v"}}), Change::Meaning);
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"});
    differs(json!({"metadata": {"ownerReferences": [owner]}}), Change::Meaning);
}

#[test]
fn the_latest_version_is_known_with_its_status() {
    let mut index = empty();
    index.applied(ApiKind::Backend, url("a"));
    let newer = json!({"metadata": {"resourceVersion": "9"}, "spec": {"http": {"url": "https://example"}}});
    index.applied(ApiKind::Backend, seen(ApiKind::Backend, "a", &newer));
    let latest = index.latest(ApiKind::Backend, &ObjectName::new("shop", "a")).unwrap();
    assert_eq!(latest.metadata().resource_version.as_deref(), Some("9"));
}

#[test]
fn of_services_those_count_that_are_referred_to() {
    let mut index = empty();
    let service = |port: u16| json!({"spec": {"ports": [{"port": port}]}});
    let web = |port| seen(ApiKind::Service, "web", &service(port));
    assert_eq!(index.applied(ApiKind::Service, web(80)), Change::Nothing);
    assert_eq!(names_of(&index), [""; 0]);
    index.applied(ApiKind::Backend, backend(&json!({})));
    assert_eq!(names_of(&index), ["MailBackend hook", "Service web"]);
    assert_eq!(index.applied(ApiKind::Service, web(81)), Change::Meaning);
    let balanced = json!({"spec": {"ports": [{"port": 81}]}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    assert_eq!(index.applied(ApiKind::Service, seen(ApiKind::Service, "web", &balanced)), Change::Nothing);
    assert_eq!(index.deleted(ApiKind::Service, &ObjectName::new("shop", "web")), Change::Meaning);
}

#[test]
fn a_secret_is_fetched_once_it_is_referred_to_and_awaited() {
    let mut index = empty();
    assert_eq!(index.applied(ApiKind::Secret, stub("token", "1")), Change::Nothing);
    assert_eq!(index.contents().take_due(), []);
    index.applied(ApiKind::Backend, backend(&json!({})));
    let ticket = only_due(&mut index);
    assert!(!index.is_fit());
    assert_eq!(index.contents().take_due(), []);
    let learnt = index.contents().fetched(&key(ApiKind::Secret, "token"), ticket, secret("1"));
    assert_eq!(learnt, (Change::Meaning, Next::Done));
    assert!(index.is_fit());
    assert_eq!(names_of(&index), ["MailBackend hook", "Secret token"]);
    assert_eq!(index.applied(ApiKind::Secret, stub("token", "1")), Change::Nothing);
    assert_eq!(index.contents().take_due(), []);
}

/// An index with a backend and its Secret in version 1.
fn with_secret() -> Index {
    let mut index = empty();
    index.applied(ApiKind::Secret, stub("token", "1"));
    index.applied(ApiKind::Backend, backend(&json!({})));
    let ticket = only_due(&mut index);
    index.contents().fetched(&key(ApiKind::Secret, "token"), ticket, secret("1"));
    index
}

fn held_version(index: &Index) -> Option<String> {
    let snapshot = index.snapshot();
    let secret = snapshot.objects().find(|(_, object)| object.kind() == ApiKind::Secret);
    secret.and_then(|(_, object)| object.metadata().resource_version.clone())
}

#[test]
fn a_rotated_secret_stays_in_use_until_the_new_one_is_here() {
    let (mut index, token) = (with_secret(), key(ApiKind::Secret, "token"));
    assert_eq!(index.applied(ApiKind::Secret, stub("token", "2")), Change::Nothing);
    let ticket = only_due(&mut index);
    assert!(index.is_fit());
    assert_eq!(
        index.contents().fetched(&token, ticket, Fetched::Failed),
        (Change::Nothing, Next::Again { failures: 1 })
    );
    assert_eq!(held_version(&index).as_deref(), Some("1"));
    assert_eq!(index.contents().fetched(&token, ticket, secret("2")), (Change::Meaning, Next::Done));
    assert_eq!(held_version(&index).as_deref(), Some("2"));
}

#[test]
fn a_fetch_that_is_ahead_of_the_watch_is_not_made_again() {
    let (mut index, token) = (with_secret(), key(ApiKind::Secret, "token"));
    index.applied(ApiKind::Secret, stub("token", "2"));
    let ticket = only_due(&mut index);
    index.contents().fetched(&token, ticket, secret("3"));
    assert_eq!(index.contents().take_due(), []);
    index.applied(ApiKind::Secret, stub("token", "3"));
    assert_eq!(index.contents().take_due(), []);
}

#[test]
fn a_fetch_that_is_behind_the_watch_is_made_again() {
    let (mut index, token) = (with_secret(), key(ApiKind::Secret, "token"));
    index.applied(ApiKind::Secret, stub("token", "2"));
    let ticket = only_due(&mut index);
    index.applied(ApiKind::Secret, stub("token", "3"));
    assert_eq!(index.contents().take_due(), []);
    index.contents().fetched(&token, ticket, secret("2"));
    let ticket = only_due(&mut index);
    assert_eq!(index.contents().fetched(&token, ticket, secret("3")), (Change::Meaning, Next::Done));
}

#[test]
fn a_secret_that_is_gone_is_gone_and_a_late_answer_does_not_bring_it_back() {
    let (mut index, token) = (with_secret(), key(ApiKind::Secret, "token"));
    index.applied(ApiKind::Secret, stub("token", "2"));
    let ticket = only_due(&mut index);
    assert_eq!(index.deleted(ApiKind::Secret, &token.1), Change::Meaning);
    assert_eq!(held_version(&index), None);
    assert_eq!(index.contents().fetched(&token, ticket, secret("2")), (Change::Nothing, Next::Done));
    assert_eq!(held_version(&index), None);
}

#[test]
fn a_secret_that_nobody_refers_to_any_more_is_let_go() {
    let mut index = with_secret();
    let plain = json!({"spec": {"http": {"auth": null}}});
    assert_eq!(index.applied(ApiKind::Backend, backend(&plain)), Change::Meaning);
    assert_eq!(names_of(&index), ["MailBackend hook"]);
    index.applied(ApiKind::Backend, backend(&json!({})));
    only_due(&mut index);
}

#[test]
fn what_cannot_be_fetched_does_not_hold_up_the_rest_for_ever() {
    let token = key(ApiKind::Secret, "token");
    let outcomes: [&dyn Fn() -> Fetched; 2] = [&|| Fetched::Refused, &|| Fetched::Failed];
    for (attempts, outcome) in [1, 3].into_iter().zip(outcomes) {
        let mut index = empty();
        index.applied(ApiKind::Secret, stub("token", "1"));
        index.applied(ApiKind::Backend, backend(&json!({})));
        let ticket = only_due(&mut index);
        for attempt in 1..=attempts {
            assert!(!index.is_fit());
            let next = Next::Again { failures: attempt };
            assert_eq!(index.contents().fetched(&token, ticket, outcome()), (Change::Nothing, next));
        }
        assert!(index.is_fit());
        assert_eq!(index.contents().fetched(&token, ticket, secret("1")), (Change::Meaning, Next::Done));
    }
}

#[test]
fn an_object_that_cannot_be_read_is_told_as_such_and_once() {
    let mut index = empty();
    index.applied(
        ApiKind::Route,
        seen(ApiKind::Route, "good", &json!({"spec": {"parentRefs": [], "rules": []}})),
    );
    let broken =
        || seen(ApiKind::Route, "bad", &json!({"metadata": {"generation": 1}, "spec": {"rules": 7}}));
    assert_eq!(index.applied(ApiKind::Route, broken()), Change::Meaning);
    let notes = index.take_notes();
    assert!(matches!(&notes[..], [Note::Unreadable { key, .. }] if key.1.name == "bad"), "{notes:?}");
    assert_eq!(index.applied(ApiKind::Route, broken()), Change::Nothing);
    assert_eq!(index.take_notes(), []);
    let snapshot = index.snapshot();
    assert_eq!(snapshot.objects().count(), 1);
    let unreadable: Vec<_> = snapshot.unreadable().map(|(kind, name, _)| (kind, name.name.clone())).collect();
    assert_eq!(unreadable, [(ApiKind::Route, "bad".to_owned())]);
    let mended = seen(ApiKind::Route, "bad", &json!({"spec": {"parentRefs": [], "rules": []}}));
    assert_eq!(index.applied(ApiKind::Route, mended), Change::Meaning);
    assert_eq!(index.snapshot().unreadable().count(), 0);
}

#[test]
fn fields_that_are_not_known_are_told_once_for_each_change() {
    let mut index = empty();
    let odd =
        |version: &str| backend(&json!({"metadata": {"resourceVersion": version}, "spec": {"zone": "a"}}));
    index.applied(ApiKind::Backend, odd("1"));
    let expected = Note::Unknown { key: key(ApiKind::Backend, "hook"), fields: vec!["spec.zone".into()] };
    assert_eq!(index.take_notes(), [expected]);
    assert_eq!(index.applied(ApiKind::Backend, odd("2")), Change::Status);
    assert_eq!(index.take_notes(), []);
}

#[test]
fn a_kind_that_is_gone_stops_all_and_takes_nothing() {
    let mut index = empty();
    index.applied(ApiKind::Backend, url("a"));
    index.gone(&scope(ApiKind::Route, None));
    assert!(!index.is_fit());
    assert_eq!(index.out_of_sync(ApiKind::Route), 1);
    assert_eq!(names_of(&index), ["MailBackend a"]);
    assert_eq!(index.listed(&scope(ApiKind::Route, None), Vec::new()), Change::Meaning);
    assert!(index.is_fit());
}

#[test]
fn a_watch_in_trouble_stops_nothing() {
    let mut index = empty();
    index.failing(&scope(ApiKind::Route, None));
    assert!(index.is_fit());
    assert_eq!(index.out_of_sync(ApiKind::Route), 1);
}

#[test]
fn what_is_lost_is_believed_once_the_crd_was_looked_at() {
    let mut index = empty();
    index.listed(&scope(ApiKind::Backend, None), vec![url("a"), url("b")]);
    assert_eq!(index.deleted(ApiKind::Backend, &ObjectName::new("shop", "a")), Change::Meaning);
    assert!(!index.is_fit());
    let [(kind, losses)] = index.doubts().take_due()[..] else { panic!("no question") };
    // Another one goes while the question is under way: the answer may be older.
    index.listed(&scope(ApiKind::Backend, None), Vec::new());
    assert_eq!(index.doubts().take_due(), []);
    index.doubts().answered(kind, losses, Definition::Stands);
    assert!(!index.is_fit());
    for answer in [Definition::Unknown, Definition::Falls] {
        let [(kind, losses)] = index.doubts().take_due()[..] else { panic!("no question") };
        index.doubts().answered(kind, losses, answer);
        assert!(!index.is_fit(), "{answer:?}");
    }
    let [(kind, losses)] = index.doubts().take_due()[..] else { panic!("no question") };
    index.doubts().answered(kind, losses, Definition::Stands);
    assert!(index.is_fit());
}

#[test]
fn a_service_or_namespace_that_goes_raises_no_doubt() {
    let mut index = empty();
    let namespace = Seen::read(ApiKind::Namespace, json!({"metadata": {"name": "shop"}})).unwrap();
    index.applied(ApiKind::Namespace, namespace);
    assert_eq!(index.deleted(ApiKind::Namespace, &ObjectName::new("", "shop")), Change::Meaning);
    assert!(index.is_fit());
}

//! What should stand in status: golden pairs `tests/status/*.in.yaml → *.out.yaml`.
//!
//! Every gateway of an input is compiled as the controller does it. Comments say what else is so:
//! `# unreadable: kind namespace/name problem`, `# held: namespace/gateway why` where front-ends are
//! offered something older. `MAILCHUTE_BLESS=1` rewrites the outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailchute::api::status::{Condition, Time};
use mailchute::api::{ApiKind, Object};
use mailchute::compile::{Origin, Snapshot, compile_with_standings, select};
use mailchute::plan::ObjectName;
use mailchute::status::{CONTROLLER_NAME, Notice, Offer, Outcome, Status, Wanted, merge, report};

use crate::compile::{directives, inputs_of, object_name, snapshot};
use crate::support::conditions::{self, Reached, always, conditions, missing, unlisted};
use crate::support::golden::golden;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/status")
}

fn inputs() -> Vec<PathBuf> {
    inputs_of(&folder())
}

/// The objects of an input, each of generation 3.
fn objects(input: &Path) -> Snapshot {
    let read = snapshot(input);
    let mut snapshot = Snapshot::default();
    for (_, object) in read.objects() {
        let mut object = object.clone();
        object.metadata_mut().generation = Some(3);
        snapshot.insert(Arc::new(object.into())).unwrap();
    }
    for (kind, name, problem) in read.unreadable() {
        snapshot.insert_unreadable(kind, name.clone(), problem.to_owned());
    }
    snapshot
}

/// What the controller would want to be written.
fn picture(input: &Path) -> (Snapshot, Vec<Wanted>, Vec<Notice>) {
    let text = fs::read_to_string(input).unwrap();
    let snapshot = objects(input);
    let held: BTreeMap<ObjectName, String> = directives(&text, "held")
        .into_iter()
        .map(|held| held.split_once(' ').unwrap())
        .map(|(name, why)| (object_name(name), why.to_owned()))
        .collect();
    let outcomes: BTreeMap<ObjectName, Outcome> = snapshot
        .gateways()
        .map(|gateway| {
            let compiled = compile_with_standings(&select(&snapshot, gateway), gateway, Origin::Cluster);
            let offer = match (held.get(gateway), &compiled.0.plan) {
                (Some(why), _) => Offer::Held { version: Some("before".to_owned()), why: why.clone() },
                (None, Some(_)) => Offer::Current { version: "now".to_owned() },
                (None, None) => Offer::Held { version: None, why: "it can't be used".to_owned() },
            };
            (gateway.clone(), Outcome::new(compiled, offer))
        })
        .collect();
    let (wanted, notices) = report(&snapshot, &outcomes);
    (snapshot, wanted, notices)
}

fn at(second: i64) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
}

fn object<'a>(snapshot: &'a Snapshot, wanted: &Wanted) -> &'a Object {
    let mut objects = snapshot.objects();
    objects.find(|(name, object)| object.kind() == wanted.kind && **name == wanted.name).unwrap().1
}

/// The object once the status is written.
fn written(object: &Object, status: Status) -> Object {
    let mut object = object.clone();
    match (&mut object, status) {
        (Object::Gateway(gateway), Status::Gateway(status)) => gateway.status = Some(status),
        (Object::Route(route), Status::Route(status)) => route.status = Some(status),
        (Object::Backend(backend), Status::Backend(status)) => backend.status = Some(status),
        (Object::Policy(policy), Status::Policy(status)) => policy.status = Some(status),
        (object, status) => panic!("{object:?} can't have {status:?}"),
    }
    object
}

fn render(input: &Path) -> String {
    let (snapshot, wanted, notices) = picture(input);
    let status = |wanted: &Wanted| merge(object(&snapshot, wanted), wanted, &at(0)).unwrap();
    let all: String =
        wanted.iter().map(|each| conditions::render(each.kind, &each.name, &status(each))).collect();
    all + &conditions::render_notices(&notices)
}

#[test]
fn says_what_the_golden_files_say() {
    let inputs = inputs();
    assert!(inputs.len() > 5);
    for input in inputs {
        let output = input.to_string_lossy().replace(".in.yaml", ".out.yaml");
        golden(Path::new(&output), &render(&input));
    }
}

#[test]
fn every_condition_and_reason_has_a_golden_pair() {
    let mut reached = Reached::new();
    for input in inputs() {
        let (snapshot, wanted, _) = picture(&input);
        for wanted in &wanted {
            let status = merge(object(&snapshot, wanted), wanted, &at(0)).unwrap();
            let all = conditions(&status).into_iter().flat_map(|(_, conditions)| conditions);
            reached.extend(all.map(|each| (wanted.kind, each.type_.clone(), each.reason.clone())));
        }
    }
    let (missing, unlisted) = (missing(&reached), unlisted(&reached));
    assert!(missing.is_empty() && unlisted.is_empty(), "missing {missing:?}, not in the table {unlisted:?}");
}

#[test]
fn positive_conditions_are_always_there_and_all_fit_what_an_api_server_takes() {
    for input in inputs() {
        let (snapshot, wanted, notices) = picture(&input);
        for wanted in &wanted {
            let status = merge(object(&snapshot, wanted), wanted, &at(0)).unwrap();
            for (place, conditions) in conditions(&status) {
                let kinds: Vec<&str> = conditions.iter().map(|each| each.type_.as_str()).collect();
                let always = always(wanted.kind, &place);
                assert!(always.iter().all(|kind| kinds.contains(kind)), "{place} {kinds:?}");
                assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), kinds.len(), "{place} {kinds:?}");
                for each in conditions {
                    assert_eq!(each.observed_generation, Some(3));
                    assert!(!each.message.is_empty() && each.message.len() <= 32_768, "{each:?}");
                    let negative = !always.contains(&each.type_.as_str());
                    assert!(!negative || each.status == "True", "{each:?}");
                }
            }
        }
        assert!(notices.iter().all(|notice| !notice.message.is_empty() && notice.message.len() <= 1024));
    }
}

#[test]
fn a_status_that_is_written_settles() {
    for input in inputs() {
        let (snapshot, first, _) = picture(&input);
        let (_, second, _) = picture(&input);
        assert_eq!(first, second, "{}: the same every time", input.display());
        for wanted in &first {
            let object = object(&snapshot, wanted);
            let status = merge(object, wanted, &at(0)).unwrap();
            assert_eq!(merge(&written(object, status), wanted, &at(60)), None, "{:?}", wanted.name);
        }
    }
}

const ROUTE: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\n\
                     metadata: {name: a, namespace: app, generation: 1}\nspec:\n  \
                     parentRefs: [{name: nowhere}]\n  rules:\n  - {name: r, matches: [{recipient: {domain: \
                     a.example}}], delivery: {backendRefs: [{name: b}]}}\n";
const BACKEND: &str = "---\napiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\n\
                       metadata: {name: b, namespace: app}\nspec: {http: {url: \"http://x.test/\"}}\n";

/// The route of a text, and what is wanted of it.
fn route(text: &str) -> (Object, Wanted) {
    let snapshot = mailchute::source::parse("route.yaml", text).unwrap().snapshot;
    let (wanted, _) = report(&snapshot, &BTreeMap::new());
    let wanted = wanted.into_iter().find(|wanted| wanted.kind == ApiKind::Route).unwrap();
    (object(&snapshot, &wanted).clone(), wanted)
}

fn route_status(status: Status) -> mailchute::api::status::MailRouteStatus {
    match status {
        Status::Route(status) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let (object, without) = route(ROUTE);
    let first = merge(&object, &without, &at(10)).unwrap();
    let object = written(&object, first);
    let (_, with) = route(&format!("{ROUTE}{BACKEND}"));
    let second = route_status(merge(&object, &with, &at(20)).unwrap());
    let times: BTreeMap<&str, i64> = second.parents[0]
        .conditions
        .iter()
        .map(|each| (each.type_.as_str(), each.last_transition_time.0.as_second()))
        .collect();
    assert_eq!(times, BTreeMap::from([("Accepted", 10), ("ResolvedRefs", 20), ("Programmed", 10)]));
}

#[test]
fn another_generation_is_a_change() {
    let (object, wanted) = route(ROUTE);
    let object = written(&object, merge(&object, &wanted, &at(10)).unwrap());
    let (_, next) = route(&ROUTE.replace("generation: 1", "generation: 2"));
    let status = route_status(merge(&object, &next, &at(20)).unwrap());
    let ready = &status.conditions[0];
    assert_eq!((ready.observed_generation, ready.last_transition_time.0.as_second()), (Some(2), 10));
}

#[test]
fn entries_of_other_controllers_stay_and_spoilt_ones_of_ours_are_mended() {
    let (object, wanted) = route(ROUTE);
    let mut status = route_status(merge(&object, &wanted, &at(10)).unwrap());
    let mut theirs = status.parents[0].clone();
    theirs.controller_name = "example.com/other".to_owned();
    status.parents.insert(0, theirs.clone());
    let good = status.clone();
    assert_eq!(merge(&written(&object, Status::Route(status.clone())), &wanted, &at(20)), None);
    status.parents[1].conditions[0].message = "spoilt".to_owned();
    status.parents.push(mailchute::api::status::RouteParentStatus {
        parent_ref: mailchute::api::route::ParentRef {
            name: "gone".to_owned(),
            namespace: None,
            section_name: None,
        },
        controller_name: CONTROLLER_NAME.to_owned(),
        conditions: Vec::new(),
    });
    let mended = merge(&written(&object, Status::Route(status)), &wanted, &at(20)).unwrap();
    assert_eq!(route_status(mended), good);
}

#[test]
fn conditions_of_others_beside_ours_are_none_of_our_affair() {
    let (object, wanted) = route(ROUTE);
    let mut status = route_status(merge(&object, &wanted, &at(10)).unwrap());
    let ours = status.clone();
    let theirs = Condition { type_: "example.com/Audited".to_owned(), ..status.conditions[0].clone() };
    status.conditions.push(theirs);
    let object = written(&object, Status::Route(status));
    assert_eq!(merge(&object, &wanted, &at(20)), None);
    let (_, next) = route(&ROUTE.replace("generation: 1", "generation: 2"));
    let next = route_status(merge(&object, &next, &at(20)).unwrap());
    assert_eq!(next.conditions.len(), ours.conditions.len(), "theirs is not applied as ours");
}

#[test]
fn the_most_parents_that_fit_beside_others_are_written() {
    let (object, wanted) = route(ROUTE);
    let mut status = route_status(merge(&object, &wanted, &at(10)).unwrap());
    let mut theirs = status.parents[0].clone();
    theirs.controller_name = "example.com/other".to_owned();
    for (others, all) in [(31, Some(32)), (32, None)] {
        status.parents = vec![theirs.clone(); others];
        let merged = merge(&written(&object, Status::Route(status.clone())), &wanted, &at(20));
        assert_eq!(merged.map(|status| route_status(status).parents.len()), all, "{others} of others");
    }
}

#[test]
fn a_route_with_hundreds_of_findings_gets_a_message_of_bounded_length() {
    let rules: String = (0..64)
        .map(|rule| {
            let matches: Vec<String> =
                (0..64).map(|nth| format!("{{recipient: {{domain: d{rule}x{nth}.example}}}}")).collect();
            format!(
                "  - {{name: r{rule}, matches: [{}], delivery: {{backendRefs: [{{name: {}}}]}}}}\n",
                matches.join(", "),
                "n".repeat(253)
            )
        })
        .collect();
    let text = format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {{name: g, namespace: app}}\n\
         spec: {{hostname: a.example, listeners: [{{name: mx, port: 25}}], domains: [{{name: b.example}}]}}\n\
         ---\napiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: a, namespace: app}}\n\
         spec:\n  parentRefs: [{{name: g}}]\n  rules:\n{rules}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.yaml");
    fs::write(&file, text).unwrap();
    let (snapshot, wanted, _) = picture(&file);
    let wanted = wanted.iter().find(|wanted| wanted.kind == ApiKind::Route).unwrap();
    let status = merge(object(&snapshot, wanted), wanted, &at(0)).unwrap();
    for (_, conditions) in conditions(&status) {
        for each in conditions {
            assert!(each.message.len() < 10_000, "{} octets", each.message.len());
        }
    }
    let refused = &route_status(status).parents[0].conditions[0];
    assert!(refused.message.contains("d0x0.example") && refused.message.ends_with(" more"), "{refused:?}");
}

//! A selection of one gateway's objects compiles as the whole does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use mailchute::api::status::{Condition, Time};
use mailchute::api::{ApiKind, Object};
use mailchute::compile::{Compiled, Origin, Snapshot, compile, select};
use mailchute::plan::{Finding, ObjectName, Reason};
use rustix::time::{ClockId, clock_gettime};

use super::{directives, inputs, object_name, render, snapshot};

/// What a selection can't tell: that something of nobody is not there.
fn is_absence(finding: &Finding) -> bool {
    let elsewhere =
        matches!(finding.reason, Reason::NoMatchingParent | Reason::TargetNotFound | Reason::Unreadable);
    elsewhere
        && (finding.field.starts_with("spec.parentRefs[") || finding.field.starts_with("spec.targetRefs["))
}

/// The plan alone.
fn plan(compiled: &Compiled, asks: &[&str]) -> String {
    let asks = if compiled.plan.is_some() { asks } else { &[] };
    render::render(&Compiled { findings: Vec::new(), ..compiled.clone() }, asks)
}

/// Holds the property for one gateway.
fn compiles_alike(whole: &Snapshot, gateway: &ObjectName, origin: Origin, asks: &[&str]) {
    let selected = select(whole, gateway);
    let mut of_whole = compile(whole, gateway, origin);
    let of_selected = compile(&selected, gateway, origin);
    assert_eq!(plan(&of_selected, asks), plan(&of_whole, asks), "{gateway}");
    // The whole has policies and backends of other gateways too.
    of_whole.standings.backends.retain(|name| of_selected.standings.backends.contains(name));
    of_whole.standings.policies.retain(|name, _| of_selected.standings.policies.contains_key(name));
    assert_eq!(of_selected.standings, of_whole.standings, "{gateway}");
    let is_selected = |finding: &&Finding| {
        let objects = selected.objects().map(|(name, object)| (object.kind(), name));
        let unreadable = selected.unreadable().map(|(kind, name, _)| (kind, name));
        objects.chain(unreadable).any(|(kind, name)| finding.object.is(kind.name(), name))
    };
    let theirs: Vec<&Finding> = of_whole.findings.iter().filter(is_selected).collect();
    for finding in &of_selected.findings {
        assert!(theirs.contains(&finding), "{gateway}: only the selection says {finding}");
    }
    for finding in theirs {
        let told = of_selected.findings.contains(finding) || is_absence(finding);
        assert!(told, "{gateway}: the selection does not say {finding}");
    }
    assert_eq!(select(&selected, gateway), selected, "{gateway}: a selection of a selection is itself");
}

#[test]
fn compiles_to_the_same_plan_and_findings_as_the_whole() {
    for input in inputs() {
        let text = std::fs::read_to_string(&input).unwrap();
        let whole = snapshot(&input);
        // What is asked is asked of the gateway that the input is about.
        let about = directives(&text, "gateway").first().map(|name| object_name(name));
        for gateway in whole.gateways() {
            let asked = about.as_ref().is_none_or(|about| about == gateway);
            let asks = if asked { directives(&text, "ask") } else { Vec::new() };
            for origin in [Origin::Files, Origin::Cluster] {
                compiles_alike(&whole, gateway, origin, &asks);
            }
        }
    }
}

/// Many routes of many namespaces on three gateways, as an API server has them: with a status, managed
/// fields, labels.
fn many(routes: usize) -> Snapshot {
    let mut text = String::new();
    for gateway in ["one", "two", "three"] {
        let _ = write!(
            text,
            "---\napiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\n\
             metadata: {{name: {gateway}, namespace: mail}}\nspec:\n  hostname: {gateway}.example.net\n  \
             listeners: [{{name: mx, port: 25, allowedRoutes: {{namespaces: {{from: All}}}}}}]\n  \
             domains: [{{name: \"*.{gateway}.example\", allowedRoutes: {{namespaces: {{from: Selector, selector: \
             {{matchLabels: {{tenant: a}}}}}}}}}}]\n"
        );
    }
    for namespace in 0..100 {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: ns{namespace}, labels: {{tenant: a, x: z}}}}\n\
             ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: token, namespace: ns{namespace}}}\n\
             stringData: {{token: secret, other: key}}\n\
             ---\napiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\n\
             metadata: {{name: inbox, namespace: ns{namespace}}}\nspec: {{http: {{url: \"http://x.test/\", \
             auth: {{bearer: {{secretRef: {{name: token, key: token}}}}}}}}}}\n\
             ---\napiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\n\
             metadata: {{name: list, namespace: ns{namespace}}}\nspec: {{targetRefs: [{{kind: MailRoute, name: \
             r{namespace}}}], recipients: {{addresses: [\"a@r{namespace}.one.example\"]}}}}\n"
        );
    }
    let read = mailchute::source::parse("many.yaml", &text).unwrap().snapshot;
    let mut snapshot = Snapshot::default();
    for (_, object) in read.objects() {
        snapshot.insert(Arc::new(as_served(object.clone()).into())).unwrap();
    }
    let template = mailchute::source::parse("route.yaml", ROUTE).unwrap().snapshot;
    let template = template.route(&ObjectName::new("ns", "r")).unwrap().clone();
    for number in 0..routes {
        let mut route = template.clone();
        let gateway = ["one", "two", "three"][number % 3];
        route.metadata.name = Some(format!("r{number}"));
        route.metadata.namespace = Some(format!("ns{}", number % 100));
        route.spec.parent_refs[0].name = gateway.to_owned();
        route.spec.rules[0].matches[0].recipient.domain = format!("r{number}.{gateway}.example");
        snapshot.insert(Arc::new(as_served(Object::Route(Box::new(route))).into())).unwrap();
    }
    snapshot
}

const ROUTE: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\n\
                     metadata: {name: r, namespace: ns, labels: {a: b}}\nspec:\n  \
                     parentRefs: [{name: one, namespace: mail}]\n  rules:\n  - name: all\n    \
                     matches: [{recipient: {domain: a.example}}]\n    \
                     delivery: {backendRefs: [{name: inbox}]}\n";

fn as_served(mut object: Object) -> Object {
    object.metadata_mut().managed_fields = Some(Vec::new());
    object.metadata_mut().resource_version = Some("17".to_owned());
    if let Object::Route(route) = &mut object {
        route.status.get_or_insert_default().conditions = vec![Condition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            reason: "Ready".to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
        }];
    }
    object
}

/// By kind.
fn counts(snapshot: &Snapshot) -> BTreeMap<ApiKind, usize> {
    let mut counts = BTreeMap::new();
    for (_, object) in snapshot.objects() {
        *counts.entry(object.kind()).or_default() += 1;
    }
    counts
}

#[test]
fn many_routes_compile_alike() {
    let whole = many(3000);
    for gateway in ["one", "two", "three"] {
        compiles_alike(&whole, &ObjectName::new("mail", gateway), Origin::Cluster, &["a@r0.one.example"]);
    }
}

#[test]
fn holds_what_concerns_the_gateway_and_no_more() {
    let whole = many(3000);
    let selected = select(&whole, &ObjectName::new("mail", "one"));
    let counts = counts(&selected);
    assert_eq!(counts[&ApiKind::Gateway], 1);
    assert_eq!(counts[&ApiKind::Route], 1000);
    assert_eq!(counts[&ApiKind::Backend], 100);
    assert_eq!(counts[&ApiKind::Secret], 100);
    assert_eq!(counts[&ApiKind::Namespace], 100);
    // Of ns0 to ns99 those whose policy aims at one of the gateway's routes.
    assert_eq!(counts[&ApiKind::Policy], 34);
    for (_, object) in selected.objects() {
        let metadata = object.metadata();
        match object {
            Object::Secret(secret) => {
                let keys: Vec<&String> = secret.data.iter().flatten().map(|(key, _)| key).collect();
                assert_eq!(keys, ["token"]);
                assert_eq!(metadata.resource_version.as_deref(), Some("17"));
            }
            Object::Namespace(_) => {
                let labels: Vec<&String> = metadata.labels.iter().flatten().map(|(key, _)| key).collect();
                assert_eq!(labels, ["tenant"]);
            }
            _ => {}
        }
    }
}

#[test]
fn what_has_nothing_to_leave_out_is_shared() {
    let gateway = ObjectName::new("mail", "one");
    let once = select(&many(300), &gateway);
    let twice = select(&once, &gateway);
    for ((_, one), (_, other)) in once.objects().zip(twice.objects()) {
        assert!(object_is_shared(one, other), "{one:?} was copied");
    }
}

/// The labels of a Namespace are gone through each time.
fn object_is_shared(one: &Object, other: &Object) -> bool {
    std::ptr::eq(one, other) || one.kind() == ApiKind::Namespace
}

#[test]
fn ten_times_the_routes_take_about_ten_times_as_long() {
    let gateway = ObjectName::new("mail", "one");
    // What this thread has worked: what else the machine does takes none of it.
    let worked = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let fastest = |routes: usize| -> Duration {
        let whole = many(routes);
        let once = || {
            let begun = worked();
            assert!(select(&whole, &gateway).objects().count() > routes / 3);
            worked() - begun
        };
        (0..5).map(|_| once()).min().unwrap()
    };
    let (few, many) = (fastest(1000), fastest(10_000));
    assert!(many < few * 40, "{few:?} for 1,000 routes, {many:?} for 10,000");
}

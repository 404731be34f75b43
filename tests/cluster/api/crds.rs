//! The CRDs on a real apiserver: they apply, again and over older ones; kubectl knows their names and columns; status
//! is a resource of its own.

use mailchute::api::crd::{SCHEMA_REVISION, SCHEMA_REVISION_ANNOTATION};
use mailchute::api::crds;

use crate::harness::ControlPlane;

const GATEWAY: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {name: public}\n\
    spec: {hostname: mx.test, listeners: [{name: mx, port: 25}]}\n";
const OTHERS: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {name: support}\n\
    spec: {parentRefs: [{name: public}], rules: [{name: a, matches: [{recipient: {domain: a.test}}], delivery: \
    {backendRefs: [{name: inbox}]}}]}\n\
    ---\napiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: inbox}\n\
    spec: {http: {url: \"http://a.test/\"}}\n\
    ---\napiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {name: limits}\n\
    spec: {targetRefs: [{kind: MailRoute, name: support}], limits: {}}\n";

/// Of its own: what it does to CRDs would disturb others.
#[test]
fn crds_apply_and_are_established_and_an_older_one_is_brought_up_to_date() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/crds");
    let apply = ["apply", "--server-side", "--filename", folder];
    for crd in crds() {
        let name = crd.metadata.name.unwrap();
        let there = plane.kubectl().get(&["crd", &name]);
        let conditions = there["status"]["conditions"].as_array().unwrap();
        let told: Vec<_> = conditions.iter().map(|it| (&it["type"], &it["status"])).collect();
        assert!(
            told.iter()
                .all(|(kind, status)| ["NamesAccepted", "Established"].contains(&kind.as_str().unwrap())
                    && *status == "True"),
            "{told:?}"
        );
        assert_eq!(there["metadata"]["annotations"][SCHEMA_REVISION_ANNOTATION], SCHEMA_REVISION.to_string());
        // What files hold is what the program prints.
        plane.kubectl().run(&apply);
        let again = plane.kubectl().get(&["crd", &name]);
        assert_eq!(again["metadata"]["resourceVersion"], there["metadata"]["resourceVersion"], "{name}");
        let older =
            format!("{{\"metadata\":{{\"annotations\":{{\"{SCHEMA_REVISION_ANNOTATION}\":\"0\"}}}}}}");
        plane.kubectl().run(&["patch", "crd", &name, "--type=merge", "--patch", &older]);
        plane.kubectl().run(&[&apply[..], &["--force-conflicts"]].concat());
        let again = plane.kubectl().get(&["crd", &name]);
        assert_eq!(again["metadata"]["annotations"][SCHEMA_REVISION_ANNOTATION], SCHEMA_REVISION.to_string());
    }
}

#[test]
fn kubectl_knows_short_names_columns_and_the_category() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = plane.namespace("columns");
    let kubectl =
        |arguments: &[&str]| plane.kubectl().run(&[arguments, &["--namespace", &namespace]].concat());
    let (taken, told) = plane.kubectl().with_input(
        &["apply", "--namespace", &namespace, "--filename=-"],
        &format!("{GATEWAY}---\n{OTHERS}"),
    );
    assert!(taken, "{told}");
    let patch = "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Ready\",\
                 \"message\":\"\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}";
    let table = [
        ("mgw", "public", "NAME HOSTNAME READY AGE", "public mx.test True "),
        ("mrt", "support", "NAME READY AGE", "support True "),
        ("mbe", "inbox", "NAME READY AGE", "inbox True "),
        ("rcp", "limits", "NAME READY AGE", "limits True "),
    ];
    for (short, name, header, row) in table {
        kubectl(&["patch", short, name, "--subresource=status", "--type=merge", "--patch", patch]);
        let text = kubectl(&["get", short]);
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], header);
        assert!(lines.len() == 2 && lines[1].starts_with(row), "{text}");
    }
    let all = kubectl(&["get", "mailchute", "--output=name"]);
    assert_eq!(all.lines().count(), 4, "{all}");
    let told = kubectl(&["explain", "mailgateway.spec.listeners.profile"]);
    assert!(told.contains("What the listener is for") && told.contains("Submission"), "{told}");
}

#[test]
fn status_is_a_resource_of_its_own() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = plane.namespace("status");
    let kubectl = plane.kubectl();
    let own = ["--namespace", &namespace];
    let (taken, told) = kubectl.with_input(
        &[&["apply", "--filename=-"], &own[..]].concat(),
        &format!("{GATEWAY}status: {{snapshotVersion: forged}}\n"),
    );
    assert!(taken, "{told}");
    let gateway = || kubectl.get(&[&["mailgateway", "public"], &own[..]].concat());
    let before = gateway();
    assert!(before.get("status").is_none(), "{before}");
    let patch = |subresource: &[&str], patch: &str| {
        let words =
            [&["patch", "mailgateway", "public", "--type=merge", "--patch", patch], subresource, &own]
                .concat();
        kubectl.run(&words);
    };
    // To status nothing of the spec, to the object nothing of status; only a new spec is a new generation.
    let both = "{\"spec\":{\"hostname\":\"other.test\"},\"status\":{\"snapshotVersion\":\"1\"}}";
    patch(&["--subresource=status"], both);
    let after = gateway();
    assert_eq!((&after["status"]["snapshotVersion"], &after["spec"]), (&"1".into(), &before["spec"]));
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    patch(&[], &both.replace("\"1\"", "\"2\""));
    let after = gateway();
    assert_eq!(
        (&after["status"]["snapshotVersion"], &after["spec"]["hostname"]),
        (&"1".into(), &"other.test".into())
    );
    assert_eq!(after["metadata"]["generation"], 2);
    let wrong = "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Maybe\",\"reason\":\"A\",\"message\":\"\",\
                 \"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}";
    let words = ["patch", "mailgateway", "public", "--type=merge", "--subresource=status", "--patch", wrong];
    let refused = kubectl.refused(&[&words[..], &own].concat());
    assert!(refused.contains("status.conditions[0].status: Unsupported value: \"Maybe\""), "{refused}");
}

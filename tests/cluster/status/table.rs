//! Every condition and reason of the table is reached: the golden pairs of `tests/status` are applied to a
//! real apiserver, each in namespaces of its own, and the real controller writes what they say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mailchute::api::{ApiKind, Object};
use mailchute::plan::ObjectName;
use mailchute::status::CONTROLLER_NAME;
use serde_json::Value;

use super::objects;
use crate::harness::{ControlPlane, Controller};
use crate::support::conditions::{Reached, conditions, missing, of_object, render, unlisted};
use crate::support::until::{until, until_true};

/// The namespaces that golden pairs have objects in.
const NAMESPACES: [&str; 3] = ["mail", "app", "other"];

/// Objects that can't be read, of the pair `unreadable`.
const MALFORMED: &str = "\
apiVersion: mailchute.dev/v1alpha1
kind: MailGateway
metadata: {name: broken, namespace: mail-unreadable}
spec: {hostname: 7}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {name: broken, namespace: app-unreadable}
spec: {parentRefs: nobody}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {name: broken, namespace: app-unreadable}
spec: {http: nowhere}
---
apiVersion: mailchute.dev/v1alpha1
kind: RecipientPolicy
metadata: {name: broken, namespace: other-unreadable}
spec: {targetRefs: 7}
";

/// A golden pair.
struct Pair {
    stem: String,
    input: String,
    output: String,
}

impl Pair {
    /// All but that of a snapshot that is held, which takes more than to apply it.
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/status");
        let files: BTreeSet<PathBuf> =
            fs::read_dir(folder).unwrap().map(|each| each.unwrap().path()).collect();
        let inputs = files.iter().filter_map(|file| {
            let stem = file.file_name()?.to_str()?.strip_suffix(".in.yaml")?;
            let output = file.with_file_name(format!("{stem}.out.yaml"));
            let (input, output) = (fs::read_to_string(file).unwrap(), fs::read_to_string(output).unwrap());
            (stem != "held").then(|| Self { stem: stem.replace('_', "-"), input, output })
        });
        inputs.collect()
    }

    /// A namespace of it, in the cluster.
    fn namespace(&self, name: &str) -> String {
        format!("{name}-{}", self.stem)
    }

    fn has(&self, namespace: &str) -> bool {
        NAMESPACES.iter().any(|name| self.namespace(name) == namespace)
    }

    fn apply(&self, plane: &ControlPlane) {
        let mut yaml = self.input.clone();
        for name in NAMESPACES {
            plane.kubectl().run(&["create", "namespace", &self.namespace(name)]);
            yaml =
                yaml.replace(&format!("namespace: {name}"), &format!("namespace: {}", self.namespace(name)));
        }
        let loosened = self.input.lines().filter_map(|line| line.strip_prefix("# loosen: "));
        loosened.for_each(|plural| plane.loosen_crd(plural));
        let apply = ["apply", "--validate=false", "--filename=-"];
        until_true(&format!("{} is taken", self.stem), || plane.kubectl().with_input(&apply, &yaml).0);
    }

    /// What the cluster says, in the names of the pair; of what can't be read nobody foretells why.
    fn names(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in NAMESPACES {
            text = text.replace(&self.namespace(name), name);
        }
        let known = |line: &str| line.split("can't be read").next().unwrap_or_default().to_owned() + "\n";
        text.lines().map(known).collect()
    }

    /// What should stand in status, and the notices.
    fn wanted(&self) -> (String, BTreeSet<String>) {
        let (status, notices) = self.output.split_once("notices:\n").unwrap();
        (self.names(status), self.names(notices).lines().map(str::to_owned).collect())
    }

    fn status(&self, plane: &ControlPlane) -> String {
        let all = objects(plane, |namespace| self.has(namespace));
        let text = all.iter().map(|(name, object)| match of_object(object) {
            Some(status) => render(object.kind(), name, &status),
            None => format!("{} {name}: has no status\n", object.kind().name()),
        });
        self.names(&text.collect::<String>())
    }

    /// The Events that are told of its objects.
    fn events(&self, plane: &ControlPlane) -> BTreeSet<String> {
        let events = plane.kubectl().get(&["events.events.k8s.io", "--all-namespaces"]);
        let events = events["items"].as_array().unwrap().iter();
        let here = events.filter(|event| self.has(event["metadata"]["namespace"].as_str().unwrap()));
        // Others have something to say as well; and the authority is published only where a chart has made
        // place for it.
        let here = here.filter(|event| event["reportingController"] == CONTROLLER_NAME);
        let here = here.filter(|event| event["reason"] != "AuthorityNotPublished");
        here.flat_map(|event| self.names(&line(event)).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    fn is_reached(&self, plane: &ControlPlane, controller: &Controller) {
        let (status, notices) = self.wanted();
        let mut found = (String::new(), BTreeSet::new());
        let reached = until_within(|| {
            found = (self.status(plane), self.events(plane));
            found == (status.clone(), notices.clone())
        });
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let (is, should_be) = (&lines(&found.0) | &found.1, &lines(&status) | &notices);
        let (is, should_be) = (&is - &should_be, &should_be - &is);
        assert!(reached, "{}: {is:#?} should be {should_be:#?}, after\n{}", self.stem, controller.log());
    }
}

/// Whether something holds in time.
fn until_within(mut holds: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed() < crate::support::until::PATIENCE {
        if holds() {
            return true;
        }
    }
    false
}

/// An Event as golden files have notices.
fn line(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let regarding = &event["regarding"];
    let object = ObjectName::new(&text(&regarding["namespace"]), &text(&regarding["name"]));
    let (reason, note) = (text(&event["reason"]), text(&event["note"]));
    format!("- {} {object}: {reason}: {note:?}", text(&regarding["kind"]))
}

/// All that the conditions of the cluster say now, each of the generation that is there.
fn reached(plane: &ControlPlane) -> Reached {
    let mut reached = Reached::new();
    for (name, object) in objects(plane, |_| true) {
        let status = of_object(&object).unwrap_or_else(|| panic!("{name} has no status"));
        for (_, conditions) in conditions(&status) {
            for each in conditions {
                assert_eq!(each.observed_generation, object.metadata().generation, "{name}: {each:?}");
                reached.insert((object.kind(), each.type_.clone(), each.reason.clone()));
            }
        }
    }
    reached
}

/// Thirty routes, and a policy for one that stays.
fn many() -> String {
    let mut yaml = String::from(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {name: public, namespace: held}\nspec:\n  \
         hostname: mx.example.net\n  frontEnds: {serviceAccountName: front}\n  listeners: [{name: mx, port: 2525}]\n  \
         domains: [{name: example.net}]\n---\napiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: \
         {name: inbox, namespace: held}\nspec: {http: {url: \"http://inbox.example/in\"}}\n---\napiVersion: \
         mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {name: stays, namespace: held}\nspec: {targetRefs: \
         [{kind: MailRoute, name: stays}], limits: {maxRecipients: 5}}\n",
    );
    let names = (0..30).map(|number| (format!("r{number}"), "goes")).chain([("stays".to_owned(), "stays")]);
    for (name, fate) in names {
        yaml += &format!(
            "---\napiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: {name}, namespace: held, \
             labels: {{fate: {fate}}}}}\nspec:\n  parentRefs: [{{name: public}}]\n  rules: [{{name: all, matches: \
             [{{recipient: {{domain: example.net, localPart: {{value: {name}}}}}}}], delivery: {{backendRefs: \
             [{{name: inbox}}]}}}}]\n"
        );
    }
    yaml
}

/// The reason why a gateway is not programmed.
fn programmed(plane: &ControlPlane, namespace: &str, name: &str) -> String {
    let path = r#"jsonpath={.status.conditions[?(@.type=="Programmed")].reason}"#;
    plane.kubectl().run(&["get", "mailgateway", name, "--namespace", namespace, "--output", path])
}

/// A route's most, gone at once: what was there is offered still.
fn hold(plane: &ControlPlane) {
    plane.kubectl().run(&["create", "namespace", "held"]);
    plane.kubectl().apply(&many());
    until_true("31 routes are published", || {
        let ready = objects(plane, |namespace| namespace == "held");
        let is_ready = |object: &Object| match object {
            Object::Route(route) => {
                route.status.as_ref().is_some_and(|status| status.conditions[0].status == "True")
            }
            _ => false,
        };
        ready.iter().filter(|(_, object)| is_ready(object)).count() == 31
    });
    plane.kubectl().run(&["delete", "mailroutes", "--namespace=held", "--selector=fate=goes"]);
    until_true("it is held", || programmed(plane, "held", "public") == "Pending");
    until_true("what is left waits as well", || {
        let left = objects(plane, |namespace| namespace == "held");
        let waits = |object: &Object| {
            of_object(object).is_some_and(|status| {
                let mut all = conditions(&status).into_iter().flat_map(|(_, conditions)| conditions);
                all.any(|each| each.reason == "Pending")
            })
        };
        let waiting = left.iter().filter(|(_, object)| object.kind() != ApiKind::Backend && waits(object));
        waiting.count() == 3
    });
}

#[test]
fn every_condition_and_reason_is_reached_by_what_is_applied() {
    let plane = ControlPlane::start();
    plane.install_crds();
    plane.kubectl().run(&["create", "namespace", "controller"]);
    let controller = Controller::start_in(plane.kubectl().kubeconfig(), "controller", &[]);
    let pairs = Pair::all();
    pairs.iter().for_each(|pair| pair.apply(&plane));
    // What can't be read may concern others, so it comes when they have been looked at.
    let (unreadable, others): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.stem == "unreadable");
    others.iter().for_each(|pair| pair.is_reached(&plane, &controller));
    hold(&plane);
    let mut reached = reached(&plane);
    make_malformed(&plane);
    unreadable.iter().for_each(|pair| pair.is_reached(&plane, &controller));
    reached.append(&mut self::reached(&plane));
    let (missing, unlisted) = (missing(&reached), unlisted(&reached));
    assert!(missing.is_empty(), "no object of the cluster reaches {missing:?}");
    assert!(unlisted.is_empty(), "not in the table: {unlisted:?}");
    a_status_is_mended_though_the_crd_no_longer_takes_the_object(&plane);
}

/// Makes objects that no apiserver takes under our CRDs, and brings these back.
fn make_malformed(plane: &ControlPlane) {
    for plural in ["mailgateways", "mailroutes", "mailbackends", "recipientpolicies"] {
        plane.loosen_crd(plural);
    }
    let apply = ["apply", "--validate=false", "--filename=-"];
    until_true("malformed objects are taken", || plane.kubectl().with_input(&apply, MALFORMED).0);
    plane.restore_crds();
}

fn a_status_is_mended_though_the_crd_no_longer_takes_the_object(plane: &ControlPlane) {
    let version = || {
        let gateway = plane.kubectl().get(&["mailgateway", "twice", "--namespace=mail-ports"]);
        gateway["status"]["snapshotVersion"].as_str().map(str::to_owned)
    };
    let good = version();
    plane.kubectl().run(&[
        "patch",
        "mailgateway",
        "twice",
        "--namespace=mail-ports",
        "--subresource=status",
        "--type=merge",
        r#"--patch={"status":{"snapshotVersion":"spoilt"}}"#,
    ]);
    let mended = until("it is mended", || version().filter(|version| version != "spoilt"));
    assert_eq!(Some(mended), good);
}

//! Status settles: nothing is written without a change, what others spoil is mended, what is theirs stays.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mailchute::api::ApiKind;
use mailchute::plan::ObjectName;
use mailchute::status::CONTROLLER_NAME;
use serde_json::{Value, json};

use super::objects;
use crate::harness::{ControlPlane, Controller};
use crate::support::until::{until, until_true};

/// Objects with much to say about them, and a controller that is somebody in the audit log.
struct Scene<'a> {
    plane: &'a ControlPlane,
    controller: Controller,
    namespace: String,
}

const OBJECTS: &str = "\
apiVersion: mailchute.dev/v1alpha1
kind: MailGateway
metadata: {name: public, namespace: NS}
spec:
  hostname: mx.example.net
  frontEnds: {serviceAccountName: front}
  listeners: [{name: mx, port: 2525}, {name: tls, port: 2526, tls: {mode: StartTLS, certificateRefs: [{name: absent}]}}]
  domains: [{name: example.net}]
---
apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {name: good, namespace: NS}
spec:
  parentRefs: [{name: public}, {name: nowhere}]
  rules:
  - {name: all, matches: [{recipient: {domain: example.net}}], delivery: {backendRefs: [{name: inbox}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {name: shadowed, namespace: NS}
spec:
  parentRefs: [{name: public}]
  rules:
  - {name: all, matches: [{recipient: {domain: example.net}}], delivery: {backendRefs: [{name: absent}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {name: inbox, namespace: NS}
spec: {http: {url: \"http://inbox.example/in\"}}
---
apiVersion: mailchute.dev/v1alpha1
kind: RecipientPolicy
metadata: {name: first, namespace: NS}
spec: {targetRefs: [{kind: MailRoute, name: good}], limits: {maxRecipients: 5}}
---
apiVersion: mailchute.dev/v1alpha1
kind: RecipientPolicy
metadata: {name: second, namespace: NS}
spec: {targetRefs: [{kind: MailRoute, name: good}], limits: {maxRecipients: 6}}
";

impl<'a> Scene<'a> {
    fn start() -> Scene<'static> {
        Scene::on(ControlPlane::shared())
    }

    fn on(plane: &'a ControlPlane) -> Self {
        plane.install_crds();
        let namespace = plane.namespace("settle");
        plane.kubectl().apply(&OBJECTS.replace("NS", &namespace));
        let watched = format!("--watch-namespaces={namespace}");
        let controller = Controller::start_in(&controllers(plane, &namespace), &namespace, &[&watched]);
        let scene = Self { plane, controller, namespace };
        until_true("every object has a status", || scene.statuses().values().all(|status| !status.is_null()));
        scene
    }

    fn all(&self) -> Vec<(ObjectName, mailchute::api::Object)> {
        objects(self.plane, |namespace| namespace == self.namespace)
    }

    fn statuses(&self) -> BTreeMap<(ApiKind, ObjectName), Value> {
        let status =
            |object: &mailchute::api::Object| serde_json::to_value(object).unwrap()["status"].clone();
        self.all().iter().map(|(name, object)| ((object.kind(), name.clone()), status(object))).collect()
    }

    fn versions(&self) -> BTreeMap<(ApiKind, ObjectName), String> {
        let version = |object: &mailchute::api::Object| object.metadata().resource_version.clone().unwrap();
        self.all().iter().map(|(name, object)| ((object.kind(), name.clone()), version(object))).collect()
    }

    /// The names of the objects whose statuses the controller has written so far, as the apiserver's
    /// audit log has it.
    fn written(&self) -> Vec<String> {
        let user = format!("system:serviceaccount:{}:controller", self.namespace);
        let asked = self.plane.asked_by(&user).into_iter();
        asked
            .filter(|asked| asked.verb == "patch" && asked.group == "mailchute.dev")
            .map(|asked| asked.name)
            .collect()
    }

    /// Applies a backend that concerns nobody, and waits until its status is written: whatever the
    /// controller had to write before, it has.
    fn mark(&self, name: &str) {
        self.plane.kubectl().apply(&format!(
            "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {{name: {name}, namespace: {}}}\n\
             spec: {{http: {{url: \"http://inbox.example/in\"}}}}\n",
            self.namespace
        ));
        let has_status = || {
            let status = &self.statuses()[&(ApiKind::Backend, ObjectName::new(&self.namespace, name))];
            (!status.is_null()).then_some(())
        };
        until(&format!("{name} has a status: {}", self.controller.log()), has_status);
    }

    fn patch_status(&self, what: &[&str], patch: &Value) {
        let patch = format!("--patch={patch}");
        let how = ["--namespace", &self.namespace, "--subresource=status", "--type=merge", &patch];
        self.plane.kubectl().run(&[&["patch"], what, &how].concat());
    }

    fn parents(&self) -> Vec<Value> {
        let route = &self.statuses()[&(ApiKind::Route, ObjectName::new(&self.namespace, "good"))];
        route["parents"].as_array().unwrap().clone()
    }
}

/// The kubeconfig of a service account of its own, with leave for anything.
fn controllers(plane: &ControlPlane, namespace: &str) -> PathBuf {
    plane.service_account(namespace, "controller");
    let account = format!("--serviceaccount={namespace}:controller");
    plane.kubectl().run(&[
        "create",
        "clusterrolebinding",
        namespace,
        "--clusterrole=cluster-admin",
        &account,
    ]);
    plane.kubectl_as(namespace, "controller").kubeconfig().to_owned()
}

#[test]
fn nothing_is_written_without_a_change() {
    // One of its own: on the shared one other tests give the controller more to write, and their controllers
    // write what is here.
    let plane = ControlPlane::start();
    let scene = Scene::on(&plane);
    until_true("all is written", || {
        let written = scene.written().len();
        scene.mark(&format!("early-{written}"));
        scene.written().len() == written + 1
    });
    scene.mark("marker-0");
    let before = scene.versions();
    // A label is no change that matters, and neither is what stands in a status; the markers are.
    for marker in ["marker-1", "marker-2"] {
        let label = format!("seen={marker}");
        scene.plane.kubectl().run(&["label", "namespace", &scene.namespace, &label, "--overwrite"]);
        scene.mark(marker);
    }
    let mut after = scene.versions();
    after.retain(|key, _| before.contains_key(key));
    assert_eq!(after, before);
    until_true("the audit log has the last marker", || scene.written().contains(&"marker-2".to_owned()));
    let written = scene.written();
    let settled = written.iter().position(|name| name == "marker-0");
    let settled = settled.unwrap_or_else(|| panic!("{written:?}"));
    assert_eq!(written[settled..], ["marker-0", "marker-1", "marker-2"], "{written:?}");
}

#[test]
fn what_others_spoil_is_mended_and_settles_again() {
    let scene = Scene::start();
    scene.mark("marker-0");
    let before = scene.statuses();
    scene.patch_status(&["mailroute", "good"], &json!({ "status": null }));
    scene.patch_status(&["mailbackend", "inbox"], &json!({ "status": { "conditions": [] } }));
    scene.patch_status(&["mailgateway", "public"], &json!({ "status": { "snapshotVersion": "spoilt" } }));
    let same = |now: &BTreeMap<(ApiKind, ObjectName), Value>| {
        let without_times = |all: &BTreeMap<_, Value>| -> Vec<Value> { all.values().map(timeless).collect() };
        without_times(now) == without_times(&before)
    };
    until(&format!("all is mended: {}", scene.controller.log()), || same(&scene.statuses()).then_some(()));
    scene.mark("marker-1");
    let versions = scene.versions();
    scene.mark("marker-2");
    let mut after = scene.versions();
    after.retain(|key, _| versions.contains_key(key));
    assert_eq!(after, versions);
}

/// A status without its times.
fn timeless(status: &Value) -> Value {
    match status {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| *name != "lastTransitionTime");
            kept.map(|(name, value)| (name.clone(), timeless(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(timeless).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

#[test]
fn entries_of_other_controllers_stay() {
    let scene = Scene::start();
    scene.mark("marker-0");
    let mut parents = scene.parents();
    let mut theirs = parents[0].clone();
    theirs["controllerName"] = json!("example.com/other");
    parents.push(theirs.clone());
    scene.patch_status(&["mailroute", "good"], &json!({ "status": { "parents": parents } }));
    // A parent more is a change of the route, which the controller has to write.
    let patch = r#"--patch={"spec":{"parentRefs":[{"name":"public"},{"name":"nowhere"},{"name":"nobody"}]}}"#;
    let namespace = scene.namespace.as_str();
    scene.plane.kubectl().run(&[
        "patch",
        "mailroute",
        "good",
        "--namespace",
        namespace,
        "--type=merge",
        patch,
    ]);
    let parents = until("three parents of ours", || {
        let parents = scene.parents();
        let ours = parents.iter().filter(|parent| parent["controllerName"] == CONTROLLER_NAME).count();
        (ours == 3).then_some(parents)
    });
    assert!(parents.contains(&theirs), "{parents:?}");
}

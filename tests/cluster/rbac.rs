//! The rights that the chart gives the controller are all that it needs, and it needs each of them: what it has
//! asked the apiserver for is compared with the rules, by the apiserver's own log.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::front_ends::rcpt;
use crate::harness::audit::Asked;
use crate::harness::installed::{CONTROLLER, Installed};
use crate::support::front_end::FrontEnd;
use crate::support::until::{PATIENCE, until_true};

#[test]
fn everywhere() {
    let installed = Installed::start(&[]);
    let namespace = installed.gateway().to_owned();
    works_with_what_it_may(installed, &[&namespace]);
}

#[test]
fn in_some_namespaces_and_a_gateway_in_another() {
    let sets = ["controller.watchNamespaces={support}", "gatewayDefaults.namespace=edge"];
    works_with_what_it_may(Installed::start(&sets), &["support", "edge"]);
}

#[test]
fn with_a_certificate_of_somebody_else() {
    let installed = Installed::start(&["controller.certificate.secretName=controller-tls"]);
    let namespace = installed.gateway().to_owned();
    works_with_what_it_may(installed, &[&namespace]);
}

/// One thing that may be done.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    /// Everywhere without one.
    namespace: Option<String>,
    group: String,
    resource: String,
    /// With any object without one.
    name: Option<String>,
    verb: String,
}

impl Right {
    fn fits(&self, asked: &Asked) -> bool {
        let any_or =
            |right: &Option<String>, asked: &str| right.as_deref().is_none_or(|right| right == asked);
        (&self.verb, &self.group, &self.resource) == (&asked.verb, &asked.group, &asked.resource)
            && any_or(&self.namespace, &asked.namespace)
            && any_or(&self.name, &asked.name)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, group, resource, name, verb } = self;
        let (name, namespace) = (name.as_deref().unwrap_or("any"), namespace.as_deref().unwrap_or("all"));
        write!(f, "{verb} {resource} of group {group:?}: {name} in {namespace}")
    }
}

/// What the controller's service account is given by the objects of a render.
fn given(installed: &Installed) -> BTreeSet<Right> {
    let is_binding =
        |object: &&Value| matches!(&object["kind"], Value::String(kind) if kind.ends_with("RoleBinding"));
    let all = &installed.objects;
    let bound = all.iter().filter(is_binding).flat_map(|binding| {
        let subjects = binding["subjects"].as_array().unwrap();
        assert!(subjects.len() == 1 && subjects[0]["name"] == CONTROLLER, "{binding}");
        let (role, namespace) = (&binding["roleRef"], &binding["metadata"]["namespace"]);
        let is_it = |object: &&Value| {
            object["kind"] == role["kind"]
                && object["metadata"]["name"] == role["name"]
                && object["metadata"]["namespace"] == *namespace
        };
        let role = all.iter().find(is_it).unwrap_or_else(|| panic!("{role} is not rendered"));
        let rules = role["rules"].as_array().unwrap();
        rules.iter().flat_map(move |rule| rights(rule, namespace.as_str()))
    });
    bound.collect()
}

/// What one rule gives.
fn rights(rule: &Value, namespace: Option<&str>) -> Vec<Right> {
    let words = |field: &str| -> Vec<String> {
        let words = rule[field].as_array().map_or(&[][..], Vec::as_slice);
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let names = words("resourceNames").into_iter().map(Some).collect::<Vec<_>>();
    let names = if names.is_empty() { vec![None] } else { names };
    let mut rights = Vec::new();
    for group in words("apiGroups") {
        for resource in words("resources") {
            for name in &names {
                rights.extend(words("verbs").into_iter().map(|verb| Right {
                    namespace: namespace.map(str::to_owned),
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                    verb,
                }));
            }
        }
    }
    rights
}

/// A route whose local part is its namespace, and all else that the controller reads and writes there. The backend of
/// the other route has no Secret, which is worth an Event.
fn tenant(namespace: &str) -> String {
    let ours = "apiVersion: mailchute.dev/v1alpha1\nkind: ";
    let meta = |name: &str| format!("metadata: {{name: {name}, namespace: {namespace}}}\n");
    let mut yaml = format!(
        "apiVersion: v1\nkind: Secret\n{}stringData: {{token: word}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\n{}data: {{list: \"{namespace}@example.org\\n\"}}\n---\n\
         {ours}RecipientPolicy\n{}spec:\n  targetRefs: [{{kind: MailRoute, name: inbox}}]\n  recipients: {{from: \
         [{{configMapRef: {{name: people, key: list}}}}]}}\n---\n",
        meta("word"),
        meta("people"),
        meta("people"),
    );
    for (name, local_part, secret) in
        [("inbox", namespace.to_owned(), "word"), ("lost", format!("no-{namespace}"), "none")]
    {
        yaml += &format!(
            "{ours}MailBackend\n{0}spec: {{http: {{url: \"https://inbox.invalid/in\", auth: {{bearer: {{secretRef: {{name: \
             {secret}, key: token}}}}}}}}}}\n---\n{ours}MailRoute\n{0}spec:\n  parentRefs: [{{name: public, namespace: \
             GATEWAY}}]\n  rules: [{{name: only, matches: [{{recipient: {{domain: example.org, localPart: {{type: Exact, \
             value: {local_part}}}}}}}], delivery: {{backendRefs: [{{name: {name}}}]}}}}]\n---\n",
            meta(name)
        );
    }
    yaml
}

fn works_with_what_it_may(mut installed: Installed, tenants: &[&str]) {
    let rights = given(&installed);
    assert!(rights.len() > 20, "{rights:?}");
    for tenant in tenants {
        installed.plane.kubectl().apply(&self::tenant(tenant).replace("GATEWAY", installed.gateway()));
    }
    let front_end = installed.front_end();
    takes(&front_end, tenants);
    let makes_its_own = rights.iter().any(|right| right.resource == "secrets" && right.verb == "create");
    if makes_its_own {
        installed.spoil_authority();
    }
    let all = || installed.plane.asked_by(&installed.user());
    let useless = || -> Vec<String> {
        let all = all();
        let is_used = |right: &&Right| !all.iter().any(|asked| right.fits(asked));
        rights.iter().filter(is_used).map(ToString::to_string).collect()
    };
    // What is left is what it does now and then, or for no reason at all.
    let started = Instant::now();
    while !useless().is_empty() && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(useless(), [""; 0], "rights that are too much");
    installed.stop_controller();

    let all = installed.plane.asked_by(&installed.user());
    let without: BTreeSet<&Asked> =
        all.iter().filter(|asked| !rights.iter().any(|right| right.fits(asked))).collect();
    assert!(without.is_empty(), "rights that are too few: {without:#?}");
    let refused: BTreeSet<&Asked> = all.iter().filter(|asked| asked.is_refused()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// What the routes of all tenants say is what the front-end does.
fn takes(front_end: &FrontEnd, tenants: &[&str]) {
    for tenant in tenants {
        let to = |local_part: &str| rcpt(front_end, &format!("{local_part}@example.org"));
        until_true(&format!("{tenant} is taken"), || to(tenant) == 250);
        assert_eq!((to(&format!("no-{tenant}")), to("nobody")), (451, 550));
    }
}

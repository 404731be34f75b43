//! Front-ends and the real controller: a change is live, and mail goes on without one.

use tempfile::TempDir;

use crate::harness::controller::AUDIENCE;
use crate::harness::{ControlPlane, Controller};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::free_port;

mod away;
mod live;
mod planted;

/// The service account of the front-ends.
const FRONT: &str = "front";

/// A control plane, a controller, and a namespace with a gateway `public`.
pub(crate) struct Scene<'a> {
    plane: &'a ControlPlane,
    authority: Authority,
    pub(crate) controller: Controller,
    pub(crate) namespace: String,
    port: u16,
}

impl Scene<'static> {
    fn start(arguments: &[&str]) -> Self {
        Self::on(ControlPlane::shared(), arguments)
    }
}

impl<'a> Scene<'a> {
    /// Beside a control plane, with more arguments for the controller.
    pub(crate) fn on(plane: &'a ControlPlane, arguments: &[&str]) -> Self {
        plane.install_crds();
        let namespace = plane.namespace("front-ends");
        plane.service_account(&namespace, FRONT);
        let authority = Authority::new();
        let controller = Controller::start(plane, &authority, arguments);
        Self { plane, authority, controller, namespace, port: free_port() }
    }

    /// Applies manifests whose objects say no namespace.
    pub(crate) fn apply(&self, yaml: &str) {
        let (succeeded, text) =
            self.plane.kubectl().with_input(&["apply", "--filename=-", "--namespace", &self.namespace], yaml);
        assert!(succeeded, "{text}\n{yaml}");
    }

    /// The gateway, for domain `example.org`; `fields` are more lines of its spec.
    pub(crate) fn gateway(&self, fields: &str) -> String {
        format!(
            "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {{name: public}}\nspec:\n  \
             hostname: mx.example.org\n  frontEnds: {{serviceAccountName: {FRONT}}}\n  listeners: [{{name: mx, port: \
             {}}}]\n  domains: [{{name: example.org, allowedRoutes: {{namespaces: {{from: Same}}}}}}]\n{fields}",
            self.port
        )
    }

    /// A front-end of that gateway, started and not waited for.
    pub(crate) fn front_end(&self, arguments: &[&str]) -> FrontEnd {
        let folder = tempfile::tempdir().unwrap();
        let token = self.plane.token(&self.namespace, FRONT, AUDIENCE);
        let file = |name: &str, text: &str| write(&folder, name, text);
        let mut all = vec![
            format!("--controller=https://{}", self.controller.address),
            format!("--gateway={}/public", self.namespace),
            format!("--controller-ca={}", file("ca.crt", &self.authority.pem())),
            format!("--controller-token={}", file("token", &token)),
            format!("--snapshot-copy={}", folder.path().join("copy").display()),
        ];
        all.extend(arguments.iter().map(ToString::to_string));
        FrontEnd::spawn(self.port, folder, all)
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Mail for this local part goes to a host that nobody has.
pub(crate) fn route(local_part: &str) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: {local_part}}}\nspec:\n  parentRefs: \
         [{{name: public}}]\n  rules: [{{name: only, matches: [{{recipient: {{domain: example.org, localPart: {{type: \
         Exact, value: {local_part}}}}}}}], delivery: {{backendRefs: [{{name: inbox}}]}}}}]\n---\n"
    )
}

/// Where it goes.
pub(crate) const BACKEND: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: inbox}\nspec: {http: \
                       {url: \"https://inbox.invalid/in\"}}\n---\n";

/// What a recipient is answered.
pub(crate) fn rcpt(front_end: &FrontEnd, recipient: &str) -> u16 {
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.try_say(&format!("RCPT TO:<{recipient}>")).unwrap().code
}

//! Snapshots from the real controller: what a front-end gets, and what anybody else is told.

use crate::harness::asking::{Answer, Asker};
use crate::harness::controller::AUDIENCE;
use crate::harness::{ControlPlane, Controller};
use crate::support::certificates::Authority;

mod bounds;
mod held;
mod offline;
mod protocols;
mod served;
mod strangers;

/// The service account that may have the gateway's snapshot.
const FRONT: &str = "front";

/// A controller beside a control plane, and a gateway `public` in a namespace of its own.
struct Scene<'a> {
    plane: &'a ControlPlane,
    controller: Controller,
    asker: Asker,
    namespace: String,
    /// `<namespace>/public`.
    gateway: String,
    /// Good for that gateway.
    token: String,
}

impl Scene<'static> {
    fn shared() -> Self {
        Self::on(ControlPlane::shared())
    }
}

impl<'a> Scene<'a> {
    fn on(plane: &'a ControlPlane) -> Self {
        plane.install_crds();
        let namespace = plane.namespace("snapshots");
        plane.service_account(&namespace, FRONT);
        plane.kubectl().apply(&gateway(&namespace, FRONT, "mx.example.net"));
        let authority = Authority::new();
        let controller = Controller::start(plane, &authority, &[]);
        let asker = Asker::new(controller.address, &authority);
        let token = plane.token(&namespace, FRONT, AUDIENCE);
        let gateway = format!("{namespace}/public");
        Self { plane, controller, asker, namespace, gateway, token }
    }

    /// Asks for the gateway's snapshot with a token, and these fields.
    async fn ask_with(&self, token: &str, fields: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {token}");
        self.asker.ask(&self.gateway, &[&[("authorization", bearer.as_str())], fields].concat()).await
    }

    /// The same with the token that is good.
    async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        self.ask_with(&self.token, fields).await
    }

    /// Applies routes `r<number>` to the gateway.
    fn routes(&self, numbers: std::ops::Range<usize>) {
        let routes: Vec<String> = numbers.map(|number| route(&self.namespace, number)).collect();
        self.plane.kubectl().apply(&routes.join("---\n"));
    }

    /// Asks until another version than this is answered.
    async fn newer_than(&self, version: &str) -> Answer {
        let tag = format!("\"{version}\"");
        let answer = self.ask(&[("if-none-match", &tag), ("prefer", "wait=30")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

fn gateway(namespace: &str, service_account: &str, hostname: &str) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {{name: public, namespace: {namespace}}}\n\
         spec:\n  hostname: {hostname}\n  frontEnds: {{serviceAccountName: {service_account}}}\n  listeners: [{{name: \
         mx, port: 2525, profile: MX}}]\n  domains: [{{name: example.net, allowedRoutes: {{namespaces: {{from: \
         Same}}}}}}]\n"
    )
}

fn route(namespace: &str, number: usize) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: r{number}, namespace: \
         {namespace}}}\nspec:\n  parentRefs: [{{name: public}}]\n  rules: [{{name: all, matches: [{{recipient: \
         {{domain: example.net, localPart: {{type: Exact, value: u{number}}}}}}}], delivery: {{backendRefs: [{{name: \
         x}}]}}}}]\n"
    )
}

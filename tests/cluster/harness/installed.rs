//! The chart beside a control plane: all that it renders is there, and the controller runs as the Deployment
//! says, as its service account, with the rights that it is given and no others.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde_json::{Value, json};

use tempfile::TempDir;

use super::audit::Asked;
use super::controller::AUDIENCE;
use super::{ControlPlane, Controller, tools};
use crate::support::certificates::Authority;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::free_port;
use crate::support::until::until;

/// Where it is installed, as what.
const NAMESPACE: &str = "mail-system";
const RELEASE: &str = "mailchute";
/// The controller's service account, Service, Deployment and Lease.
pub(crate) const CONTROLLER: &str = "mailchute-controller";
/// The front-ends' service account.
const FRONT_END: &str = "mailchute-public";
/// The authority's Secret and ConfigMap.
pub(crate) const CA: &str = "mailchute-ca";

/// It is installed, with a gateway `public` that takes mail for `example.org` from routes of all namespaces.
pub(crate) struct Installed {
    /// Its own: the controller sees all of it.
    pub(crate) plane: ControlPlane,
    /// What was rendered.
    pub(crate) objects: Vec<Value>,
    pub(crate) controller: Controller,
    gateway: String,
    port: u16,
    /// A certificate of somebody else's, where the chart is told to have one.
    certificate: TempDir,
}

impl Installed {
    /// With more values.
    pub(crate) fn start(sets: &[&str]) -> Self {
        let plane = ControlPlane::start();
        plane.install_crds();
        let port = free_port();
        let objects = render(&plane, port, sets);
        let namespaces = objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
        let mut namespaces: Vec<&str> = namespaces.collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        for namespace in namespaces {
            plane.kubectl().run(&["create", "namespace", namespace]);
        }
        plane.kubectl().apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string());
        let gateway = find(&objects, "MailGateway", "public")["metadata"]["namespace"].as_str().unwrap();
        let certificate = certificate();
        let controller = control(&plane, &objects, certificate.path());
        Self { gateway: gateway.to_owned(), plane, objects, controller, port, certificate }
    }

    /// Another replica of the controller, once it is ready.
    pub(crate) fn replica(&self) -> Controller {
        control(&self.plane, &self.objects, self.certificate.path())
    }

    /// The controller as the apiserver knows it.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{NAMESPACE}:{CONTROLLER}")
    }

    /// The gateway's namespace.
    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Where the controller is.
    pub(crate) fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    /// A front-end, once it is ready. It believes what the controller has published by then.
    pub(crate) fn front_end(&self) -> FrontEnd {
        self.front_end_on(Ipv4Addr::LOCALHOST, self.controller.address)
    }

    /// The same on an address of its own, that is told to ask there.
    pub(crate) fn front_end_on(&self, address: Ipv4Addr, controller: SocketAddr) -> FrontEnd {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (ca, token) = (file("ca.crt"), file("token"));
        std::fs::write(&ca, self.published(|_| true)).unwrap();
        std::fs::write(&token, self.plane.token(&self.gateway, FRONT_END, AUDIENCE)).unwrap();
        let arguments = vec![
            format!("--controller=https://{controller}"),
            format!("--gateway={}/public", self.gateway),
            format!("--controller-ca={ca}"),
            format!("--controller-token={token}"),
        ];
        let smtp = SocketAddr::from((address, self.port));
        let mut front_end = FrontEnd::spawn_on(smtp, folder, arguments);
        front_end.wait_until_ready();
        front_end
    }

    /// What front-ends are told to believe, once it is there and fits.
    pub(crate) fn published(&self, fits: impl Fn(&str) -> bool) -> String {
        let config_map = ["configmap", CA, "--namespace", &self.gateway];
        until("the authority is published", || {
            let config_map = self.plane.kubectl().get(&config_map);
            config_map["data"]["ca.crt"].as_str().filter(|bundle| fits(bundle)).map(str::to_owned)
        })
    }

    /// Spoils the key of the authority, and waits until another is published, which it gives.
    pub(crate) fn spoil_authority(&self) -> String {
        let patch = r#"--patch={"stringData": {"tls.key": "spoilt"}}"#;
        self.renewed(&["patch", "secret", CA, patch])
    }

    /// Deletes the authority, and waits until another is published, which it gives.
    pub(crate) fn delete_authority(&self) -> String {
        self.renewed(&["delete", "secret", CA])
    }

    fn renewed(&self, how: &[&str]) -> String {
        let before = self.published(|_| true);
        self.plane.kubectl().run(&[how, &["--namespace", NAMESPACE]].concat());
        self.published(|bundle| bundle != before)
    }

    /// The Lease of the controllers.
    pub(crate) fn lease(&self) -> Value {
        self.plane.kubectl().get(&["lease", CONTROLLER, "--namespace", NAMESPACE])
    }

    /// Ends the controller in order, and waits until its Lease is nobody's.
    pub(crate) fn stop_controller(&mut self) {
        assert!(self.controller.stop().success());
        let lease = self.lease();
        assert!(lease["spec"]["holderIdentity"].is_null(), "{lease}");
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let asked = self.plane.asked_by(&self.user());
            let refused: BTreeSet<_> = asked.into_iter().filter(Asked::is_refused).collect();
            eprintln!("the controller has no right to: {refused:#?}");
        }
    }
}

/// What Helm makes of the chart, but for its test, which nobody runs here.
fn render(plane: &ControlPlane, port: u16, sets: &[&str]) -> Vec<Value> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/mailchute");
    let listeners = json!([{"name": "mx", "port": port, "allowedRoutes": {"namespaces": {"from": "All"}}}]);
    let domains = json!([{"name": "example.org", "allowedRoutes": {"namespaces": {"from": "All"}}}]);
    let mut helm = plane.kubectl().command("helm3");
    helm.args(["template", RELEASE, "--no-hooks", "--kube-version=1.31.0", "--namespace", NAMESPACE])
        .arg(chart);
    helm.arg("--set-json").arg(format!("gatewayDefaults.listeners={listeners}"));
    helm.arg("--set-json").arg(format!("gatewayDefaults.domains={domains}"));
    helm.args(sets.iter().flat_map(|set| ["--set", set]));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&tools::output(&mut helm)).unwrap();
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name} is rendered"))
}

/// As somebody else makes one, in a folder.
fn certificate() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.server(&["127.0.0.1"]).write(folder.path(), "tls");
    std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
    folder
}

/// Runs the controller with the arguments of its Deployment, and with those of this place.
fn control(plane: &ControlPlane, objects: &[Value], certificate: &Path) -> Controller {
    let deployment = find(objects, "Deployment", CONTROLLER);
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let mut arguments = arguments.iter().map(|argument| argument.as_str().unwrap());
    assert_eq!(arguments.next(), Some("control"));
    let mut arguments: Vec<String> = arguments.map(str::to_owned).collect();
    match arguments.iter_mut().find(|argument| argument.starts_with("--serving-certificate=")) {
        Some(folder) => *folder = format!("--serving-certificate={}", certificate.display()),
        None => arguments.push("--certificate-name=127.0.0.1".to_owned()),
    }
    let account = plane.kubectl_as(NAMESPACE, CONTROLLER);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Controller::start_in(account.kubeconfig(), NAMESPACE, &arguments)
}

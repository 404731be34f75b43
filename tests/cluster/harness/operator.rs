//! Prometheus as people have it in a cluster: its operator, which reads what the chart installs for it, and makes of
//! that the configuration of a Prometheus that it runs.
//!
//! What the operator and that Prometheus may do is said in `operator.yaml`: less than the operator's own manifests
//! ask for, since it keeps to two namespaces and has no right beyond them. What is deleted with these is all there is of
//! it, but for the CRDs.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Node, tools};
use crate::support::get::get;
use crate::support::until::until;

/// It runs the first of its programs; the others are named where they are to run.
const IMAGE: &str = "mailchute.test/prometheus:1";
const PROGRAMS: [&str; 3] = ["prometheus", "operator", "prometheus-config-reloader"];
/// In the folder of the tools: the kinds without which the operator does not start.
const CRDS: &str = "prometheus-operator-crds";

/// The operator, in a namespace of its own.
pub(crate) struct Operator<'node> {
    node: &'node Node,
    namespace: &'static str,
    watched: String,
}

impl<'node> Operator<'node> {
    /// Installs its CRDs and starts it in a new namespace. It sees that one and `watched`.
    pub(crate) fn start(node: &'node Node, namespace: &'static str, watched: &str) -> Self {
        static LOADED: OnceLock<()> = OnceLock::new();
        LOADED.get_or_init(|| node.load_programs(IMAGE, &PROGRAMS.map(tools::path)));
        let kubectl = node.kubectl();
        // kubectl reads no folder by a link, and has no room for a CRD of this size in its annotation.
        let crds = format!("--filename={}", tools::path(CRDS).canonicalize().unwrap().display());
        kubectl.run(&["apply", "--server-side", &crds]);
        kubectl.run(&["wait", "--for=condition=Established", &crds, "--timeout=30s"]);
        kubectl.run(&["create", "namespace", namespace]);
        let operator = Self { node, namespace, watched: watched.to_owned() };
        operator.apply(include_str!("operator.yaml"));
        operator
    }

    /// Has it run a Prometheus for what there is in the namespace that it watches by now, and waits until that has read
    /// all of it.
    pub(crate) fn prometheus(&self) -> Prometheus<'node> {
        self.apply(include_str!("prometheus.yaml"));
        let conditions = ["--for=condition=Reconciled", "--for=condition=Available"];
        for condition in conditions {
            let wait = ["wait", condition, "prometheus/mail", "--timeout=60s", "--namespace", self.namespace];
            self.node.kubectl().run(&wait);
        }
        let pod = self.node.kubectl().get(&["pod", "prometheus-mail-0", "--namespace", self.namespace]);
        let address = pod["status"]["podIP"].as_str().unwrap().parse().unwrap();
        Prometheus { node: self.node, address: SocketAddr::new(address, 9090) }
    }

    fn apply(&self, yaml: &str) {
        let yaml = yaml.replace("NAMESPACE", self.namespace).replace("WATCHED", &self.watched);
        self.node.kubectl().apply(&yaml.replace("IMAGE", IMAGE).replace("VERSION", &version()));
    }
}

/// What the operator runs.
pub(crate) struct Prometheus<'node> {
    node: &'node Node,
    address: SocketAddr,
}

impl Prometheus<'_> {
    /// The data of its API's answer.
    pub(crate) fn ask(&self, path: &str) -> Value {
        let answer = || self.node.inside().enter(|| get(self.address, path));
        let (status, body) = until("Prometheus answers", answer);
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &answer["status"]), (200, &Value::from("success")), "{path}: {answer}");
        answer["data"].take()
    }

    /// The labels and the value of each series of this name.
    pub(crate) fn series(&self, name: &str) -> Vec<(Value, f64)> {
        let mut answer = self.ask(&format!("/api/v1/query?query={name}"));
        let series = answer["result"].as_array_mut().unwrap().iter_mut();
        series.map(|one| (one["metric"].take(), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }
}

/// What the operator has to know of Prometheus, as it says it: `v3.13.5`.
fn version() -> String {
    let said = tools::output(Command::new(tools::path("prometheus")).arg("--version"));
    format!("v{}", said.split_whitespace().nth(2).unwrap())
}

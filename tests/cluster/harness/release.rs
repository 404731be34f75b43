//! The chart, installed by one of the Helms that people have.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{Node, tools};
use crate::support::until::until_true;

/// What a release is called, as the documentation has it.
const NAME: &str = "mailchute";
/// Its Service for mail.
const SERVICE: &str = "mailchute-public";
/// Long enough for all that Helm waits for, on a machine that is busy.
const TIMEOUT: &str = "--timeout=240s";

/// A release in a namespace of its own.
pub(crate) struct Release<'node> {
    node: &'node Node,
    helm: &'static str,
    namespace: String,
    /// Where Helm keeps what it keeps of a user.
    home: TempDir,
}

impl<'node> Release<'node> {
    /// One that is not installed yet, in a new namespace that lets nothing run but what is restricted.
    pub(crate) fn new(node: &'node Node, helm: &'static str, namespace: &str) -> Self {
        let kubectl = node.kubectl();
        kubectl.run(&["create", "namespace", namespace]);
        kubectl.run(&["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"]);
        Self { node, helm, namespace: namespace.to_owned(), home: TempDir::new().unwrap() }
    }

    /// Installs it with these values, and waits until it is up. `number` is the last of its Service's address, which
    /// is given; what Helm says, too.
    pub(crate) fn install(&self, number: u8, values: &str) -> (Ipv4Addr, String) {
        let file = self.home.path().join("values.yaml");
        std::fs::write(&file, values).unwrap();
        let mut install = self.command(&["install", NAME, &chart(), "--wait", TIMEOUT]);
        install.arg("--values").arg(file);
        // Helm 3 waits for the cloud, and the cloud for the Service.
        std::thread::scope(|scope| {
            let installed = scope.spawn(|| tools::output(&mut install));
            let service = ["get", "service", SERVICE, "--namespace", &self.namespace];
            until_true("the Service is there", || {
                installed.is_finished() || self.node.kubectl().succeeds(&service)
            });
            let failed = installed.is_finished();
            let address = (!failed).then(|| self.node.balance(&self.namespace, SERVICE, number));
            let said = installed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (address.expect("Helm waits until pods are ready"), said)
        })
    }

    /// Helm with arguments, in the release's namespace.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.node.kubectl().command(self.helm);
        command.args(arguments).args(["--namespace", &self.namespace]);
        for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(folder, self.home.path());
        }
        command
    }

    /// Upgrades it to the same chart with other values.
    pub(crate) fn upgrade(&self, sets: &[&str]) {
        let arguments = ["upgrade", NAME, &chart(), "--wait", TIMEOUT, "--reuse-values"];
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        tools::output(self.command(&arguments).args(sets));
    }

    /// Runs its own test, and gives what that says.
    pub(crate) fn test(&self) -> String {
        tools::output(&mut self.command(&["test", NAME, TIMEOUT]))
    }

    /// Takes it away.
    pub(crate) fn uninstall(&self) {
        tools::output(&mut self.command(&["uninstall", NAME, "--wait", TIMEOUT]));
    }

    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The pods of a component that are ready, by their addresses.
    pub(crate) fn ready(&self, component: &str) -> Vec<Ipv4Addr> {
        let label = format!("app.kubernetes.io/component={component}");
        let pods = self.node.kubectl().get(&["pods", "--namespace", &self.namespace, "--selector", &label]);
        let is_ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().unwrap();
            pod["metadata"]["deletionTimestamp"].is_null()
                && conditions
                    .iter()
                    .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        let ready = pods["items"].as_array().unwrap().iter().filter(is_ready);
        ready.map(|pod| pod["status"]["podIP"].as_str().unwrap().parse().unwrap()).collect()
    }
}

fn chart() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/mailchute").display().to_string()
}

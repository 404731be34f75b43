//! The chart, installed by one of the Helms that people have.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

use super::{Node, tools};
use crate::support::client::Client;
use crate::support::until::until_true;

/// What a release is called, as the documentation has it.
const NAME: &str = "mailchute";
/// Its Service for mail.
const SERVICE: &str = "mailchute-public";
/// Long enough for all that Helm waits for, on a machine that is busy.
const TIMEOUT: &str = "--timeout=240s";

/// Controllers of two releases would write the same statuses.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A release in a namespace of its own. There is one at a time: another one waits until this is dropped.
pub(crate) struct Release<'node> {
    _alone: MutexGuard<'static, ()>,
    node: &'node Node,
    helm: &'static str,
    namespace: String,
    /// Where Helm keeps what it keeps of a user.
    home: TempDir,
}

impl<'node> Release<'node> {
    /// One that is not installed yet, in a new namespace that lets nothing run but what is restricted.
    pub(crate) fn new(node: &'node Node, helm: &'static str, namespace: &str) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let kubectl = node.kubectl();
        kubectl.run(&["create", "namespace", namespace]);
        kubectl.run(&["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"]);
        Self { _alone: alone, node, helm, namespace: namespace.to_owned(), home: TempDir::new().unwrap() }
    }

    /// Installs it with the program's image and these values, and waits until it is up. `number` is the last of its
    /// Service's address, which is given; what Helm says, too.
    pub(crate) fn install(&self, number: u8, values: &str) -> (Ipv4Addr, String) {
        let (repository, tag) = self.node.image().rsplit_once(':').unwrap();
        let image = format!("image: {{repository: {repository}, tag: '{tag}', pullPolicy: Never}}\n");
        let file = self.home.path().join("values.yaml");
        std::fs::write(&file, image + values).unwrap();
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

    /// What each front-end that is ready answers to this recipient, on its port 2525.
    pub(crate) fn takes(&self, recipient: &str) -> Vec<u16> {
        let front_ends = self.ready("front-end");
        let code = |address| {
            let mut client = Client::greeted(SocketAddr::from((address, 2525)));
            client.expect("MAIL FROM:<sender@example.com>", 250);
            client.try_say(&format!("RCPT TO:<{recipient}>")).unwrap().code
        };
        self.node.inside().enter(|| front_ends.iter().map(|address| code(*address)).collect())
    }

    /// The pods of a component that are ready, by their addresses.
    pub(crate) fn ready(&self, component: &str) -> Vec<Ipv4Addr> {
        self.pods(component).into_iter().map(|pod| pod.address).collect()
    }

    /// The pods of a component that are ready, and stay.
    pub(crate) fn pods(&self, component: &str) -> Vec<Pod> {
        let label = format!("app.kubernetes.io/component={component}");
        let pods = self.node.kubectl().get(&["pods", "--namespace", &self.namespace, "--selector", &label]);
        pods["items"].as_array().unwrap().iter().filter_map(Pod::ready).collect()
    }
}

/// A pod that is ready.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) address: Ipv4Addr,
    /// Its container, by containerd's name for it. One that is started anew has another.
    pub(crate) container: String,
}

impl Pod {
    fn ready(pod: &Value) -> Option<Self> {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        let conditions = pod["status"]["conditions"].as_array()?;
        if text("/metadata/deletionTimestamp").is_some() || !conditions.iter().any(is_ready) {
            return None;
        }
        let container = text("/status/containerStatuses/0/containerID").unwrap();
        Some(Self {
            name: text("/metadata/name").unwrap(),
            uid: text("/metadata/uid").unwrap(),
            address: text("/status/podIP").unwrap().parse().unwrap(),
            container: container.trim_start_matches("containerd://").to_owned(),
        })
    }
}

fn chart() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/mailchute").display().to_string()
}

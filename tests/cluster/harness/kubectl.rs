//! kubectl, as an administrator uses it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::tools;

/// Speaks to one cluster as one user.
#[derive(Clone)]
pub(crate) struct Kubectl {
    kubeconfig: PathBuf,
    network: Option<PathBuf>,
}

impl Kubectl {
    /// As a kubeconfig says; from within a network namespace, if the cluster is in one.
    pub(crate) fn new(kubeconfig: PathBuf, network: Option<PathBuf>) -> Self {
        Self { kubeconfig, network }
    }

    /// Its kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A program of the tools that reads `KUBECONFIG`, to be given arguments.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = match &self.network {
            Some(network) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={}", network.display())).arg("--").arg(tools::path(name));
                command
            }
            None => Command::new(tools::path(name)),
        };
        command.env("KUBECONFIG", &self.kubeconfig).env("PATH", tools::search_path()).stdin(Stdio::null());
        command
    }

    /// What it prints; that it fails is a failure.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        tools::output(self.command("kubectl").args(arguments))
    }

    /// Whether it succeeds.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> bool {
        tools::outcome(self.command("kubectl").args(arguments)).0
    }

    /// What it says when it fails, as is hoped.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        refusal(tools::outcome(self.command("kubectl").args(arguments)), arguments)
    }

    /// An object as JSON, or a list of objects; `what` is what `kubectl get` is told.
    pub(crate) fn get(&self, what: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[&["get", "--output=json"], what].concat())).unwrap()
    }

    /// Applies manifests.
    pub(crate) fn apply(&self, yaml: &str) {
        let (succeeded, text) = self.with_input(&["apply", "--filename=-"], yaml);
        assert!(succeeded, "{text}\n{yaml}");
    }

    /// What is said of manifests that are refused, as is hoped.
    pub(crate) fn apply_refused(&self, yaml: &str) -> String {
        refusal(self.with_input(&["apply", "--filename=-"], yaml), yaml)
    }

    /// Whether it succeeds when it is given an input, and what it says.
    pub(crate) fn with_input(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut command = self.command("kubectl");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It reads all before it says anything that could fill a pipe; one that ends early says why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }
}

fn refusal(outcome: (bool, String), what: impl std::fmt::Debug) -> String {
    let (succeeded, text) = outcome;
    assert!(!succeeded, "{what:?} was not refused: {text}");
    text
}

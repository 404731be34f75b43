//! Both Helms, cut off from whatever this user has set for theirs.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::tools;

/// The oldest Kubernetes that the chart is for.
pub(crate) const OLDEST: &str = "1.31.0";

/// What all renders are called, as the documentation has it.
pub(crate) const RELEASE: [&str; 2] = ["mailchute", "--namespace=mail-system"];

/// One of the Helms that people have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helm {
    V3,
    V4,
}

impl Helm {
    pub(crate) const BOTH: [Self; 2] = [Self::V3, Self::V4];

    /// What it prints, or what it says is wrong.
    pub(crate) fn run(self, arguments: &[&str]) -> Result<String, String> {
        let own = TempDir::new().unwrap();
        let program = tools::path(match self {
            Self::V3 => "helm3",
            Self::V4 => "helm4",
        });
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME"] {
            command.env(variable, own.path());
        }
        let output = command.output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        if output.status.success() {
            Ok(text(output.stdout))
        } else {
            Err(text(output.stdout) + &text(output.stderr))
        }
    }

    /// The chart rendered with what else it is told.
    pub(crate) fn template(self, arguments: &[&str]) -> Result<String, String> {
        let chart = chart();
        let version = format!("--kube-version={OLDEST}");
        self.run(&[&["template"], &RELEASE[..], &[chart.to_str().unwrap(), &version], arguments].concat())
    }
}

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/mailchute")
}

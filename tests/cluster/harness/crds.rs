//! The CRDs of a control plane, loosened and brought back: how objects come about that no apiserver with our
//! CRDs would take.

use super::{ControlPlane, tools};
use crate::support::program::program;

impl ControlPlane {
    /// Lets the CRD of a kind, by its plural, take anything; some time after.
    pub(crate) fn loosen_crd(&self, plural: &str) {
        let spec = r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#;
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
        let patch = format!(r#"[{{"op":"replace","path":"{path}","value":{spec}}}]"#);
        let crd = format!("{plural}.mailchute.dev");
        self.kubectl().run(&["patch", "crd", &crd, "--type=json", "--patch", &patch]);
    }

    /// Brings the CRDs back to what they should be.
    pub(crate) fn restore_crds(&self) {
        let crds = tools::output(program().arg("crd"));
        let arguments = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
        let (succeeded, text) = self.kubectl().with_input(&arguments, &crds);
        assert!(succeeded, "{text}");
        self.kubectl().run(&["wait", "--for=condition=Established", "--all", "crd"]);
    }
}

//! `tests/tools/build` keeps no tool of which a step has failed.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// Go as it is where no module can be fetched.
const GO: &str = "#!/bin/sh\necho 'go: no module can be fetched' >&2\nexit 1\n";

#[test]
fn a_tool_whose_parts_can_not_be_collected_is_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    std::fs::write(&go, GO).unwrap();
    std::fs::set_permissions(&go, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let build = |arguments: &[&str]| -> Output {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/build"));
        command.env("PATH", &path).env("MAILCHUTE_TOOLS", folder.path().join("tools"));
        command.args(arguments).output().unwrap()
    };
    let output = build(&["schemas"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no module can be fetched") && told.contains("schemas: FAILED"), "{told}");
    assert_eq!(build(&["where", "schemas"]).status.code(), Some(69));
}

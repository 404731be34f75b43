//! `mailchute control` that can't begin says why, and ends with the code of it.

use std::net::TcpListener;
use std::path::Path;

use crate::support::program::program;

/// A file that leads to an API server that is not there.
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
    clusters: [{name: here, cluster: {server: \"https://127.0.0.1:1\"}}]\nusers: [{name: me, user: {token: x}}]\n\
    contexts: [{name: here, context: {cluster: here, user: me}}]\n";

/// Its exit code, and what it says; without anything of the environment that leads to a cluster.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    std::fs::write(folder.join("kubeconfig"), KUBECONFIG).unwrap();
    let mut command = program();
    for name in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "POD_NAMESPACE", "POD_NAME"] {
        command.env_remove(name);
    }
    command.env("HOME", folder).current_dir(folder).arg("control").args(arguments);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let base = ["--namespace=mail", "--pod=one", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"];
    let table: &[(&[&str], i32, &str)] = &[
        (&["--namespace=mail"], 64, "--pod"),
        (&["--namespace=mail", "--pod=one", "--listen", &taken, "--admin=127.0.0.1:0"], 71, "--listen"),
        (&["--namespace=mail", "--pod=one", "--listen=127.0.0.1:0", "--admin", &taken], 71, "--admin"),
        (&base, 65, "how to reach the cluster"),
        (&[&base[..], &["--kubeconfig=absent"]].concat(), 65, "how to reach the cluster"),
        (&[&base[..], &["--kubeconfig=kubeconfig", "--context=there"]].concat(), 65, "there"),
        (&[&base[..], &["--kubeconfig=kubeconfig", "--serving-certificate=."]].concat(), 65, "tls.crt"),
    ];
    for (arguments, code, words) in table {
        let (ended, said) = run(folder.path(), arguments);
        assert_eq!(ended, Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}

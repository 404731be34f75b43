//! Only the controller's side speaks to an API server: a front-end has no credentials for one, and no
//! client.

use super::source::{line_of, words};
use super::{Fault, Source};

/// Who may use the Kubernetes client: the kinds are derived by it, the controller and its source use it,
/// and so do commands of people.
const CLUSTER: &[&str] = &[
    "src/api/",
    "src/controller",
    "src/source/cluster",
    "src/commands/check",
    "src/commands/control",
    "src/commands/crd",
    "src/commands/explain",
];

/// What a front-end is put together by; what these name is in its path.
const FRONT_END: &[&str] = &[
    "src/commands/dev.rs",
    "src/commands/front_end.rs",
    "src/commands/manifests.rs",
    "src/commands/serve.rs",
    "src/commands/snapshots.rs",
];

/// A client where there must be none.
pub(super) fn check(source: &Source) -> Vec<Fault> {
    let (path, code) = (source.path.as_str(), &source.production);
    if !path.starts_with("src/") || CLUSTER.iter().any(|room| path.starts_with(room)) {
        return Vec::new();
    }
    let clients = words(code, "kube").map(|at| (at, "kube"));
    let put_together = FRONT_END.contains(&path);
    let theirs = ["crate::controller", "source::cluster", "cluster::"].into_iter();
    let theirs = theirs.filter(|_| put_together).flat_map(|name| code.match_indices(name));
    let found = clients.chain(theirs);
    found
        .map(|(at, what)| format!("{path}:{}: {what} in the path of a front-end", line_of(code, at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_client_in_the_path_of_a_front_end_is_found() {
        assert_eq!(faults("src/source/remote/follower.rs", "use kube::Client;"), 1);
        assert_eq!(faults("src/server/mod.rs", "fn a(client: kube::Client) {}"), 1);
        assert_eq!(faults("src/commands/serve.rs", "use crate::controller::lease;"), 1);
        assert_eq!(faults("src/commands/snapshots.rs", "use crate::source::{cluster::watch, remote};"), 1);
    }

    #[test]
    fn a_client_of_the_controller_is_none() {
        assert_eq!(faults("src/source/cluster/mod.rs", "use kube::Client;"), 0);
        assert_eq!(faults("src/api/route.rs", "use kube::CustomResource;"), 0);
        assert_eq!(faults("src/commands/serve.rs", "// as kube does it\nuse crate::source::remote;"), 0);
        assert_eq!(faults("tests/cluster/main.rs", "use kube::Client;"), 0);
    }
}

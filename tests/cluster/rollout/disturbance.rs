//! What happens to the pods.

use super::load::STAYING;
use super::transfer::Transfer;
use super::{Disturbance, NAMESPACE, Noticed, Stage};
use crate::harness::release::Pod;
use crate::support::until::{until, until_true};

/// One after another.
pub(super) const DISTURBANCES: [Disturbance; 5] = [
    ("rollout restart of the front-ends", Noticed::Goodbye { at_least: STAYING }, restart_front_ends),
    ("rollout restart of the controllers", Noticed::Nothing, restart_controllers),
    ("eviction of a front-end", Noticed::Goodbye { at_least: 0 }, evict_a_front_end),
    ("kill of a front-end", Noticed::LostReplies, kill_a_front_end),
    ("kill of the leading controller", Noticed::Nothing, kill_the_leader),
];

/// Messages of others, while a front-end waits for the end of a transfer.
const MEANWHILE: usize = 500;
const FRONT_END: &str = "front-end";
const CONTROLLER: &str = "controller";

fn restart_front_ends(stage: &Stage<'_>) {
    let old = stage.release.pods(FRONT_END);
    let mut transfers = Transfer::at_each(stage, &old);
    stage.restart("deployment/mailchute-public");
    outlast(stage, &mut transfers);
    stage.is_whole(FRONT_END, 3, &old);
}

fn restart_controllers(stage: &Stage<'_>) {
    let (front_ends, old) = (stage.release.pods(FRONT_END), stage.release.pods(CONTROLLER));
    stage.restart("deployment/mailchute-controller");
    stage.is_whole(CONTROLLER, 2, &old);
    assert_eq!(stage.release.pods(FRONT_END), front_ends);
}

fn evict_a_front_end(stage: &Stage<'_>) {
    let pods = stage.release.pods(FRONT_END);
    let mut transfers = Transfer::at_each(stage, &pods);
    until_true("the disruption budget allows an eviction", || stage.evict(&pods[0]).is_ok());
    let refused = stage.evict(&pods[1]).unwrap_err();
    assert!(refused.contains("disruption budget"), "{refused}");
    outlast(stage, &mut transfers[..1]);
    stage.is_whole(FRONT_END, 3, &pods[..1]);
    for transfer in &mut transfers[1..] {
        transfer.end(stage);
    }
}

/// The pods of these transfers tell all sessions to end, and wait for these: so long as many other messages take.
fn outlast(stage: &Stage<'_>, transfers: &mut [Transfer]) {
    for transfer in &mut *transfers {
        transfer.is_told();
    }
    stage.load.goes_on(MEANWHILE);
    for transfer in transfers {
        transfer.end(stage);
        transfer.is_over();
    }
}

fn kill_a_front_end(stage: &Stage<'_>) {
    let pods = stage.release.pods(FRONT_END);
    let transfers = Transfer::at_each(stage, &pods);
    // The backend has a message that its sender has to send again.
    let killed = stage.backend.hold();
    let killed = pods.iter().position(|pod| pod.address == killed).unwrap();
    stage.kill(&pods[killed]);
    stage.backend.release();
    for mut transfer in transfers {
        if transfer.pod == pods[killed] {
            transfer.is_cut();
        } else {
            transfer.end(stage);
        }
    }
    stage.is_whole(FRONT_END, 3, &pods[killed..=killed]);
}

fn kill_the_leader(stage: &Stage<'_>) {
    let (front_ends, controllers) = (stage.release.pods(FRONT_END), stage.release.pods(CONTROLLER));
    let leader = stage.leader(&controllers);
    stage.kill(&leader);
    stage.is_whole(CONTROLLER, 2, std::slice::from_ref(&leader));
    assert_ne!(stage.leader(&stage.release.pods(CONTROLLER)), leader);
    assert_eq!(stage.release.pods(FRONT_END), front_ends);
}

impl Stage<'_> {
    /// kubectl in the release's namespace.
    fn kubectl(&self, arguments: &[&str]) -> String {
        self.node.kubectl().run(&[arguments, &["--namespace", NAMESPACE]].concat())
    }

    /// Waits until the new pods are there, and the old ones told to go.
    fn restart(&self, deployment: &str) {
        self.kubectl(&["rollout", "restart", deployment]);
        self.kubectl(&["rollout", "status", deployment, "--timeout=240s"]);
    }

    /// As `kubectl drain` does; or why not.
    fn evict(&self, pod: &Pod) -> Result<(), String> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{}/eviction", pod.name);
        let eviction = format!(
            "{{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {{\"name\": \"{}\"}}}}",
            pod.name
        );
        let create = ["create", "--raw", &path, "--filename=-"];
        let (succeeded, said) = self.node.kubectl().with_input(&create, &eviction);
        if succeeded { Ok(()) } else { Err(said) }
    }

    /// Ends a pod as a crash of its node does: its process at once, and nobody waits for it.
    fn kill(&self, pod: &Pod) {
        self.node.ctr(&["tasks", "kill", "--signal", "SIGKILL", &pod.container]);
        self.kubectl(&["delete", "pod", &pod.name, "--grace-period=0", "--force", "--wait=false"]);
    }

    /// Waits until one of these holds the controllers' lease.
    fn leader(&self, controllers: &[Pod]) -> Pod {
        let lease = ["get", "lease", "mailchute-controller", "--output=jsonpath={.spec.holderIdentity}"];
        let leads = |holder: &str| controllers.iter().find(|pod| pod.name == holder).cloned();
        until("a controller leads", || leads(&self.kubectl(&lease)))
    }

    /// Waits until a component has as many pods as it should, and none of the old ones is left.
    fn is_whole(&self, component: &str, replicas: usize, old: &[Pod]) {
        until_true(&format!("no {component} is old"), || {
            let all = self.kubectl(&["get", "pods", "--output=name"]);
            !old.iter().any(|pod| all.contains(&pod.name))
        });
        until_true(&format!("every {component} is there"), || self.release.pods(component).len() == replicas);
    }
}

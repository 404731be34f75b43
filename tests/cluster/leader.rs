//! Two controllers behind one Service, and two front-ends that take mail all the while: whatever becomes of the
//! controller that leads, or of its authority, no message is refused or deferred, and no front-end turns unready.

mod authority;
mod killed;
mod silent;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::front_ends::{BACKEND, rcpt, route};
use crate::harness::Controller;
use crate::harness::installed::Installed;
use crate::harness::meanwhile::Meanwhile;
use crate::harness::network::own_address;
use crate::harness::service::Service;
use crate::support::front_end::FrontEnd;
use crate::support::get::is_ready;
use crate::support::ledger::{Attempt, Ledger};
use crate::support::message::Taken;
use crate::support::recorder::Recorder;
use crate::support::sender::Sender;
use crate::support::until::{until, until_true};

/// Between two messages of a sender.
const PAUSE: Duration = Duration::from_millis(5);

/// An installation, each front-end of which has another controller, with mail going in.
struct Scene {
    // First, so that it ends before what it needs.
    meanwhile: Vec<Meanwhile>,
    front_ends: [FrontEnd; 2],
    ledger: Arc<Ledger>,
    backend: Recorder,
    service: Service,
    replica: Controller,
    installed: Installed,
}

impl Scene {
    /// All of it is well, and mail for `r0` to `r9` goes in.
    fn start() -> Self {
        let installed = Installed::start(&[]);
        let replica = installed.replica();
        let service = Service::before(&[&installed.controller, &replica]);
        let backend = Recorder::on(own_address());
        let front_ends =
            [1, 2].map(|last| installed.front_end_on(Ipv4Addr::new(127, 0, 0, last), service.address));
        let (meanwhile, ledger) = Default::default();
        let mut scene = Self { meanwhile, front_ends, ledger, backend, service, replica, installed };
        let inbox = format!("http://{}/in", scene.backend.address);
        let all = route("all").replace("type: Exact, value: all", "type: Wildcard, value: r*");
        scene.apply(&(BACKEND.replace("https://inbox.invalid/in", &inbox) + &all));
        scene.wait_until_live("r0");
        scene.wait_for_clients([1.0, 1.0]);
        let next = Arc::new(AtomicUsize::new(0));
        for front_end in &scene.front_ends {
            let mail = sending(front_end, Arc::clone(&next), Arc::clone(&scene.ledger));
            scene.meanwhile.extend([mail, looking(front_end)]);
        }
        scene
    }

    /// Applies manifests whose objects say no namespace.
    fn apply(&self, yaml: &str) {
        let kubectl = self.installed.plane.kubectl();
        let apply = ["apply", "--filename=-", "--namespace", self.installed.gateway()];
        let (succeeded, text) = kubectl.with_input(&apply, yaml);
        assert!(succeeded, "{text}\n{yaml}");
    }

    /// Waits until every front-end takes mail for it.
    fn wait_until_live(&self, local_part: &str) {
        for front_end in &self.front_ends {
            until_true(&format!("{local_part} is taken by {}", front_end.smtp), || {
                rcpt(front_end, &format!("{local_part}@example.org")) == 250
            });
        }
    }

    /// Waits until a route's status says that it is ready; only a leader writes it.
    fn wait_until_status_is_written(&self, name: &str) {
        until_true(&format!("{name} is ready"), || {
            let route = self.route(name);
            let ready = &route["status"]["conditions"][0];
            (&ready["type"], &ready["status"]) == (&"Ready".into(), &"True".into())
                && ready["observedGeneration"] == route["metadata"]["generation"]
        });
    }

    fn route(&self, name: &str) -> Value {
        self.installed.plane.kubectl().get(&["mailroute", name, "--namespace", self.installed.gateway()])
    }

    /// Waits until so many front-ends use what the one controller offers, and what the other does.
    fn wait_for_clients(&self, clients: [f64; 2]) {
        for (controller, clients) in [&self.installed.controller, &self.replica].into_iter().zip(clients) {
            controller.wait_for_metric(&["mailchute_clients", "version_current=\"true\""], clients);
        }
    }

    /// Waits until every front-end uses the version that the gateway's status names, and gives it.
    fn wait_for_version(&self) -> String {
        let gateway = ["mailgateway", "public", "--namespace", self.installed.gateway()];
        until("front-ends use what status says", || {
            let gateway = self.installed.plane.kubectl().get(&gateway);
            let version = gateway["status"]["snapshotVersion"].as_str()?;
            let uses =
                |front_end: &FrontEnd| front_end.metric(&["mailchute_config_snapshot_info", version]) > 0.5;
            self.front_ends.iter().all(uses).then(|| version.to_owned())
        })
    }

    /// The controller that leads, and the other one, by the Lease.
    fn leader_and_other(&mut self) -> (&mut Controller, &mut Controller) {
        let lease = self.installed.lease();
        let both = (&mut self.installed.controller, &mut self.replica);
        if both.0.identity() == holder(&lease) { both } else { (both.1, both.0) }
    }

    /// Waits until one that does not lead has looked at the Lease twice: who leads writes it, and does not look.
    fn wait_for_looks_at_lease(&self) {
        let looks = || {
            let asked = self.installed.plane.asked_by(&self.installed.user());
            asked.iter().filter(|asked| asked.verb == "get" && asked.resource == "leases").count()
        };
        let before = looks();
        until_true("the Lease is looked at", || looks() >= before + 2);
    }

    /// No front-end has anything to complain of.
    fn nobody_complains(&self) {
        for front_end in &self.front_ends {
            let log = front_end.log();
            let complaint = log.lines().find(|line| line.contains("WARN") || line.contains("ERROR"));
            assert_eq!(complaint, None);
        }
    }

    /// All has been well all the while, and is so now: each message came out once, and nothing of the configuration
    /// was refused.
    fn finish(mut self) {
        for front_end in &self.front_ends {
            front_end.wait_for_metric(&["mailchute_config_connected"], 1.0);
            assert!(front_end.metric(&["mailchute_config_rejects_total"]) < 0.5);
        }
        self.meanwhile.drain(..).for_each(Meanwhile::finish);
        println!("leader: {}", self.ledger.counts());
        let taken: Vec<Taken> = self.backend.received().iter().map(Taken::of).collect();
        assert_eq!((taken.len(), self.ledger.assert_kept(&taken)), (self.ledger.count(), 0));
    }
}

/// Message after message goes in, and each is to be acknowledged the first time.
fn sending(front_end: &FrontEnd, next: Arc<AtomicUsize>, ledger: Arc<Ledger>) -> Meanwhile {
    let mut sender = Sender::new(front_end.smtp);
    Meanwhile::start(move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let attempt = sender.attempt(number);
        ledger.note(number, attempt);
        assert_eq!(attempt, Attempt::Acknowledged, "message {number}");
        sleep(PAUSE);
    })
}

/// The front-end is to be ready at each look.
fn looking(front_end: &FrontEnd) -> Meanwhile {
    let admin = front_end.admin;
    Meanwhile::start(move || {
        assert!(is_ready(admin), "it is not ready");
        sleep(PAUSE);
    })
}

/// Who leads, by the Lease.
fn holder(lease: &Value) -> &str {
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default()
}

//! Rollouts, an eviction and kills while mail comes in at the chart's Service: nothing that was answered `250` is
//! lost, whoever leaves in order cuts no transfer, and that the controllers change is noticed by nobody.
//!
//! The chart has its default values, so that these are held to what they promise.

use std::net::SocketAddr;
use std::time::Instant;

use crate::harness::Node;
use crate::harness::release::Release;
use crate::support::ledger::Counts;
use crate::support::number::number;
use crate::support::sender::End;
use crate::support::until::until_true;

mod backend;
mod disturbance;
mod load;
mod transfer;

use backend::Backend;
use disturbance::DISTURBANCES;
use load::{Load, SENDERS};

/// Messages, unless `MAILCHUTE_ROLLOUT_MESSAGES` says how many; more where the disturbances take longer.
const MESSAGES: usize = 2000;
const NAMESPACE: &str = "rollout";
const VALUES: &str = "
gateways:
  public:
    hostname: mx.example.org
    domains: [{name: example.org, allowedRoutes: {namespaces: {from: All}}}]
";

/// All that there is.
struct Stage<'a> {
    node: &'a Node,
    release: &'a Release<'a>,
    backend: &'a Backend,
    load: Load,
}

/// What senders may notice of a disturbance.
#[derive(Clone, Copy)]
enum Noticed {
    /// Nothing.
    Nothing,
    /// That sessions end with `421`, at a command. They come again.
    Goodbye {
        /// So many sessions.
        at_least: usize,
    },
    /// That the reply to a message is lost, and anything else but the message itself.
    LostReplies,
}

impl Noticed {
    /// Holds what they have noticed.
    fn hold(self, name: &str, counts: Counts) {
        let Counts { acknowledged, closed, unanswered, .. } = counts;
        assert!(acknowledged > 0, "{name}: nothing was sent");
        let nothing = Counts { acknowledged, ..Counts::default() };
        let (allowed, least) = match self {
            Self::Nothing => (nothing, true),
            Self::Goodbye { at_least } => (Counts { closed, ..nothing }, closed >= at_least),
            Self::LostReplies => (counts, unanswered > 0),
        };
        assert_eq!(counts, allowed, "{name}: senders have noticed more than they may");
        assert!(least, "{name}: senders have noticed too little: {counts}");
    }
}

/// What happens, what of it may be noticed, and its name.
type Disturbance = (&'static str, Noticed, fn(&Stage<'_>));

#[test]
fn loses_nothing_and_cuts_no_transfer() {
    let messages = number("MAILCHUTE_ROLLOUT_MESSAGES").unwrap_or(MESSAGES);
    let node = Node::shared();
    let release = Release::new(node, "helm4", NAMESPACE);
    let backend = Backend::start(node);
    let (address, _) = release.install(35, VALUES);
    let load = Load::new(SocketAddr::from((address, 25)));
    let stage = Stage { node, release: &release, backend: &backend, load };
    stage.route();
    std::thread::scope(|scope| {
        let load = &stage.load;
        let _end = End(&load.ended);
        for sender in 0..SENDERS {
            scope.spawn(move || node.clients().enter(|| load.send(sender)));
        }
        for (turn, disturbance) in DISTURBANCES.iter().enumerate() {
            load.wait_for(messages * (turn + 1) / (DISTURBANCES.len() + 1));
            stage.disturb(disturbance);
        }
        load.wait_for(messages);
    });
    println!("rollout: in all: {}", stage.load.ledger.counts());
    let taken = backend.taken();
    let again = stage.load.ledger.assert_kept(&taken);
    println!("rollout: {} arrived, {again} of them again", taken.len());
    assert!(again > 0, "no message was sent again that had arrived");
    release.uninstall();
    node.kubectl().run(&["delete", "namespace", NAMESPACE]);
    node.kubectl().run(&["delete", "crd", "--all"]);
}

impl Stage<'_> {
    /// Lets all recipients of `example.org` go to the backend, and waits until all front-ends know.
    fn route(&self) {
        let backend = self.backend.address;
        self.node.kubectl().apply(&format!(
            "apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {{name: all, namespace: {NAMESPACE}}}
spec:
  parentRefs: [{{name: public}}]
  rules:
  - name: only
    matches: [{{recipient: {{domain: example.org}}}}]
    delivery: {{backendRefs: [{{name: all}}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: all, namespace: {NAMESPACE}}}
spec:
  http: {{url: \"http://{backend}/inbound\"}}
"
        ));
        until_true("the route is live on all front-ends", || {
            self.release.takes("r0@example.org") == [250; 3]
        });
    }

    /// Lets something happen, and holds what senders have noticed of it.
    fn disturb(&self, (name, noticed, happen): &Disturbance) {
        self.load.settle();
        let (before, started) = (self.load.ledger.counts(), Instant::now());
        happen(self);
        self.load.settle();
        let counts = self.load.ledger.counts().since(before);
        println!("rollout: {name}, {:.0} s: {counts}", started.elapsed().as_secs_f64());
        noticed.hold(name, counts);
    }
}

//! Snapshots of a controller → the plan of their gateway, as `serve` follows them.
//!
//! Compiled on a thread of its own, one after the other: mail goes on meanwhile. What there is to say
//! about the objects stands in their status, which the controller writes; here it is logged at debug.

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::manifests::Config;
use crate::admin::Readiness;
use crate::compile::{Compiled, Origin, compile};
use crate::metrics::Metrics;
use crate::plan::{Finding, Severity};
use crate::source::remote::{Event, Offer, Options, Remote, follow};

/// The plans that a controller's snapshots make.
pub(super) struct Snapshots {
    steps: mpsc::Receiver<Step>,
}

/// What happens on the way to the next plan.
enum Step {
    /// It is there.
    Plan(Box<Config>),
    /// There is none yet, for this reason.
    Without(String),
}

impl Snapshots {
    /// Follows a controller from then on.
    pub(super) fn follow(options: Options, metrics: &Metrics) -> Self {
        let remote = follow(options, metrics.clone());
        let (sender, steps) = mpsc::channel(1);
        tokio::spawn(work(remote, sender));
        Self { steps }
    }

    /// The first plan; until it is there `readiness` says why not.
    pub(super) async fn first(&mut self, readiness: &Readiness) -> Config {
        readiness.set_not_ready("no snapshot yet: the controller was not heard yet");
        loop {
            match self.step().await {
                Step::Plan(config) => return *config,
                Step::Without(why) => readiness.set_not_ready(format!("no snapshot yet: {why}")),
            }
        }
    }

    /// The next plan. Nothing is lost where this is dropped while it waits.
    pub(super) async fn next(&mut self) -> Config {
        loop {
            if let Step::Plan(config) = self.step().await {
                return *config;
            }
        }
    }

    async fn step(&mut self) -> Step {
        match self.steps.recv().await {
            Some(step) => step,
            // The runtime shuts down.
            None => std::future::pending().await,
        }
    }
}

async fn work(mut remote: Remote, steps: mpsc::Sender<Step>) {
    while let Some(event) = remote.next().await {
        let step = match event {
            Event::Without(why) => Some(Step::Without(why)),
            Event::Offered(offer) => plan(offer).await.map(|config| Step::Plan(Box::new(config))),
        };
        if let Some(step) = step
            && steps.send(step).await.is_err()
        {
            return;
        }
    }
}

/// `None` where there is no plan; whoever offered the snapshot is told why.
async fn plan(offer: Offer) -> Option<Config> {
    let Offer { decoded, as_of, answer } = offer;
    let compiled = spawn_blocking(move || {
        let compiled = compile(&decoded.snapshot, &decoded.gateway, Origin::Cluster);
        (decoded, compiled)
    });
    // A panic in it is no word to whoever waits for one, which is a refusal.
    let (decoded, Compiled { plan, findings, .. }) = compiled.await.ok()?;
    for finding in &findings {
        tracing::debug!(%finding, "compiled");
    }
    let (version, gateway) = (decoded.version, decoded.gateway);
    let objects = decoded.snapshot.objects().count();
    let Some(plan) = plan else {
        answer.refused(reason(&findings));
        return None;
    };
    let errors = errors(&findings).count();
    tracing::info!(%gateway, version, objects, rules = plan.rules.len(), errors, "snapshot");
    Some(Config { plan, version, as_of, waiting: Some(answer) })
}

fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.severity == Severity::Error)
}

/// What is wrong with the gateway itself, which alone can leave it without a plan.
fn reason(findings: &[Finding]) -> String {
    let of_gateway = |finding: &&Finding| finding.object.to_string().starts_with("MailGateway ");
    let found = errors(findings).find(of_gateway).or_else(|| errors(findings).next());
    found.map_or_else(|| "it makes no plan".to_owned(), ToString::to_string)
}

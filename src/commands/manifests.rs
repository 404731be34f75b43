//! Manifests → the plan of one gateway, as `serve` and `dev` start and follow them.

use std::path::Path;
use std::time::SystemTime;

use crate::commands::Failure;
use crate::compile::{Compiled, Origin, compile};
use crate::plan::{Finding, ObjectName, Plan, Severity};
use crate::source::remote::Answer;
use crate::source::{Event, Loaded, Watch, watch};

/// What is to be served.
pub(super) struct Config {
    pub(super) plan: Plan,
    /// That of the manifests or of the snapshot it was made of.
    pub(super) version: String,
    /// When it was known to be the newest.
    pub(super) as_of: SystemTime,
    /// Whom to tell once it is in use.
    pub(super) waiting: Option<Answer>,
}

impl Config {
    /// One that files hold now.
    pub(super) fn of_files(plan: Plan, version: String) -> Self {
        Self { plan, version, as_of: SystemTime::now(), waiting: None }
    }
}

/// A folder that is followed.
pub(super) struct Manifests {
    watch: Watch,
    gateway: ObjectName,
}

impl Manifests {
    /// Reads a folder and compiles its gateway: `gateway` (`namespace/name`), or the only one.
    pub(super) fn open(folder: &Path, gateway: Option<&str>) -> Result<(Self, Config), Failure> {
        let (loaded, watch) = watch(vec![folder.to_owned()])?;
        let gateway = choose(&loaded, gateway)?;
        let config = config(&loaded, &gateway).ok_or_else(|| {
            Failure::Config(format!(
                "gateway {gateway} can't be served: see the findings above, or run `mailchute check`"
            ))
        })?;
        Ok((Self { watch, gateway }, config))
    }

    /// Waits for the next plan; `None` where a change can't be used and the last plan stands.
    pub(super) async fn next(&mut self) -> Option<Config> {
        match self.watch.next().await {
            Some(Event::Changed(loaded)) => {
                let config = config(&loaded, &self.gateway);
                if config.is_none() {
                    tracing::error!(gateway = %self.gateway, "configuration can't be served, the last one stays in use");
                }
                config
            }
            Some(Event::Broken(error)) => {
                tracing::error!(%error, "manifests can't be read, the last configuration stays in use");
                None
            }
            None => std::future::pending().await,
        }
    }
}

/// The gateway that was named, or the only one there is.
pub(super) fn choose(loaded: &Loaded, named: Option<&str>) -> Result<ObjectName, Failure> {
    let all: Vec<String> = loaded.snapshot.gateways().map(ToString::to_string).collect();
    let list = all.join(", ");
    if let Some(named) = named {
        let known = loaded.snapshot.gateways().find(|name| name.to_string() == named);
        return known.cloned().ok_or_else(|| {
            Failure::Usage(format!("--gateway {named}: there is no such MailGateway; there are: {list}"))
        });
    }
    let mut gateways = loaded.snapshot.gateways();
    match (gateways.next(), gateways.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Failure::Config("the manifests hold no MailGateway".to_owned())),
        (Some(_), Some(_)) => Err(Failure::Usage(format!(
            "several MailGateways: choose one by --gateway NAMESPACE/NAME: {list}"
        ))),
    }
}

/// Compiles, and logs what there is to say.
fn config(loaded: &Loaded, gateway: &ObjectName) -> Option<Config> {
    let Compiled { plan, findings, .. } = compile(&loaded.snapshot, gateway, Origin::Files);
    loaded.findings.iter().chain(&findings).for_each(log);
    Some(Config::of_files(plan?, loaded.version.clone()))
}

fn log(finding: &Finding) {
    let Finding { severity, reason, object, field, message, .. } = finding;
    match severity {
        Severity::Error => tracing::error!(%object, field, ?reason, "{message}"),
        Severity::Warning => tracing::warn!(%object, field, ?reason, "{message}"),
    }
}

//! From objects to a picture: what is published of each gateway, and what stays as it was.
//!
//! | a gateway | what is published |
//! | --- | --- |
//! | compiles | its objects as they are now, unless most routes are gone ([`super::hold`]) |
//! | can't be used, or can't be read | what was published of it before |
//! | is gone | nothing, after the hold if it had many routes |
//!
//! A gateway that can't be used is no reason to take its front-ends' configuration from one that
//! starts anew; its status tells. Who may have what is published is as the gateway says now, wherever it
//! can be read. No clock: the time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::hold::{self, HOLD, Verdict};
use super::picture::{Picture, Published};
use crate::api::{ApiKind, MailGateway};
use crate::compile::{Origin, Snapshot, compile_with_standings, select};
use crate::plan::{ObjectName, Severity};
use crate::source::wire::Encoder;
use crate::status::{Notice, Offer, Outcome};

/// What was drawn, and what the next picture has to know of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn {
    pub(super) picture: Option<Arc<Picture>>,
    /// Gateways of which something older is published than there is.
    pub(super) held: BTreeMap<ObjectName, Held>,
    /// Those that have written the snapshot of each gateway.
    encoders: BTreeMap<ObjectName, Encoder>,
}

/// A snapshot that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// How many routes fewer it has.
    pub(super) lost: usize,
    since: Instant,
}

impl Drawn {
    /// When the first that waits has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.values().map(|held| held.since + HOLD).min()
    }

    fn published(&self, gateway: &ObjectName) -> Option<&Arc<Published>> {
        self.picture.as_ref()?.gateways.get(gateway)
    }
}

/// Draws the picture that follows `last`.
pub(super) fn draw(last: &Drawn, snapshot: Arc<Snapshot>, now: Instant) -> Drawn {
    let mut gate =
        Gate { last, now, gateways: BTreeMap::new(), held: BTreeMap::new(), encoders: BTreeMap::new() };
    let mut outcomes = BTreeMap::new();
    for name in snapshot.gateways() {
        let selection = select(&snapshot, name);
        let compiled = compile_with_standings(&selection, name, Origin::Cluster);
        let offer = match compiled.0.plan {
            Some(_) => {
                let new = gate.publishable(&selection, name);
                gate.offer(name, &new)
            }
            None => gate.keep(name, owner(&selection, name)),
        };
        outcomes.insert(name.clone(), Outcome::new(compiled, offer));
    }
    let before = last.picture.iter().flat_map(|picture| &picture.gateways);
    for (name, published) in before.filter(|(name, _)| snapshot.gateway(name).is_none()) {
        if is_unreadable(&snapshot, name) {
            gate.keep(name, published.service_account.clone());
        } else {
            gate.withdraw(name, published);
        }
    }
    let Gate { gateways, held, encoders, .. } = gate;
    let waiting = held.iter().map(|(name, held)| notice(name, &gateways[name], *held)).collect();
    let picture = Picture::new(snapshot, gateways, outcomes, waiting);
    Drawn { picture: Some(Arc::new(picture)), held, encoders }
}

/// Who may have a gateway's snapshot.
pub(super) fn service_account(gateway: &MailGateway) -> Option<&str> {
    gateway.spec.front_ends.as_ref().map(|front_ends| front_ends.service_account_name.as_str())
}

pub(super) fn is_unreadable(snapshot: &Snapshot, gateway: &ObjectName) -> bool {
    snapshot.unreadable().any(|(kind, name, _)| kind == ApiKind::Gateway && name == gateway)
}

fn owner(snapshot: &Snapshot, name: &ObjectName) -> Option<String> {
    snapshot.gateway(name).and_then(service_account).map(str::to_owned)
}

fn with_owner(published: &Arc<Published>, owner: Option<String>) -> Arc<Published> {
    if published.service_account == owner {
        return Arc::clone(published);
    }
    Arc::new(Published { service_account: owner, ..Published::clone(published) })
}

/// What a person should see at once of a snapshot that waits. Of a gateway that is gone nobody can be told
/// but by metric and log.
fn notice(gateway: &ObjectName, published: &Published, held: Held) -> Notice {
    Notice {
        kind: ApiKind::Gateway,
        name: gateway.clone(),
        severity: Severity::Warning,
        reason: "SnapshotHeld",
        message: held_back(published.routes, held.lost),
    }
}

fn held_back(routes: usize, lost: usize) -> String {
    format!(
        "{lost} of {routes} routes are gone at once: front-ends keep those they have for {} s, in case that is a mistake",
        HOLD.as_secs()
    )
}

/// Gateways that are published now, and those that are held.
struct Gate<'a> {
    last: &'a Drawn,
    now: Instant,
    gateways: BTreeMap<ObjectName, Arc<Published>>,
    held: BTreeMap<ObjectName, Held>,
    encoders: BTreeMap<ObjectName, Encoder>,
}

impl Gate<'_> {
    /// What can be published of a gateway as it is now; the very thing that is, where it says the same.
    fn publishable(&mut self, selection: &Snapshot, name: &ObjectName) -> Arc<Published> {
        let mut encoder = self.last.encoders.get(name).cloned().unwrap_or_default();
        let encoded = encoder.encode(selection, name);
        self.encoders.insert(name.clone(), encoder);
        let owner = owner(selection, name);
        if let Some(last) = self.last.published(name)
            && last.encoded.version == encoded.version
        {
            return with_owner(last, owner);
        }
        let routes = selection.objects().filter(|(_, object)| object.kind() == ApiKind::Route).count();
        Arc::new(Published { encoded, service_account: owner, routes })
    }

    /// A gateway can be published: it is, or waits.
    fn offer(&mut self, name: &ObjectName, new: &Arc<Published>) -> Offer {
        let last = self.last.published(name);
        if let Some(last) = last
            && self.waits(name, last, new.routes)
        {
            self.gateways.insert(name.clone(), with_owner(last, new.service_account.clone()));
            let why = held_back(last.routes, last.routes - new.routes);
            return Offer::Held { version: Some(last.encoded.version.clone()), why };
        }
        self.gateways.insert(name.clone(), Arc::clone(new));
        Offer::Current { version: new.encoded.version.clone() }
    }

    /// A gateway can't be used, or can't be read: what was published of it stays, if anything was.
    fn keep(&mut self, name: &ObjectName, owner: Option<String>) -> Offer {
        let last = self.last.published(name);
        self.gateways.extend(last.map(|last| (name.clone(), with_owner(last, owner))));
        let why = match last {
            Some(_) => "it can't be used as it is, so front-ends keep what they have",
            None => "it can't be used as it is, so front-ends are offered nothing",
        };
        Offer::Held { version: last.map(|last| last.encoded.version.clone()), why: why.to_owned() }
    }

    /// A gateway is gone: what was published of it is withdrawn, or waits.
    fn withdraw(&mut self, name: &ObjectName, last: &Arc<Published>) {
        if self.waits(name, last, 0) {
            self.gateways.insert(name.clone(), Arc::clone(last));
        }
    }

    fn waits(&mut self, name: &ObjectName, last: &Published, routes: usize) -> bool {
        let since = self.last.held.get(name).map(|held| held.since);
        match hold::decide(last.routes, routes, since, self.now) {
            Verdict::Publish => false,
            Verdict::Hold { since } => {
                self.held.insert(name.clone(), Held { lost: last.routes - routes, since });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;

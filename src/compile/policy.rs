//! Which policy holds for a rule, block by block.
//!
//! The most specific policy that sets a block wins: rule, then route, listener, gateway; at one
//! level the oldest, then `namespace/name`. The platform's `limits` and `require` (listener or
//! gateway) are floors that an application's (rule or route) can only tighten. A block that can't be used makes the rules
//! it holds for unusable, and no others.

use std::collections::BTreeMap;
use std::sync::Arc;

mod target;

use target::Found;
pub(super) use target::Target;

use super::fault::Faults;
use super::findings::Findings;
use super::recipients;
use super::snapshot::Snapshot;
use super::standing::Hold;
use super::table::age;
use super::verification::Verifications;
use crate::api::gateway::BackendTarget;
use crate::api::policy::TargetRef;
use crate::api::{ApiKind, RecipientPolicySpec};
use crate::plan::{Holding, ObjectName, Reason, Require, SenderRate, Verification};
use crate::policy::RecipientList;

/// A block of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Recipients,
    Verification,
    Limits,
    Require,
    SenderAuthentication,
    Greylisting,
}

impl Block {
    const ALL: [Self; 6] = [
        Self::Recipients,
        Self::Verification,
        Self::Limits,
        Self::Require,
        Self::SenderAuthentication,
        Self::Greylisting,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Recipients => "recipients",
            Self::Verification => "verification",
            Self::Limits => "limits",
            Self::Require => "require",
            Self::SenderAuthentication => "senderAuthentication",
            Self::Greylisting => "greylisting",
        }
    }

    fn is_set(self, spec: &RecipientPolicySpec) -> bool {
        match self {
            Self::Recipients => spec.recipients.is_some(),
            Self::Verification => spec.verification.is_some(),
            Self::Limits => spec.limits.is_some(),
            Self::Require => spec.require.is_some(),
            Self::SenderAuthentication => spec.sender_authentication.is_some(),
            Self::Greylisting => spec.greylisting.is_some(),
        }
    }

    /// Whether the platform's word is a floor, which holds beside an application's.
    fn is_floor(self) -> bool {
        matches!(self, Self::Limits | Self::Require)
    }
}

/// Why what a policy targets can't be had; `None` where it can.
pub fn absent(snapshot: &Snapshot, policy: &ObjectName, target: &TargetRef) -> Option<(Reason, String)> {
    match Target::of(policy, target).find(snapshot) {
        Found::There | Found::Unknown => None,
        Found::Absent(reason, message) => Some((reason, message)),
    }
}

/// The policy of each block that holds at one target.
type Holders = [Option<usize>; Block::ALL.len()];

/// What becomes of one targetRef of a policy.
#[derive(Debug, Default)]
struct Standing {
    /// A rule is under the target.
    met: bool,
    /// A block of the policy holds for such a rule.
    won: bool,
    /// A block lost to another policy at the same target.
    conflicted: bool,
}

impl Standing {
    fn hold(&self) -> Hold {
        match self {
            Self { won: true, .. } => Hold::Holds,
            Self { met: true, conflicted: true, .. } => Hold::Lost,
            Self { met: true, .. } => Hold::Overridden,
            Self { met: false, .. } => Hold::NoRule,
        }
    }
}

struct Policy<'a> {
    name: &'a ObjectName,
    spec: &'a RecipientPolicySpec,
    broken: [bool; Block::ALL.len()],
    list: Option<(Arc<RecipientList>, recipients::Completeness)>,
}

/// Whether a block that holds can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    Holds,
    Unusable,
}

/// All policies, and who holds what.
pub(super) struct Policies<'a> {
    snapshot: &'a Snapshot,
    verifications: &'a Verifications<'a>,
    policies: Vec<Policy<'a>>,
    holders: BTreeMap<Target<'a>, Holders>,
    /// By target and policy, with the index of the targetRef.
    standings: BTreeMap<Target<'a>, BTreeMap<usize, (usize, Standing)>>,
    /// By namespace: policies that can't be read.
    unreadable: BTreeMap<&'a str, Vec<&'a ObjectName>>,
}

/// What holds for a rule.
pub(super) struct Effective {
    /// Policies whose blocks hold and can't be used, or that might hold and can't be read.
    pub(super) broken: Vec<ObjectName>,
    /// Which policy holds for which block.
    pub(super) holdings: Vec<Holding>,
    pub(super) recipients: Option<Arc<RecipientList>>,
    pub(super) recipients_unknown: bool,
    pub(super) verification: Option<Arc<Verification>>,
    /// Octets of a message; `None` where no policy says.
    pub(super) max_message_bytes: Option<u64>,
    pub(super) max_recipients: Option<u32>,
    pub(super) sender_rates: Vec<SenderRate>,
    pub(super) require: Require,
}

impl<'a> Policies<'a> {
    /// Settles who holds what at each target.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        faults: &Faults<'_>,
        verifications: &'a Verifications<'a>,
        findings: &mut Findings,
    ) -> Self {
        let mut sorted: Vec<_> = snapshot.policies().collect();
        sorted.sort_by_key(|(name, policy)| (age(&policy.metadata), *name));
        let mut all = Self {
            snapshot,
            verifications,
            policies: Vec::new(),
            holders: BTreeMap::new(),
            standings: BTreeMap::new(),
            unreadable: BTreeMap::new(),
        };
        for (name, _) in snapshot.unreadable_of(ApiKind::Policy) {
            all.unreadable.entry(&name.namespace).or_default().push(name);
        }
        for (name, policy) in sorted {
            let faults = faults.of(ApiKind::Policy, name);
            let field = |block: Block| format!("spec.{}", block.name());
            let common =
                faults.iter().any(|fault| !Block::ALL.iter().any(|block| fault.is_under(&field(*block))));
            let broken = |block: Block| common || faults.iter().any(|fault| fault.is_under(&field(block)));
            all.policies.push(Policy {
                name,
                spec: &policy.spec,
                broken: Block::ALL.map(broken),
                list: None,
            });
            for (index, target) in policy.spec.target_refs.iter().enumerate() {
                all.aim(index, target, findings);
            }
        }
        all
    }

    /// Takes one targetRef of the policy that came last.
    fn aim(&mut self, index: usize, target: &'a TargetRef, findings: &mut Findings) {
        let Some(id) = self.policies.len().checked_sub(1) else { return };
        let Policy { name, spec, .. } = &self.policies[id];
        let field = format!("spec.targetRefs[{index}]");
        let target = Target::of(name, target);
        match target.find(self.snapshot) {
            Found::There => {}
            Found::Unknown => return,
            Found::Absent(reason, message) => {
                return findings.report((ApiKind::Policy, name), reason, field, message);
            }
        }
        let mut standing = Standing::default();
        let holders = self.holders.entry(target).or_default();
        for (holder, block) in holders.iter_mut().zip(Block::ALL) {
            match holder {
                _ if !block.is_set(spec) => {}
                None => *holder = Some(id),
                Some(held) if *held == id => {}
                Some(held) => {
                    standing.conflicted = true;
                    let winner = self.policies[*held].name;
                    let message = format!(
                        "{} is already set there by the older RecipientPolicy {winner}",
                        block.name()
                    );
                    findings.report((ApiKind::Policy, name), Reason::Conflicted, field.clone(), message);
                }
            }
        }
        self.standings.entry(target).or_default().entry(id).or_insert((index, standing));
    }

    /// The policies that hold at a listener itself: listeners where they are equal share their rules.
    pub(super) fn holders_at(&self, listener: &Target<'_>) -> Holders {
        self.holders.get(listener).copied().unwrap_or_default()
    }

    /// What holds for a rule under these targets, the most specific first.
    pub(super) fn effective(
        &mut self,
        targets: &[Target<'a>; 4],
        (separators, allow): (&str, &[BackendTarget]),
        findings: &mut Findings,
    ) -> Effective {
        let mut effective = Effective {
            broken: self.unreadable_for(targets),
            holdings: Vec::new(),
            recipients: None,
            recipients_unknown: false,
            verification: None,
            max_message_bytes: None,
            max_recipients: None,
            sender_rates: Vec::new(),
            require: Require::default(),
        };
        self.meet(targets);
        for (nth, block) in Block::ALL.into_iter().enumerate() {
            for (target, id) in self.winners(targets, nth, block) {
                let of_target = self.standings.get_mut(target);
                if let Some((_, standing)) = of_target.and_then(|of_target| of_target.get_mut(&id)) {
                    standing.won = true;
                }
                let Policy { name, broken, .. } = &self.policies[id];
                let (policy, is_broken, target) = ((*name).clone(), broken[nth], target.to_string());
                effective.holdings.push(Holding { block: block.name(), policy: policy.clone(), target });
                let applied = self.apply(id, block, (separators, allow), &mut effective, findings);
                if (is_broken || applied == Applied::Unusable) && !effective.broken.contains(&policy) {
                    effective.broken.push(policy);
                }
            }
        }
        effective
    }

    /// The policies that can't be read and might hold for a rule: those of its route's namespace, and of
    /// the gateway's.
    fn unreadable_for(&self, [rule, _, _, gateway]: &[Target<'_>; 4]) -> Vec<ObjectName> {
        let of = |target: &Target<'_>| self.unreadable.get(target.namespace()).into_iter().flatten();
        let mut unreadable: Vec<ObjectName> = of(rule).chain(of(gateway)).copied().cloned().collect();
        unreadable.dedup();
        unreadable
    }

    fn meet(&mut self, targets: &[Target<'a>; 4]) {
        for target in targets {
            let of_target = self.standings.get_mut(target);
            for (_, standing) in of_target.into_iter().flat_map(BTreeMap::values_mut) {
                standing.met = true;
            }
        }
    }

    /// The most specific holder; for a floor also the platform's.
    fn winners<'t>(
        &self,
        targets: &'t [Target<'a>; 4],
        nth: usize,
        block: Block,
    ) -> Vec<(&'t Target<'a>, usize)> {
        let holder = |target: &'t Target<'a>| Some((target, self.holders.get(target)?[nth]?));
        let mut winners: Vec<_> = targets.iter().find_map(holder).into_iter().collect();
        if block.is_floor()
            && let Some(platform) = targets[2..].iter().find_map(holder)
            && !winners.contains(&platform)
        {
            winners.push(platform);
        }
        winners
    }

    fn apply(
        &mut self,
        id: usize,
        block: Block,
        (separators, allow): (&str, &[BackendTarget]),
        effective: &mut Effective,
        findings: &mut Findings,
    ) -> Applied {
        let policy = &mut self.policies[id];
        match block {
            Block::Recipients => {
                let Some(written) = &policy.spec.recipients else { return Applied::Holds };
                let (list, completeness) = policy.list.get_or_insert_with(|| {
                    recipients::read(self.snapshot, policy.name, written, separators, findings)
                });
                effective.recipients = Some(Arc::clone(list));
                effective.recipients_unknown = *completeness == recipients::Completeness::Partial;
            }
            Block::Limits => {
                let Some(limits) = &policy.spec.limits else { return Applied::Holds };
                let bytes = limits.max_message_bytes.bytes();
                let recipients = limits.max_recipients;
                let least = &mut effective.max_message_bytes;
                *least = Some(least.map_or(bytes, |held| held.min(bytes)));
                let least = &mut effective.max_recipients;
                *least = Some(least.map_or(recipients, |held| held.min(recipients)));
                effective.sender_rates.extend(limits.per_sender.as_ref().map(|per_sender| SenderRate {
                    policy: policy.name.to_string().into(),
                    messages_per_minute: per_sender.messages_per_minute,
                }));
            }
            Block::Require => {
                let Some(require) = &policy.spec.require else { return Applied::Holds };
                effective.require.tls |= require.tls;
                effective.require.auth |= require.auth;
            }
            Block::Verification => {
                effective.verification = self.verification(id, allow, findings);
                if effective.verification.is_none() {
                    return Applied::Unusable;
                }
            }
            // What these ask for is not built yet: where they ask for anything they are broken.
            Block::SenderAuthentication | Block::Greylisting => {}
        }
        Applied::Holds
    }

    /// The service of a policy that holds at a gateway; `None` where it can't be used or must not be
    /// called there.
    fn verification(
        &self,
        id: usize,
        allow: &[BackendTarget],
        findings: &mut Findings,
    ) -> Option<Arc<Verification>> {
        let Policy { name, spec, .. } = &self.policies[id];
        let http = &spec.verification.as_ref()?.http;
        let target = if http.service.is_some() { BackendTarget::Service } else { BackendTarget::Url };
        if !allow.contains(&target) {
            let what = if http.service.is_some() { "a Service" } else { "a host that is no Service" };
            let message = format!("leads to {what}, which backends.allow of the MailGateway forbids");
            let subject = (ApiKind::Policy, *name);
            findings.report(subject, Reason::RefNotPermitted, "spec.verification.http", message);
            return None;
        }
        self.verifications.get(name).and_then(Clone::clone)
    }

    /// What became of each targetRef, by policy and index, once all rules were asked about.
    pub(super) fn holds(&self) -> BTreeMap<ObjectName, BTreeMap<usize, Hold>> {
        let mut holds: BTreeMap<ObjectName, BTreeMap<usize, Hold>> = BTreeMap::new();
        for (id, (index, standing)) in self.standings.values().flatten() {
            holds.entry(self.policies[*id].name.clone()).or_default().insert(*index, standing.hold());
        }
        holds
    }

    /// Reports the policies that hold for none of the rules under a target, once all rules were asked
    /// about.
    pub(super) fn report_overridden(&self, findings: &mut Findings) {
        let all = self.standings.iter().flat_map(|(target, ids)| ids.iter().map(move |id| (target, id)));
        for (target, (id, (index, standing))) in all {
            if standing.met && !standing.won && !standing.conflicted {
                let Policy { name, spec, .. } = &self.policies[*id];
                let blocks: Vec<_> =
                    Block::ALL.iter().filter(|block| block.is_set(spec)).map(|block| block.name()).collect();
                let message =
                    format!("every rule under {target} has a more specific policy for {}", blocks.join(", "));
                let field = format!("spec.targetRefs[{index}]");
                findings.report((ApiKind::Policy, name), Reason::Overridden, field, message);
            }
        }
    }
}

//! The matches that mean a recipient, from the strongest to those that are out, and what parts them.
//!
//! Whether a match means someone is asked of a table with that one match in it. The order is told
//! again here for people; who wins is not decided here.

use std::cmp::Reverse;

use crate::compile::trace::{Line, Standing};
use crate::mail::{AddressKey, ReversePath};
use crate::plan::Plan;
use crate::route::local::Separators;
use crate::route::pattern::LocalPattern;
use crate::route::{Builder, Candidate, DomainPattern, Found, LocalPart, RuleId, Subaddress};

/// How a match stands in the contest for a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It would take the recipient if nothing stronger did.
    Contender,
    /// It can't, and why.
    Out(&'static str),
}

/// The matches that mean a recipient.
pub(super) struct Contest<'a> {
    separators: Separators,
    listener: usize,
    /// The strongest first, then those that are out.
    pub(super) places: Vec<(&'a Line, Place)>,
}

/// What decides, in this order.
type Strength = ((u8, Reverse<usize>), (u8, Reverse<usize>), bool, bool);

impl<'a> Contest<'a> {
    pub(super) fn new(
        plan: &Plan,
        (listener, lines): (usize, &'a [Line]),
        key: &AddressKey,
        sender: &ReversePath,
    ) -> Self {
        let separators = Separators::new(&plan.gateway.separators);
        let meant = lines.iter().filter(|line| means(plan, line, key, sender, false));
        let mut places: Vec<_> = meant.map(|line| (line, place(plan, listener, line, key, sender))).collect();
        // Stable: what ties stays in the order of age, name, rule and match.
        places
            .sort_by_key(|(line, place)| (*place != Place::Contender, strength(&separators, listener, line)));
        Self { separators, listener, places }
    }

    /// Why a contender comes behind the winner.
    pub(super) fn difference(&self, winner: &Line, loser: &Line) -> String {
        let (domain, local_part, sender, section) = strength(&self.separators, self.listener, winner);
        let lost = strength(&self.separators, self.listener, loser);
        let why = if domain != lost.0 {
            "its domain is less specific"
        } else if local_part != lost.1 {
            "its local part is less specific"
        } else if sender != lost.2 {
            "it names no sender"
        } else if section != lost.3 {
            "its parentRef names no listener"
        } else if winner.route != loser.route {
            "its route is younger, or comes later by namespace and name"
        } else {
            "it comes later in its route"
        };
        format!("weaker: {why}")
    }
}

fn place(plan: &Plan, listener: usize, line: &Line, key: &AddressKey, sender: &ReversePath) -> Place {
    let listings = match &line.standing {
        Standing::Listed(listings) => listings,
        Standing::NotDelegated => {
            return Place::Out("out: the domain is not delegated to its namespace");
        }
        Standing::NotAttached => return Place::Out("out: its route attaches to no listener of the gateway"),
    };
    let Some(delegation) = plan.gateway.delegation(&key.domain) else {
        return Place::Out("out: the domain is none of the gateway's");
    };
    if !listings.iter().flatten().any(|listing| plan.is_open(delegation, listing.rule)) {
        Place::Out("out: the domain is delegated, by a more specific entry, to other namespaces")
    } else if line.listing(listener).is_none() {
        Place::Out("out: its route does not attach to this listener")
    } else if !means(plan, line, key, sender, true) {
        Place::Out("out: it means other senders")
    } else {
        Place::Contender
    }
}

/// Whether a match means a recipient, of that sender or of any.
fn means(plan: &Plan, line: &Line, key: &AddressKey, sender: &ReversePath, of_sender: bool) -> bool {
    let Some(domain) = line.domain.clone() else { return true };
    let asked = line.sender.clone().filter(|_| of_sender);
    let candidate =
        |local_part| Candidate { domain: domain.clone(), local_part, sender: asked.clone(), rule: RuleId(0) };
    let mut builder = Builder::new(&plan.gateway.separators);
    // A pattern that can't be used might mean anyone, as in the gateway's own table.
    if builder.insert(candidate(line.local_part.clone())).is_err()
        && builder.insert(candidate(LocalPart::Unknown)).is_err()
    {
        return false;
    }
    builder.build().look_up(key, sender) != Found::Nothing
}

/// Whether it can't be known whom a match means.
pub(super) fn is_unknown(line: &Line) -> bool {
    line.domain.is_none()
        || LocalPattern::compile_known(&line.local_part).is_err()
        || line.local_part == LocalPart::Unknown
}

fn strength(separators: &Separators, listener: usize, line: &Line) -> Strength {
    let domain = match &line.domain {
        Some(DomainPattern::Exact(_)) => (0, Reverse(0)),
        Some(DomainPattern::Suffix(suffix)) => (1, Reverse(suffix.len())),
        Some(DomainPattern::Any) => (2, Reverse(0)),
        None => (0, Reverse(0)),
    };
    let normal = separators.normal_form(&line.local_part);
    let literals = || LocalPattern::compile(&normal).map_or(0, |pattern| pattern.literals());
    let local_part = match &normal {
        LocalPart::Exact(_, Subaddress::Match) => (0, Reverse(0)),
        LocalPart::Exact(_, Subaddress::Ignore) => (1, Reverse(0)),
        _ if is_unknown(line) => (2, Reverse(0)),
        LocalPart::Wildcard(..) => (3, Reverse(literals())),
        LocalPart::RegularExpression(..) => (4, Reverse(0)),
        LocalPart::Any | LocalPart::Unknown => (5, Reverse(0)),
    };
    let by_section = line.listing(listener).is_some_and(|listing| listing.by_section);
    (domain, local_part, line.sender.is_none(), !by_section)
}

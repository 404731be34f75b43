//! What became of each part of a gateway, in a form that status can be made from: which listeners open,
//! to which a route is attached and by which parentRef, which rules can be used there, whether a policy
//! holds for anything. Why it is so stands in the findings.

use std::collections::{BTreeMap, BTreeSet};

use super::attach::Attached;
use super::gateway::Usable;
use super::route::{Compiled, Rules};
use super::{advice, defaults};
use crate::api::listener::AuthMode;
use crate::plan::{ObjectName, ObjectRef, RuleState};

/// What became of a gateway and of what concerns it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    /// Its listeners, as written; none where the gateway can't be used.
    pub listeners: Vec<Opening>,
    /// The routes that are attached to one of its listeners.
    pub routes: BTreeMap<ObjectName, RouteStanding>,
    /// By policy and the index of its targetRef: those whose target is there.
    pub policies: BTreeMap<ObjectName, BTreeMap<usize, Hold>>,
    /// The backends that were looked at: what is wrong with them stands in the findings.
    pub backends: BTreeSet<ObjectName>,
}

impl Standings {
    /// Those of routes that attach to listeners of a gateway of which no more is known yet.
    pub(super) fn attached(attached: &[Attached<'_>], backends: BTreeSet<ObjectName>) -> Self {
        let readable = attached.iter().filter(|route| route.written().is_some());
        let routes = readable.map(|route| {
            let parents = route.parents.iter();
            let parents = parents.map(|(index, listeners)| (*index, listeners.iter().copied().collect()));
            (route.name.clone(), RouteStanding { parents: parents.collect(), rules: Vec::new() })
        });
        Self { routes: routes.collect(), backends, ..Self::default() }
    }

    /// Adds what became of the rules of each route, of listeners and of policies. `compiled` has the rules of
    /// each route by the class of a listener, `classes` the class of each listener.
    pub(super) fn compiled(
        &mut self,
        gateway: &Usable<'_>,
        attached: &[Attached<'_>],
        (rules, compiled, classes): (&Rules<'_, '_>, &[Vec<Vec<Compiled>>], &[usize]),
    ) {
        let opening = |opens: &bool| if *opens { Opening::Opens } else { Opening::StaysClosed };
        self.listeners = gateway.opens.iter().map(opening).collect();
        self.policies = rules.policies.holds();
        for (attached, compiled) in attached.iter().zip(compiled) {
            let Some(standing) = self.routes.get_mut(attached.name) else { continue };
            let numbers = 0..attached.rules().len();
            standing.rules =
                numbers.map(|rule| rule_standing(gateway, rules, (compiled, classes), rule)).collect();
        }
    }
}

/// Of one rule of a route, over all listeners.
fn rule_standing(
    gateway: &Usable<'_>,
    rules: &Rules<'_, '_>,
    (compiled, classes): (&[Vec<Compiled>], &[usize]),
    rule: usize,
) -> RuleStanding {
    let mut standing = RuleStanding::default();
    for (listener, class) in classes.iter().enumerate() {
        let Some(here) = compiled.get(*class).and_then(|rules| rules.get(rule)) else { continue };
        let Compiled { rule, matches } = here;
        let id = rule.0 as usize;
        standing.delegated = matches.len();
        standing.blockers.extend(rules.blockers.get(id).into_iter().flatten().cloned());
        let Some(RuleState::Usable(deliver)) = rules.rules.get(id).map(|rule| &rule.state) else { continue };
        // Of a relay it depends on the listener whether it takes anyone.
        let takes_any = !deliver.relays || {
            let auth = gateway.spec.listeners.get(listener).map_or(AuthMode::Disabled, defaults::auth_mode);
            !advice::routed(&gateway.delegations, &rules.rules, [here].into_iter(), auth).is_empty()
        };
        if takes_any {
            standing.usable.insert(listener);
        }
    }
    standing
}

/// Whether front-ends open a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// They do.
    Opens,
    /// They don't.
    StaysClosed,
}

/// What became of a route that is attached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteStanding {
    /// By the index of a parentRef: the indices of the listeners that it attaches the route to.
    pub parents: BTreeMap<usize, BTreeSet<usize>>,
    /// Its rules, as written; none where the gateway can't be used.
    pub rules: Vec<RuleStanding>,
}

/// What became of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleStanding {
    /// How many of its matches have a domain that is delegated to the route's namespace.
    pub delegated: usize,
    /// The indices of the listeners where it can be used.
    pub usable: BTreeSet<usize>,
    /// Backends and policies that keep it from being used, and whose own status says why.
    pub blockers: BTreeSet<ObjectRef>,
}

/// Whether a policy holds for what it targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It does for a rule at least.
    Holds,
    /// Every rule there has more specific ones.
    Overridden,
    /// Others that aim at the same were there first.
    Lost,
    /// No rule is there.
    NoRule,
}

//! What is known of an object from an earlier compilation changes nothing in the next.

use std::sync::Arc;

use mailchute::api::ApiKind;
use mailchute::compile::{Origin, Snapshot, Standings, compile_with_standings, inspect, select};
use mailchute::plan::{Finding, ObjectName};

use super::{inputs, render, snapshot};

/// The same but for one object that is gone. Of what is left all is shared, or all is new.
fn without(whole: &Snapshot, left_out: (ApiKind, &ObjectName), shared: bool) -> Snapshot {
    let mut rest = Snapshot::default();
    for (kind, name, object) in whole.shared_objects() {
        if (kind, name) != left_out {
            let object = if shared { Arc::clone(object) } else { Arc::new((***object).clone().into()) };
            rest.insert(object).unwrap();
        }
    }
    for (kind, name, problem) in whole.unreadable() {
        rest.insert_unreadable(kind, name.clone(), problem.to_owned());
    }
    rest
}

/// All that is said of a snapshot.
fn told(snapshot: &Snapshot) -> (Vec<Finding>, Vec<(String, Standings)>) {
    let of_gateway = |gateway: &ObjectName| {
        let (compiled, standings) =
            compile_with_standings(&select(snapshot, gateway), gateway, Origin::Cluster);
        (render::render(&compiled, &[]), standings)
    };
    (inspect(snapshot, Origin::Cluster), snapshot.gateways().map(of_gateway).collect())
}

#[test]
fn objects_that_were_compiled_before_compile_as_new_ones_do() {
    for input in inputs() {
        let whole = snapshot(&input);
        let first = told(&whole);
        assert_eq!(told(&whole), first, "{}", input.display());
        for (kind, name, _) in whole.shared_objects() {
            let (known, new) = (without(&whole, (kind, name), true), without(&whole, (kind, name), false));
            assert_eq!(told(&known), told(&new), "{} without {kind:?} {name}", input.display());
        }
    }
}

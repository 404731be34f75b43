//! Each CEL rule refuses what breaks it, with its own message and no other, and admits what keeps it.

use std::collections::BTreeSet;

use mailchute::api::rules::{self, Rule};
use serde::Deserialize;
use serde_json::Value;

use super::{Asking, causes};

#[derive(Deserialize)]
struct Example {
    rule: String,
    /// Kind, and the path of the object that the rule stands on.
    at: String,
    bad: Value,
    good: Value,
}

fn examples() -> Vec<Example> {
    serde_saphyr::from_str(include_str!("rules.yaml")).unwrap()
}

fn rule(name: &str) -> Rule {
    *rules::ALL.iter().flat_map(|(_, rules)| *rules).find(|rule| rule.name == name).unwrap()
}

#[tokio::test]
async fn a_rule_refuses_what_breaks_it_and_admits_what_keeps_it() {
    let apiserver = Asking::start().await;
    for Example { rule: name, at, bad, good } in examples() {
        let (kind, path) = at.split_once(' ').unwrap();
        let admitted = apiserver.strictly(kind, &good).await;
        assert!(admitted.is_ok(), "{name}: {admitted:?}");
        let refused = apiserver.strictly(kind, &bad).await.unwrap_err();
        let message = format!("Invalid value: {}", rule(&name).message);
        assert_eq!(causes(&refused), [(path.to_owned(), message)], "{name}");
    }
}

#[test]
fn every_rule_has_examples_at_each_place() {
    let shown: BTreeSet<(String, String)> =
        examples().into_iter().map(|example| (example.rule, example.at)).collect();
    let standing: BTreeSet<(String, String)> = rules::ALL
        .iter()
        .flat_map(|(places, rules)| places.split(", ").map(move |place| (place.replace("[]", "[0]"), rules)))
        .flat_map(|(place, rules)| rules.iter().map(move |rule| (rule.name.to_owned(), place.clone())))
        .collect();
    assert_eq!(shown, standing);
}

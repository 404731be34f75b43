//! Expressions of PromQL: that they ask for metrics that there are, by labels that these have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What Prometheus and its operator add.
const ADDED: [&str; 4] = ["namespace", "pod", "mailchute_dev_gateway", "le"];
/// What a histogram's series are called beside its name.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// Each family with its labels, as the table in the sources declares them.
pub(crate) fn families() -> BTreeMap<String, BTreeSet<String>> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/metrics.rs")).unwrap();
    let mut families = BTreeMap::new();
    for declared in source.split(" = \"mailchute_").skip(1) {
        let (name, rest) = declared.split_once("\",").unwrap();
        let labels = rest.split_once('[').unwrap().1.split_once(']').unwrap().0;
        let labels = labels.split(',').map(|label| label.trim().trim_matches('"').to_owned());
        families.insert(format!("mailchute_{name}"), labels.filter(|label| !label.is_empty()).collect());
    }
    assert!(families.len() > 20);
    families
}

/// The words of a text, in which a recorded metric is one.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').filter(|word| !word.is_empty())
}

/// The families that an expression asks for. `recorded` are those that rules make, with the labels that they have.
pub(crate) fn asked(
    expression: &str,
    recorded: &BTreeMap<String, BTreeSet<String>>,
) -> Result<BTreeSet<String>, String> {
    let families = families();
    let mut known: BTreeSet<&str> = ADDED.into();
    let mut asked = BTreeSet::new();
    for word in words(expression).filter(|word| !ADDED.contains(word)) {
        let part = PARTS.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word);
        let Some(name) = [word, part].into_iter().find(|name| families.contains_key(*name)) else {
            match recorded.get(word) {
                Some(labels) => known.extend(labels.iter().map(String::as_str)),
                None if word.starts_with("mailchute_") || word.contains(':') => {
                    return Err(format!("there is no {word}"));
                }
                None => {}
            }
            continue;
        };
        known.extend(families[name].iter().map(String::as_str));
        asked.insert(name.to_owned());
    }
    let by = expression.split(" by (").skip(1).flat_map(|rest| words(rest.split_once(')').unwrap().0));
    let matchers = expression.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0);
    let matched = matchers.flat_map(|all| all.split(", ")).filter_map(|matcher| words(matcher).next());
    match by.chain(matched).find(|label| !known.contains(label)) {
        Some(label) => Err(format!("no metric has the label {label}")),
        None => Ok(asked),
    }
}

#[test]
fn what_is_not_there_is_found() {
    let recorded = BTreeMap::from([("a:b:rate5m".to_owned(), BTreeSet::from(["route".to_owned()]))]);
    for (expression, fault) in [
        ("sum(mailchute_mesages_total)", "there is no mailchute_mesages_total"),
        ("sum by (listner) (mailchute_messages_total)", "no metric has the label listner"),
        (r#"mailchute_messages_total{pod="a", reason="b"}"#, "no metric has the label reason"),
        ("sum by (route) (a:c:rate5m)", "there is no a:c:rate5m"),
    ] {
        assert_eq!(asked(expression, &recorded).unwrap_err(), fault);
    }
    let asked = asked(r#"sum by (le) (rate(mailchute_message_bytes_bucket{listener="a"}[5m]))"#, &recorded);
    assert_eq!(asked.unwrap(), BTreeSet::from(["mailchute_message_bytes".to_owned()]));
    assert!(self::asked("sum by (route) (a:b:rate5m)", &recorded).is_ok());
}

//! What the README promises is there: metric families and files. A family that it does not name is a fault, too.

use std::collections::BTreeSet;
use std::path::Path;

use super::Fault;

/// How the name of every family begins.
const PREFIX: &str = "mailchute_";

/// Families that stand in one of `readme` and `metrics` alone.
pub(super) fn families(readme: &str, metrics: &str) -> Vec<Fault> {
    let (told, counted) = (names(readme, '`'), names(metrics, '"'));
    let made_up = told.difference(&counted).map(|name| format!("README.md: there is no family {name}"));
    let hidden = counted.difference(&told).map(|name| format!("README.md: says nothing of {name}"));
    made_up.chain(hidden).collect()
}

/// The names that stand between quotes, with labels behind them or without.
fn names(text: &str, quote: char) -> BTreeSet<String> {
    let open = format!("{quote}{PREFIX}");
    let starts = text.match_indices(&open).map(|(at, _)| &text[at + quote.len_utf8()..]);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    starts.map(name).collect()
}

/// Links to files that are not there.
pub(super) fn links(readme: &str, root: &Path) -> Vec<Fault> {
    let targets =
        readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let here = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    here.filter(|target| !root.join(target).exists())
        .map(|target| format!("README.md: there is no {target}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_side_has_is_found() {
        let readme = "| `mailchute_a`, `mailchute_b{x=\"y\"}` |";
        assert_eq!(families(readme, "\"mailchute_a\", \"mailchute_b\""), Vec::<Fault>::new());
        assert_eq!(families(readme, "\"mailchute_a\"").len(), 1);
        assert_eq!(families("`mailchute_a`", "\"mailchute_a\" \"mailchute_b\"").len(), 1);
    }

    #[test]
    fn a_dead_link_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(links("[a](README.md) [b](#b) [c](https://example.org/)", root), Vec::<Fault>::new());
        assert_eq!(links("[a](absent.md)", root), ["README.md: there is no absent.md"]);
    }
}

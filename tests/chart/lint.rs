//! What both Helms' own linters say.

use super::helm::{Helm, OLDEST, chart};
use super::renders::sets;

#[test]
fn finds_nothing() {
    for helm in Helm::BOTH {
        for (name, set) in sets() {
            let (version, values) =
                (format!("--kube-version={OLDEST}"), format!("--values={}", set.display()));
            let linted = helm.run(&["lint", "--strict", chart().to_str().unwrap(), &version, &values]);
            let text = linted.unwrap_or_else(|error| panic!("{helm:?} {name}: {error}"));
            assert!(text.contains("1 chart(s) linted, 0 chart(s) failed"), "{helm:?} {name}: {text}");
        }
    }
}

//! The written precedence, taken word for word: sort all candidates, take the first that matches.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::{candidate, key, path};
use crate::mail::{AddressKey, ReversePath};
use crate::route::{
    Builder, Candidate, DomainPattern, Found, LocalPart, Rejected, RuleId, SenderPattern, Subaddress,
};

fn base(text: &str) -> &str {
    match text.find('+') {
        Some(at) if at > 0 => &text[..at],
        _ => text,
    }
}

fn domain_rank(domain: &DomainPattern) -> (u8, Reverse<usize>) {
    match domain {
        DomainPattern::Exact(_) => (0, Reverse(0)),
        DomainPattern::Suffix(suffix) => (1, Reverse(suffix.len())),
        DomainPattern::Any => (2, Reverse(0)),
    }
}

fn local_rank(local_part: &LocalPart) -> (u8, Reverse<usize>) {
    match local_part {
        LocalPart::Exact(_, Subaddress::Match) => (0, Reverse(0)),
        LocalPart::Exact(value, Subaddress::Ignore) if base(value) != value => (0, Reverse(0)),
        LocalPart::Exact(_, Subaddress::Ignore) => (1, Reverse(0)),
        LocalPart::Unknown => (2, Reverse(0)),
        LocalPart::Wildcard(pattern, _) => (3, Reverse(pattern.replace(['*', '?'], "").len())),
        LocalPart::RegularExpression(..) => (4, Reverse(0)),
        LocalPart::Any => (5, Reverse(0)),
    }
}

fn wildcard_matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|taken| wildcard_matches(rest, &text[taken..])),
        (Some((b'?', rest)), Some((_, behind))) => wildcard_matches(rest, behind),
        (Some((literal, rest)), Some((octet, behind))) => {
            literal.eq_ignore_ascii_case(octet) && wildcard_matches(rest, behind)
        }
        _ => false,
    }
}

/// The expressions that [`local_parts`] makes, without an engine.
fn regex_matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "a+" => !text.is_empty() && text.bytes().all(|octet| octet == b'a'),
        "[^B]*" => !text.contains('b'),
        "A.*|b" => text.starts_with('a') || text == "b",
        other => panic!("no reference for {other}"),
    }
}

fn local_matches(pattern: &LocalPart, text: &str) -> bool {
    let either = |subaddress: &Subaddress, matches: &dyn Fn(&str) -> bool| {
        matches(text) || (*subaddress == Subaddress::Ignore && matches(base(text)))
    };
    match pattern {
        LocalPart::Exact(value, subaddress) => either(subaddress, &|text| value.eq_ignore_ascii_case(text)),
        LocalPart::Wildcard(pattern, subaddress) => {
            either(subaddress, &|text| wildcard_matches(pattern.as_bytes(), text.as_bytes()))
        }
        LocalPart::RegularExpression(pattern, subaddress) => {
            either(subaddress, &|text| regex_matches(pattern, text))
        }
        LocalPart::Any | LocalPart::Unknown => true,
    }
}

fn sender_matches(pattern: &SenderPattern, sender: &ReversePath) -> bool {
    match (pattern, sender) {
        (SenderPattern::Null, ReversePath::Null) => true,
        (SenderPattern::Mailbox { domain, local_part }, ReversePath::Mailbox(mailbox)) => {
            let key = mailbox.key().unwrap();
            domain.as_ref().is_none_or(|domain| domain.matches(&key.domain))
                && local_matches(local_part, &key.local_part)
        }
        _ => false,
    }
}

fn look_up(candidates: &[Candidate], recipient: &AddressKey, sender: &ReversePath) -> Found {
    let mut sorted: Vec<_> = candidates.iter().collect();
    sorted.sort_by_key(|candidate| {
        (domain_rank(&candidate.domain), local_rank(&candidate.local_part), candidate.sender.is_none())
    });
    let taker = sorted.into_iter().find(|candidate| {
        candidate.domain.matches(&recipient.domain)
            && local_matches(&candidate.local_part, &recipient.local_part)
            && candidate.sender.as_ref().is_none_or(|pattern| sender_matches(pattern, sender))
    });
    match taker {
        None => Found::Nothing,
        Some(Candidate { local_part: LocalPart::Unknown, .. }) => Found::Unknown,
        Some(candidate) => Found::Rule(candidate.rule),
    }
}

fn domains() -> impl Strategy<Value = DomainPattern> {
    prop_oneof![
        prop::sample::select(vec!["x", "a.x", "b.a.x", "y"])
            .prop_map(|text| DomainPattern::Exact(text.into())),
        prop::sample::select(vec!["x", "a.x"]).prop_map(|text| DomainPattern::Suffix(text.into())),
        Just(DomainPattern::Any),
    ]
}

fn subaddresses() -> impl Strategy<Value = Subaddress> {
    prop::sample::select(vec![Subaddress::Ignore, Subaddress::Match])
}

fn known_local_parts() -> impl Strategy<Value = LocalPart> {
    let regexes = prop::sample::select(vec!["a+", "[^B]*", "A.*|b"]).prop_map(String::from);
    prop_oneof![
        4 => ("[abA+]{1,4}", subaddresses()).prop_map(|(value, asked)| LocalPart::Exact(value, asked)),
        3 => ("[abB*?+]{1,4}", subaddresses()).prop_map(|(value, asked)| LocalPart::Wildcard(value, asked)),
        1 => (regexes, subaddresses()).prop_map(|(value, asked)| LocalPart::RegularExpression(value, asked)),
        1 => Just(LocalPart::Any),
    ]
}

fn local_parts() -> impl Strategy<Value = LocalPart> {
    prop_oneof![20 => known_local_parts(), 1 => Just(LocalPart::Unknown)]
}

fn senders() -> impl Strategy<Value = SenderPattern> {
    let mailboxes = (prop::option::of(domains()), known_local_parts());
    prop_oneof![
        1 => Just(SenderPattern::Null),
        3 => mailboxes.prop_map(|(domain, local_part)| SenderPattern::Mailbox { domain, local_part }),
    ]
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let parts = (domains(), local_parts(), prop::option::of(senders()));
    prop::collection::vec(parts, 0..24).prop_map(|parts| {
        let rules = (0..).map(RuleId);
        let numbered = parts.into_iter().zip(rules);
        numbered
            .map(|((domain, local_part, sender), rule)| Candidate { domain, local_part, sender, rule })
            .collect()
    })
}

fn addresses() -> impl Strategy<Value = String> {
    ("[abB+]{1,4}", prop::sample::select(vec!["x", "a.x", "B.a.x", "c.b.a.x", "y", "z"]))
        .prop_map(|(local_part, domain)| format!("{local_part}@{domain}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_table_decides_as_the_reference(
        candidates in candidates(),
        recipients in prop::collection::vec(addresses(), 1..8),
        sender in prop_oneof![1 => Just(String::new()), 3 => addresses()],
    ) {
        let mut builder = Builder::new("+");
        for candidate in &candidates {
            // One with an equal key sorts behind the first, so that the reference need not know.
            let inserted = builder.insert(candidate.clone());
            prop_assert!(!matches!(inserted, Err(Rejected::BadPattern(_))), "{inserted:?}");
        }
        let (table, sender) = (builder.build(), path(&sender));
        for recipient in recipients.iter().map(|text| key(text)) {
            prop_assert_eq!(table.look_up(&recipient, &sender), look_up(&candidates, &recipient, &sender));
        }
    }
}

#[test]
fn the_reference_knows_an_example() {
    let candidates = [candidate("*@x", 0), candidate("a@x", 1)];
    assert_eq!(look_up(&candidates, &key("a+b@x"), &ReversePath::Null), Found::Rule(RuleId(1)));
}

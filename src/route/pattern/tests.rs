//! Which local parts a pattern takes, and which patterns are refused.

use super::{LocalPattern, MAX_PATTERN, PatternError};
use crate::route::local::Separators;
use crate::route::{LocalPart, Subaddress};

fn compile(local_part: &LocalPart) -> Result<LocalPattern, PatternError> {
    LocalPattern::compile(&Separators::new("+").normal_form(local_part))
}

fn takes(local_part: &LocalPart, text: &str) -> bool {
    compile(local_part).unwrap().matches(Separators::new("+").part(text))
}

fn wildcard(pattern: &str) -> LocalPart {
    LocalPart::Wildcard(pattern.to_owned(), Subaddress::Match)
}

fn regex(pattern: &str) -> LocalPart {
    LocalPart::RegularExpression(pattern.to_owned(), Subaddress::Match)
}

#[test]
fn wildcards() {
    for (pattern, good, bad) in [
        ("case-*", &["case-", "case-1", "case-1-2"][..], &["case", "xcase-1"][..]),
        ("*-case", &["-case", "1-case", "-case-case"], &["-case1", "case"]),
        ("a?c", &["abc", "aéc", "a?c"], &["ac", "abbc"]),
        ("*", &["", "a"], &[]),
        ("?*", &["a", "ab"], &[""]),
        ("a*b*c", &["abc", "axbxc", "abcbc", "abbcc"], &["acb", "abcx"]),
        ("*ab*ab*", &["abab", "xabxabx", "aabab"], &["ab", "aba"]),
        ("*a?b", &["axb", "aaxb", "aabb", "axbaxb"], &["ab", "axbx", "aabxb"]),
        ("support", &["support"], &["support1", "suppor", ""]),
        ("CASE-É*", &["case-É1"], &["case-é1"]),
        (".+[a]", &[".+[a]"], &["xa"]),
    ] {
        for text in good {
            assert!(takes(&wildcard(pattern), text), "{pattern} takes {text}");
        }
        for text in bad {
            assert!(!takes(&wildcard(pattern), text), "{pattern} does not take {text}");
        }
    }
}

#[test]
fn regular_expressions_take_the_whole_local_part() {
    for (pattern, good, bad) in [
        ("case-[0-9]+", &["case-1", "case-42"][..], &["case-", "xcase-1", "case-1x"][..]),
        ("a|bc", &["a", "bc"], &["ac", "abc", "b"]),
        ("(?i:A)B", &["ab"], &["a"]),
        ("[A-C]+", &["abc"], &["d"]),
        ("^a$", &["a"], &["ab"]),
        (r"a\.b", &["a.b"], &["acb"]),
        (r"\S+", &["a"], &["a b"]),
        ("é+", &["éé"], &["e"]),
        ("(?m)^a$", &["a"], &["a\nb"]),
    ] {
        for text in good {
            assert!(takes(&regex(pattern), text), "{pattern} takes {text}");
        }
        for text in bad {
            assert!(!takes(&regex(pattern), text), "{pattern} does not take {text}");
        }
    }
}

#[test]
fn a_pattern_that_ignores_the_detail_takes_either_form() {
    let ignore = |pattern: &str| LocalPart::Wildcard(pattern.to_owned(), Subaddress::Ignore);
    assert!(takes(&ignore("case-?"), "case-1+x"));
    assert!(takes(&ignore("case-?+*"), "case-1+x"));
    assert!(!takes(&wildcard("case-?"), "case-1+x"));
    let ignore = |pattern: &str| LocalPart::RegularExpression(pattern.to_owned(), Subaddress::Ignore);
    assert!(takes(&ignore("[a-z]+"), "list+x"));
    assert!(takes(&ignore(r"list\+[a-z]"), "list+x"));
    assert!(!takes(&regex("[a-z]+"), "list+x"));
}

#[test]
fn bad_patterns_say_why() {
    let exact = |value: String| LocalPart::Exact(value, Subaddress::Match);
    let long = "a".repeat(65);
    for (local_part, error) in [
        (exact(long.clone()), PatternError::NeverMatches(long.clone())),
        (wildcard(&long), PatternError::NeverMatches(long.clone())),
        (wildcard(""), PatternError::Empty),
        (regex(""), PatternError::Empty),
        (wildcard(&"*a".repeat(129)), PatternError::TooLong(MAX_PATTERN + 2)),
        (regex(&"a".repeat(MAX_PATTERN + 1)), PatternError::TooLong(MAX_PATTERN + 1)),
        (regex("(a"), PatternError::Syntax("unclosed group".to_owned())),
        (regex("a)(b"), PatternError::Syntax("unopened group".to_owned())),
        (regex("(?x)a # b"), PatternError::Syntax("unclosed group".to_owned())),
        (regex("(?:[a-z]{100}){100}"), PatternError::TooLarge),
        (regex(r"\w{10}"), PatternError::TooLarge),
        (regex("(?:(?:(?:a{50}){50}){50}){50}"), PatternError::TooLarge),
        (LocalPart::Unknown, PatternError::Unknown),
    ] {
        assert_eq!(compile(&local_part).map(|_| ()), Err(error), "{local_part:?}");
    }
    assert!(matches!(compile(&regex(&"(".repeat(60))), Err(PatternError::Syntax(_))));
    assert!(matches!(compile(&regex(r"(a)\1")), Err(PatternError::Syntax(_))));
}

#[test]
fn the_longest_that_can_match_compiles() {
    let long = "a".repeat(64);
    assert!(takes(&wildcard(&format!("*{long}*")), &long));
    assert!(takes(&regex("[a-z0-9._-]{1,64}"), &long));
    assert!(takes(&regex(r"[\w.]+"), &long));
}

//! Precedence, one rule at a time and against a naive reference.

use super::Table;
use crate::mail::{AddressKey, Mailbox, ReversePath};
use crate::route::{
    Builder, Candidate, DomainPattern, Found, LocalPart, Rejected, RuleId, SenderPattern, Subaddress,
};

mod reference;

fn domain(text: &str) -> DomainPattern {
    match text.strip_prefix("*.") {
        Some(suffix) => DomainPattern::Suffix(suffix.to_owned()),
        None if text == "*" => DomainPattern::Any,
        None => DomainPattern::Exact(text.to_owned()),
    }
}

/// `=a` exact with its detail, `~a*` wildcard, `/a/` regular expression, `*` any, `?` unknown,
/// else exact.
fn local_part(text: &str) -> LocalPart {
    if let Some(value) = text.strip_prefix('=') {
        return LocalPart::Exact(value.to_owned(), Subaddress::Match);
    }
    if let Some(pattern) = text.strip_prefix('~') {
        return LocalPart::Wildcard(pattern.to_owned(), Subaddress::Ignore);
    }
    if let Some(pattern) = text.strip_prefix('/') {
        return LocalPart::RegularExpression(pattern.trim_end_matches('/').to_owned(), Subaddress::Ignore);
    }
    match text {
        "*" => LocalPart::Any,
        "?" => LocalPart::Unknown,
        value => LocalPart::Exact(value.to_owned(), Subaddress::Ignore),
    }
}

/// `<>`, `@domain`, or local part and domain.
fn sender(text: &str) -> SenderPattern {
    match text.rsplit_once('@') {
        None => SenderPattern::Null,
        Some(("", host)) => SenderPattern::Mailbox { domain: Some(domain(host)), local_part: LocalPart::Any },
        Some((local, host)) => {
            SenderPattern::Mailbox { domain: Some(domain(host)), local_part: local_part(local) }
        }
    }
}

/// `recipient` or `recipient from sender`.
fn candidate(text: &str, rule: u32) -> Candidate {
    let (recipient, from) = text.split_once(" from ").map_or((text, None), |(to, from)| (to, Some(from)));
    let (local, host) = recipient.rsplit_once('@').unwrap();
    let (domain, local_part) = (domain(host), local_part(local));
    Candidate { domain, local_part, sender: from.map(sender), rule: RuleId(rule) }
}

fn table(texts: &[&str]) -> Table {
    let mut builder = Builder::new("+");
    for (text, rule) in texts.iter().zip(0..) {
        assert_eq!(builder.insert(candidate(text, rule)), Ok(()), "{text}");
    }
    builder.build()
}

fn key(text: &str) -> AddressKey {
    Mailbox::parse(text.as_bytes(), true).unwrap().key().unwrap()
}

fn path(text: &str) -> ReversePath {
    match text {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(Mailbox::parse(text.as_bytes(), true).unwrap()),
    }
}

fn look_up(table: &Table, recipient: &str, sender: &str) -> Found {
    table.look_up(&key(recipient), &path(sender))
}

/// Which of the candidates takes the recipient, whatever order they are inserted in.
fn winner<'a>(texts: &[&'a str], recipient: &str, sender: &str) -> Option<&'a str> {
    let backwards: Vec<_> = texts.iter().rev().copied().collect();
    let [there, back] = [texts, &backwards].map(|texts| match look_up(&table(texts), recipient, sender) {
        Found::Rule(RuleId(rule)) => Some(texts[rule as usize]),
        Found::Unknown => Some("unknown"),
        Found::Nothing => None,
    });
    assert_eq!(there, back, "{texts:?} for {recipient} depend on their order");
    there
}

#[test]
fn each_level_beats_all_that_follow() {
    let all = [
        "=a+b@x.y.z from @s",
        "=a+b@x.y.z",
        "a@x.y.z",
        "~a+*@x.y.z",
        "~a*@x.y.z",
        "/a.*/@x.y.z",
        "*@x.y.z from @s",
        "*@x.y.z",
        "a@*.y.z",
        "*@*.y.z",
        "=a+b@*.z",
        "*@*.z",
        "a@*",
        "~a*@*",
        "*@*",
    ];
    for first in 0..all.len() {
        assert_eq!(winner(&all[first..], "a+b@x.y.z", "me@s"), Some(all[first]));
        for second in first + 1..all.len() {
            assert_eq!(winner(&[all[first], all[second]], "a+b@x.y.z", "me@s"), Some(all[first]));
        }
    }
}

#[test]
fn ties_go_to_the_first() {
    for (texts, recipient) in [
        (["~a*@x", "~*b@x"], "ab@x"),
        (["/a.*/@x", "/.*b/@x"], "ab@x"),
        (["a@x from @s", "a@x from me@s"], "a@x"),
        (["*@x from me@s", "*@x from @s"], "a@x"),
    ] {
        assert_eq!(look_up(&table(&texts), recipient, "me@s"), Found::Rule(RuleId(0)), "{texts:?}");
        let [first, second] = texts;
        assert_eq!(look_up(&table(&[second, first]), recipient, "me@s"), Found::Rule(RuleId(0)), "{texts:?}");
    }
}

#[test]
fn case_and_quotes_are_spelling() {
    for (text, recipient) in [
        ("Support@x", "sUPPORT@X"),
        ("support@x", "\"support\"@x"),
        ("\"support\"@x", "support@x"),
        ("\"John Doe\"@x", "\"john doe\"@x"),
        ("~CASE-*@x", "Case-1@x"),
        ("/CASE-[0-9]/@x", "Case-1@x"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
    ] {
        assert_eq!(winner(&[text], recipient, ""), Some(text), "{text} takes {recipient}");
    }
    // Only ASCII letters fold: RFC 6531 leaves the rest to the host.
    assert_eq!(winner(&["É@x"], "é@x", ""), None);
}

#[test]
fn details() {
    for (texts, recipient, expected) in [
        (&["support@x"][..], "support+a+b@x", Some("support@x")),
        (&["=support@x"], "support+a@x", None),
        (&["=support@x", "support@x"], "support@x", Some("=support@x")),
        (&["=support@x", "support@x"], "support+a@x", Some("support@x")),
        (&["support+a@x", "support@x"], "support+a@x", Some("support+a@x")),
        (&["support+a@x", "support@x"], "support+b@x", Some("support@x")),
        (&["support+a@x"], "support+a+b@x", None),
        (&["support+a@x"], "support@x", None),
        (&["support@x"], "\"support+a\"@x", Some("support@x")),
        (&["+a@x"], "+a@x", Some("+a@x")),
        (&["support@x", "~support+*@x"], "support+a@x", Some("support@x")),
    ] {
        assert_eq!(winner(texts, recipient, ""), expected, "{texts:?} for {recipient}");
    }
}

#[test]
fn without_separators_there_is_no_detail() {
    let mut builder = Builder::new("");
    builder.insert(candidate("support@x", 0)).unwrap();
    assert_eq!(builder.insert(candidate("=support@x", 1)), Err(Rejected::Shadowed(RuleId(0))));
    let table = builder.build();
    assert_eq!(look_up(&table, "support@x", ""), Found::Rule(RuleId(0)));
    assert_eq!(look_up(&table, "support+a@x", ""), Found::Nothing);
}

#[test]
fn a_suffix_takes_no_domain_but_those_beneath() {
    for (recipient, expected) in
        [("a@b.x", Some("*@*.x")), ("a@c.b.x", Some("*@*.x")), ("a@x", None), ("a@bx", None), ("a@x.b", None)]
    {
        assert_eq!(winner(&["*@*.x"], recipient, ""), expected);
    }
}

#[test]
fn senders() {
    for (text, good, bad) in [
        ("a@x from <>", &[""][..], &["a@s"][..]),
        ("a@x from @s", &["me@s", "me@S"], &["", "me@t", "me@b.s"]),
        ("a@x from @*.s", &["me@b.s"], &["", "me@s"]),
        ("a@x from @*", &["me@s"], &[""]),
        ("a@x from me@s", &["me@s", "ME@s", "me+tag@s", "\"me\"@s"], &["", "you@s", "me@t"]),
        ("a@x from =me@s", &["me@s"], &["me+tag@s"]),
        ("a@x from ~m*@s", &["me@s", "m@s"], &["you@s"]),
        ("a@x from /m./@*", &["me@s", "ma@t"], &["m@s"]),
        ("*@x from me@s", &["me@s"], &["you@s"]),
    ] {
        for sender in good {
            assert_eq!(winner(&[text, "*@*"], "a@x", sender), Some(text), "{text}: {sender}");
        }
        for sender in bad {
            assert_eq!(winner(&[text, "*@*"], "a@x", sender), Some("*@*"), "{text}: {sender}");
        }
    }
}

#[test]
fn a_sender_whose_domain_is_no_idna_name_is_of_no_domain() {
    let sender = path("me@xn--a.example");
    assert_eq!(table(&["a@x from @*"]).look_up(&key("a@x"), &sender), Found::Rule(RuleId(0)));
    assert_eq!(table(&["a@x from @*.example"]).look_up(&key("a@x"), &sender), Found::Nothing);
}

#[test]
fn a_candidate_of_another_sender_is_passed_over_down_to_the_last() {
    let texts = ["a+b@x from <>", "a@x from <>", "~a*@x from <>", "/a.*/@x from <>", "*@x from <>", "*@*"];
    assert_eq!(winner(&texts, "a+b@x", "me@s"), Some("*@*"));
    assert_eq!(winner(&texts, "a+b@x", ""), Some(texts[0]));
}

#[test]
fn unknown_takes_what_no_exact_match_takes() {
    for (texts, recipient, expected) in [
        (&["a@x", "?@x"][..], "a@x", Some("a@x")),
        (&["a@x", "?@x"], "a+b@x", Some("a@x")),
        (&["a@x", "?@x"], "b@x", Some("unknown")),
        (&["~*b*@x", "?@x"], "b@x", Some("unknown")),
        (&["/b/@x", "*@x", "?@x"], "b@x", Some("unknown")),
        (&["b@*.x", "?@a.x"], "b@a.x", Some("unknown")),
        (&["b@a.x", "?@*.x"], "b@a.x", Some("b@a.x")),
        (&["?@x"], "b@y", None),
        (&["?@x from @s", "*@x"], "b@x", Some("*@x")),
        (&["a@x from ?@s", "*@x"], "a@x", Some("*@x")),
    ] {
        assert_eq!(winner(texts, recipient, "me@t"), expected, "{texts:?} for {recipient}");
    }
    // A sender that can't be known might be this one.
    assert_eq!(winner(&["a@x from ?@t", "*@x"], "a@x", "me@t"), Some("unknown"));
}

#[test]
fn identical_keys_are_shadowed() {
    for (first, second) in [
        ("a@x", "A@x"),
        ("a+b@x", "=a+b@x"),
        ("a@x", "\"a\"@x"),
        ("~a*@x", "~A**@x"),
        ("/a/@x", "/a/@x"),
        ("*@*", "*@*"),
        ("?@x", "?@x"),
        ("a@x from <>", "a@x from <>"),
        ("a@x from me@s", "a@x from ME@s"),
        ("~a@x from @s", "~a@x from @s"),
    ] {
        let mut builder = Builder::new("+");
        assert_eq!(builder.insert(candidate("a@x from @other", 0)), Ok(()));
        assert_eq!(builder.insert(candidate(first, 7)), Ok(()));
        assert_eq!(builder.insert(candidate(second, 8)), Err(Rejected::Shadowed(RuleId(7))), "{second}");
        let (recipient, sender) = (key("a@x"), path("me@s"));
        assert_ne!(builder.build().look_up(&recipient, &sender), Found::Rule(RuleId(8)));
    }
}

#[test]
fn any_sender_written_in_two_ways_is_one_key() {
    let of = |domain, rule| Candidate {
        sender: Some(SenderPattern::Mailbox { domain, local_part: LocalPart::Any }),
        ..candidate("a@x", rule)
    };
    let mut builder = Builder::new("+");
    assert_eq!(builder.insert(of(None, 0)), Ok(()));
    assert_eq!(builder.insert(of(Some(DomainPattern::Any), 1)), Err(Rejected::Shadowed(RuleId(0))));
}

#[test]
fn a_key_that_differs_anywhere_is_not_shadowed() {
    let texts = ["a@x", "=a@x", "b@x", "a@y", "a@*.x", "a@*", "~a@x", "/a/@x", "*@x", "?@x", "a@x from <>"];
    let table = table(&texts);
    assert_eq!(look_up(&table, "a@x", ""), Found::Rule(RuleId(1)));
    assert_eq!(look_up(&table, "a+b@x", ""), Found::Rule(RuleId(10)));
}

#[test]
fn bad_patterns_are_rejected_and_leave_no_claim() {
    let mut builder = Builder::new("+");
    for text in ["/(a/@x", "~@x", "a@x from /(a/@s"] {
        for _ in 0..2 {
            let rejected = builder.insert(candidate(text, 0));
            assert!(matches!(rejected, Err(Rejected::BadPattern(_))), "{text}: {rejected:?}");
        }
    }
    let why = "not a regular expression: unclosed group".to_owned();
    assert_eq!(builder.insert(candidate("/(a/@x", 0)), Err(Rejected::BadPattern(why)));
    assert_eq!(look_up(&builder.build(), "a@x", "a@s"), Found::Nothing);
}

#[test]
fn rules_that_the_domain_is_not_open_to_are_passed_over() {
    let table = table(&["a@x", "~a*@x", "?@x", "a@x from <>", "*@x"]);
    let open_to = |open: &[u32]| {
        table.look_up_open(&key("a@x"), &ReversePath::Null, |RuleId(rule)| open.contains(&rule))
    };
    assert_eq!(open_to(&[0, 1, 2, 3, 4]), Found::Rule(RuleId(3)));
    assert_eq!(open_to(&[0, 1, 2, 4]), Found::Rule(RuleId(0)));
    assert_eq!(open_to(&[1, 2, 4]), Found::Unknown);
    assert_eq!(open_to(&[1, 4]), Found::Rule(RuleId(1)));
    assert_eq!(open_to(&[4]), Found::Rule(RuleId(4)));
    assert_eq!(open_to(&[]), Found::Nothing);
}

fn many(recipients: u32) -> Table {
    let mut builder = Builder::new("+");
    for rule in 0..recipients {
        let local_part = LocalPart::Exact(format!("user.{rule}"), Subaddress::Ignore);
        let domain = domain("example.net");
        builder.insert(Candidate { domain, local_part, sender: None, rule: RuleId(rule) }).unwrap();
    }
    builder.insert(candidate("~case-*@example.net", recipients)).unwrap();
    builder.build()
}

#[test]
fn probes_do_not_grow_with_the_table() {
    let probes = |table: &Table, recipient: &str| {
        table.look_up_counted(&key(recipient), &ReversePath::Null, |_| true).1
    };
    let (small, large) = (many(10), many(1_000_000));
    for (recipient, expected) in [
        ("user.7@example.net", 2),
        ("user.7+x@example.net", 3),
        ("case-1@example.net", 3),
        // The domain, the local part, the wildcard, the suffix, any.
        ("nobody@example.net", 5),
        ("nobody@other.example", 3),
    ] {
        assert_eq!(probes(&small, recipient), expected, "{recipient}");
        assert_eq!(probes(&large, recipient), expected, "{recipient}");
    }
    assert_eq!(look_up(&large, "user.99999+x@example.net", ""), Found::Rule(RuleId(99_999)));
}

#[test]
fn a_recipient_takes_few_octets() {
    // Just over a step of the hash's growth, where the most room is spare.
    let recipients = 7 * (1 << 17) / 8 + 1;
    let each = many(recipients).heap_octets() / recipients as usize;
    assert!(each <= 64, "{each} octets");
}

//! What a list takes, in both modes.

use super::{ListBuilder, ListError, ListMode, RecipientList};
use crate::mail::{AddressKey, Mailbox};
use crate::route::pattern::PatternError;
use crate::route::{DomainPattern, LocalPart, Subaddress};

fn key(text: &str) -> AddressKey {
    Mailbox::parse(text.as_bytes(), true).unwrap().key().unwrap()
}

fn builder(separators: &str) -> ListBuilder {
    let mut list = RecipientList::builder(ListMode::AllowList, separators);
    let wildcard = |text: &str| LocalPart::Wildcard(text.to_owned(), Subaddress::Ignore);
    let exact = |text: &str, subaddress| LocalPart::Exact(text.to_owned(), subaddress);
    let domain = |text: &str| DomainPattern::Exact(text.to_owned());
    for address in ["support@x", "sales+eu@x", "\"John Doe\"@x"] {
        list.address(&key(address)).unwrap();
    }
    list.pattern(&domain("x"), &wildcard("case-*")).unwrap();
    list.pattern(&domain("all.x"), &LocalPart::Any).unwrap();
    list.pattern(&DomainPattern::Suffix("y".to_owned()), &exact("Info", Subaddress::Ignore)).unwrap();
    list.pattern(&DomainPattern::Any, &exact("abuse", Subaddress::Match)).unwrap();
    let regex = LocalPart::RegularExpression("[A-C]{2}".to_owned(), Subaddress::Ignore);
    list.pattern(&DomainPattern::Any, &regex).unwrap();
    list
}

#[test]
fn an_entry_lists_what_it_takes() {
    let list = builder("+").build();
    for (address, listed) in [
        ("support@x", true),
        ("SUPPORT@X", true),
        ("support+tag@x", true),
        ("\"support\"@x", true),
        ("support@y", false),
        ("sales+eu@x", true),
        ("sales+us@x", false),
        ("sales@x", false),
        ("sales+eu+de@x", false),
        ("\"john doe\"@x", true),
        ("case-1@x", true),
        ("CASE-1+a@x", true),
        ("case@x", false),
        ("anyone@all.x", true),
        ("anyone@b.all.x", false),
        ("info@b.y", true),
        ("info+a@c.b.y", true),
        ("info@y", false),
        ("abuse@anywhere", true),
        ("abuse+a@anywhere", false),
        ("ab@anywhere", true),
        ("ab+a@x", true),
        ("abc@x", false),
    ] {
        assert_eq!(list.admits(&key(address)), listed, "{address}");
    }
}

#[test]
fn a_deny_list_admits_what_is_not_listed() {
    let mut list = RecipientList::builder(ListMode::DenyList, "+");
    list.address(&key("gone@x")).unwrap();
    let list = list.build();
    assert!(!list.admits(&key("gone@x")));
    assert!(!list.admits(&key("gone+a@x")));
    assert!(list.admits(&key("here@x")));
}

#[test]
fn without_separators_a_detail_is_part_of_the_name() {
    let list = builder("").build();
    assert!(list.admits(&key("support@x")));
    assert!(!list.admits(&key("support+tag@x")));
    assert!(list.admits(&key("sales+eu@x")));
}

#[test]
fn the_wider_of_two_entries_counts() {
    let entries = [Subaddress::Ignore, Subaddress::Match];
    for order in [[0, 1], [1, 0]] {
        let mut list = RecipientList::builder(ListMode::AllowList, "+");
        for subaddress in order.map(|index| entries[index]) {
            list.pattern(&DomainPattern::Any, &LocalPart::Exact("a".to_owned(), subaddress)).unwrap();
        }
        assert!(list.build().admits(&key("a+b@x")), "{order:?}");
    }
}

#[test]
fn an_empty_list_lists_nobody() {
    assert!(!RecipientList::builder(ListMode::AllowList, "+").build().admits(&key("a@x")));
    assert!(RecipientList::builder(ListMode::DenyList, "+").build().admits(&key("a@x")));
}

#[test]
fn bad_entries_are_refused() {
    let mut list = RecipientList::builder(ListMode::AllowList, "+");
    let empty = LocalPart::Wildcard(String::new(), Subaddress::Ignore);
    assert_eq!(list.pattern(&DomainPattern::Any, &empty), Err(ListError::Pattern(PatternError::Empty)));
    let unknown = list.pattern(&DomainPattern::Any, &LocalPart::Unknown);
    assert_eq!(unknown, Err(ListError::Pattern(PatternError::Unknown)));
}

#[test]
fn an_address_takes_few_octets() {
    // Just over a step of the hash's growth, where the most room is spare.
    let addresses = 7 * (1 << 17) / 8 + 1;
    let mut list = RecipientList::builder(ListMode::AllowList, "+");
    for number in 0..addresses {
        list.address(&AddressKey { local_part: format!("user.{number}"), domain: "x".to_owned() }).unwrap();
    }
    let list = list.build();
    assert!(list.admits(&key("user.7@x")));
    let each = list.heap_octets() / addresses;
    assert!(each <= 48, "{each} octets");
}

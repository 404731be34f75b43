//! Local parts as they are compared: folded, and parted from their detail.
//!
//! Which characters part a detail is the receiving host's business (RFC 5233 §4): the gateway
//! says so. The detail begins at the first separator; one that stands first parts nothing, since
//! it would leave no name.

use super::{LocalPart, Subaddress};
use crate::mail::Mailbox;

/// Characters that part a local part from its detail; none for no subaddressing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Separators(Box<str>);

/// A folded local part, whole and without its detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalForms<'a> {
    /// All of it.
    pub whole: &'a str,
    /// What stands before the first separator; the same as `whole` where there is none.
    pub base: &'a str,
}

impl LocalForms<'_> {
    /// Whether there is a detail.
    pub fn has_detail(self) -> bool {
        self.base.len() != self.whole.len()
    }
}

impl Separators {
    /// Each character of `characters` is one.
    pub fn new(characters: &str) -> Self {
        Self(characters.into())
    }

    /// Parts a folded local part from its detail.
    pub fn part<'a>(&self, local_part: &'a str) -> LocalForms<'a> {
        let at = local_part.find(|c| self.0.contains(c)).filter(|at| *at > 0);
        LocalForms { whole: local_part, base: at.map_or(local_part, |at| &local_part[..at]) }
    }

    /// The form in which two matches that mean the same are the same: values folded, and
    /// [`Subaddress::Match`] where there is no detail to ignore.
    pub fn normal_form(&self, local_part: &LocalPart) -> LocalPart {
        match local_part {
            LocalPart::Exact(value, asked) => {
                let value = fold(value);
                let subaddress = self.of_value(self.part(&value), *asked);
                LocalPart::Exact(value, subaddress)
            }
            LocalPart::Wildcard(pattern, asked) => {
                LocalPart::Wildcard(collapse(&pattern.to_ascii_lowercase()), self.of_pattern(*asked))
            }
            LocalPart::RegularExpression(pattern, asked) => {
                LocalPart::RegularExpression(pattern.clone(), self.of_pattern(*asked))
            }
            LocalPart::Any => LocalPart::Any,
            LocalPart::Unknown => LocalPart::Unknown,
        }
    }

    /// An exact value with a detail of its own means that detail.
    pub fn of_value(&self, value: LocalForms<'_>, asked: Subaddress) -> Subaddress {
        if value.has_detail() { Subaddress::Match } else { self.of_pattern(asked) }
    }

    /// Without separators nobody has a detail.
    fn of_pattern(&self, asked: Subaddress) -> Subaddress {
        if self.0.is_empty() { Subaddress::Match } else { asked }
    }
}

/// Takes a local part as someone writes it: a quoted string stands for what it quotes.
fn fold(value: &str) -> String {
    let quoted = value.starts_with('"').then(|| Mailbox::parse(format!("{value}@q").as_bytes(), true));
    let meaning = quoted.and_then(Result::ok).and_then(|mailbox| mailbox.key());
    meaning.map_or_else(|| value.to_ascii_lowercase(), |key| key.local_part)
}

/// `**` says no more than `*`.
fn collapse(pattern: &str) -> String {
    let mut collapsed = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        if c != '*' || !collapsed.ends_with('*') {
            collapsed.push(c);
        }
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::{LocalForms, LocalPart, Separators, Subaddress};

    #[test]
    fn the_first_separator_parts() {
        for (separators, whole, base) in [
            ("+", "a+b", "a"),
            ("+", "a+b+c", "a"),
            ("+", "a+", "a"),
            ("+", "a", "a"),
            ("+", "a-b", "a-b"),
            ("+-", "a-b+c", "a"),
            ("", "a+b", "a+b"),
            ("+", "+a", "+a"),
            ("+", "+a+b", "+a+b"),
            ("+", "", ""),
        ] {
            assert_eq!(Separators::new(separators).part(whole), LocalForms { whole, base });
        }
    }

    #[test]
    fn normal_form_of_exact_values() {
        use Subaddress::{Ignore, Match};
        for (separators, value, asked, folded, subaddress) in [
            ("+", "Support", Ignore, "support", Ignore),
            ("+", "Support", Match, "support", Match),
            ("+", "support+X", Ignore, "support+x", Match),
            ("", "support", Ignore, "support", Match),
            ("+", "\"John Doe\"", Ignore, "john doe", Ignore),
            ("+", "\"a\\\"b\"", Ignore, "a\"b", Ignore),
            ("+", "\"unclosed", Ignore, "\"unclosed", Ignore),
        ] {
            let written = LocalPart::Exact(value.to_owned(), asked);
            let normal = LocalPart::Exact(folded.to_owned(), subaddress);
            assert_eq!(Separators::new(separators).normal_form(&written), normal);
        }
    }

    #[test]
    fn normal_form_of_patterns() {
        let separators = Separators::new("+");
        let wildcard = |text: &str| LocalPart::Wildcard(text.to_owned(), Subaddress::Ignore);
        assert_eq!(separators.normal_form(&wildcard("Case-***X**")), wildcard("case-*x*"));
        let regex = |text: &str| LocalPart::RegularExpression(text.to_owned(), Subaddress::Ignore);
        assert_eq!(separators.normal_form(&regex("\\S+")), regex("\\S+"));
    }
}

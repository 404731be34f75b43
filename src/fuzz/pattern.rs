//! Patterns of local parts (`route::pattern`), against plain readings of them.

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::syntax;

use super::input::Input;
use crate::mail::address::MAX_LOCAL_PART;
use crate::route::local::{LocalForms, Separators};
use crate::route::pattern::{LocalPattern, MAX_PATTERN, PatternError};
use crate::route::{LocalPart, Subaddress};

/// What the first octet says, the pattern up to a line feed, and the local part that is looked up.
pub fn pattern(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.octet();
    let (Ok(pattern), Ok(text)) =
        (std::str::from_utf8(input.until(b'\n')), std::str::from_utf8(input.rest()))
    else {
        return;
    };
    let text = text[..text.floor_char_boundary(MAX_LOCAL_PART.min(text.len()))].to_ascii_lowercase();
    let separators = Separators::new(if flags & 1 > 0 { "+" } else { "" });
    let subaddress = if flags & 2 > 0 { Subaddress::Ignore } else { Subaddress::Match };
    let written = match flags >> 2 & 3 {
        0 => LocalPart::Exact(pattern.to_owned(), subaddress),
        1 => LocalPart::RegularExpression(pattern.to_owned(), subaddress),
        _ => LocalPart::Wildcard(pattern.to_owned(), subaddress),
    };
    let normal = separators.normal_form(&written);
    // A folded value that begins with a quote was quoted twice; read again, it would be quoted once.
    let quoted = matches!(&normal, LocalPart::Exact(value, _) if value.starts_with('"'));
    assert!(quoted || separators.normal_form(&normal) == normal, "{normal:?} has another normal form");
    let forms = separators.part(&text);
    assert!(text.starts_with(forms.base) && (forms.has_detail() || forms.base == text));
    match LocalPattern::compile(&normal) {
        Ok(compiled) => taken(&compiled, &normal, forms),
        Err(error) => refused(&error, pattern),
    }
}

fn refused(error: &PatternError, pattern: &str) {
    match error {
        PatternError::Empty => assert!(pattern.is_empty()),
        PatternError::TooLong(octets) => assert!(*octets > MAX_PATTERN && pattern.len() >= *octets),
        PatternError::NeverMatches(_) => assert!(pattern.len() > MAX_LOCAL_PART),
        PatternError::Syntax(what) => assert!(!what.is_empty() && !what.contains('\n'), "{what:?}"),
        PatternError::TooLarge | PatternError::Unknown => assert_eq!(*error, PatternError::TooLarge),
    }
}

fn taken(compiled: &LocalPattern, normal: &LocalPart, forms: LocalForms<'_>) {
    let plain: Box<dyn Fn(&str) -> bool> = match normal {
        LocalPart::Exact(value, _) => Box::new(move |text| value == text),
        LocalPart::Wildcard(pattern, _) => Box::new(move |text| wildcard(pattern, text)),
        LocalPart::RegularExpression(pattern, _) => {
            let config = syntax::Config::new().case_insensitive(true);
            let built = PikeVM::builder().syntax(config).build(&format!(r"\A(?:{pattern})\z"));
            let machine = built.expect("it has compiled before");
            Box::new(move |text| machine.is_match(&mut machine.create_cache(), text))
        }
        LocalPart::Any | LocalPart::Unknown => Box::new(|_| true),
    };
    let ignores = matches!(
        normal,
        LocalPart::Exact(_, Subaddress::Ignore)
            | LocalPart::Wildcard(_, Subaddress::Ignore)
            | LocalPart::RegularExpression(_, Subaddress::Ignore)
    );
    let expected = plain(forms.whole) || (ignores && plain(forms.base));
    assert_eq!(compiled.matches(forms), expected, "{normal:?} and {forms:?}");
}

/// Row by row: which of the first octets of the text the pattern so far can take.
fn wildcard(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut taken = vec![false; text.len() + 1];
    taken[0] = true;
    for part in pattern.chars() {
        let before = taken.clone();
        for end in 0..taken.len() {
            taken[end] = match part {
                '*' => before[..=end].contains(&true),
                '?' => end > 0 && before[end - 1],
                literal => end > 0 && before[end - 1] && text[end - 1] == literal,
            };
        }
    }
    taken[text.len()]
}

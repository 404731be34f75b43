//! Compiled local parts: exact, wildcard, regular expression, any.
//!
//! Values come in normal form ([`Separators::normal_form`](super::local::Separators::normal_form)),
//! local parts folded; so comparing octets is comparing ASCII-case-insensitively, as is usual, if
//! stricter than RFC 5321 §2.4 lets us be. A pattern that ignores the detail takes a local part
//! when it takes all of it or what stands before the detail.

use regex_automata::{meta, util::syntax};

use super::local::LocalForms;
use super::{LocalPart, Subaddress};
use crate::mail::address::MAX_LOCAL_PART;

/// Octets of a wildcard or regular expression: four times what the longest local part has.
pub const MAX_PATTERN: usize = 4 * MAX_LOCAL_PART;
/// Octets of the automaton of a regular expression. One step of a search may visit every state, so
/// this bounds what a recipient may cost (the bench `route/pattern/regex/worst` says what that is).
/// `[a-z0-9._-]{1,64}` is far below it, `\w{10}` with its many scripts above.
pub const MAX_AUTOMATON: usize = 128 * 1024;
/// Octets of one cache of a regular expression's lazy automaton; there is one for each thread that
/// meets the expression.
const MAX_CACHE: usize = 256 * 1024;
/// How deep groups and classes of a regular expression may stand in each other.
const MAX_NESTING: u32 = 50;

/// Why a pattern can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// An exact value or wildcard that is longer than all that it could match.
    #[error("{0:?} can match nothing: a local part has at most {MAX_LOCAL_PART} octets")]
    NeverMatches(String),
    /// A pattern with nothing in it.
    #[error("the pattern is empty")]
    Empty,
    /// A pattern over [`MAX_PATTERN`].
    #[error("the pattern has {0} octets; at most {MAX_PATTERN} are allowed")]
    TooLong(usize),
    /// A regular expression over [`MAX_AUTOMATON`].
    #[error(
        "the regular expression is too large: use fewer or smaller repetitions, or [a-z] in place of \\w"
    )]
    TooLarge,
    /// A text that is no regular expression: why.
    #[error("not a regular expression: {0}")]
    Syntax(String),
    /// The object that says what to match can't be read.
    #[error("what it matches is not known")]
    Unknown,
}

/// A compiled [`LocalPart`].
#[derive(Debug, Clone)]
pub struct LocalPattern {
    shape: Shape,
    subaddress: Subaddress,
}

#[derive(Debug, Clone)]
enum Shape {
    Exact(Box<str>),
    Wildcard(Wildcard),
    RegularExpression(meta::Regex),
    Any,
}

impl LocalPattern {
    /// Compiles a local part in normal form.
    pub fn compile(local_part: &LocalPart) -> Result<Self, PatternError> {
        let (shape, subaddress) = match local_part {
            LocalPart::Exact(value, subaddress) => (exact(value)?, *subaddress),
            LocalPart::Wildcard(pattern, subaddress) => {
                (Shape::Wildcard(Wildcard::compile(pattern)?), *subaddress)
            }
            LocalPart::RegularExpression(pattern, subaddress) => {
                (Shape::RegularExpression(regular_expression(pattern)?), *subaddress)
            }
            LocalPart::Any => (Shape::Any, Subaddress::Match),
            LocalPart::Unknown => return Err(PatternError::Unknown),
        };
        Ok(Self { shape, subaddress })
    }

    /// The same; `None` for what takes, or might take, every local part.
    pub fn compile_known(local_part: &LocalPart) -> Result<Option<Self>, PatternError> {
        match local_part {
            LocalPart::Any | LocalPart::Unknown => Ok(None),
            local_part => Self::compile(local_part).map(Some),
        }
    }

    /// Whether the pattern takes this local part.
    pub fn matches(&self, local_part: LocalForms<'_>) -> bool {
        let ignored = self.subaddress == Subaddress::Ignore && local_part.has_detail();
        self.shape.matches(local_part.whole) || (ignored && self.shape.matches(local_part.base))
    }

    /// How many characters of a wildcard stand for themselves.
    pub fn literals(&self) -> usize {
        match &self.shape {
            Shape::Wildcard(wildcard) => wildcard.literals(),
            Shape::Exact(_) | Shape::RegularExpression(_) | Shape::Any => 0,
        }
    }
}

impl Shape {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(value) => **value == *text,
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::RegularExpression(regex) => regex.is_match(text),
            Self::Any => true,
        }
    }
}

fn exact(value: &str) -> Result<Shape, PatternError> {
    match value.len() {
        0..=MAX_LOCAL_PART => Ok(Shape::Exact(value.into())),
        _ => Err(PatternError::NeverMatches(value.to_owned())),
    }
}

fn check_length(pattern: &str) -> Result<(), PatternError> {
    match pattern.len() {
        0 => Err(PatternError::Empty),
        1..=MAX_PATTERN => Ok(()),
        length => Err(PatternError::TooLong(length)),
    }
}

#[derive(Debug, Clone)]
struct Wildcard {
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `*`: any run, the empty one too.
    Run,
    /// `?`: one character.
    One,
    Literal(char),
}

impl Wildcard {
    fn compile(pattern: &str) -> Result<Self, PatternError> {
        check_length(pattern)?;
        let parts: Box<[Part]> = pattern
            .chars()
            .map(|c| match c {
                '*' => Part::Run,
                '?' => Part::One,
                literal => Part::Literal(literal),
            })
            .collect();
        if parts.iter().filter(|part| **part != Part::Run).count() > MAX_LOCAL_PART {
            return Err(PatternError::NeverMatches(pattern.to_owned()));
        }
        Ok(Self { parts })
    }

    fn literals(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Literal(_))).count()
    }

    /// Greedy, with one place to come back to, behind the last run: what an earlier run took never
    /// needs to change, since a later one can take the rest. So at most text × pattern steps.
    fn matches(&self, text: &str) -> bool {
        let (mut parts, mut rest) = (&*self.parts, text.chars());
        let mut last_run = None;
        loop {
            match (parts.split_first(), rest.clone().next()) {
                (None, None) => return true,
                (Some((Part::Run, behind)), _) => {
                    parts = behind;
                    last_run = Some((behind, rest.clone()));
                }
                (Some((part, behind)), Some(c)) if part.takes(c) => {
                    parts = behind;
                    rest.next();
                }
                _ => {
                    let Some((behind, taken)) = &mut last_run else { return false };
                    if taken.next().is_none() {
                        return false;
                    }
                    (parts, rest) = (*behind, taken.clone());
                }
            }
        }
    }
}

impl Part {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Run | Self::One => true,
            Self::Literal(literal) => literal == c,
        }
    }
}

/// Anchors the expression to the whole text. Letters are folded as Unicode does, of which ASCII
/// folding is a part.
fn regular_expression(pattern: &str) -> Result<meta::Regex, PatternError> {
    check_length(pattern)?;
    let syntax = syntax::Config::new().case_insensitive(true).nest_limit(MAX_NESTING);
    let parsed = syntax::parse_with(pattern, &syntax);
    // Alone first: what is balanced alone can't reach out of the group that follows.
    parsed.map_err(|error| PatternError::Syntax(last_line(&error.to_string())))?;
    let config = meta::Config::new()
        .nfa_size_limit(Some(MAX_AUTOMATON))
        .onepass_size_limit(Some(MAX_AUTOMATON))
        .hybrid_cache_capacity(MAX_CACHE);
    let built = meta::Builder::new().configure(config).syntax(syntax).build(&format!(r"\A(?:{pattern})\z"));
    built.map_err(|error| match error.syntax_error() {
        Some(error) => PatternError::Syntax(last_line(&error.to_string())),
        None => PatternError::TooLarge,
    })
}

/// The parser draws where the error stands in several lines; the last one says what it is.
fn last_line(drawing: &str) -> String {
    let line = drawing.lines().next_back().unwrap_or(drawing);
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests;

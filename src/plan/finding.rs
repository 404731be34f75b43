//! What compile has to say to whoever wrote the configuration.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::ObjectName;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is not in use because of it.
    Error,
    /// All is in use; probably not as meant.
    Warning,
}

macro_rules! reasons {
    ($($reason:ident),* $(,)?) => {
        /// The condition reason, as in the status table of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is the condition reason it is named after; `message` says the rest")]
        pub enum Reason {
            $($reason),*
        }

        impl Reason {
            /// All of them, for tests that walk them.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// As it stands in a condition.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => stringify!($reason)),*
                }
            }
        }
    };
}

reasons! {
    Invalid,
    UnsupportedValue,
    InvalidCertificateRef,
    PortConflict,
    NotAllowedByListeners,
    NoMatchingParent,
    DomainNotDelegated,
    BackendNotFound,
    RefNotPermitted,
    InvalidKind,
    SecretNotFound,
    InvalidSecretKey,
    ConfigMapNotFound,
    ServiceNotFound,
    Conflicted,
    TargetNotFound,
    Shadowed,
    Overridden,
    NoPostmaster,
    UnverifiedCatchAll,
    UnmetRequirement,
    OpenRelay,
    UnknownField,
    Unreadable,
    Unused,
}

impl Reason {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Shadowed
            | Self::Overridden
            | Self::NoPostmaster
            | Self::UnverifiedCatchAll
            | Self::UnmetRequirement
            | Self::Unused => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// An object by its kind and name: `Kind namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// What stands in `kind`; files may hold kinds that are not ours.
    pub kind: Cow<'static, str>,
    /// Its name.
    pub name: ObjectName,
}

impl ObjectRef {
    /// An object of a kind that is known.
    pub fn new(kind: &'static str, name: &ObjectName) -> Self {
        Self { kind: Cow::Borrowed(kind), name: name.clone() }
    }

    /// Whether it is this one.
    pub fn is(&self, kind: &str, name: &ObjectName) -> bool {
        self.kind == kind && self.name == *name
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One thing to say about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The condition reason.
    pub reason: Reason,
    /// The object.
    pub object: ObjectRef,
    /// The field, as a path below the object, e.g. `spec.rules[0].matches[1].recipient`; may be empty.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Of a match that is shadowed: the listeners where it is.
    pub listeners: BTreeSet<String>,
}

/// How a finding about a Secret that is not there begins.
const ABSENT: &str = "there is no Secret ";

impl Finding {
    /// Whether a Secret is not there, and nothing else is wrong: files to be checked rarely hold them.
    pub fn is_absent_secret(&self) -> bool {
        let about_secrets = matches!(self.reason, Reason::SecretNotFound | Reason::InvalidCertificateRef);
        about_secrets && self.message.starts_with(ABSENT)
    }
}

/// A text as it may be told: on one line, with escapes for characters that control, or that change how others are
/// shown. What is quoted of a configuration, or of strangers, may hold any.
pub fn shown(text: &str) -> String {
    if !text.contains(is_unsafe) {
        return text.to_owned();
    }
    let shown = |c: char| if is_unsafe(c) { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Controls, and what Unicode has to turn the direction of text (UAX #9), to part lines, or to show nothing at all.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.object)?;
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {:?}: {}", self.reason, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_changes_how_the_rest_is() {
        for (text, expected) in [
            ("Grüße, 你好 👋", "Grüße, 你好 👋"),
            ("a\u{1b}[2J\nb", "a\\u{1b}[2J\\nb"),
            ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}", "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}

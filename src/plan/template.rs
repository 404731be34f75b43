//! Text with places for what a message says: subjects and keys of brokers.
//!
//! Where a field stands and which it is, not what becomes of its value: each system has letters that
//! mean something to it, so what writes the value encodes it.

use std::fmt;

use crate::mail::{AddressKey, Mailbox, ReversePath};

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `namespace/name` of the gateway.
    Gateway,
    /// `namespace/name` of the route.
    Route,
    /// The recipient's domain, as it is compared.
    RecipientDomain,
    /// The recipient's local part, as it is compared.
    RecipientLocalPart,
    /// The sender's domain, as it is compared; of the null reverse-path there is none.
    SenderDomain,
}

impl Field {
    /// All of them, by their names.
    const NAMES: [(&'static str, Self); 5] = [
        ("gateway", Self::Gateway),
        ("route", Self::Route),
        ("rcpt.domain", Self::RecipientDomain),
        ("rcpt.local", Self::RecipientLocalPart),
        ("mailfrom.domain", Self::SenderDomain),
    ];
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `namespace/name`.
    pub gateway: &'a str,
    /// `namespace/name`.
    pub route: &'a str,
    /// The recipient.
    pub recipient: &'a Mailbox,
    /// MAIL FROM.
    pub sender: &'a ReversePath,
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Field(field) => {
                let named = Field::NAMES.iter().find(|(_, known)| known == field);
                write!(f, "{{{}}}", named.map_or("", |(name, _)| name))
            }
        })
    }
}

impl Template {
    /// Reads a template; fails, in words, on a field that does not exist, one that stands there twice,
    /// two with nothing between them, where nobody could tell their values apart, and a brace that opens or
    /// closes none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(at);
            let inside = behind.strip_prefix('{').and_then(|behind| behind.split_once('}'));
            let Some((name, after)) = inside else {
                return Err("has a brace that is not part of a field".to_owned());
            };
            let Some((_, field)) = Field::NAMES.iter().find(|(known, _)| *known == name) else {
                let names = Field::NAMES.map(|(name, _)| format!("{{{name}}}")).join(" ");
                return Err(format!("has a field that does not exist; those that do are {names}"));
            };
            if parts.contains(&Part::Field(*field)) {
                return Err(format!("has the field {{{name}}} twice"));
            }
            if before.is_empty() && matches!(parts.last(), Some(Part::Field(_))) {
                return Err(format!("has nothing between {{{name}}} and the field before it"));
            }
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(Part::Field(*field));
            rest = after;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        Ok(Self(parts))
    }

    /// Whether two recipients of a message may come to different texts.
    pub fn tells_recipients_apart(&self) -> bool {
        let theirs = [Field::RecipientDomain, Field::RecipientLocalPart];
        theirs.iter().any(|field| self.0.contains(&Part::Field(*field)))
    }

    /// The text for one recipient of a message: `put` writes the value of a field, which may be empty.
    pub fn fill(&self, values: &Values<'_>, mut put: impl FnMut(&str, &mut String)) -> String {
        let mut out = String::new();
        let recipient = values.recipient.key();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(Field::Gateway) => put(values.gateway, &mut out),
                Part::Field(Field::Route) => put(values.route, &mut out),
                Part::Field(Field::RecipientDomain) => put(domain(recipient.as_ref()), &mut out),
                Part::Field(Field::RecipientLocalPart) => {
                    put(recipient.as_ref().map_or("", |key| &key.local_part), &mut out);
                }
                Part::Field(Field::SenderDomain) => put(domain(sender(values.sender).as_ref()), &mut out),
            }
        }
        out
    }
}

fn sender(path: &ReversePath) -> Option<AddressKey> {
    match path {
        ReversePath::Null => None,
        ReversePath::Mailbox(mailbox) => mailbox.key(),
    }
}

fn domain(key: Option<&AddressKey>) -> &str {
    key.map_or("", |key| &key.domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text.as_bytes(), true).unwrap()
    }

    fn filled(template: &str, recipient: &str, sender: Option<&str>) -> String {
        let sender = sender.map_or(ReversePath::Null, |sender| ReversePath::Mailbox(mailbox(sender)));
        let recipient = mailbox(recipient);
        let values =
            Values { gateway: "mail/public", route: "app/all", recipient: &recipient, sender: &sender };
        Template::parse(template).unwrap().fill(&values, |value, out| {
            out.push('<');
            out.push_str(value);
            out.push('>');
        })
    }

    #[test]
    fn fields_are_filled_as_addresses_are_compared() {
        let all = "a.{gateway}.{route}.{rcpt.domain}.{rcpt.local}.{mailfrom.domain}.z";
        assert_eq!(
            filled(all, "\"Ann B\"@BÜCHER.example", Some("x@Example.NET")),
            "a.<mail/public>.<app/all>.<xn--bcher-kva.example>.<ann b>.<example.net>.z"
        );
        assert_eq!(filled("{mailfrom.domain}", "a@b.example", None), "<>");
        assert_eq!(filled("fixed", "a@b.example", None), "fixed");
    }

    #[test]
    fn a_template_is_shown_as_it_was_written() {
        for text in ["a.{gateway}.{route}.{rcpt.domain}.{rcpt.local}.{mailfrom.domain}.z", "fixed"] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let bad = |text: &str| Template::parse(text).unwrap_err();
        assert!(bad("a.{rcpt.user}").contains("{rcpt.local}"));
        assert!(bad("{route}.{route}").contains("twice"));
        assert!(bad("a.{rcpt.local}{mailfrom.domain}").contains("nothing between"));
        for text in ["{", "}", "a{b", "a}b", "{{route}}", "{}x}"] {
            Template::parse(text).unwrap_err();
        }
    }

    #[test]
    fn recipients_are_told_apart_by_their_own_fields() {
        let apart = |text: &str| Template::parse(text).unwrap().tells_recipients_apart();
        assert!(apart("a.{rcpt.domain}") && apart("{rcpt.local}"));
        assert!(!apart("a.{gateway}.{route}.{mailfrom.domain}"));
    }
}

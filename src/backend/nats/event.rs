//! What is published: the message as it is, its event in headers (CloudEvents NATS binding §3.1), and on
//! which subject.

use std::fmt::Write;

use bytes::Bytes;

use crate::backend::delivery::Delivery;
use crate::backend::event::{CONTENT_TYPE, SPECVERSION, TYPE, Value, attributes, put_encoded, put_percent};
use crate::plan::template::Values;
use crate::plan::{self, Template};

/// Octets that the headers of a usual message take.
const USUAL: usize = 1024;
/// What stands for a value that is empty, as no token of a subject may be; no value comes to it.
const NOTHING: &str = "%none";

/// The subject of a message.
pub(super) fn subject_of(nats: &plan::Nats, delivery: &Delivery) -> String {
    let envelope = &delivery.envelope;
    // All recipients come to one subject: another has a transaction of its own.
    let Some(first) = envelope.recipients.first() else { return String::new() };
    let sender = &envelope.reverse_path;
    let (gateway, route) = (delivery.session.gateway(), &*delivery.route);
    subject(&nats.subject, &Values { gateway, route, recipient: &first.rewritten, sender })
}

/// A subject. Each value is one token: what parts tokens, matches any, or can't be in a subject at all is
/// percent-encoded, so that no two values come to one token, whoever chose them.
pub(super) fn subject(template: &Template, values: &Values<'_>) -> String {
    // A server that refuses a subject quotes it, so what has to be escaped there does not stay either.
    let stays = |octet: u8| octet.is_ascii_graphic() && !b".*>%$\"\\".contains(&octet);
    template.fill(values, |value, out| match value {
        "" => out.push_str(NOTHING),
        value => put_percent(value, stays, out),
    })
}

/// The block of headers.
pub(super) fn headers(nats: &plan::Nats, delivery: &Delivery) -> Bytes {
    let mut out = String::with_capacity(USUAL);
    out.push_str("NATS/1.0\r\n");
    put(&mut out, "ce-specversion", SPECVERSION);
    put(&mut out, "ce-type", TYPE);
    put(&mut out, "ce-datacontenttype", CONTENT_TYPE);
    attributes(delivery, |attribute, value| {
        let name = attribute.header();
        let name = name.as_str();
        match value {
            Value::Text(text) => put(&mut out, name, text),
            Value::Integer(number) => put(&mut out, name, &number.to_string()),
            Value::Boolean(truth) => put(&mut out, name, if truth { "true" } else { "false" }),
        }
    });
    put(&mut out, "traceparent", &delivery.trace.traceparent());
    // What the stream knows the message by on every retry, and which stream it has to be.
    put(&mut out, "Nats-Msg-Id", &delivery.dedupe_key);
    put(&mut out, "Nats-Expected-Stream", &nats.stream);
    out.push_str("\r\n");
    out.into()
}

fn put(out: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    write!(out, "{name}: ").unwrap_or_default();
    put_encoded(value, out);
    out.push_str("\r\n");
}

/// The message, in pieces.
pub(super) fn body(delivery: &Delivery) -> impl Iterator<Item = Bytes> {
    std::iter::once(delivery.prefix.clone()).chain(delivery.message.segments().iter().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Mailbox, ReversePath};

    fn filled(template: &str, recipient: &str, sender: Option<&str>) -> String {
        let mailbox = |text: &str| Mailbox::parse(text.as_bytes(), true).unwrap();
        let sender = sender.map_or(ReversePath::Null, |sender| ReversePath::Mailbox(mailbox(sender)));
        let recipient = mailbox(recipient);
        let values =
            Values { gateway: "mail/public", route: "app/all", recipient: &recipient, sender: &sender };
        subject(&Template::parse(template).unwrap(), &values)
    }

    #[test]
    fn each_value_is_one_token() {
        for (template, recipient, sender, subject) in [
            ("mail.{rcpt.domain}", "a@Example.ORG", None, "mail.example%2Eorg"),
            ("{rcpt.local}.{mailfrom.domain}", "A.B@c.example", None, "a%2Eb.%none"),
            ("{rcpt.local}", "\"a b*>\"@c.example", None, "a%20b%2A%3E"),
            ("{rcpt.local}", r#""a\"\\"@c.example"#, None, "a%22%5C"),
            ("{rcpt.local}", "$JS.API@c.example", None, "%24js%2Eapi"),
            ("{rcpt.local}", "é%2E@c.example", None, "%C3%A9%252e"),
            ("{rcpt.domain}", "a@[192.0.2.1]", None, "[192%2E0%2E2%2E1]"),
            (
                "{gateway}.{route}.{mailfrom.domain}",
                "a@b",
                Some("x@日.example"),
                "mail/public.app/all.xn--wgv%2Eexample",
            ),
        ] {
            assert_eq!(filled(template, recipient, sender), subject);
        }
        assert_ne!(filled("{rcpt.local}", "a.b@c", None), filled("{rcpt.local}", "a%2Eb@c", None));
    }
}

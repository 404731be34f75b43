//! A question in the words of a transcript's `Q:` line.

use std::fmt::{Display, Write as _};

use mailchute::mail::{Greeting, GreetingName, Protocol};
use mailchute::smtp::{AuthStep, Question, Recipient, Sender, Xclient};

pub(crate) fn in_words(question: &Question) -> String {
    match question {
        Question::Connect => "connect".into(),
        Question::Hello(greeting) => hello(greeting),
        Question::Sender(asked) => sender(asked),
        Question::Recipient(asked) => recipient(asked),
        Question::Xclient(said) => xclient(said),
        Question::Auth(step) => auth(step),
        Question::Message => "message".into(),
    }
}

fn hello(Greeting { protocol, name }: &Greeting) -> String {
    format!("hello {} {}", verb(*protocol), greeting_name(name))
}

fn verb(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "HELO",
        Protocol::Esmtp => "EHLO",
        Protocol::Lmtp => "LHLO",
    }
}

fn greeting_name(name: &GreetingName) -> String {
    match name {
        GreetingName::Host(host) => host.as_str().to_owned(),
        GreetingName::Other(text) => format!("other {}", text.escape_ascii()),
    }
}

fn sender(Sender { reverse_path, size, body_type, smtputf8, prdr, dsn }: &Sender) -> String {
    let mut words = format!("sender <{reverse_path}> {}", body_type.keyword());
    if let Some(size) = size {
        let _ = write!(words, " SIZE={size}");
    }
    if *smtputf8 {
        words.push_str(" SMTPUTF8");
    }
    if *prdr {
        words.push_str(" PRDR");
    }
    if let Some(returned) = dsn.returned {
        let _ = write!(words, " RET={}", returned.keyword());
    }
    if let Some(id) = &dsn.envelope_id {
        let _ = write!(words, " ENVID={id}");
    }
    words
}

fn recipient(Recipient { forward_path, dsn }: &Recipient) -> String {
    let mut words = format!("recipient <{forward_path}>");
    if let Some(notify) = dsn.notify {
        let _ = write!(words, " NOTIFY={notify}");
    }
    if let Some(original) = &dsn.original {
        let _ = write!(words, " ORCPT={};{}", original.address_type, original.address);
    }
    words
}

fn xclient(Xclient { address, port, name, helo, protocol, login }: &Xclient) -> String {
    let mut words = "xclient".to_owned();
    let mut add = |attribute: &str, value: Option<Option<String>>| {
        if let Some(value) = value {
            let _ = write!(words, " {attribute}={}", value.as_deref().unwrap_or("unavailable"));
        }
    };
    add("NAME", name.as_ref().map(text));
    add("ADDR", address.as_ref().map(text));
    add("PORT", port.as_ref().map(text));
    add("PROTO", protocol.map(|protocol| Some(verb(protocol).to_owned())));
    add("HELO", helo.as_ref().map(|name| name.as_ref().map(greeting_name)));
    add("LOGIN", login.as_ref().map(text));
    words
}

fn text(value: &Option<impl Display>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

fn auth(step: &AuthStep) -> String {
    match step {
        AuthStep::Begin(mechanism, None) => format!("auth {}", mechanism.as_str()),
        AuthStep::Begin(mechanism, Some(initial)) => {
            format!("auth {} \"{}\"", mechanism.as_str(), initial.escape_ascii())
        }
        AuthStep::Response(response) => format!("auth response \"{}\"", response.escape_ascii()),
        AuthStep::Cancel => "auth cancel".into(),
    }
}

//! What a backend answers (`backend::http`), down to the reply to the client: `250` only where the
//! backend has said so.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use serde::Deserialize;

use super::dialogue::is_well_formed;
use super::input::Input;
use crate::backend::http::answer::{Answer, End};
use crate::mail::{BodyType, Envelope, ForwardPath, Mailbox, Recipient, ReversePath, TransactionId};
use crate::pipeline::outcome::{Telling, tell};
use crate::smtp;
use crate::smtp::reply::{Class, Reply};

const DOCUMENT: &str = "application/vnd.mailchute.verdict+json";

/// The status, flags, values of `Mailchute-Reply` and Retry-After behind their lengths, the body.
pub fn verdict(input: &[u8]) {
    let mut input = Input::new(input);
    let status = 100 + input.number() % 900;
    let flags = input.octet();
    let (reply, retry_after) = (input.short(), input.short());
    let mut headers = HeaderMap::new();
    if flags & 1 > 0 {
        let spelling = if flags & 2 > 0 { "Application/VND.mailchute.Verdict+json ; a=b" } else { DOCUMENT };
        headers.append(CONTENT_TYPE, HeaderValue::from_static(spelling));
    }
    let replies =
        [(!reply.is_empty(), "mailchute-reply", reply), (flags & 4 > 0, "mailchute-reply", b"250 ok")];
    for (_, name, value) in replies.into_iter().filter(|(sent, ..)| *sent) {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        headers.append(HeaderName::from_static(name), value);
    }
    if let Ok(value) = HeaderValue::from_bytes(retry_after) {
        headers.append(RETRY_AFTER, value);
    }
    let end = match flags >> 3 & 3 {
        0 | 1 => End::Framed,
        2 => End::Enough,
        _ => End::Broken("reset".to_owned()),
    };
    let envelope = envelope(flags >> 5);
    let body = if flags & 1 > 0 { input.rest().to_vec() } else { Vec::new() };
    let status = StatusCode::from_u16(u16::try_from(status).unwrap_or(500)).unwrap_or_default();
    check(&Answer { status, headers, body, end }, &envelope);
}

fn check(answer: &Answer, envelope: &Envelope) {
    let meaning = answer.meaning(envelope, &BTreeMap::new(), SystemTime::UNIX_EPOCH);
    assert_eq!(meaning.outcomes.len(), envelope.recipients.len());
    let id = TransactionId::new(SystemTime::UNIX_EPOCH, [0; 10]);
    let outcomes = &meaning.outcomes;
    let recipients = outcomes.len();
    for telling in [Telling::Once, Telling::Each] {
        let told = tell(outcomes, recipients, telling, id);
        let replies = match told.answer {
            smtp::Answer::Delivered(reply) => {
                assert!(outcomes.iter().all(Result::is_ok) && confirms(answer), "{}: {reply}", answer.status);
                vec![reply; recipients]
            }
            smtp::Answer::Refuse(reply) => {
                assert!(reply.class() != Class::Positive && told.confirmed == 0, "{reply:?}");
                vec![reply]
            }
            smtp::Answer::Each(replies) => {
                assert_eq!(telling, Telling::Each);
                let told = replies.iter().map(|reply| reply.class() == Class::Positive);
                assert!(told.eq(outcomes.iter().map(Result::is_ok)));
                replies
            }
            other => unreachable!("{other:?} is no answer to a message"),
        };
        let positive = replies.iter().filter(|reply| reply.class() == Class::Positive).count();
        assert_eq!(positive, told.confirmed);
        replies.iter().for_each(|reply| is_fit(reply, envelope));
    }
    assert!(!(meaning.again && outcomes.iter().any(Result::is_ok)), "what was confirmed is not sent again");
}

/// What a client may hear of a message.
fn is_fit(reply: &Reply, envelope: &Envelope) {
    assert!(is_well_formed(reply), "{reply:?}");
    assert!(envelope.smtputf8 || reply.text().is_ascii(), "{reply:?}");
    assert!(reply.code() == 250 || (400..600).contains(&reply.code()), "{reply:?}");
}

/// A plain reading of whether the backend may have said yes.
fn confirms(answer: &Answer) -> bool {
    let complete = matches!(answer.end, End::Framed | End::Enough);
    if answer.headers.contains_key(CONTENT_TYPE) {
        let document = serde_json::from_slice(&answer.body).ok();
        return answer.end == End::Framed && document.is_some_and(|document| accepts(answer, &document));
    }
    if let Some(reply) = answer.headers.get("mailchute-reply") {
        let one = answer.headers.get_all("mailchute-reply").iter().count() == 1;
        return complete && one && reply.as_bytes().trim_ascii().starts_with(b"250");
    }
    complete && answer.status.is_success()
}

/// What a document says of acceptance.
#[derive(Deserialize)]
struct Document {
    version: u64,
    reply: Option<Said>,
    #[serde(default)]
    recipients: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    action: String,
    code: Option<u16>,
}

/// The document is of the version that is known, and by itself or by the status says yes somewhere and
/// no nowhere.
fn accepts(answer: &Answer, document: &Document) -> bool {
    let yes = |line: &Said| line.action == "accept" && line.code.is_none_or(|code| code == 250);
    let general = match &document.reply {
        Some(reply) => reply.code == Some(250),
        None => answer.status.is_success(),
    };
    document.version == 1
        && document.recipients.iter().all(yes)
        && (general || !document.recipients.is_empty())
}

fn envelope(choice: u8) -> Envelope {
    let addresses: &[&str] = match choice & 3 {
        0 => &["a@example.org"],
        1 => &["a@example.org", "b@example.org"],
        2 => &["A@example.org", "a@EXAMPLE.org", "\"a\"@example.org"],
        _ => &["bücher@example.org", "a@xn--bcher-kva.example", "a@bücher.example"],
    };
    let recipient = |address: &&str| {
        let mailbox = Mailbox::parse(address.as_bytes(), true).ok()?;
        Some(Recipient {
            original: ForwardPath::Mailbox(mailbox.clone()),
            rewritten: mailbox,
            dsn: Default::default(),
        })
    };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: addresses.iter().filter_map(recipient).collect(),
        body_type: BodyType::default(),
        smtputf8: choice & 4 > 0,
        dsn: Default::default(),
    }
}

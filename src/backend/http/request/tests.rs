//! Golden headers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::AUTHORIZATION;

use super::*;
use crate::backend::{SessionFacts, TraceContext, envelope_octets};
use crate::mail::body::Message;
use crate::mail::{
    BodyType, Client, Envelope, ForwardPath, Greeting, GreetingName, Host, Mailbox, Notify, Protocol,
    Recipient, Returned, ReversePath, SenderDsn, Tls, TransactionId,
};
use crate::plan::{Auth, Retry, Secret, Timeouts};

fn target() -> plan::Http {
    plan::Http {
        https: false,
        host: "tickets.support.svc".to_owned(),
        port: 8080,
        path: "/inbound?via=mail".to_owned(),
        format: Format::CloudEvent,
        auth: None,
        signing: Vec::new(),
        ca: None,
        server_name: None,
        identity: None,
        allow_loopback: false,
    }
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn recipient(address: &str) -> Recipient {
    Recipient {
        original: ForwardPath::Mailbox(mailbox(address)),
        rewritten: mailbox(address),
        dsn: Default::default(),
    }
}

fn delivery() -> Delivery {
    // 2026-11-23T11:49:04.120Z
    let at = UNIX_EPOCH + Duration::from_millis(1_795_434_544_120);
    Delivery {
        id: TransactionId::new(at, [0x11; 10]),
        received_at: at,
        prefix: Bytes::from_static(b"Received: here\r\n"),
        message: [Bytes::from_static(b"Subject: x\r\n"), Bytes::from_static(b"\r\nbody\r\n")]
            .into_iter()
            .collect(),
        envelope: Envelope {
            reverse_path: ReversePath::Mailbox(mailbox("bounce@example.net")),
            recipients: vec![recipient("a@example.org"), recipient("b@example.org")],
            body_type: BodyType::EightBitMime,
            smtputf8: false,
            dsn: Default::default(),
        },
        session: Arc::new(SessionFacts {
            source: "/mailchute/mail-system/public/mx".into(),
            client: Client { address: "192.0.2.7".parse().unwrap(), port: 41234 },
            client_name: None,
            tls: None,
            login: None,
            greeting: Greeting {
                protocol: Protocol::Esmtp,
                name: GreetingName::Host(Host::parse(b"mail.example.net", false).unwrap()),
            },
        }),
        route: "support/tickets".into(),
        message_id: Some("abc@example.net".to_owned()),
        bounce_token: None,
        dedupe_key: "mc1-key".to_owned(),
        trace: TraceContext {
            trace_id: opentelemetry::TraceId::from_bytes([0xab; 16]),
            span_id: opentelemetry::SpanId::from_bytes([0xcd; 8]),
            sampled: false,
        },
        timeouts: Timeouts { total: Duration::from_secs(25), connect: Duration::from_secs(5) },
        deadline: Instant::now(),
        retry: Retry { attempts: 0, base: Duration::ZERO, max: Duration::ZERO },
        attempts: None,
    }
}

fn lines(http: &plan::Http, delivery: &Delivery) -> Vec<String> {
    let headers =
        Template::new(http).unwrap().headers(delivery, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

fn value(delivery: &Delivery, name: &str) -> Option<String> {
    let headers = Template::new(&target()).unwrap().headers(delivery, UNIX_EPOCH);
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn all_headers_of_an_event() {
    let expected = "\
host: tickets.support.svc:8080
content-type: message/rfc822
ce-specversion: 1.0
ce-type: dev.mailchute.message.received.v1
ce-source: /mailchute/mail-system/public/mx
ce-id: 01a2083c-fbf8-7111-9111-111111111111
ce-time: 2026-11-23T11:49:04.120Z
ce-mailfrom: bounce@example.net
ce-rcptto: a@example.org,b@example.org
ce-dedupekey: mc1-key
ce-clientip: 192.0.2.7
ce-helo: mail.example.net
ce-protocol: ESMTP
ce-messageid: abc@example.net
ce-bodytype: 8BITMIME
ce-smtputf8: false
ce-size: 36
ce-route: support/tickets
traceparent: 00-abababababababababababababababab-cdcdcdcdcdcdcdcd-00
idempotency-key: \"mc1-key\"
webhook-id: mc1-key";
    assert_eq!(lines(&target(), &delivery()), expected.lines().collect::<Vec<_>>());
}

#[test]
fn who_the_client_is() {
    let mut delivery = delivery();
    let tls = Tls {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        client_identity: Some("CN=Käse, O=\"x\"".into()),
    };
    let mut session = (*delivery.session).clone();
    session.client_name = Some("ptr.example.net".into());
    session.greeting.protocol = Protocol::Lmtp;
    session.login = Some("a b%@example.org\r\nce-id: x".into());
    session.tls = Some(Arc::new(tls));
    delivery.session = Arc::new(session.clone());
    for (name, expected) in [
        ("ce-clientname", "ptr.example.net"),
        ("ce-protocol", "LMTP"),
        ("ce-tlsversion", "TLSv1.3"),
        ("ce-tlscipher", "TLS_AES_128_GCM_SHA256"),
        ("ce-tlsclientidentity", "CN=K%C3%A4se,%20O=%22x%22"),
        ("ce-authid", "a%20b%25@example.org%EF%BF%BD%EF%BF%BDce-id:%20x"),
    ] {
        assert_eq!(value(&delivery, name).as_deref(), Some(expected), "{name}");
    }
    session.login = Some("x".repeat(256).into());
    delivery.session = Arc::new(session);
    assert_eq!(value(&delivery, "ce-authid"), None);
}

/// The same where the sender may be told, and says how.
fn notified() -> Delivery {
    let mut delivery = delivery();
    delivery.bounce_token = Some("token".to_owned());
    delivery.envelope.dsn = SenderDsn { envelope_id: Some("QQ 1".into()), returned: Some(Returned::Headers) };
    delivery.envelope.recipients[1].dsn.notify = Some(Notify::NEVER);
    delivery
}

#[test]
fn what_the_sender_asks_of_notifications() {
    let names = ["ce-dsnenvid", "ce-dsnret", "ce-dsnnotify", "ce-bouncetoken"];
    let values = |delivery: &Delivery| names.map(|name| value(delivery, name));
    let mut delivery = notified();
    assert_eq!(values(&delivery), ["QQ%201", "HDRS", ";NEVER", "token"].map(|each| Some(each.to_owned())));
    delivery.bounce_token = None;
    assert_eq!(values(&delivery), [const { None }; 4], "nobody can tell it");
}

#[test]
fn the_null_reverse_path() {
    let mut delivery = delivery();
    delivery.envelope.reverse_path = ReversePath::Null;
    assert_eq!(value(&delivery, "ce-mailfrom").as_deref(), Some("<>"));
}

#[test]
fn odd_addresses() {
    let mut delivery = delivery();
    for (address, from, to) in [
        (
            "a!#$&'*+-/=?^_`{|}~z@example.org",
            "a!#$&'*+-/=?^_`{|}~z@example.org",
            "a!#$&'*+-/=?^_`{|}~z@example.org",
        ),
        ("a%b@example.org", "a%25b@example.org", "a%2525b@example.org"),
        ("\"a b\"@example.org", "%22a%20b%22@example.org", "%2522a%2520b%2522@example.org"),
        ("\"a,b\"@example.org", "%22a,b%22@example.org", "%2522a%252Cb%2522@example.org"),
        (
            "\"a\\\"<>\"@example.org",
            "%22a\\%22<>%22@example.org",
            "%2522a%255C%2522%253C%253E%2522@example.org",
        ),
        ("a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
        ("é@日.example", "%C3%A9@%E6%97%A5.example", "%C3%A9@%E6%97%A5.example"),
    ] {
        delivery.envelope.reverse_path = ReversePath::Mailbox(mailbox(address));
        delivery.envelope.recipients = vec![recipient(address), recipient("b@example.org")];
        assert_eq!(value(&delivery, "ce-mailfrom").as_deref(), Some(from), "{address}");
        assert_eq!(value(&delivery, "ce-rcptto"), Some(format!("{to},b@example.org")), "{address}");
    }
}

#[test]
fn rewritten_recipients_and_their_originals() {
    let mut delivery = delivery();
    assert_eq!(value(&delivery, "ce-originalrcptto"), None);
    delivery.envelope.recipients[1].rewritten = mailbox("inbox@example.org");
    delivery.envelope.recipients.push(Recipient {
        original: ForwardPath::Postmaster,
        rewritten: mailbox("ops@example.org"),
        dsn: Default::default(),
    });
    assert_eq!(
        value(&delivery, "ce-rcptto").as_deref(),
        Some("a@example.org,inbox@example.org,ops@example.org")
    );
    assert_eq!(
        value(&delivery, "ce-originalrcptto").as_deref(),
        Some("a@example.org,b@example.org,Postmaster")
    );
}

#[test]
fn hostile_greetings() {
    let mut delivery = delivery();
    let mut helo = |name: GreetingName| {
        let session = Arc::make_mut(&mut delivery.session);
        session.greeting = Greeting { protocol: Protocol::Smtp, name };
        (value(&delivery, "ce-helo").unwrap(), value(&delivery, "ce-protocol").unwrap())
    };
    let smtp = |helo: &str| (helo.to_owned(), "SMTP".to_owned());
    assert_eq!(helo(GreetingName::Other((*b"a b\"%").into())), smtp("a%20b%22%25"));
    assert_eq!(
        helo(GreetingName::Other((*b"x\r\ny\0\xff").into())),
        smtp("x%EF%BF%BD%EF%BF%BDy%EF%BF%BD%EF%BF%BD")
    );
    assert_eq!(helo(GreetingName::Other(vec![b'x'; 600].into())), smtp(&"x".repeat(255)));
    assert_eq!(
        helo(GreetingName::Host(Host::parse("日.example".as_bytes(), true).unwrap())),
        smtp("%E6%97%A5.example")
    );
}

#[test]
fn message_ids() {
    let mut delivery = delivery();
    for (id, shown) in [
        (
            Some("a b%\"é\r\n\t@x".to_owned()),
            Some("a%20b%25%22%C3%A9%EF%BF%BD%EF%BF%BD%EF%BF%BD@x".to_owned()),
        ),
        (None, None),
        (Some("x".repeat(998)), Some("x".repeat(998))),
        (Some("x".repeat(999)), None),
    ] {
        delivery.message_id = id;
        assert_eq!(value(&delivery, "ce-messageid"), shown);
    }
}

#[test]
fn mapped_addresses_are_shown_as_what_they_are() {
    let mut delivery = delivery();
    Arc::make_mut(&mut delivery.session).client.address = "::ffff:192.0.2.9".parse().unwrap();
    assert_eq!(value(&delivery, "ce-clientip").as_deref(), Some("192.0.2.9"));
    Arc::make_mut(&mut delivery.session).client.address = "2001:db8::9".parse().unwrap();
    assert_eq!(value(&delivery, "ce-clientip").as_deref(), Some("2001:db8::9"));
}

#[test]
fn hosts() {
    for (https, host, port, shown) in [
        (false, "a.example", 80, "a.example"),
        (false, "a.example", 443, "a.example:443"),
        (true, "a.example", 443, "a.example"),
        (true, "a.example", 80, "a.example:80"),
        (false, "2001:db8::1", 80, "[2001:db8::1]"),
        (false, "2001:db8::1", 8080, "[2001:db8::1]:8080"),
    ] {
        let http = plan::Http { https, host: host.to_owned(), port, ..target() };
        assert_eq!(lines(&http, &delivery())[0], format!("host: {shown}"));
    }
}

#[test]
fn authorization() {
    let with = |auth| lines(&plan::Http { auth: Some(auth), ..target() }, &delivery());
    let bearer = with(Auth::Bearer(Secret::new(b"token-1\n")));
    assert!(bearer.contains(&"authorization: Bearer token-1".to_owned()), "{bearer:?}");
    let basic = with(Auth::Basic { username: "Aladdin".to_owned(), password: Secret::new(b"open sesame") });
    assert!(basic.contains(&"authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned()), "{basic:?}");
    let headers = Template::new(&plan::Http { auth: Some(Auth::Bearer(Secret::new(b"t"))), ..target() });
    assert!(headers.unwrap().headers(&delivery(), UNIX_EPOCH)[AUTHORIZATION].is_sensitive());
}

#[test]
fn what_can_not_stand_in_a_request_is_found_before_one_is_made() {
    let bad = |http: plan::Http| Template::new(&http).err().unwrap();
    assert!(bad(plan::Http { path: "no slash".to_owned(), ..target() }).contains("path"));
    assert!(bad(plan::Http { path: "http://elsewhere/".to_owned(), ..target() }).contains("path"));
    assert!(bad(plan::Http { path: String::new(), ..target() }).contains("path"));
    assert!(bad(plan::Http { host: "a\r\nb".to_owned(), ..target() }).contains("host"));
    let auth = Some(Auth::Bearer(Secret::new(b"a\r\nb: c")));
    assert!(bad(plan::Http { auth, ..target() }).contains("credentials"));
}

#[test]
fn every_key_signs_and_an_independent_library_agrees() {
    let keys: [&[u8]; 2] = [b"the-new-key-of-24-octets", b"the-old-key-of-24-octets"];
    let http = plan::Http { signing: keys.map(Secret::new).into(), ..target() };
    let delivery = delivery();
    let mut headers = Template::new(&http).unwrap().headers(&delivery, SystemTime::now());
    let body = [&delivery.prefix[..], &delivery.message.to_vec()].concat();
    for key in keys {
        let webhook = standardwebhooks::Webhook::from_bytes(key.to_vec()).unwrap();
        webhook.verify(&body, &headers).unwrap();
        assert!(webhook.verify(&body[1..], &headers).is_err());
    }
    let other = standardwebhooks::Webhook::from_bytes(b"another-key".to_vec()).unwrap();
    assert!(other.verify(&body, &headers).is_err());
    headers.insert(WEBHOOK_ID, HeaderValue::from_static("mc1-other"));
    let webhook = standardwebhooks::Webhook::from_bytes(keys[0].to_vec()).unwrap();
    assert!(webhook.verify(&body, &headers).is_err());
}

#[test]
fn the_signature_in_octets() {
    // printf 'mc1-key.1700000000.Received: here\r\nSubject: x\r\n\r\nbody\r\n' |
    //     openssl dgst -sha256 -hmac secret -binary | base64
    let http = plan::Http { signing: vec![Secret::new(b"secret")], ..target() };
    let lines = lines(&http, &delivery());
    assert!(lines.contains(&"webhook-timestamp: 1700000000".to_owned()), "{lines:?}");
    let signature = "webhook-signature: v1,OogBqq0RkigqmULSlQHgALGHj+6xmUBSePdGT+vhsjw=";
    assert!(lines.contains(&signature.to_owned()), "{lines:?}");
}

#[test]
fn envelope_octets_are_those_of_the_headers() {
    let mut delivery = delivery();
    delivery.envelope.recipients.push(recipient("\"a,b\"@example.org"));
    delivery.envelope.reverse_path = ReversePath::Mailbox(mailbox("é@example.net"));
    let sum = |delivery: &Delivery| {
        let names = ["ce-mailfrom", "ce-rcptto", "ce-originalrcptto"];
        names.iter().filter_map(|name| value(delivery, name)).map(|value| value.len()).sum::<usize>()
    };
    let octets = |delivery: &Delivery| {
        envelope_octets(&delivery.envelope.reverse_path, delivery.envelope.recipients.iter())
    };
    assert_eq!(octets(&delivery), sum(&delivery));
    delivery.envelope.recipients[0].rewritten = mailbox("other@example.org");
    assert_eq!(octets(&delivery), sum(&delivery));
}

#[test]
fn the_body_is_prefix_and_message_of_known_length() {
    use http_body::Body;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    let message: Message = [Bytes::from_static(b"one"), Bytes::from_static(b"two")].into_iter().collect();
    let delivery = Delivery { prefix: Bytes::new(), message, ..delivery() };
    let mut body = Segments::new(Format::CloudEvent, &delivery);
    assert_eq!((Body::size_hint(&body).exact(), body.is_end_stream()), (Some(6), false));
    let mut pieces = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) {
        pieces.push(frame.into_data().unwrap());
    }
    assert_eq!((pieces, body.is_end_stream()), (vec![Bytes::from("one"), Bytes::from("two")], true));
}

#[test]
fn a_structured_event_holds_the_message_and_what_the_headers_would_say() {
    let http = plan::Http { format: Format::CloudEventStructured, ..target() };
    let mut delivery = notified();
    delivery.envelope.reverse_path = ReversePath::Mailbox(mailbox("\"a b\"@日.example"));
    // Over several pieces, of lengths that three does not divide.
    let message: Vec<Bytes> = (0..40).map(|n| Bytes::from(vec![n; 5000 + usize::from(n)])).collect();
    delivery.message = message.iter().cloned().collect();
    let template = Template::new(&http).unwrap();
    let headers = template.headers(&delivery, UNIX_EPOCH);
    assert_eq!(headers["content-type"], "application/cloudevents+json; charset=UTF-8");
    assert!(headers.keys().all(|name| !name.as_str().starts_with("ce-")), "{headers:?}");
    assert_eq!(headers["idempotency-key"], "\"mc1-key\"");
    let request = template.request(headers, &delivery);
    let announced = http_body::Body::size_hint(request.body()).exact();
    let written: Vec<u8> = request.into_body().collect::<Vec<Bytes>>().concat();
    assert_eq!(announced, Some(written.len() as u64));
    let document: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&written).unwrap();
    let octets = STANDARD.decode(document["data_base64"].as_str().unwrap()).unwrap();
    assert_eq!(octets, [&delivery.prefix[..], &message.concat()].concat());
    let key = b"the-new-key-of-24-octets";
    let signed = Template::new(&plan::Http { signing: vec![Secret::new(key)], ..http }).unwrap();
    let webhook = standardwebhooks::Webhook::from_bytes(key.to_vec()).unwrap();
    webhook.verify(&written, &signed.headers(&delivery, SystemTime::now())).unwrap();
    assert_eq!(document["specversion"], "1.0");
    assert_eq!(document["datacontenttype"], "message/rfc822");
    assert_eq!(document["mailfrom"], "\"a b\"@日.example");
    assert_eq!(document["smtputf8"], false);
    assert_eq!(document["size"], octets.len());
    assert_eq!(document["dsnenvid"], "QQ 1");
    assert_eq!(document["bouncetoken"], "token");
    assert_eq!(document["traceparent"], delivery.trace.traceparent());
    let names = template_names(&delivery);
    let members: Vec<&str> = document.keys().map(String::as_str).collect();
    let others = ["data_base64", "datacontenttype", "traceparent"];
    let attributes: Vec<&str> = members.into_iter().filter(|name| !others.contains(name)).collect();
    assert_eq!(attributes, names);
}

/// The attributes that stand in headers, in the order of the alphabet.
fn template_names(delivery: &Delivery) -> Vec<String> {
    let headers = Template::new(&target()).unwrap().headers(delivery, UNIX_EPOCH);
    let mut names: Vec<String> =
        headers.keys().filter_map(|name| name.as_str().strip_prefix("ce-")).map(str::to_owned).collect();
    names.sort();
    names
}

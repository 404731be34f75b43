//! A backend that asks for structured events gets the message, octet for octet, inside a JSON document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};

#[test]
fn a_structured_event_carries_the_message_and_its_envelope() {
    let (backend, port) = (Recorder::start(), free_port());
    let yaml = Manifests::listening(port).all_to(backend.address).yaml();
    let yaml = yaml.replace("/inbound\"}", "/inbound\", format: CloudEventStructured}");
    let front_end = FrontEnd::start_with(port, &yaml, &[]);
    // Over several pieces of base64, of a length that three does not divide.
    let octets: Vec<u8> = (0..=255).filter(|octet| !b"\r\n".contains(octet)).collect();
    let message =
        [b"Message-ID: <1@client.example>\r\n\r\n", &[&octets[..], b"\r\n"].concat().repeat(700)[..]];
    let message = message.concat();
    let mut client = Client::greeted(front_end.smtp);
    let reply = client.send("a@client.example", &["b@example.org", "\"c d\"@example.org"], &message);
    assert_eq!(reply.code, 250, "{reply:?}");

    let received = &backend.wait_for(1)[0];
    assert_eq!(received.header("content-type"), "application/cloudevents+json; charset=UTF-8");
    assert!(received.headers.keys().all(|name| !name.as_str().starts_with("ce-")), "{received:?}");
    let event: Value = serde_json::from_slice(&received.body).unwrap();
    let data = STANDARD.decode(event["data_base64"].as_str().unwrap()).unwrap();
    assert_eq!(event["size"], data.len());
    Received { headers: received.headers.clone(), body: data.into() }.assert_carries(&message);
    for (name, value) in [
        ("specversion", "1.0"),
        ("type", "dev.mailchute.message.received.v1"),
        ("datacontenttype", "message/rfc822"),
        ("source", "/mailchute/default/public/mx"),
        ("mailfrom", "a@client.example"),
        ("rcptto", "b@example.org,%22c%20d%22@example.org"),
        ("messageid", "1@client.example"),
        ("traceparent", received.header("traceparent")),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
    let key = event["dedupekey"].as_str().unwrap();
    assert_eq!(received.header("idempotency-key"), format!("\"{key}\""));
    assert!(reply.text().contains(event["id"].as_str().unwrap()), "{reply:?}");
}

//! Bounce tokens among front-ends: whose are taken, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use mailchute::mail::{ForwardPath, Mailbox, Recipient, RecipientDsn, ReversePath, TransactionId};
use mailchute::stamp::token::{GOOD_FOR, Seal, Token};

use super::bounces::{ALICE, CAPABILITIES, MESSAGE, is, token};
use crate::support::bounces::{KEY, Notifying, OTHER_KEY, bounces, keys};
use crate::support::manifests::Manifests;
use crate::support::recorder::Recorder;
use crate::support::relay::Relay;

#[test]
fn keys_are_changed_without_refusing_a_token() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let with = |keys: &str| {
        let manifests = |port| Manifests::listening(port).all_to(backend.address);
        Notifying::start_with(|port| bounces(manifests(port), relay.address.port(), "All", keys))
    };
    let old = with(&keys(KEY, None));
    let both = with(&keys(KEY, Some(OTHER_KEY)));
    let swapped = with(&keys(OTHER_KEY, Some(KEY)));
    let new = with(&keys(OTHER_KEY, None));
    let statuses =
        |token: &str| [&old, &both, &swapped, &new].map(|each| each.ask_of(token, "b@example.org").status);
    assert_eq!(statuses(&token(&both, &backend, ALICE, MESSAGE)), [202, 202, 202, 403]);
    assert_eq!(statuses(&token(&swapped, &backend, ALICE, MESSAGE)), [403, 202, 202, 202]);
}

/// A token about a message from Alice to `b@example.org`, whose final dot was read so long ago.
fn sealed(key: &str, gateway: &str, age: Duration) -> String {
    sealed_about(ALICE, (key, gateway), age)
}

fn sealed_about(sender: &str, (key, gateway): (&str, &str), age: Duration) -> String {
    let mailbox = |text: &str| Mailbox::parse(text.as_bytes(), true).unwrap();
    let received_at = SystemTime::now() - age;
    let recipient = mailbox("b@example.org");
    let token = Token {
        id: TransactionId::new(received_at, [9; 10]),
        received_at,
        reverse_path: ReversePath::Mailbox(mailbox(sender)),
        vouched: true,
        answer: false,
        envelope_id: None,
        header: MESSAGE.to_vec(),
        recipients: vec![Recipient {
            original: ForwardPath::Mailbox(recipient.clone()),
            rewritten: recipient,
            dsn: RecipientDsn::default(),
        }],
    };
    token.seal(&Seal::new(key.as_bytes(), []).unwrap(), gateway, [7; 16])
}

#[test]
fn a_token_is_good_for_five_days_at_one_gateway() {
    const MINUTE: Duration = Duration::from_secs(60);
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let answer = |token: &str| notifying.ask_of(token, "b@example.org");
    is(&answer(&sealed(KEY, "default/public", GOOD_FOR + MINUTE)), 410, "expired");
    is(&answer(&sealed(KEY, "default/other", MINUTE)), 403, "not sealed by this gateway");
    is(&answer(&sealed(OTHER_KEY, "default/public", MINUTE)), 403, "not sealed by this gateway");
    assert!(relay.messages().is_empty());
    assert_eq!(answer(&sealed(KEY, "default/public", GOOD_FOR - MINUTE)).status, 202);
}

#[test]
fn a_gateway_tells_only_so_many_senders() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let told = AtomicUsize::new(0);
    // Until one hears that it is too many in all: each is of a sender of its own.
    let ask = |thread: usize| {
        for number in 0.. {
            let sender = format!("s{thread}.{number}@client.example");
            let token = sealed_about(&sender, (KEY, "default/public"), Duration::ZERO);
            let answer = notifying.ask_of(&token, "b@example.org");
            if answer.status != 202 {
                is(&answer, 429, "too many");
                return;
            }
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || ask(thread));
        }
    });
    assert!(told.load(Ordering::Relaxed) >= 600, "{told:?}");
    assert_eq!(relay.messages().len(), told.load(Ordering::Relaxed));
}

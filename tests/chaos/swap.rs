//! Certificates and routes are swapped again and again under load, with TLS sessions open: no session is
//! disturbed, and each transaction sees one configuration from MAIL to its reply.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::certificates::{Authority, Certificate};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::scene::tls;
use crate::support::secure::Tls;
use crate::support::sender::End;
use crate::support::until::until_true;

const SWAPS: usize = 200;
/// Sessions that are open from the first swap to the last.
const STAYING: usize = 4;
/// Clients that come again for each message.
const COMING: usize = 3;

/// What is routed under one configuration: one of two recipients is taken, the other is refused.
const RECIPIENTS: [&str; 2] = ["even@example.org", "odd@example.org"];

struct Stage {
    port: u16,
    backends: [Recorder; 2],
    certificates: [Certificate; 2],
}

impl Stage {
    fn manifests(&self, turn: usize) -> Manifests {
        let side = turn % 2;
        let local = RECIPIENTS[side].split('@').next().unwrap();
        let recipient = format!("domain: example.org, localPart: {{type: Exact, value: {local}}}");
        let manifests = Manifests::listening_with(self.port, &tls("mode: StartTLS", &["mx"]));
        let manifests = manifests.certificate("mx", &self.certificates[side]);
        manifests.route(&format!("turn{side}"), &recipient, self.backends[side].address, "")
    }
}

/// One transaction; gives which configuration it saw.
fn transaction(client: &mut Client, name: &str) -> usize {
    client.expect("MAIL FROM:<a@client.example>", 250);
    let [even, odd] =
        RECIPIENTS.map(|recipient| client.try_say(&format!("RCPT TO:<{recipient}>")).unwrap().code);
    let side = match (even, odd) {
        (250, 550) => 0,
        (550, 250) => 1,
        other => panic!("a transaction saw two configurations: {other:?}"),
    };
    client.expect("DATA", 354);
    client.write(format!("Message-ID: <{name}@{side}>\r\n\r\nOne.\r\n.\r\n").as_bytes()).unwrap();
    assert_eq!(client.reply().code, 250);
    side
}

fn greeted(address: SocketAddr) -> Client {
    let (mut client, _) = Tls::any().start(address, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    client
}

/// Sends until it is told to end, with one session or with a new one each time.
fn send(address: SocketAddr, (stays, ended, sent): (bool, &AtomicBool, &[AtomicUsize; 2]), name: usize) {
    let mut staying = stays.then(|| greeted(address));
    let mut number = 0;
    while !ended.load(Ordering::Relaxed) {
        let name = format!("{name}.{number}");
        let side = match &mut staying {
            Some(client) => transaction(client, &name),
            None => {
                let mut client = greeted(address);
                let side = transaction(&mut client, &name);
                client.expect("QUIT", 221);
                side
            }
        };
        sent[side].fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    if let Some(mut client) = staying {
        client.expect("QUIT", 221);
    }
}

pub(crate) fn disturbs_nobody() {
    let authority = Authority::new();
    let certificates = [(); 2].map(|()| authority.server(&["mx.example.org"]));
    let stage = Stage { port: free_port(), backends: [(); 2].map(|()| Recorder::start()), certificates };
    let front_end = FrontEnd::start(stage.port, &stage.manifests(0), &[]);
    let (ended, sent) = (AtomicBool::new(false), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    let address = front_end.smtp;
    std::thread::scope(|scope| {
        let _end = End(&ended);
        for name in 0..STAYING + COMING {
            let (ended, sent) = (&ended, &sent);
            scope.spawn(move || send(address, (name < STAYING, ended, sent), name));
        }
        for turn in 1..=SWAPS {
            front_end.edit(&stage.manifests(turn));
            until_true("the new certificate is shown", || {
                let (_, shown) = Tls::any().start(address, "mx.example.org").unwrap();
                shown.is(&stage.certificates[turn % 2])
            });
        }
    });
    let arrived = [0, 1].map(|side| {
        let received = stage.backends[side].received();
        for received in &received {
            assert_eq!(received.header("ce-rcptto"), RECIPIENTS[side]);
            let body = String::from_utf8_lossy(&received.body);
            assert!(body.contains(&format!("@{side}>\r\n")), "delivered by another configuration: {body}");
        }
        received.len()
    });
    assert_eq!(arrived, sent.map(AtomicUsize::into_inner));
    assert!(front_end.metric(&["mailchute_smtp_sessions_total", "outcome=\"failed\""]) < 0.5);
    println!("swap: {SWAPS} swaps, {arrived:?} messages on either side, {STAYING} sessions stayed open");
}

//! Backends and directories that take a request and never answer.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use crate::scale;
use crate::stage::Stage;
use crate::support::client::Client;
use crate::support::manifests::Manifests;

/// Accepts, keeps what it accepted, and says nothing for as long as the process lives.
fn silent() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    address
}

/// Recipients `silent@example.org` go to `target`.
fn route_to(target: SocketAddr) -> impl FnOnce(Manifests) -> Manifests {
    move |manifests| {
        manifests.document(&format!(
            "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: silent}}\nspec:\n  \
             parentRefs: [{{name: public}}]\n  rules:\n  - name: only\n    matches:\n    \
             - recipient: {{domain: example.org, localPart: {{type: Exact, value: silent}}}}\n    \
             delivery:\n      backendRefs: [{{name: silent}}]\n      timeouts: {{total: 2s}}\n\
             ---\napiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {{name: silent}}\nspec:\n  \
             http: {{url: \"http://{target}/inbound\"}}\n  limits: {{maxInFlight: 8}}"
        ))
    }
}

#[test]
fn a_backend_that_never_answers_costs_its_own_mail_alone() {
    let stage = Stage::with("connection: {perClient: {sessions: 20000}}", route_to(silent()));
    let (clients, rounds) = (scale(16, 200), scale(1, 3));
    stage.abuse("a backend that never answers", clients, || {
        let each = || {
            for _ in 0..rounds {
                let mut client = Client::greeted(stage.front_end.smtp);
                let reply =
                    client.send("a@client.example", &["silent@example.org"], b"Subject: x\r\n\r\nx\r\n");
                // Silence; then too many at a time, and a circuit that has opened.
                let enhanced = reply.lines[0].get(..5);
                assert!(reply.code == 451 && matches!(enhanced, Some("4.4.2" | "4.3.2")), "{reply:?}");
            }
        };
        thread::scope(|scope| (0..clients).for_each(|_| drop(scope.spawn(each))));
    });
    let timed_out = ["mailchute_delivery_attempts_total", "default/silent", "outcome=\"timeout\""];
    assert!(stage.front_end.metric(&timed_out) >= 1.0);
    stage.front_end.wait_for_metric(&["mailchute_message_memory_bytes"], 0.0);
}

#[test]
fn a_directory_that_never_answers_defers_its_own_recipients_alone() {
    let stage = Stage::with("connection: {perClient: {sessions: 20000}}", |manifests| {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        route_to(nowhere)(manifests).document(&format!(
            "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {{name: silent}}\nspec:\n  \
             targetRefs: [{{kind: MailRoute, name: silent}}]\n  \
             verification: {{http: {{url: \"http://{}/verify\"}}, timeout: 2s}}",
            silent()
        ))
    });
    let (clients, rounds) = (scale(16, 200), scale(2, 10));
    stage.abuse("a directory that never answers", clients, || {
        let each = || {
            let mut client = Client::greeted(stage.front_end.smtp);
            client.expect("MAIL FROM:<a@client.example>", 250);
            for _ in 0..rounds {
                let reply = client.expect("RCPT TO:<silent@example.org>", 451);
                assert_eq!(reply.lines[0].get(..5), Some("4.3.0"));
            }
        };
        thread::scope(|scope| (0..clients).for_each(|_| drop(scope.spawn(each))));
    });
    let errors = ["mailchute_policy_checks_total", "check=\"verification\"", "outcome=\"error\""];
    assert!(stage.front_end.metric(&errors) >= 1.0);
}

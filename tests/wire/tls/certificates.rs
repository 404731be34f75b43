//! Which certificate is shown, and what is told of it.

use super::{MESSAGE, RECIPIENT, SENDER};
use crate::support::certificates::{Authority, Certificate};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::scene::tls;
use crate::support::secure::Tls;
use crate::support::until::until_true;

/// A client that knows no other signatures than these.
fn of_kind(rsa: bool) -> Tls {
    let mut provider = rustls::crypto::ring::default_provider();
    let mapping = provider.signature_verification_algorithms.mapping;
    let kept = mapping.iter().filter(|(scheme, _)| format!("{scheme:?}").starts_with("RSA") == rsa);
    provider.signature_verification_algorithms.mapping = kept.copied().collect::<Vec<_>>().leak();
    Tls::with(rustls::ALL_VERSIONS, provider, None)
}

#[test]
fn the_name_chooses_and_the_first_stands_in() {
    let authority = Authority::new();
    let [first, wild, exact] =
        [&["mx.example.org"][..], &["*.tenant.example"], &["a.tenant.example", "B.example"]]
            .map(|names| authority.server(names));
    let port = free_port();
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS", &["first", "wild", "exact"]));
    let manifests =
        manifests.certificate("first", &first).certificate("wild", &wild).certificate("exact", &exact);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let is_shown = |tls: &Tls, name: &str, certificate: &Certificate| {
        let (_, shown) = tls.start(front_end.smtp, name).unwrap();
        assert!(shown.is(certificate), "{name}");
    };
    for (name, certificate) in [
        ("mx.example.org", &first),
        ("MX.Example.ORG", &first),
        ("b.tenant.example", &wild),
        ("a.tenant.example", &exact),
        ("b.example", &exact),
        // A wildcard stands for one label.
        ("a.b.tenant.example", &first),
        ("tenant.example", &first),
        ("unknown.example", &first),
    ] {
        is_shown(&Tls::any(), name, certificate);
    }
    is_shown(&Tls::any().without_name(), "a.tenant.example", &first);
}

#[test]
fn the_kind_of_key_is_one_that_the_client_understands() {
    let authority = Authority::new();
    let [ecdsa, other] = [(); 2].map(|()| authority.server(&["mx.example.org"]));
    let rsa = Certificate::rsa();
    let port = free_port();
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS", &["ecdsa", "rsa", "other"]));
    let manifests =
        manifests.certificate("ecdsa", &ecdsa).certificate("rsa", &rsa).certificate("other", &other);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    for name in ["mx.example.org", "unknown.example"] {
        for (client, certificate) in [(of_kind(true), &rsa), (of_kind(false), &ecdsa), (Tls::any(), &ecdsa)] {
            let (_, shown) = client.start(front_end.smtp, name).unwrap();
            assert!(shown.is(certificate), "{name}");
        }
    }
}

#[test]
fn the_first_expiry_is_told_and_goes_with_tls() {
    let authority = Authority::new();
    let [late, early] = [2031, 2029].map(|year| authority.server_until(&["mx.example.org"], year));
    let port = free_port();
    let plain = Manifests::listening(port).certificate("late", &late).certificate("early", &early);
    let both = Manifests::listening_with(port, &tls("mode: StartTLS", &["late", "early"]));
    let both = both.certificate("late", &late).certificate("early", &early);
    let front_end = FrontEnd::start(port, &both, &[]);
    let expiry = ["mailchute_certificate_expiry_timestamp_seconds", "listener=\"mx\""];
    front_end.wait_for_metric(&expiry, 1_861_920_000.0);
    front_end.edit(&plain);
    front_end.wait_for_metric(&expiry, 0.0);
    assert!(!Client::greeted(front_end.smtp).expect("EHLO x.example", 250).text().contains("STARTTLS"));
}

#[test]
fn a_new_certificate_is_shown_to_new_sessions_and_the_old_ones_go_on() {
    let (authority, backend) = (Authority::new(), Recorder::start());
    let [before, after] = [(); 2].map(|()| authority.server(&["mx.example.org"]));
    let port = free_port();
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS", &["mx"])).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests.clone().certificate("mx", &before), &[]);
    let (mut client, shown) = Tls::any().start(front_end.smtp, "mx.example.org").unwrap();
    assert!(shown.is(&before));
    let mut waiting = Client::greeted(front_end.smtp);
    front_end.edit(&manifests.certificate("mx", &after));
    until_true("the new certificate is shown", || {
        Tls::any().start(front_end.smtp, "mx.example.org").unwrap().1.is(&after)
    });
    client.expect("EHLO client.example", 250);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    // A session keeps the TLS that it was accepted with.
    waiting.expect("STARTTLS", 220);
    let (_, shown) = Tls::any().on(waiting, "mx.example.org").unwrap();
    assert!(shown.is(&before));
}

#[test]
fn a_certificate_that_cannot_be_used_is_left_out_and_told() {
    let authority = Authority::new();
    let good = authority.server(&["mx.example.org"]);
    let swapped = Certificate { key: authority.server(&["x.example"]).key, ..good.clone() };
    let port = free_port();
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS", &["bad", "absent", "good"]));
    let manifests = manifests.certificate("good", &good).certificate("bad", &swapped);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let (_, shown) = Tls::any().start(front_end.smtp, "mx.example.org").unwrap();
    assert!(shown.is(&good));
    for told in
        ["private key of Secret default/bad can't be used together", "there is no Secret default/absent"]
    {
        until_true(told, || front_end.log().contains(told));
    }
}

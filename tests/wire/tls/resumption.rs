//! Sessions that are resumed, also under a configuration that was swapped.

use crate::support::manifests::Manifests;
use crate::support::scene::{Scene, tls};
use crate::support::secure::Tls;
use crate::support::until::until_true;

/// Connects, and says something, so that tickets have come; whether it was resumed.
fn visit(scene: &Scene, tls: &Tls) -> bool {
    let (mut client, shown) = tls.start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    client.expect("QUIT", 221);
    shown.resumed
}

#[test]
fn a_session_is_resumed_in_both_versions_and_outlives_a_swap() {
    let scene = Scene::starttls();
    let clients = [&rustls::version::TLS12, &rustls::version::TLS13].map(|version| Tls::of(&[version]));
    for client in &clients {
        assert!(!visit(&scene, client));
        assert!(visit(&scene, client) && visit(&scene, client));
    }
    // Another certificate, and with it another configuration of TLS.
    let other = scene.authority.server(&["mx.example.org"]);
    let manifests = Manifests::listening_with(scene.port, &tls("mode: StartTLS", &["mx"]));
    scene.front_end.edit(&manifests.all_to(scene.backend.address).certificate("mx", &other));
    until_true("the new certificate is shown", || {
        Tls::any().start(scene.front_end.smtp, "mx.example.org").unwrap().1.is(&other)
    });
    for client in &clients {
        assert!(visit(&scene, client));
    }
}

#[test]
fn another_name_resumes_nothing() {
    let scene = Scene::starttls();
    let client = Tls::any();
    assert!(!visit(&scene, &client));
    let (_, shown) = client.start(scene.front_end.smtp, "other.example.org").unwrap();
    assert!(!shown.resumed);
}

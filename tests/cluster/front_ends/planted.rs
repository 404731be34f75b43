//! Secrets that are planted in a cluster are nowhere to be seen: not in logs, however much is logged, not
//! in status, Events, metrics or admin pages; and a copy is its owner's alone.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use mailchute::source::wire::{MAX_BODY, inflate};

use super::{Scene, rcpt};
use crate::support::certificates::Authority;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::free_port;
use crate::support::until::until_true;

/// What must not be seen; neither in base64.
const BEARER: &str = "bearer-wk9pQz7Lm2";
const BROKEN_KEY: &str = "key-wk9pQz7Lm2";
const BROKEN_HASH: &str = "hash-wk9pQz7Lm2";
const UNUSED: &str = "unused-wk9pQz7Lm2";

fn secret(name: &str, texts: &[(&str, &str)]) -> String {
    let data: Vec<String> =
        texts.iter().map(|(key, text)| format!("{key}: {}", STANDARD.encode(text))).collect();
    let data = data.join(", ");
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ndata: {{{data}}}\n---\n")
}

/// A gateway with users and a certificate, a backend with a token and a signing key; of most of them
/// something is wrong, which is told.
fn manifests(scene: &Scene<'_>, certificate: &str, key: &str) -> String {
    let backend = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: inbox}\nspec: {http: {url: \
                   \"https://inbox.invalid/in\", auth: {bearer: {secretRef: {name: bearer, key: token}}}}}\n---\n\
                   apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: signed}\nspec: {http: {url: \
                   \"https://inbox.invalid/in\", signing: {secretRefs: [{name: signing, key: whsec}]}}}\n---\n";
    let tls = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: tls}}\ntype: kubernetes.io/tls\ndata: {{tls.crt: {}, tls.key: \
         {}}}\n---\n",
        STANDARD.encode(certificate),
        STANDARD.encode(key)
    );
    let users = "  auth: {credentialsSecretRef: {name: users}}\n---\n";
    let secure = format!(
        "listeners: [{{name: secure, port: {}, tls: {{mode: StartTLS, certificateRefs: [{{name: tls}}]}}}}, ",
        free_port()
    );
    scene.gateway(users).replace("listeners: [", &secure)
        + backend
        + &super::route("ada")
        + &super::route("eve").replace("name: inbox", "name: signed")
        + &tls
        + &secret("bearer", &[("token", BEARER), ("more", UNUSED)])
        + &secret("signing", &[("whsec", BROKEN_KEY)])
        + &secret("users", &[("ada", BROKEN_HASH)])
}

#[test]
fn no_secret_is_seen_anywhere() {
    let scene = Scene::start(&["--log", "debug"]);
    let other = Authority::new();
    let certificate = other.server(&["mx.example.org"]);
    let keys = [&certificate, &other.server(&["mx.example.org"])].map(|each| each.key.clone());
    // First a key of another certificate, which is told; then its own.
    scene.apply(&manifests(&scene, &certificate.chain, &keys[1]));
    let mut front_end = scene.front_end(&["--log", "debug"]);
    front_end.wait_until_ready();
    until_true("ada is taken", || rcpt(&front_end, "ada@example.org") == 250);
    assert_eq!(rcpt(&front_end, "eve@example.org"), 451, "its backend has no key to sign with");
    scene.apply(&manifests(&scene, &certificate.chain, &keys[0]));
    let secure = ["mailchute_certificate_expiry_timestamp_seconds", "secure"];
    until_true("the certificate is served", || front_end.metric(&secure) > 0.0);
    for told in ["InvalidSecretKey", "InvalidCertificateRef"] {
        assert!(front_end.log().contains(told), "{told} is not told");
    }
    copy_holds_what_is_named(&front_end);

    let token = std::fs::read_to_string(front_end.file("token")).unwrap();
    let lines =
        |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect::<Vec<_>>();
    let mut planted = vec![token, BEARER.into(), BROKEN_KEY.into(), BROKEN_HASH.into(), UNUSED.into()];
    planted.extend(keys.iter().flat_map(|key| lines(key)));
    planted.extend(planted.clone().iter().map(|text| STANDARD.encode(text)));
    for (place, text) in places(&scene, &front_end) {
        for planted in &planted {
            let line = text.lines().find(|line| line.contains(planted.as_str()));
            assert!(line.is_none(), "{planted} in {place}: {line:?}");
        }
    }
}

/// It is the front-end's to know, and nobody else's.
fn copy_holds_what_is_named(front_end: &FrontEnd) {
    let file = front_end.file("copy");
    let holds = |text: &str| {
        let copy = std::fs::read(&file).unwrap();
        let body = String::from_utf8(inflate(&copy, MAX_BODY).unwrap()).unwrap();
        body.contains(&STANDARD.encode(text))
    };
    until_true("the copy is kept", || file.exists());
    assert!(holds(BEARER) && holds(BROKEN_HASH) && !holds(UNUSED));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Whatever somebody may look at who may not look at Secrets.
fn places(scene: &Scene<'_>, front_end: &FrontEnd) -> Vec<(String, String)> {
    let kubectl = scene.plane.kubectl();
    let everywhere = ["--all-namespaces", "--output=yaml"];
    let mut places = vec![
        ("the controller's log".to_owned(), scene.controller.log()),
        ("the front-end's log".to_owned(), front_end.log()),
    ];
    for path in ["/metrics", "/readyz", "/livez"] {
        places.push((format!("the controller's {path}"), scene.controller.admin(path)));
        places.push((format!("the front-end's {path}"), front_end.get(path).unwrap().1));
    }
    for kind in ["mailgateways,mailroutes,mailbackends,recipientpolicies", "events", "configmaps", "leases"] {
        places.push((kind.to_owned(), kubectl.run(&[&["get", kind], &everywhere[..]].concat())));
    }
    assert!(places.iter().all(|(_, text)| !text.is_empty()));
    places
}

//! Secrets of a snapshot and the front-end's own token are nowhere to be seen, however much is logged.

use super::controller::Act;
use super::scene::{Scene, TOKEN, of};
use crate::support::manifests::Manifests;
use crate::support::until::until_true;

/// What must not be seen, in any of its forms.
const PLANTED: [&str; 4] = ["bearer-wk9pQz", "YmVhcmVyLXdrOXBReg", "hash-wk9pQz", TOKEN];

/// A backend with a bearer token, and users with what should be hashes.
fn with_secrets(port: u16) -> Manifests {
    let backend = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: all}\nspec:\n  http:\n    \
                   url: http://inbox.invalid/in\n    auth: {bearer: {secretRef: {name: bearer, key: token}}}";
    let route = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {name: all}\nspec:\n  parentRefs: \
                 [{name: public}]\n  rules:\n  - name: only\n    matches: [{recipient: {domain: example.org}}]\n    \
                 delivery: {backendRefs: [{name: all}]}";
    Manifests::listening(port)
        .document(route)
        .document(backend)
        .secret("bearer", "Opaque", &[("token", PLANTED[0])])
        .users(&[("ada", PLANTED[2])])
}

#[test]
fn no_secret_is_seen() {
    let published = |port| Act::Publish(of(&with_secrets(port).yaml()));
    let mut scene = Scene::start_with(published, &["--log", "trace"], |_| {});
    scene.front_end.wait_until_ready();
    until_true("the copy is there", || scene.front_end.file("copy").exists());
    // Troubles quote what they are about.
    let good = of(&with_secrets(scene.front_end.smtp.port()).yaml());
    let torn = String::from_utf8(good.body.to_vec()).unwrap().replace("\"data\":{", "\"data\":[{");
    scene.controller.act(Act::Answer(200, vec![("etag", "\"torn\"".to_owned())], torn.into()));
    scene.wait_for_log("can't be read");
    scene.controller.close();
    scene.front_end.kill();
    scene.front_end.restart();
    scene.wait_for_log("the last snapshot is served");
    let mut seen = vec![("log", scene.front_end.log())];
    for path in ["/metrics", "/readyz", "/livez"] {
        seen.push((path, scene.front_end.get(path).unwrap().1));
    }
    assert!(seen[0].1.contains("mailchute::source::remote"), "all is logged");
    for (place, text) in seen {
        for planted in PLANTED {
            let line = text.lines().find(|line| line.contains(planted));
            assert!(line.is_none(), "{planted} in {place}: {line:?}");
        }
    }
}

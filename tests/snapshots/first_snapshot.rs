//! Before the first snapshot nothing is served, and `/readyz` says why; then what it says is.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::controller::Act;
use super::scene::{Scene, gzip, snapshot};
use crate::support::until::until_true;
use bytes::Bytes;
use mailchute::source::wire::Encoded;

#[test]
fn no_port_is_open_before_it_and_readiness_says_why() {
    let starting = Act::Answer(503, Vec::new(), Bytes::from_static(b"nothing is read yet\n"));
    let mut scene = Scene::start(|_| starting);
    scene.wait_unready("no snapshot yet: the controller answers 503: nothing is read yet");
    assert!(TcpStream::connect(scene.front_end.smtp).is_err());
    assert_eq!(scene.front_end.metric(&["mailchute_config_connected"]).to_string(), "0");
    scene.controller.act(Act::Publish(scene.snapshot(&["ada"])));
    scene.front_end.wait_until_ready();
    assert_eq!((scene.rcpt("ada@example.org"), scene.rcpt("eve@example.org")), (250, 550));
}

#[test]
fn what_is_new_is_served_and_acknowledged() {
    let scene = Scene::serving(&["ada"]);
    let [old, new] = [scene.snapshot(&["ada"]), scene.snapshot(&["ada", "eve"])].map(|each| each.version);
    let first = &scene.controller.heard()[0];
    assert_eq!(first.path, "/v1/gateways/default/public/snapshot");
    assert_eq!((first.field("if-none-match"), first.field("mailchute-schemas")), ("", "1"));
    scene.controller.wait_for("the old is acknowledged", |heard| {
        heard.field("if-none-match") == format!("\"{old}\"") && heard.field("prefer") == "wait=30"
    });
    assert_eq!(scene.rcpt("eve@example.org"), 550);
    scene.publish(&["ada", "eve"]);
    assert_eq!(scene.rcpt("eve@example.org"), 250);
    scene
        .controller
        .wait_for("the new is acknowledged", |heard| heard.field("if-none-match") == format!("\"{new}\""));
    assert_eq!(scene.controller.accepted().len(), 1, "all on one connection");
    let info = scene.front_end.metric(&["mailchute_config_snapshot_info"]);
    assert_eq!(
        (info.to_string(), scene.front_end.metric(&["rejects_total"]).to_string()),
        ("1".into(), "0".into())
    );
    let copy = std::fs::metadata(scene.front_end.file("copy")).unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o600);
}

#[test]
fn that_nothing_is_new_is_a_success_too() {
    let hold = Duration::from_millis(100);
    let mut scene = Scene::start(|port| Act::PublishAndHold(snapshot(port, &["ada"]), hold));
    scene.front_end.wait_until_ready();
    let last = || scene.front_end.metric(&["mailchute_config_last_success_timestamp_seconds"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let first = last();
    assert!((now - first).abs() < 60.0, "{first} at {now}");
    until_true("a later success is told", || last() > first);
    assert_eq!(scene.front_end.metric(&["mailchute_config_connected"]).to_string(), "1");
    // A server that does not wait as long as it is asked to is not asked all the time.
    let asked = scene.controller.heard().len();
    let elapsed = last() - first;
    assert!(asked as f64 <= 4.0 + elapsed, "{asked} requests in {elapsed} s");
}

#[test]
fn what_is_not_known_is_left_out_told_once_and_counted() {
    let newer = |port, local_parts: &[&str]| {
        let encoded = snapshot(port, local_parts);
        let body = String::from_utf8(encoded.body.to_vec()).unwrap();
        let body = body.replace("\"parentRefs\":", "\"colour\":\"blue\",\"parentRefs\":");
        Act::Publish(Encoded { gzip: gzip(body.as_bytes()).into(), ..encoded })
    };
    let mut scene = Scene::start(|port| newer(port, &["ada"]));
    scene.front_end.wait_until_ready();
    assert_eq!(scene.rcpt("ada@example.org"), 250);
    scene.wait_for_log("MailRoute default/ada: spec.colour");
    scene.front_end.wait_for_metric(&["mailchute_config_ignored_fields"], 1.0);
    let known = scene.front_end.log().matches("spec.colour").count();
    scene.publish(&["ada", "eve"]);
    scene.front_end.wait_for_metric(&["mailchute_config_ignored_fields"], 0.0);
    assert_eq!(scene.front_end.log().matches("spec.colour").count(), known);
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    use crate::support::program::program;
    let told = |arguments: &[&str]| {
        let output = program().arg("serve").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, expected) in [
        (&[][..], "--manifests"),
        (&["--controller", "https://a:1"][..], "--gateway"),
        (&["--controller", "https://a:1", "--gateway", "public"][..], "NAMESPACE/NAME"),
        (&["--controller", "http://a:1", "--gateway", "a/b"][..], "https only"),
        (&["--controller", "https://a:1", "--gateway", "a/b", "--manifests", "."][..], "cannot be used with"),
    ] {
        let told = told(arguments);
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

//! A snapshot that makes no plan: the front-end says so, counts it and keeps what it has.

use super::controller::Act;
use super::scene::{Scene, manifests, of};
use crate::support::until::until_true;
use mailchute::source::wire::Encoded;

/// A gateway of this snapshot has no host name that could be one.
fn planless(yaml: &str) -> Encoded {
    of(&yaml.replace("hostname: mx.example.org", "hostname: no domain"))
}

#[test]
fn it_is_told_once_counted_once_and_the_old_one_stays() {
    let scene = Scene::serving(&["ada"]);
    let old = scene.snapshot(&["ada"]).version;
    let refused = planless(&manifests(scene.front_end.smtp.port(), &["eve"]).yaml());
    scene.controller.act(Act::Publish(refused.clone()));
    let told = scene.controller.wait_for("the refusal", |heard| !heard.field("mailchute-refused").is_empty());
    let (version, why) = told.field("mailchute-refused").split_once(' ').unwrap();
    assert_eq!((version, told.field("if-none-match")), (&*refused.version, &*format!("\"{old}\"")));
    assert!(why.contains("MailGateway default/public") && why.contains("hostname"), "{why}");
    assert_eq!((scene.rcpt("ada@example.org"), scene.rcpt("eve@example.org")), (250, 550));
    assert!(scene.front_end.is_ready());
    scene.front_end.wait_for_metric(&["mailchute_config_rejects_total"], 1.0);
    scene.wait_for_version(&old);
    scene.wait_for_log("hostname");

    scene.publish(&["eve"]);
    assert_eq!(scene.rcpt("eve@example.org"), 250);
    let new = scene.snapshot(&["eve"]).version;
    scene.controller.wait_for("all is well again", |heard| {
        heard.field("if-none-match") == format!("\"{new}\"") && heard.field("mailchute-refused").is_empty()
    });
    scene.front_end.wait_for_metric(&["mailchute_config_rejects_total"], 1.0);
}

#[test]
fn without_an_older_one_the_copy_is_better_than_nothing() {
    let mut scene = Scene::serving(&["ada"]);
    let old = scene.snapshot(&["ada"]).version;
    until_true("the copy is there", || scene.front_end.file("copy").exists());
    scene.front_end.kill();
    let refused = planless(&manifests(scene.front_end.smtp.port(), &["eve"]).yaml());
    scene.controller.act(Act::Publish(refused.clone()));
    scene.front_end.restart();
    scene.wait_for_version(&old);
    assert_eq!(scene.rcpt("ada@example.org"), 250);
    scene.controller.wait_for("both are told", |heard| {
        heard.field("if-none-match") == format!("\"{old}\"")
            && heard.field("mailchute-refused").starts_with(&refused.version)
    });
}

#[test]
fn a_controller_that_sends_it_again_is_not_asked_all_the_time() {
    let scene = Scene::serving(&["ada"]);
    let refused = planless(&manifests(scene.front_end.smtp.port(), &["eve"]).yaml());
    let fields = vec![("etag", format!("\"{}\"", refused.version)), ("content-encoding", "gzip".to_owned())];
    scene.controller.act(Act::Answer(200, fields, refused.gzip.clone()));
    scene.wait_for_log("again");
    let refusals =
        || scene.controller.heard().iter().filter(|each| !each.field("mailchute-refused").is_empty()).count();
    until_true("it is asked again", || refusals() >= 3);
    assert!(scene.controller.accepted().len() >= 2, "with a pause and a connection between");
    scene.front_end.wait_for_metric(&["mailchute_config_rejects_total"], 1.0);
}

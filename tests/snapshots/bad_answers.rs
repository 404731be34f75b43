//! Answers that are no snapshot: each is told, does no harm, and is forgotten with the next good one.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

use super::controller::Act;
use super::scene::{Scene, gzip, of};
use crate::support::certificates::Authority;
use crate::support::manifests::Manifests;

/// `200` with the version and the coding of a snapshot.
fn tagged(version: &str, body: impl Into<Bytes>) -> Act {
    let fields = vec![("etag", format!("\"{version}\"")), ("content-encoding", "gzip".to_owned())];
    Act::Answer(200, fields, body.into())
}

/// More than is ever inflated, in a few octets.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mebibyte = vec![b' '; 1 << 20];
    for _ in 0..257 {
        encoder.write_all(&mebibyte).unwrap();
    }
    encoder.finish().unwrap()
}

fn says(status: u16, why: &'static str) -> Act {
    Act::Answer(status, Vec::new(), Bytes::from_static(why.as_bytes()))
}

#[test]
fn whatever_comes_the_last_good_one_stays() {
    let scene = Scene::serving(&["ada"]);
    let port = scene.front_end.smtp.port();
    let untouched = Manifests::listening(port).yaml().replace("name: public", "name: other");
    let other = of(&untouched);
    let good = scene.snapshot(&["eve"]);
    let cut = good.gzip.slice(..good.gzip.len() - 9);
    let acts: Vec<(&str, Act, &str)> = vec![
        ("garbage", tagged("garbage", "\u{1}garbage"), "not gzip"),
        ("no JSON", tagged("nojson", gzip(b"garbage")), "no JSON"),
        ("cut", tagged("cut", cut), "snapshot cut can't be read: not gzip, or damaged: it ends too early"),
        ("a bomb", tagged("bomb", bomb()), "more than 268435456 octets"),
        ("of another version", tagged("other", good.gzip.clone()), "it calls itself"),
        (
            "of another gateway",
            tagged(&other.version, gzip(&renamed(&other.body))),
            "it is of gateway default/other",
        ),
        ("of a schema to come", tagged("newer", gzip(br#"{"schema":9}"#)), "schema 9"),
        ("without an end", Act::Endless, "the answer has more than"),
        ("unauthorized", says(401, "who asks?"), "the controller answers 401: who asks?"),
        ("forbidden", says(403, "not you"), "the controller answers 403: not you"),
        (
            "gone",
            says(404, "there is no MailGateway default/public"),
            "the gateway is gone: its last snapshot stays in use",
        ),
        ("away", says(503, "starting"), "the controller answers 503: starting"),
        ("elsewhere", says(302, ""), "the controller answers 302"),
    ];
    for (index, (name, act, told)) in acts.into_iter().enumerate() {
        scene.controller.act(act);
        scene.wait_for_log(told);
        assert!(scene.front_end.is_ready(), "{name}");
        assert_eq!(
            scene.rcpt(&format!("{}@example.org", if index == 0 { "ada" } else { "eve" })),
            250,
            "{name}"
        );
        scene.publish(&["eve", &format!("after-{index}")]);
    }
    scene.controller.wait_for("what is no snapshot is refused by its name", |heard| {
        heard.field("mailchute-refused").starts_with("garbage not gzip")
    });
    assert_eq!(scene.front_end.metric(&["mailchute_config_rejects_total"]).to_string(), "7");
}

/// The same for a gateway `other`.
fn renamed(body: &[u8]) -> Vec<u8> {
    String::from_utf8(body.to_vec()).unwrap().replace("default/public", "default/other").into_bytes()
}

#[test]
fn a_gateway_that_comes_later_is_waited_for() {
    let mut scene = Scene::start(|_| says(404, "there is no MailGateway default/public"));
    scene.wait_unready("no snapshot yet: the controller knows no such gateway");
    scene.controller.act(Act::Publish(scene.snapshot(&["ada"])));
    scene.front_end.wait_until_ready();
}

#[test]
fn a_server_that_speaks_another_protocol_is_told_apart() {
    use crate::support::acceptor::acceptor;
    let authority = Authority::new();
    let mut scene = Scene::serving(&["ada"]);
    scene.controller.close();
    std::fs::write(scene.front_end.file("ca.crt"), authority.pem()).unwrap();
    scene.controller.open(acceptor(&authority, "http/1.1", None));
    scene.wait_for_log("the server does not speak HTTP/2");
    assert_eq!(scene.rcpt("ada@example.org"), 250);
}

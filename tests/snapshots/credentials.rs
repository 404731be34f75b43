//! Certificates and tokens: wrong ones are told, and those that change are read anew.

use super::controller::Act;
use super::scene::{Scene, TOKEN, snapshot, tls};
use crate::support::acceptor::acceptor_of;
use crate::support::certificates::Authority;
use crate::support::until::until_true;

#[test]
fn a_controller_is_known_by_its_name() {
    let mut scene = Scene::serving(&["ada"]);
    scene.controller.close();
    scene.controller.open(acceptor_of(scene.authority.server(&["controller.example"]), "h2", None));
    scene.wait_for_log("certificate not valid for name");
    let heard = scene.controller.heard().len();
    assert_eq!(scene.rcpt("ada@example.org"), 250);
    assert_eq!(scene.controller.heard().len(), heard, "no token is sent to a stranger");
}

#[test]
fn a_new_authority_is_believed_once_its_file_says_so() {
    let mut scene = Scene::serving(&["ada"]);
    let new = Authority::new();
    scene.controller.close();
    scene.controller.open(tls(&new));
    scene.wait_for_log("invalid peer certificate");
    assert!(scene.front_end.is_ready());
    std::fs::write(scene.front_end.file("ca.crt"), "no certificate").unwrap();
    scene.wait_for_log("the CA certificates can't be read");
    // Both are there for a while, as where an authority is rotated.
    std::fs::write(scene.front_end.file("ca.crt"), scene.authority.pem() + &new.pem()).unwrap();
    scene.publish(&["eve"]);
}

#[test]
fn a_token_is_read_for_each_request() {
    let scene = Scene::serving(&["ada"]);
    std::fs::write(scene.front_end.file("token"), "another-planted\n").unwrap();
    scene.publish(&["eve"]);
    let in_use = format!("\"{}\"", scene.snapshot(&["eve"]).version);
    // This one waits, so what is published next is its answer.
    scene.controller.wait_for("the new token", |heard| {
        heard.field("authorization") == "Bearer another-planted" && heard.field("if-none-match") == in_use
    });
    assert_eq!(scene.controller.accepted().len(), 1, "on the same connection");
    std::fs::remove_file(scene.front_end.file("token")).unwrap();
    scene.publish(&["ada"]);
    scene.wait_for_log("No such file");
    std::fs::write(scene.front_end.file("token"), TOKEN).unwrap();
    scene.publish(&["eve", "ada"]);
}

#[test]
fn files_that_come_late_are_waited_for() {
    let late = |folder: &tempfile::TempDir| {
        for name in ["ca.crt", "token"] {
            std::fs::rename(folder.path().join(name), folder.path().join(format!("{name}.late"))).unwrap();
        }
    };
    let mut scene = Scene::start_with(|port| Act::Publish(snapshot(port, &["ada"])), &[], late);
    let come = |name: &str| {
        std::fs::rename(scene.front_end.file(&format!("{name}.late")), scene.front_end.file(name)).unwrap();
    };
    scene.wait_unready("the CA certificates in");
    come("ca.crt");
    scene.wait_unready("the token in");
    assert!(scene.controller.heard().is_empty());
    come("token");
    until_true("it is heard", || !scene.controller.heard().is_empty());
    scene.front_end.wait_until_ready();
}

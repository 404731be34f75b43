//! What happens to a cluster leaves mail untouched: recipients that are taken are taken all the while.
//!
//! The real controller and a real front-end beside a control plane that a test may disturb.

mod deleted_crd;
mod malformed_object;
mod many_routes;
mod restarted_apiserver;

use std::thread::sleep;
use std::time::Duration;

use crate::front_ends::{BACKEND, Scene, route};
use crate::harness::ControlPlane;
use crate::harness::meanwhile::Meanwhile;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::until::until_true;

/// Asks for recipients, over and over: each is to be taken each time.
fn asking(front_end: &FrontEnd, recipients: &[&str]) -> Meanwhile {
    let recipients: Vec<String> =
        recipients.iter().map(|name| format!("RCPT TO:<{name}@example.org>")).collect();
    let mut client = Client::greeted(front_end.smtp);
    Meanwhile::start(move || {
        // Each is of a rule of its own, so each needs a transaction of its own.
        for recipient in &recipients {
            client.expect("MAIL FROM:<a@client.example>", 250);
            client.expect(recipient, 250);
            client.expect("RSET", 250);
        }
        sleep(Duration::from_millis(2));
    })
}

/// A front-end that takes `ada` and `eve`.
fn serving<'a>(plane: &'a ControlPlane) -> (Scene<'a>, FrontEnd) {
    let scene = Scene::on(plane, &[]);
    scene.apply(&[&scene.gateway(""), "---\n", BACKEND, &route("ada"), &route("eve")].concat());
    let mut front_end = scene.front_end(&[]);
    front_end.wait_until_ready();
    until_true("both are taken", || ["ada", "eve"].iter().all(|name| is_taken(&front_end, name)));
    (scene, front_end)
}

fn is_taken(front_end: &FrontEnd, local_part: &str) -> bool {
    rcpt(front_end, local_part) == 250
}

fn rcpt(front_end: &FrontEnd, local_part: &str) -> u16 {
    crate::front_ends::rcpt(front_end, &format!("{local_part}@example.org"))
}

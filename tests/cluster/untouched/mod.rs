//! What happens to a cluster leaves mail untouched: recipients that are taken are taken all the while.
//!
//! The real controller and a real front-end beside a control plane that a test may disturb.

mod deleted_crd;
mod malformed_object;
mod many_routes;
mod restarted_apiserver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use crate::front_ends::{BACKEND, Scene, route};
use crate::harness::ControlPlane;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::until::until_true;

/// Asks for recipients, over and over, until it is told to stop.
struct Asking {
    stop: Arc<AtomicBool>,
    asked: JoinHandle<usize>,
}

impl Asking {
    /// Each is to be taken each time.
    fn start(front_end: SocketAddr, recipients: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_told = Arc::clone(&stop);
        let recipients: Vec<String> =
            recipients.iter().map(|name| format!("RCPT TO:<{name}@example.org>")).collect();
        let asked = spawn(move || {
            let mut count = 0;
            let mut client = Client::greeted(front_end);
            while !is_told.load(Ordering::Relaxed) {
                // Each is of a rule of its own, so each needs a transaction of its own.
                for recipient in &recipients {
                    client.expect("MAIL FROM:<a@client.example>", 250);
                    client.expect(recipient, 250);
                    client.expect("RSET", 250);
                    count += 1;
                }
                sleep(Duration::from_millis(2));
            }
            count
        });
        Self { stop, asked }
    }

    /// All were taken, and they were asked for.
    fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let count = self.asked.join().expect("a recipient was not taken");
        assert!(count > 0, "nobody was asked for");
    }
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

//! SIGTERM: nothing is cut that can end by itself, and everyone is told.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;
use crate::support::scene::Scene;
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

#[test]
fn an_idle_session_is_told_unasked_and_the_exit_code_is_0() {
    let backend = Recorder::start();
    let mut front_end = FrontEnd::to_with(backend.address, &["--drain-delay", "0s"]);
    let mut client = Client::greeted(front_end.smtp);
    front_end.terminate();
    let reply = client.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.3.2")));
    assert_eq!(client.rest(), "");
    assert_eq!(front_end.wait().code(), Some(0));
}

#[test]
fn who_has_not_shaken_hands_is_not_waited_for() {
    let mut scene = Scene::with_arguments("mode: Implicit", "", &["--drain-delay", "0s"]);
    let mut client = Client::connect(scene.front_end.smtp).unwrap();
    // The beginning of a record.
    client.write(b"\x16\x03\x01").unwrap();
    scene.front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 1.0);
    let told = Instant::now();
    scene.front_end.terminate();
    assert_eq!(client.rest(), "");
    assert_eq!(scene.front_end.wait().code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(20), "that is how long a handshake may take, or longer");
}

#[test]
fn new_sessions_are_taken_during_the_delay_though_readiness_is_off() {
    let backend = Recorder::start();
    let mut front_end = FrontEnd::to_with(backend.address, &["--drain-delay", "3s"]);
    front_end.terminate();
    until_true("readiness is off", || !front_end.is_ready());
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    assert_eq!(client.reply().code, 421);
    assert_eq!(front_end.wait().code(), Some(0));
    assert!(TcpStream::connect(front_end.smtp).is_err());
}

#[test]
fn a_transfer_in_progress_gets_its_true_reply() {
    let backend = Recorder::start();
    let mut front_end = FrontEnd::to_with(backend.address, &["--drain-delay", "0s"]);
    backend.hold();
    let [mut waiting, mut sending, mut idle] = [0; 3].map(|_| Client::greeted(front_end.smtp));
    for client in [&mut waiting, &mut sending] {
        client.begin("a@client.example", "b@example.org");
    }
    waiting.write(&stuffed(MESSAGE)).unwrap();
    backend.wait_for(1);
    sending.write(MESSAGE).unwrap();
    front_end.terminate();
    assert_eq!(idle.reply().code, 421);
    sending.write(b".\r\n").unwrap();
    backend.wait_for(2);
    backend.release();
    for mut client in [waiting, sending] {
        assert_eq!(client.reply().code, 250);
        assert_eq!(client.reply().code, 421);
        assert_eq!(client.rest(), "");
    }
    assert_eq!(front_end.wait().code(), Some(0));
}

#[test]
fn a_client_that_never_pauses_is_told_too() {
    let backend = Recorder::start();
    let arguments = ["--drain-delay", "0s", "--drain-timeout", "10s"];
    let mut front_end = FrontEnd::to_with(backend.address, &arguments);
    let mut client = Client::greeted(front_end.smtp);
    let mut talking = client.writer();
    let talker = thread::spawn(move || {
        let commands = b"NOOP\r\n".repeat(10_000);
        while talking.write_all(&commands).is_ok() {}
    });
    assert_eq!(client.reply().code, 250);
    front_end.terminate();
    // It is cut without a reply where it is not told in time.
    let last = std::iter::repeat_with(|| client.reply().code).find(|code| *code != 250);
    assert_eq!(last, Some(421));
    drop(client);
    talker.join().unwrap();
    assert_eq!(front_end.wait().code(), Some(0));
}

#[test]
fn what_is_left_after_the_timeout_is_cut_unanswered() {
    let backend = Recorder::start();
    let arguments = ["--drain-delay", "0s", "--drain-timeout", "1s"];
    let mut front_end = FrontEnd::to_with(backend.address, &arguments);
    let mut client = Client::greeted(front_end.smtp);
    client.begin("a@client.example", "b@example.org");
    client.write(MESSAGE).unwrap();
    front_end.terminate();
    assert_eq!(client.rest(), "");
    assert_eq!(front_end.wait().code(), Some(0));
    assert!(backend.received().is_empty());
}

//! The server goes away: before, while and after a message is published, at once or in silence.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{HASTY, Said, Stage};
use crate::support::consumer::{Consumer, config, messages};
use crate::support::until::{PATIENCE, until_true};

const SILENT: &str = "451 4.4.2";
const UNREACHABLE: &str = "451 4.4.1";

fn hasty(server: SocketAddr) -> Stage {
    Stage::with(server, Said { delivery: HASTY, ..Said::default() })
}

#[test]
fn a_front_end_starts_without_the_server_and_finds_it_when_it_is_there() {
    let mut server = Server::idle(|_| String::new());
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&["WARN", "not connected", "Connection refused"]);
    stage.expect(MESSAGE, UNREACHABLE);
    server.restart();
    Consumer::connect(server.address).create(&config());
    until_true("mail is taken", || stage.send(MESSAGE).code == 250);
}

#[test]
fn a_server_that_was_killed_is_found_again() {
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = hasty(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    server.kill();
    stage.front_end.wait_for_metric(&["mailchute_backend_connected"], 0.0);
    stage.expect(MESSAGE, UNREACHABLE);
    server.restart();
    until_true("mail is taken", || stage.send(MESSAGE).code == 250);
    stage.front_end.wait_for_metric(&["mailchute_backend_connected"], 1.0);
    assert_eq!(messages(server.address).len(), 1);
}

#[test]
fn a_message_that_comes_while_the_server_restarts_waits_for_it() {
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = Stage::to(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    server.kill();
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| stage.send(&[MESSAGE, b"more\r\n"].concat()));
        server.restart();
        let reply = sent.join().unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
    });
}

/// Passes everything on to a server, until the message has been published; then `then` decides.
fn relay_that_breaks(server: SocketAddr, breaks: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let (client, upstream) = (client.unwrap(), TcpStream::connect(server).unwrap());
            let (to_client, from_upstream) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            let silent = number < breaks;
            std::thread::spawn(move || down(from_upstream, to_client, silent));
            std::thread::spawn(move || up(client, upstream));
        }
    });
    address
}

fn up(mut from: TcpStream, mut to: TcpStream) {
    // What ends one side ends the other.
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
}

/// Passes on what the server says; where it is to break, the acknowledgement of a message is lost with the
/// connection.
fn down(mut from: TcpStream, mut to: TcpStream, breaks: bool) {
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let heard = &buffer[..count];
        if breaks && memchr::memmem::find(heard, b"\"seq\":").is_some() {
            break;
        }
        if to.write_all(heard).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

#[test]
fn an_acknowledgement_that_is_lost_is_asked_for_again_and_the_message_kept_once() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let relay = relay_that_breaks(server.address, 1);
    let stage = Stage::to(relay);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    assert_eq!(consumer.messages().len(), 1);
    assert!(stage.front_end.metric(&["mailchute_delivery_attempts_total", "outcome=\"reset\""]) > 0.5);
}

#[test]
fn where_every_acknowledgement_is_lost_mail_is_deferred() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let relay = relay_that_breaks(server.address, usize::MAX);
    let stage = Stage::to(relay);
    stage.expect(MESSAGE, SILENT);
    assert_eq!(consumer.messages().len(), 1);
}

#[test]
fn a_server_that_is_killed_before_it_has_acknowledged_gets_the_message_again_and_keeps_it_once() {
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = Stage::to(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let other = [MESSAGE, b"more\r\n"].concat();
    server.pause();
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| stage.send(&other));
        stage.front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 1.0);
        server.kill();
        server.restart();
        let reply = sent.join().unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
    });
    assert!(stage.front_end.metric(&["mailchute_delivery_attempts_total", "outcome=\"reset\""]) > 0.5);
    let messages = messages(server.address);
    assert_eq!(messages.len(), 2);
    messages[1].received.assert_carries(&other);
}

#[test]
fn a_server_that_is_paused_defers_mail_by_the_deadline_and_what_it_took_is_kept_once() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = hasty(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let other = [MESSAGE, b"more\r\n"].concat();
    server.pause();
    let began = Instant::now();
    stage.expect(&other, SILENT);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    stage.expect(&other, "451 4.4.");
    server.resume();
    until_true("mail is taken", || stage.send(&other).code == 250);
    assert_eq!(consumer.messages().len(), 2);
}

#[test]
fn a_front_end_that_is_told_to_end_waits_for_the_acknowledgement() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let mut stage = Stage::to(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    server.pause();
    let other = [MESSAGE, b"more\r\n"].concat();
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| stage.send(&other));
        stage.front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 1.0);
        stage.front_end.terminate();
        until_true("it is about to end", || !stage.front_end.is_ready());
        server.resume();
        assert_eq!(sent.join().unwrap().code, 250);
    });
    assert!(stage.front_end.wait().success());
    assert_eq!(consumer.messages().len(), 2);
}

#[test]
fn a_paused_server_opens_the_circuit_and_comes_back() {
    let server = Server::start();
    Consumer::connect(server.address).create(&config());
    let backend = "circuit: {consecutiveFailures: 1, openFor: 1s}";
    let stage = Stage::with(server.address, Said { delivery: ", timeouts: {total: 1s}", backend, nats: "" });
    server.pause();
    until_true("RCPT is refused", || {
        let reply = stage.send(MESSAGE);
        reply.code == 451 && reply.text().starts_with("4.3.2")
    });
    assert!(stage.front_end.metric(&["mailchute_circuit_state"]) > 0.5);
    server.resume();
    until_true("mail is taken", || stage.send(MESSAGE).code == 250);
}

#[test]
fn a_message_given_up_half_way_is_not_in_the_stream() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = hasty(server.address);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let large = [MESSAGE, &b"0123456789abcdef\r\n".repeat(50_000)].concat();
    server.pause();
    // More than the buffers of a connection hold: some is still with us when time is over.
    let (done, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        for number in 0..12 {
            let (stage, done, text) =
                (&stage, done.clone(), [&large, format!("{number}\r\n").as_bytes()].concat());
            scope.spawn(move || done.send(stage.send(&text).code).unwrap());
        }
        for _ in 0..12 {
            assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), 451);
        }
    });
    server.resume();
    until_true("mail is taken", || stage.send(&large).code == 250);
    let memory = ["mailchute_message_memory_bytes"];
    stage.front_end.wait_for_metric(&memory, 0.0);
    for taken in consumer.messages().iter().skip(1) {
        let text = String::from_utf8_lossy(&taken.received.body);
        assert!(text.trim_end().len() > large.len(), "{} octets are in the stream", text.len());
    }
}

#[test]
fn what_is_no_nats_is_told_of() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            client.unwrap().write_all(b"220 mx.example ESMTP\r\n").unwrap();
        }
    });
    let stage = Stage::to(address);
    stage.expect(MESSAGE, UNREACHABLE);
    stage.front_end.wait_for_log(&["delivery failed", "no server of NATS is there"]);
}

//! Manifests are watched: what is good swaps in, what is broken changes nothing and says so.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::program;
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const SENDER: &str = "a@client.example";
const RECIPIENT: &str = "b@example.org";

#[test]
fn a_new_backend_takes_the_next_transaction_and_not_one_under_way() {
    let [before, after] = [(); 2].map(|()| Recorder::start());
    let port = free_port();
    let front_end = FrontEnd::start(port, &Manifests::listening(port).all_to(before.address), &[]);
    let mut client = Client::greeted(front_end.smtp);
    client.begin(SENDER, RECIPIENT);
    front_end.edit(&Manifests::listening(port).all_to(after.address));
    let mut other = Client::greeted(front_end.smtp);
    until_true("the new backend is used", || {
        assert_eq!(other.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
        !after.received().is_empty()
    });
    let sent_before = before.received().len();
    client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(before.received().len(), sent_before + 1);
}

#[test]
fn a_broken_edit_keeps_what_was_and_says_so() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening(port).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    front_end.write("kind: [MailGateway\n");
    front_end.wait_for_metric(&["mailchute_config_rejects_total"], 1.0);
    assert!(front_end.is_ready());
    until_true("the log names the file", || front_end.log().contains("all.yaml:1:7"));
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    let added = free_port();
    front_end.edit(&manifests.listener("second", added, ""));
    until_true("it mends by itself", || {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], added))).is_ok()
    });
}

#[test]
fn an_added_listener_opens_and_a_removed_one_closes_at_the_next_boundary() {
    let backend = Recorder::start();
    let [port, second] = [(); 2].map(|()| free_port());
    let one = Manifests::listening(port).all_to(backend.address);
    let two = one.clone().listener("second", second, "");
    let second = SocketAddr::from(([127, 0, 0, 1], second));
    let front_end = FrontEnd::start(port, &one, &[]);
    let mut stays = Client::greeted(front_end.smtp);
    front_end.edit(&two);
    until_true("the listener opens", || TcpStream::connect(second).is_ok());
    let mut idle = Client::greeted(second);
    let mut sending = Client::greeted(second);
    sending.begin(SENDER, RECIPIENT);
    let series = ["mailchute_smtp_commands_total", r#"listener="second""#, r#"command="RCPT""#];
    front_end.wait_for_metric(&series, 1.0);
    front_end.edit(&one);
    assert_eq!(idle.reply().code, 421);
    assert_eq!(idle.rest(), "");
    until_true("the listener closes", || TcpStream::connect(second).is_err());
    sending.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(sending.reply().code, 250);
    assert_eq!(sending.reply().code, 421);
    front_end.wait_for_metric(&series, 0.0);
    stays.expect("NOOP", 250);
}

#[test]
fn a_listener_of_another_name_takes_over_the_port() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening(port).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut before = Client::greeted(front_end.smtp);
    front_end.write(&manifests.yaml().replace("name: mx", "name: renamed"));
    assert_eq!(before.reply().code, 421);
    until_true("the new listener opens", || {
        Client::connect(front_end.smtp)
            .and_then(|mut client| client.try_reply())
            .is_ok_and(|reply| reply.code == 220)
    });
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    assert!(backend.wait_for(1)[0].header("ce-source").ends_with("/renamed"));
}

#[test]
fn a_port_that_is_taken_opens_once_it_is_free() {
    let backend = Recorder::start();
    let [port, taken] = [(); 2].map(|()| free_port());
    let manifests = Manifests::listening(port).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
    let address = taken.local_addr().unwrap();
    front_end.edit(&manifests.listener("second", address.port(), ""));
    until_true("it says so", || front_end.log().contains("is not open"));
    drop(taken);
    until_true("the listener opens", || TcpStream::connect(address).is_ok());
}

#[test]
fn unreadable_manifests_at_the_start_are_exit_code_65() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.yaml"), "kind: [MailGateway\n").unwrap();
    let admin = format!("127.0.0.1:{}", free_port());
    let mut command = program();
    let run = command.args(["serve", "--admin", &admin, "--manifests"]).arg(folder.path()).output().unwrap();
    assert_eq!(run.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).contains("broken.yaml"));
}

#[test]
fn series_of_a_route_go_with_it() {
    let (backend, port) = (Recorder::start(), free_port());
    let named =
        |name: &str| Manifests::listening(port).route(name, "domain: example.org", backend.address, "");
    let front_end = FrontEnd::start(port, &named("before"), &[]);
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    let series = |name: &str| [format!("route=\"default/{name}\""), "mailchute_messages_total".to_owned()];
    let wait = |name: &str, value| {
        front_end.wait_for_metric(&series(name).each_ref().map(String::as_str), value);
    };
    wait("before", 1.0);
    front_end.edit(&named("after"));
    wait("before", 0.0);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    wait("after", 1.0);
}

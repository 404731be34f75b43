//! A new configuration: the connection of a backend that is the same stays, that of another is made anew.

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, Stage, manifests};
use crate::support::consumer::{Consumer, config};
use crate::support::manifests::free_port;
use crate::support::until::until_true;

#[test]
fn a_backend_that_stays_the_same_keeps_its_connection() {
    let (server, other) = (Server::start(), Server::start());
    let servers = [&server, &other];
    servers.iter().for_each(|server| Consumer::connect(server.address).create(&config()));
    let port = free_port();
    let [before, after] = servers.map(|server| format!("nats://{}", server.address));
    let stage = Stage::starting(port, &manifests(port, &before, Said::default()));
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let connected = || stage.front_end.log().matches("\"message\":\"connected\"").count();
    let loaded = || stage.front_end.metric(&["mailchute_config_last_success_timestamp_seconds"]);
    until_true("it is told that it is connected", || connected() == 1);
    let first = loaded();
    let same = manifests(port, &before, Said::default()).gateway("backends: {allow: [URL]}");
    stage.front_end.edit(&same);
    until_true("the new manifests are in use", || loaded() > first);
    stage.expect(&[MESSAGE, b"more\r\n"].concat(), "250 2.0.0 Ok");
    assert_eq!(connected(), 1);
    let second = loaded();
    stage.front_end.edit(&manifests(port, &after, Said::default()));
    until_true("it is connected anew", || connected() == 2 && loaded() > second);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let taken = servers.map(|server| Consumer::connect(server.address).messages().len());
    assert_eq!(taken, [2, 1]);
}

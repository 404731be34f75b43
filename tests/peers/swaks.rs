//! swaks.

use std::process::Command;

use crate::judge::Judge;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::{MESSAGE, run};

fn swaks(front_end: &FrontEnd, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("message");
    // With the end of data as on the wire: swaks is told to leave it all as it is.
    let stuffed = crate::support::client::stuffed(MESSAGE.as_bytes());
    std::fs::write(&data, &stuffed[..stuffed.len() - 2]).unwrap();
    run(Command::new("swaks")
        .args(["--server", &front_end.smtp.to_string(), "--helo", "client.example", "--no-data-fixup"])
        .args(["--from", "a@client.example", "--to", "b@example.org,c@example.org"])
        .args(arguments)
        .arg("--data")
        .arg(format!("@{}", data.display())))
}

#[test]
fn one_command_at_a_time() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let transcript = swaks(&front_end, &[]);
    assert!(transcript.contains("250 2.0.0 Ok: "), "{transcript}");
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-rcptto"), "b@example.org,c@example.org");
    received[0].assert_carries(MESSAGE.as_bytes());
}

#[test]
fn prdr_tells_of_each() {
    let judge = Judge::refusing("c@example.org");
    let port = free_port();
    let manifests = Manifests::listening(port).route(
        "all",
        "domain: example.org",
        judge.address(),
        "perRecipientVerdicts: true",
    );
    let front_end = FrontEnd::start(port, &manifests, &[]);
    // swaks goes by the last reply, which says that someone has it.
    let transcript = swaks(&front_end, &["--prdr"]);
    let replies: Vec<&str> = transcript.lines().skip_while(|line| *line != " -> .").skip(1).collect();
    let replies: Vec<&str> =
        replies.iter().map(|line| line.trim_start_matches("<** ").trim_start_matches("<-  ")).collect();
    for (reply, start) in
        replies.iter().zip(["353 ", "250 2.0.0 Ok: ", "550 5.1.1 No such user", "250 2.0.0 Ok"])
    {
        assert!(reply.starts_with(start), "{transcript}");
    }
    assert_eq!(judge.heard().len(), 1);
}

#[test]
fn pipelined() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    swaks(&front_end, &["--pipeline"]);
    assert_eq!(backend.received().len(), 1);
    backend.received()[0].assert_carries(MESSAGE.as_bytes());
}

#[test]
fn xclient_says_for_whom() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening_with(port, "xclient: {trustedCIDRs: [127.0.0.1/32]}");
    let front_end = FrontEnd::start(port, &manifests.all_to(backend.address), &[]);
    let transcript = swaks(
        &front_end,
        &["--xclient-addr", "192.0.2.7", "--xclient-name", "mail.client.example", "--xclient-login", "anna"],
    );
    assert!(transcript.contains("XCLIENT ADDR=192.0.2.7"), "{transcript}");
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-clientip"), "192.0.2.7");
    assert_eq!(received[0].header("ce-clientname"), "mail.client.example");
    assert_eq!(received[0].header("ce-authid"), "anna");
    received[0].assert_carries(MESSAGE.as_bytes());
}

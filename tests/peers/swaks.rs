//! swaks.

use std::process::Command;

use crate::support::front_end::FrontEnd;
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
fn pipelined() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    swaks(&front_end, &["--pipeline"]);
    assert_eq!(backend.received().len(), 1);
    backend.received()[0].assert_carries(MESSAGE.as_bytes());
}

//! curl.

use std::process::Command;

use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;
use crate::{MESSAGE, run};

#[test]
fn upload() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message");
    std::fs::write(&file, MESSAGE).unwrap();
    run(Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"])
        .arg(format!("smtp://{}/client.example", front_end.smtp))
        .args(["--mail-from", "a@client.example", "--mail-rcpt", "b@example.org", "--upload-file"])
        .arg(&file));
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-mailfrom"), "a@client.example");
    assert_eq!(received[0].header("ce-rcptto"), "b@example.org");
    received[0].assert_carries(MESSAGE.as_bytes());
}

//! Python's `email` reads the notifications of `tests/dsn`.

use std::process::Command;

use crate::run;

#[test]
fn python_reads_every_notification() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dsn");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/with_email.py");
    let printed = run(Command::new("python3").args([script, folder]));
    let read: Vec<&str> = printed.lines().collect();
    let expected = [
        "international.eml: utf-8; jürgen@bücher.example failed 5.1.1",
        r"international_7bit.eml: utf-8; j\x{FC}rgen@b\x{FC}cher.example failed 5.1.1",
        "several.eml: rfc822; bob@example.org failed 5.1.1",
        "several.eml: rfc822; \"carol x\"@example.org failed 5.2.2",
        "several.eml: rfc822; dan@example.org relayed 2.1.9",
        "whole_international.eml: rfc822; bob@example.org failed 5.1.1",
        "whole_message.eml: rfc822; bob@example.org failed 5.1.1",
        "wrong_address.eml: rfc822; bob@example.org failed 5.1.1",
    ];
    assert_eq!(read, expected);
}

//! What a mail server has delivered into Maildirs.

use std::fs;
use std::path::Path;

use super::until::until;

/// Messages in the Maildir at `folder`, with line ends as they go over the wire.
pub(crate) fn messages(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder.join("new")) else { return Vec::new() };
    let read = |file: std::io::Result<fs::DirEntry>| {
        let octets = fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&octets).replace("\r\n", "\n");
        text.replace('\n', "\r\n")
    };
    files.map(read).collect()
}

/// The only message there, once it has come.
pub(crate) fn only_message(folder: &Path) -> String {
    let messages = until("a message is delivered", || {
        let messages = messages(folder);
        (!messages.is_empty()).then_some(messages)
    });
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.into_iter().next().unwrap()
}

/// It is what the server put before it, our Received, and then what was sent.
pub(crate) fn is_relayed(message: &str, sent: &str) {
    let prefix = message.strip_suffix(sent).unwrap_or_else(|| panic!("{message}"));
    assert!(prefix.contains("by mx.example.org with ESMTP id "), "{prefix}");
    // The server, which delivers, adds it; nobody else has.
    assert_eq!(prefix.matches("Return-Path: ").count(), 1, "{prefix}");
}

//! `kill -9` of the relay, a real Postfix, at random moments under load.

use std::collections::BTreeSet;

use rand::RngExt;

use crate::storm::Storm;
use crate::support::front_end::FrontEnd;
use crate::support::maildir::messages;
use crate::support::manifests::{Manifests, free_port};
use crate::support::message;
use crate::support::postfix::{Postfix, mailboxes};
use crate::support::server::folder;
use crate::support::until::until_true;

/// Messages, unless `MAILCHUTE_CHAOS_MESSAGES` says how many.
const MESSAGES: usize = 400;

pub(crate) fn loses_nothing() {
    let storm = Storm::of(MESSAGES);
    let mut postfix = postfix();
    let front_end = front_end(&postfix);
    let mut kills = 0;
    storm.rage(front_end.smtp, |random| {
        postfix.kill();
        if random.random() {
            storm.wait_until_deferred();
        }
        postfix.restart();
        kills += 1;
    });
    until_true("its queue is empty", || postfix.queue().contains("queue is empty"));
    judge(&storm, kills, &postfix);
}

/// It delivers all of `example.org` to one mailbox.
fn postfix() -> Postfix {
    let files = folder();
    let mailboxes = mailboxes(files.path(), "example.org", "static:all/");
    let limits = "smtpd_client_connection_count_limit = 0\nsmtpd_error_sleep_time = 0\n";
    Postfix::start_in(files, &format!("{mailboxes}{limits}"))
}

fn front_end(postfix: &Postfix) -> FrontEnd {
    let port = free_port();
    let target = ("smtp", postfix.address, "tls: Disabled");
    // It is killed again so soon that a trial each ten seconds could miss it for long.
    let circuit = "circuit: {openFor: 1s}";
    FrontEnd::start(port, &Manifests::listening(port).relayed_with(target, circuit, ""), &[])
}

fn judge(storm: &Storm, kills: usize, postfix: &Postfix) {
    let delivered = messages(&postfix.folder.path().join("mail/all"));
    let numbers: Vec<usize> = delivered.iter().map(|message| number_of(message)).collect();
    let arrived: BTreeSet<usize> = numbers.iter().copied().collect();
    let acknowledged = storm.ledger.acknowledged();
    println!("chaos: {}", storm.ledger.counts());
    println!("chaos: {} delivered, {} of them again", numbers.len(), numbers.len() - arrived.len());
    println!("chaos: the relay was killed {kills} times");
    let missing: Vec<&usize> = acknowledged.difference(&arrived).take(10).collect();
    assert!(missing.is_empty(), "acknowledged and lost, the first are {missing:?}");
    assert_eq!(acknowledged.len(), storm.messages);
    assert!(kills > 0 && storm.deferred() > 0, "nothing was disturbed");
}

/// Which message it is; it has to be whole.
fn number_of(message: &str) -> usize {
    let (_, behind) = message.split_once("\r\nMessage-ID: <").unwrap();
    let number = behind.split('.').next().unwrap().parse().unwrap();
    assert!(message.ends_with(&*String::from_utf8_lossy(&message::text(number))), "{message}");
    number
}

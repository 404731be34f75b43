//! `kill -9` of the relay, a real Postfix, at random moments under load.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::kill::deferred;
use crate::support::front_end::FrontEnd;
use crate::support::ledger::Ledger;
use crate::support::maildir::messages;
use crate::support::manifests::{Manifests, free_port};
use crate::support::message;
use crate::support::number::number;
use crate::support::postfix::Postfix;
use crate::support::sender::Sender;
use crate::support::server::folder;
use crate::support::until::until_true;

/// Messages, unless `MAILCHUTE_CHAOS_MESSAGES` says how many.
const MESSAGES: usize = 400;
/// Sessions at a time.
const SENDERS: usize = 12;
/// It is killed each time that so many messages, on average, were acknowledged.
const BETWEEN_KILLS: usize = 40;

pub(crate) fn loses_nothing() {
    let messages = number("MAILCHUTE_CHAOS_MESSAGES").unwrap_or(MESSAGES);
    let seed = number("MAILCHUTE_CHAOS_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("chaos: {messages} messages, MAILCHUTE_CHAOS_SEED={seed}");
    let mut postfix = postfix();
    let front_end = front_end(&postfix);
    let (next, ledger) = (AtomicUsize::new(0), Ledger::default());
    let mut kills = 0;
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| Sender::new(front_end.smtp).deliver(&next, &ledger, |number| number < messages));
        }
        let mut random = StdRng::seed_from_u64(seed as u64);
        let mut at = 0;
        loop {
            at += random.random_range(1..2 * BETWEEN_KILLS);
            if at >= messages {
                break;
            }
            until_true("the load goes on", || ledger.count() >= at);
            // Not only right behind a reply, where polling would always find it.
            std::thread::sleep(Duration::from_micros(random.random_range(0..3000)));
            postfix.kill();
            if random.random() {
                let before = deferred(&ledger);
                until_true("a sender is deferred", || {
                    deferred(&ledger) > before || ledger.count() == messages
                });
            }
            postfix.restart();
            kills += 1;
        }
    });
    until_true("its queue is empty", || postfix.queue().contains("queue is empty"));
    judge(messages, kills, &ledger, &postfix);
}

/// It delivers all of `example.org` to one mailbox.
fn postfix() -> Postfix {
    let files = folder();
    let mail = files.path().join("mail");
    fs::create_dir(&mail).unwrap();
    assert!(Command::new("chown").arg("nobody").arg(&mail).status().unwrap().success());
    let settings = format!(
        "virtual_mailbox_domains = example.org\nvirtual_mailbox_base = {}\n\
         virtual_mailbox_maps = static:all/\nvirtual_uid_maps = static:65534\n\
         virtual_gid_maps = static:65534\nvirtual_minimum_uid = 1\n\
         smtpd_client_connection_count_limit = 0\nsmtpd_error_sleep_time = 0\n",
        mail.display()
    );
    Postfix::start_in(files, &settings)
}

fn front_end(postfix: &Postfix) -> FrontEnd {
    let port = free_port();
    let target = ("smtp", postfix.address, "tls: Disabled");
    // It is killed again so soon that a trial each ten seconds could miss it for long.
    let circuit = "circuit: {openFor: 1s}";
    FrontEnd::start(port, &Manifests::listening(port).relayed_with(target, circuit, ""), &[])
}

fn judge(messages_sent: usize, kills: usize, ledger: &Ledger, postfix: &Postfix) {
    let delivered = messages(&postfix.folder.path().join("mail/all"));
    let numbers: Vec<usize> = delivered.iter().map(|message| number_of(message)).collect();
    let arrived: BTreeSet<usize> = numbers.iter().copied().collect();
    let acknowledged = ledger.acknowledged();
    println!("chaos: {}", ledger.counts());
    println!("chaos: {} delivered, {} of them again", numbers.len(), numbers.len() - arrived.len());
    println!("chaos: the relay was killed {kills} times");
    let missing: Vec<&usize> = acknowledged.difference(&arrived).take(10).collect();
    assert!(missing.is_empty(), "acknowledged and lost, the first are {missing:?}");
    assert_eq!(acknowledged.len(), messages_sent);
    assert!(kills > 0 && deferred(ledger) > 0, "nothing was disturbed");
}

/// Which message it is; it has to be whole.
fn number_of(message: &str) -> usize {
    let (_, behind) = message.split_once("\r\nMessage-ID: <").unwrap();
    let number = behind.split('.').next().unwrap().parse().unwrap();
    assert!(message.ends_with(&*String::from_utf8_lossy(&message::text(number))), "{message}");
    number
}

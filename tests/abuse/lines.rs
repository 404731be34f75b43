//! Lines and headers without end, and recipients without number.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use crate::scale;
use crate::stage::Stage;
use crate::support::client::Client;

const MIB: usize = 1 << 20;

/// Writes the same octets over and over; gives how many went until the server took no more.
pub(crate) fn pour(mut to: TcpStream, octets: &[u8], most: usize) -> usize {
    let block = octets.repeat((64 * 1024 / octets.len()).max(1));
    let mut poured = 0;
    while poured < most && to.write_all(&block).is_ok() {
        poured += block.len();
    }
    poured
}

#[test]
fn a_line_without_end_is_dropped_and_the_session_goes_on() {
    let stage = Stage::new("");
    let most = scale(16, 100) * MIB;
    stage.abuse("a line without end", 1, || {
        let mut client = Client::greeted(stage.front_end.smtp);
        assert!(pour(client.writer(), b"x", most) >= most);
        client.write(b"\r\n").unwrap();
        let reply = client.reply();
        assert_eq!((reply.code, reply.lines[0].get(..5)), (500, Some("5.5.2")));
        client.expect("NOOP", 250);
    });
    stage.counted("line_too_long", 1);
}

#[test]
fn a_header_without_end_is_refused_and_cut() {
    let stage = Stage::new("");
    stage.abuse("a header without end", 1, || {
        let mut client = Client::greeted(stage.front_end.smtp);
        client.begin("a@client.example", "b@example.org");
        let writer = client.writer();
        let pouring = thread::spawn(move || pour(writer, b"X-Field: value\r\n", usize::MAX));
        let reply = client.reply();
        assert_eq!((reply.code, reply.lines[0].get(..5)), (552, Some("5.3.4")));
        client.rest();
        drop(client);
        // Four times the limit, what the kernel held, and what was read on so that the reply is not lost.
        println!("  poured {} KiB", pouring.join().unwrap() / 1024);
    });
    stage.counted("drain_limit", 1);
}

#[test]
fn recipients_beyond_the_limit_are_told_so_each() {
    let stage = Stage::new("limits: {recipients: 100}");
    let recipients = scale(20_000, 1_000_000);
    stage.abuse("recipients without number", 1, || {
        let mut client = Client::greeted(stage.front_end.smtp);
        client.expect("MAIL FROM:<a@client.example>", 250);
        let writer = client.writer();
        let line = b"RCPT TO:<b@example.org>\r\n";
        let lines = thread::spawn(move || pour(writer, line, recipients * line.len()) / line.len());
        let (mut accepted, mut refused) = (0, 0);
        while accepted + refused < recipients {
            let reply = client.reply();
            match (reply.code, reply.lines[0].get(..5)) {
                (250, Some("2.1.5")) => accepted += 1,
                (452, Some("4.5.3")) => refused += 1,
                _ => panic!("{reply:?}"),
            }
        }
        assert_eq!((accepted, refused), (100, recipients - 100));
        assert!(lines.join().unwrap() >= recipients);
    });
}

#[test]
fn a_harvester_is_not_read_faster_than_it_is_answered() {
    let list = "apiVersion: mailchute.dev/v1alpha1\n\
                kind: RecipientPolicy\n\
                metadata: {name: few}\n\
                spec:\n  targetRefs: [{kind: MailRoute, name: all}]\n  \
                recipients: {addresses: [probe@example.org]}";
    let stage = Stage::with("", |manifests| manifests.document(list));
    let most = scale(4, 64) * MIB;
    stage.abuse("a harvester", 1, || {
        let mut client = Client::greeted(stage.front_end.smtp);
        client.expect("MAIL FROM:<a@client.example>", 250);
        let writer = client.writer();
        let pouring = thread::spawn(move || pour(writer, b"RCPT TO:<nobody@example.org>\r\n", most));
        for _ in 0..20 {
            let reply = client.reply();
            assert_eq!((reply.code, reply.lines[0].get(..5)), (550, Some("5.1.1")));
        }
        // From here on each answer is slower than the one before, and nothing is read ahead.
        client.writer().shutdown(std::net::Shutdown::Both).unwrap();
        println!("  poured {} KiB", pouring.join().unwrap() / 1024);
    });
}

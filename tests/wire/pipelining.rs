//! All replies to one read leave in one write.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

/// Replies that left one by one would sometimes arrive one by one: often enough in so many rounds.
const ROUNDS: usize = 200;

#[test]
fn replies_to_one_group_arrive_in_one_read() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    let recipients: String = (0..20).map(|n| format!("RCPT TO:<r{n}@example.org>\r\n")).collect();
    let group = format!("MAIL FROM:<a@client.example>\r\n{recipients}RSET\r\n");
    for round in 0..ROUNDS {
        client.write(group.as_bytes()).unwrap();
        let read = client.one_read();
        assert_eq!(read.matches("\r\n").count(), 22, "round {round}: {read}");
    }
}

//! Sessions that do nothing, and sessions that do next to nothing.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::memory::allow_sessions;
use crate::scale;
use crate::stage::Stage;
use crate::support::client::Client;

/// What a slow client says, octet by octet.
const SLOW: &[u8] = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nRSET\r\n";

#[test]
fn idle_and_slow_sessions_cost_little_and_are_kept() {
    let (idle, slow, seconds) = (scale(500, 5000), scale(50, 200), scale(4, 30));
    let sessions = idle + slow;
    allow_sessions(2 * sessions);
    let stage = Stage::new("connection: {perClient: {sessions: 20000}}");
    stage.abuse("idle and slow sessions", sessions, || {
        let mut idle: Vec<Client> = (0..idle).map(|_| Client::greeted(stage.front_end.smtp)).collect();
        let mut slow: Vec<Client> = (0..slow).map(|_| Client::greeted(stage.front_end.smtp)).collect();
        let began = Instant::now();
        for second in 0..seconds {
            for client in &mut slow {
                client.write(&SLOW[second..=second]).unwrap();
            }
            // Not a wait for something: the pace of the abuse.
            sleep((began + Duration::from_secs(second as u64 + 1)).saturating_duration_since(Instant::now()));
        }
        for client in &mut idle {
            client.expect("NOOP", 250);
        }
        for client in &mut slow {
            client.write(&SLOW[seconds..]).unwrap();
            let codes: Vec<u16> = (0..3).map(|_| client.reply().code).collect();
            assert_eq!(codes, [250, 250, 250]);
        }
    });
    stage.front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 0.0);
}

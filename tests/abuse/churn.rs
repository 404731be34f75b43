//! Connections that come and go.

use std::io::Read;
use std::net::TcpStream;
use std::thread;

use crate::scale;
use crate::stage::Stage;

const CLIENTS: usize = 4;

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let stage = Stage::new("connection: {perClient: {sessions: 20000}}");
    let each = scale(500, 10_000);
    let sessions = || stage.front_end.metric(&["mailchute_smtp_sessions_total"]);
    let before = sessions();
    stage.abuse("churn", 100, || {
        let address = stage.front_end.smtp;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                thread::spawn(move || {
                    for turn in 0..each {
                        let mut stream = TcpStream::connect(address).unwrap();
                        // Every other one hears the beginning of the greeting; what it leaves unread
                        // resets the connection.
                        if turn % 2 == 0 {
                            stream.read_exact(&mut [0; 4]).unwrap();
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    stage.front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 0.0);
    let counted = sessions() - before;
    assert!(counted >= (CLIENTS * each) as f64, "{counted} sessions were counted");
}

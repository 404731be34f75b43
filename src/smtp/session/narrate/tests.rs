//! What is told of what a client says: the same however its octets come, and never a secret.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::smtp::action::{Answer, AuthStep, Hello, Question};
use crate::smtp::limits::{BareNewlines, Limits};
use crate::smtp::mechanism::Mechanism;
use crate::smtp::reply;
use crate::smtp::session::Config;

/// What is told of these flights and answered to them, a line each: `C`, `M` where it begins a transaction, `T` where
/// it is part of one. A flight that ends in `\0` is the last: the client sends no more.
struct Script {
    lmtp: bool,
    flights: &'static [&'static str],
}

fn session(lmtp: bool) -> Session {
    let limits = Limits { message_bytes: 50, recipients: 10, messages: 0, errors: 10 };
    let config = Config {
        hostname: "mx".into(),
        limits,
        bare_newlines: BareNewlines::Reject,
        lmtp,
        greeting_delay: false,
    };
    let mut session = Session::new(Arc::new(config));
    session.narrate();
    session
}

fn pump(session: &mut Session, told: &mut Vec<String>) {
    while let Some(action) = session.poll() {
        match action {
            Action::Heard(Heard { text, part }) => {
                let mark = match part {
                    Part::Session => 'C',
                    Part::Beginning => 'M',
                    Part::Transaction => 'T',
                };
                told.push(format!("{mark} {text}"));
            }
            Action::Reply { reply, .. } => told.push(reply.code().to_string()),
            Action::StartTls => session.tls(),
            Action::Ask(question) => session.answer(match question {
                Question::Hello(_) => Answer::Capabilities(Hello {
                    starttls: true,
                    auth: Mechanism::ALL.into_iter().collect(),
                    ..Hello::default()
                }),
                Question::Auth(AuthStep::Begin(_, None)) => {
                    Answer::Challenge(Bytes::from_static(b"Username:"))
                }
                Question::Message => Answer::Delivered(reply::DELIVERED),
                _ => Answer::Accept,
            }),
            _ => {}
        }
    }
}

impl Script {
    /// Cut in two where `cut` says, of the octets of all flights.
    fn told(&self, cut: usize) -> Vec<String> {
        let (mut session, mut told, mut sent) = (session(self.lmtp), Vec::new(), 0);
        pump(&mut session, &mut told);
        for flight in self.flights {
            let octets = flight.trim_end_matches('\0').as_bytes();
            let at = cut.saturating_sub(sent).min(octets.len());
            for part in [&octets[..at], &octets[at..]] {
                session.receive(Bytes::copy_from_slice(part));
                pump(&mut session, &mut told);
            }
            sent += octets.len();
            if flight.ends_with('\0') {
                session.end_of_input();
                pump(&mut session, &mut told);
            }
        }
        told
    }

    fn check(&self, expected: &[&str]) {
        let octets: usize = self.flights.iter().map(|flight| flight.len()).sum();
        for cut in 0..=octets {
            assert_eq!(self.told(cut), expected, "cut before {cut}");
        }
    }
}

fn check(flights: &'static [&'static str], expected: &[&str]) {
    Script { lmtp: false, flights }.check(expected);
}

const MAIL: &str = "M MAIL FROM:<a@b>";

#[test]
fn pipelined_lines_stand_before_their_replies() {
    check(
        &["EHLO c\r\n", "NOOP\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nMAIL FROM:<>\r\n"],
        &[
            "220",
            "C EHLO c",
            "250",
            "C NOOP",
            "250",
            MAIL,
            "250",
            "T RCPT TO:<c@d>",
            "250",
            "T RSET",
            "250",
            "M MAIL FROM:<>",
            "250",
        ],
    );
}

#[test]
fn a_message_is_told_by_its_octets() {
    check(
        &["EHLO c\r\n", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", "x\r\n..y\r\n.\r\nQUIT\r\n"],
        &[
            "220",
            "C EHLO c",
            "250",
            MAIL,
            "250",
            "T RCPT TO:<c@d>",
            "250",
            "T DATA",
            "354",
            "T (a message of 7 octets)",
            "250",
            "C QUIT",
            "221",
        ],
    );
}

#[test]
fn chunks_are_told_one_by_one() {
    check(
        &[
            "EHLO c\r\n",
            "MAIL FROM:<a@b>\r\nBDAT 3\r\nx\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nx\r\nBDAT 2 LAST\r\nzzNOOP\r\n",
        ],
        &[
            "220",
            "C EHLO c",
            "250",
            MAIL,
            "250",
            "T BDAT 3",
            "T (a chunk that is not taken)",
            "503",
            "T RCPT TO:<c@d>",
            "250",
            "T BDAT 3",
            "T (a chunk: 3 octets so far)",
            "250",
            "T BDAT 2 LAST",
            "T (a message of 5 octets)",
            "250",
            "C NOOP",
            "250",
        ],
    );
}

#[test]
fn secrets_of_auth_are_withheld() {
    check(
        &["EHLO c\r\n", "AUTH PLAIN AGEAcGVuY2ls\r\n"],
        &["220", "C EHLO c", "250", "C AUTH PLAIN (withheld)", "235"],
    );
    check(
        &["EHLO c\r\n", "auth login\r\n", "YWxpY2U=\r\n", "MAIL FROM:<a@b>\r\n"],
        &["220", "C EHLO c", "250", "C AUTH LOGIN", "334", "C (withheld)", "235", MAIL, "250"],
    );
    check(
        &["EHLO c\r\n", "AUTH LOGIN\r\n", "*\r\n", "AUTH X AGEAcGVuY2ls\r\n", "AGEAcGVuY2ls\r\n"],
        &[
            "220",
            "C EHLO c",
            "250",
            "C AUTH LOGIN",
            "334",
            "C *",
            "501",
            "C AUTH (withheld)",
            "504",
            "C (withheld)",
            "500",
        ],
    );
}

#[test]
fn secrets_that_break_the_rules_are_withheld_too() {
    check(
        &["EHLO c\r\n", "AUTH LOGIN\r\n", "AGEAcGVu\rY2ls\r\n"],
        &["220", "C EHLO c", "250", "C AUTH LOGIN", "334", "C (a line with a bare CR or LF, or NUL)", "500"],
    );
    check(
        &["EHLO c\r\n", "AUTH PLAIN AGEAcGVuY2ls\n\r\n"],
        &["220", "C EHLO c", "250", "C (a line with a bare CR or LF, or NUL)", "500"],
    );
    check(
        &["EHLO c\r\n", "AUTH LOGIN\r\n", "AGEAcGVuY2ls\0"],
        &[
            "220",
            "C EHLO c",
            "250",
            "C AUTH LOGIN",
            "334",
            "C (the connection ends within a line, after 12 octets)",
        ],
    );
}

#[test]
fn what_ends_a_transaction_for_good_is_part_of_the_session() {
    check(
        &[
            "EHLO c\r\n",
            "MAIL FROM:<a@b>\r\n",
            "STARTTLS\r\n",
            "EHLO c\r\n",
            "MAIL FROM:<a@b>\r\n",
            "EHLO d\r\n",
        ],
        &[
            "220",
            "C EHLO c",
            "250",
            MAIL,
            "250",
            "C STARTTLS",
            "220",
            "C EHLO c",
            "250",
            MAIL,
            "250",
            "C EHLO d",
            "250",
        ],
    );
}

#[test]
fn lmtp_has_a_reply_for_each() {
    let flights = &[
        "LHLO c\r\n",
        "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n",
        "x\r\n.\r\nQUIT\r\n",
    ];
    Script { lmtp: true, flights }.check(&[
        "220",
        "C LHLO c",
        "250",
        MAIL,
        "250",
        "T RCPT TO:<c@d>",
        "250",
        "T RCPT TO:<e@d>",
        "250",
        "T DATA",
        "354",
        "T (a message of 3 octets)",
        "250",
        "250",
        "C QUIT",
        "221",
    ]);
}

#[test]
fn a_message_that_is_refused_is_told_all_the_same() {
    check(
        &[
            "EHLO c\r\n",
            "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
            "01234567890123456789012345678901234567890123456789\r\n.\r\n",
        ],
        &[
            "220",
            "C EHLO c",
            "250",
            MAIL,
            "250",
            "T RCPT TO:<c@d>",
            "250",
            "T DATA",
            "354",
            "T (a message of 52 octets)",
            "552",
        ],
    );
}

#[test]
fn a_connection_that_ends_says_where() {
    for (flights, told) in [
        (&["NOO\0"][..], &["C (the connection ends within a line, after 3 octets)"][..]),
        (&["\0"], &["C (the connection ends)"]),
        (&["GET / HTTP/1.1\r\n\r\n"], &["C (no SMTP, but HTTP or TLS)"]),
        (
            &["EHLO c\r\n", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", "ab\r\nc\0"],
            &[
                "C EHLO c",
                "250",
                MAIL,
                "250",
                "T RCPT TO:<c@d>",
                "250",
                "T DATA",
                "354",
                "T (the connection ends within the message, after 5 octets)",
            ],
        ),
    ] {
        check(flights, &[&["220"], told].concat());
    }
}

#[test]
fn nothing_is_told_unasked() {
    let mut session = session(false);
    session.narrator = None;
    let mut told = Vec::new();
    pump(&mut session, &mut told);
    session.receive(Bytes::from_static(b"EHLO c\r\n"));
    pump(&mut session, &mut told);
    assert_eq!(told, ["220", "250"]);
}

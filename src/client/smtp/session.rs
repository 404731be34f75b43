//! A session with a relay that is driven step by step: envelope, recipients, message.
//!
//! ```text
//! open ─▶ Idle ─MAIL─▶ Transaction ─RCPT─▶ Transaction ─DATA, BDAT─▶ Message ─reply─▶ Idle
//!          ▲                 │ RSET                                      │
//!          └─────────────────┘                       dropped: the connection is reset
//! ```
//!
//! A step that is dropped, or that fails, leaves replies owed or a message half said: such a session can't
//! be used again.

use std::io::IoSlice;
use std::iter;

use tokio::time::Instant;

use super::announced::Announced;
use super::conversation::CLOSING;
use super::link::{Fault, Link, Server, Written};
use super::opening::{Dialect, Introduction, Obstacle, Opening, Progress};
use super::reply::Reply;
use super::text::{Stuffing, Text};
use crate::smtp::reply::Class;

/// Octets of DATA that are written at a time.
const BUFFER: usize = 16 * 1024;

/// Why a relay did not take something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no answer.
    Fault(Fault),
    /// It did not come so far that mail could be sent: greeting, EHLO, STARTTLS or AUTH.
    Unopened(Obstacle),
    /// It says no.
    Refused {
        /// To what.
        stage: Stage,
        /// Its words.
        reply: Reply,
    },
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA, before any of the message was said.
    Data,
    /// The message.
    Message,
}

impl Stage {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction.
    Idle,
    /// MAIL was taken.
    Transaction,
    /// The message is being said, or its answer is awaited.
    Message,
}

/// A session with a relay.
pub(crate) struct Session {
    link: Link,
    announced: Announced,
    dialect: Dialect,
    state: State,
    /// Replies that are still to come.
    owed: usize,
    /// The relay has said that it closes.
    closing: bool,
    /// It has taken a message before.
    reused: bool,
    born: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.state == State::Message {
            // Of a message that nobody waits for any more, nothing is to go out.
            self.link.abort();
        }
    }
}

impl Session {
    /// Goes from a connection to where mail can be sent.
    pub(super) async fn open(
        mut link: Link,
        server: &Server,
        introduction: Introduction,
        deadline: Instant,
    ) -> Result<Self, Trouble> {
        let dialect = introduction.dialect;
        let mut opening = Opening::new(introduction);
        loop {
            let reply = link.reply(opening.waits_for(), deadline).await?;
            let line = match opening.hear(reply) {
                Progress::Say(line) => line,
                Progress::Handshake => {
                    link = link.secure(server, deadline).await?;
                    opening.secured()
                }
                Progress::Open(_) => break,
                Progress::Over(obstacle) => return Err(Trouble::Unopened(obstacle)),
            };
            link.write(&line.octets, opening.waits_for(), deadline).await?;
        }
        let announced = opening.announced();
        let (state, born) = (State::Idle, Instant::now());
        Ok(Self { link, announced, dialect, state, owed: 0, closing: false, reused: false, born })
    }

    /// What the relay offers.
    pub(crate) fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Since when it is open.
    pub(super) fn born(&self) -> Instant {
        self.born
    }

    /// Whether it has been used before, so that the relay may have closed it meanwhile.
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether another transaction can follow, behind RSET.
    pub(super) fn is_usable(&self) -> bool {
        self.owed == 0 && !self.closing && self.state != State::Message
    }

    /// Whether RSET is due.
    pub(super) fn is_idle(&self) -> bool {
        self.is_usable() && self.state == State::Idle
    }

    /// Whether the relay has neither closed nor said that it will.
    pub(crate) fn is_alive(&mut self) -> bool {
        !self.closing && self.link.is_quiet()
    }

    /// From now on it is an old one.
    pub(super) fn rest(&mut self) {
        self.reused = true;
    }

    /// Says MAIL and RCPTs; gives the answers to RCPT in order. Refused at MAIL, there are none.
    ///
    /// With PIPELINING all of it is one flight.
    pub(crate) async fn envelope(
        &mut self,
        mail: &str,
        recipients: &[String],
        deadline: Instant,
    ) -> Result<Vec<Reply>, Trouble> {
        let mut replies = Vec::with_capacity(recipients.len());
        if !self.announced.pipelining {
            self.mail(mail, deadline).await?;
            for line in recipients {
                replies.push(self.recipient(line, deadline).await?);
            }
            return Ok(replies);
        }
        let mut flight = format!("{mail}\r\n");
        recipients.iter().for_each(|line| flight.extend([line, "\r\n"]));
        self.owed += 1 + recipients.len();
        self.link.write(flight.as_bytes(), Stage::Mail.name(), deadline).await?;
        let mail = self.hear(Stage::Mail, deadline).await?;
        let refused = mail.class() != Class::Positive;
        if !refused {
            self.state = State::Transaction;
        }
        // What is said to recipients without a sender does not matter, but has to be read.
        while self.owed > 0 && !self.closing {
            replies.push(self.hear(Stage::Recipient, deadline).await?);
        }
        if refused { Err(refusal(Stage::Mail, mail)) } else { Ok(replies) }
    }

    async fn mail(&mut self, line: &str, deadline: Instant) -> Result<(), Trouble> {
        let reply = self.ask(line, Stage::Mail, deadline).await?;
        if reply.class() != Class::Positive {
            return Err(refusal(Stage::Mail, reply));
        }
        self.state = State::Transaction;
        Ok(())
    }

    /// Says RCPT.
    pub(crate) async fn recipient(&mut self, line: &str, deadline: Instant) -> Result<Reply, Fault> {
        self.ask(line, Stage::Recipient, deadline).await
    }

    /// Ends the transaction.
    pub(super) async fn reset(&mut self, deadline: Instant) -> Result<(), Fault> {
        let reply = self.ask("RSET", Stage::Mail, deadline).await?;
        if reply.class() != Class::Positive {
            self.closing = true;
            return Err(Fault::Broken("RSET"));
        }
        self.state = State::Idle;
        Ok(())
    }

    /// Says the message: by BDAT where the relay has CHUNKING, else by DATA. Gives the answer, over LMTP one
    /// for each of the `accepted` recipients; of those that did not come any more, why.
    ///
    /// Over LMTP it is DATA unless the message is `binary`: whether a refusal of BDAT is one reply or
    /// several differs from server to server.
    pub(crate) async fn message(
        &mut self,
        text: &Text,
        (accepted, binary): (usize, bool),
        deadline: Instant,
    ) -> Result<Vec<Result<Reply, Trouble>>, Trouble> {
        let chunked = binary || (self.announced.chunking && self.dialect == Dialect::Smtp);
        let written = if chunked {
            self.chunk(text, deadline).await?
        } else {
            let reply = self.ask("DATA", Stage::Data, deadline).await?;
            if reply.class() != Class::Intermediate {
                // It waits for nothing, or nobody knows for what.
                self.closing |= reply.class() == Class::Positive;
                return Err(refusal(Stage::Data, reply));
            }
            self.data(text, deadline).await?
        };
        let answers = if self.dialect == Dialect::Lmtp { accepted } else { 1 };
        self.answers(answers, written, deadline).await
    }

    async fn data(&mut self, text: &Text, deadline: Instant) -> Result<Written, Fault> {
        self.state = State::Message;
        let (mut stuffing, mut buffer) = (Stuffing::default(), Vec::with_capacity(BUFFER));
        for segment in text.segments() {
            for part in segment.chunks(BUFFER / 2) {
                stuffing.push(part, &mut buffer);
                if buffer.len() >= BUFFER / 2 && self.flush(&mut buffer, deadline).await? == Written::Cut {
                    return Ok(Written::Cut);
                }
            }
        }
        stuffing.end(&mut buffer);
        self.flush(&mut buffer, deadline).await
    }

    async fn chunk(&mut self, text: &Text, deadline: Instant) -> Result<Written, Fault> {
        self.state = State::Message;
        let command = format!("BDAT {} LAST\r\n", text.len());
        let segments = text.segments().iter().map(|segment| &**segment);
        let octets = iter::once(command.as_bytes()).chain(segments);
        let mut octets: Vec<IoSlice<'_>> = octets.map(IoSlice::new).collect();
        self.link.write_listening(&mut octets, Stage::Message.name(), deadline).await
    }

    async fn flush(&mut self, buffer: &mut Vec<u8>, deadline: Instant) -> Result<Written, Fault> {
        let octets = &mut [IoSlice::new(buffer)];
        let written = self.link.write_listening(octets, Stage::Message.name(), deadline).await;
        buffer.clear();
        written
    }

    /// Reads the answers to the message.
    async fn answers(
        &mut self,
        count: usize,
        written: Written,
        deadline: Instant,
    ) -> Result<Vec<Result<Reply, Trouble>>, Trouble> {
        self.owed = count;
        let mut answers: Vec<Result<Reply, Trouble>> = Vec::with_capacity(count);
        while answers.len() < count {
            let heard = self.hear(Stage::Message, deadline).await;
            let answer = match heard {
                Ok(reply) if reply.class() == Class::Positive => Ok(reply),
                Ok(reply) => Err(refusal(Stage::Message, reply)),
                Err(fault) => Err(fault.into()),
            };
            // Whoever answers before it has all of a message has not taken it, and the session is out of
            // step. Of those behind it nothing more will come.
            let last = match (&answer, &written) {
                (Ok(_), Written::Cut) => {
                    return Err(Fault::NotSmtp("the message was answered before its end".to_owned()).into());
                }
                (Err(_), Written::Cut) | (Err(Trouble::Fault(_)), Written::All) => true,
                _ => self.closing,
            };
            answers.push(answer);
            if let (true, Some(answer)) = (last, answers.last().cloned()) {
                let unsaid = answer.err().unwrap_or(Fault::Broken(Stage::Message.name()).into());
                answers.resize(count, Err(unsaid));
                return Ok(answers);
            }
        }
        self.state = State::Idle;
        Ok(answers)
    }

    async fn ask(&mut self, line: &str, stage: Stage, deadline: Instant) -> Result<Reply, Fault> {
        self.owed += 1;
        self.link.write(format!("{line}\r\n").as_bytes(), stage.name(), deadline).await?;
        self.hear(stage, deadline).await
    }

    async fn hear(&mut self, stage: Stage, deadline: Instant) -> Result<Reply, Fault> {
        let reply = self.link.reply(stage.name(), deadline).await?;
        self.owed -= 1;
        // Nobody knows what it waits for.
        let astray = reply.class() == Class::Intermediate && stage != Stage::Data;
        self.closing |= reply.code == CLOSING || astray;
        Ok(reply)
    }
}

/// What an answer comes to that is not hoped for.
pub(crate) fn refusal(stage: Stage, reply: Reply) -> Trouble {
    match reply.class() {
        Class::Transient | Class::Permanent => Trouble::Refused { stage, reply },
        Class::Positive | Class::Intermediate => {
            Trouble::Fault(Fault::NotSmtp(format!("{} was answered {}", stage.name(), reply.code)))
        }
    }
}

//! What `probe` and `send` make of a conversation that is over: words, and an exit code.

use std::fmt;

use super::Exit;
use crate::client::smtp::{Fault, Obstacle, Outcome, Reply};
use crate::plan::shown;

/// What came of a conversation, or why there was none.
pub(super) type End = Result<Outcome, Fault>;

/// What is in the way of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hindrance<'a> {
    /// There is no answer.
    Fault(&'a Fault),
    /// It is another than the one that is hoped for.
    Obstacle(&'a Obstacle),
}

/// The first thing that was in the way: of all, or of a recipient.
pub(super) fn hindrance(end: &End) -> Option<Hindrance<'_>> {
    match end {
        Err(fault) => Some(Hindrance::Fault(fault)),
        Ok(Err(obstacle)) => Some(Hindrance::Obstacle(obstacle)),
        Ok(Ok(answers)) => answers.iter().find_map(|answer| answer.as_ref().err()).map(Hindrance::Obstacle),
    }
}

/// How the process ends. Where recipients fare differently, the gravest counts.
pub(super) fn exit(end: &End) -> Exit {
    match end {
        Err(fault) => exit_of_fault(fault),
        Ok(Err(obstacle)) => exit_of(obstacle),
        Ok(Ok(answers)) => {
            let exits = answers.iter().filter_map(|answer| answer.as_ref().err()).map(exit_of);
            exits.max_by_key(|exit| gravity(*exit)).unwrap_or(Exit::Ok)
        }
    }
}

fn exit_of_fault(fault: &Fault) -> Exit {
    match fault {
        Fault::NotSmtp(_) => Exit::Protocol,
        _ => Exit::Unavailable,
    }
}

fn exit_of(obstacle: &Obstacle) -> Exit {
    match obstacle {
        Obstacle::Refused { reply, .. } if reply.code < 500 => Exit::Temporary,
        Obstacle::Refused { .. } => Exit::Failure,
        Obstacle::Unexpected { .. } | Obstacle::NotOffered(_) => Exit::Protocol,
        Obstacle::Silence(fault) => exit_of_fault(fault),
    }
}

fn gravity(exit: Exit) -> u8 {
    match exit {
        Exit::Temporary => 1,
        Exit::Unavailable => 2,
        Exit::Failure => 3,
        _ => 4,
    }
}

impl fmt::Display for Hindrance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obstacle(Obstacle::Silence(fault)) => Self::Fault(fault).fmt(f),
            Self::Fault(fault @ Fault::NotSmtp(_)) => write!(f, "failed: {fault}"),
            Self::Fault(fault) => write!(f, "unavailable: {fault}"),
            Self::Obstacle(Obstacle::Refused { stage, reply }) => {
                write!(f, "refused at {stage}: {}", Shown(reply))
            }
            Self::Obstacle(Obstacle::Unexpected { stage, reply }) => {
                write!(f, "failed: {stage} is answered {}", Shown(reply))
            }
            Self::Obstacle(Obstacle::NotOffered(what)) => {
                write!(f, "failed: the listener does not offer {what}")
            }
        }
    }
}

/// A reply on one line.
pub(super) struct Shown<'a>(pub(super) &'a Reply);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.lines.last().map(String::as_str).unwrap_or_default();
        write!(f, "{} {}", self.0.code, shown(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16) -> Result<Reply, Obstacle> {
        let reply = Reply { code, lines: vec!["no".to_owned()] };
        Err(Obstacle::Refused { stage: "RCPT", reply })
    }

    #[test]
    fn of_several_recipients_the_gravest_counts() {
        let taken = || Ok(Reply { code: 250, lines: vec!["ok".to_owned()] });
        let gone = || Err(Obstacle::NotOffered("SMTPUTF8"));
        for (answers, expected, words) in [
            (vec![], Exit::Ok, None),
            (vec![taken(), taken()], Exit::Ok, None),
            (vec![taken(), refused(451)], Exit::Temporary, Some("refused at RCPT: 451 no")),
            (vec![refused(451), refused(550), taken()], Exit::Failure, Some("refused at RCPT: 451 no")),
            (vec![refused(550), gone()], Exit::Protocol, Some("refused at RCPT: 550 no")),
        ] {
            let end = Ok(Ok(answers));
            assert_eq!(exit(&end), expected);
            assert_eq!(hindrance(&end).map(|hindrance| hindrance.to_string()).as_deref(), words);
        }
    }
}

//! What to do about a message that does not go through. Pure.
//!
//! A guess, from the client's side: what a listener keeps to itself is in its log.

use super::Hindrance;
use crate::client::smtp::{Fault, Obstacle, Reply};
use crate::commands::listener::{ListenerArgs, TlsMode};

/// How the listener was talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    tls: TlsMode,
    lmtp: bool,
    signed_in: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { tls: TlsMode::None, lmtp: false, signed_in: false }
    }
}

impl Manner {
    pub(super) fn of(arguments: &ListenerArgs) -> Self {
        Self { tls: arguments.tls, lmtp: arguments.lmtp, signed_in: arguments.user.is_some() }
    }
}

/// What to do, if there is an idea.
pub(super) fn advice(hindrance: Hindrance<'_>, manner: &Manner) -> Option<&'static str> {
    match hindrance {
        Hindrance::Fault(fault) | Hindrance::Obstacle(Obstacle::Silence(fault)) => fault_of(fault, manner),
        Hindrance::Obstacle(Obstacle::NotOffered(what)) => missing(what, manner),
        Hindrance::Obstacle(Obstacle::Refused { stage, reply }) => refused(stage, reply, manner),
        Hindrance::Obstacle(Obstacle::Unexpected { .. }) => Some(NO_SERVER),
    }
}

const NO_SERVER: &str = "look whether --to is the port of a mail server";

fn fault_of(fault: &Fault, manner: &Manner) -> Option<&'static str> {
    Some(match fault {
        Fault::Forbidden(_) => return None,
        Fault::Connect(_) | Fault::LateConnect(_) => {
            "look whether a listener is there (`kubectl get service`, `mailchute check`), and whether a firewall or a \
             NetworkPolicy is in between"
        }
        Fault::Tls(why) => return tls(why, manner),
        Fault::Late("the greeting") | Fault::Broken("the greeting") if manner.tls != TlsMode::Implicit => {
            "a listener of `tls.mode: Implicit` waits for TLS: --tls implicit; one that is told of its clients by PROXY \
             is to be reached through its load balancer"
        }
        Fault::Late(_) => {
            "give it more time by --timeout, or look into the front-end's log for what it waits for"
        }
        Fault::Broken(_) => "send it again; the front-end's log has why it closed",
        Fault::NotSmtp(_) => NO_SERVER,
    })
}

/// `why` is what the TLS library says.
fn tls(why: &str, manner: &Manner) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    Some(if says(&["UnknownIssuer", "CaUsedAsEndEntity"]) {
        "name by --ca the file of who has signed the certificate, or don't look at it: --insecure"
    } else if says(&["not valid for", "NotValidForName"]) {
        "call it by the name that its certificate has, or say that by --server-name"
    } else if says(&["xpired", "NotValidYet", "not valid yet"]) {
        "renew the certificate, or set the clocks"
    } else if manner.tls == TlsMode::Implicit {
        "a listener of `tls.mode: StartTLS` begins in the clear: --tls starttls"
    } else {
        return None;
    })
}

fn missing(what: &str, manner: &Manner) -> Option<&'static str> {
    Some(match what {
        "STARTTLS" => "give the listener `tls.mode: StartTLS` and a certificate, or send without: --tls none",
        "8BITMIME" | "SMTPUTF8" => "keep address and message in ASCII, for a server such as this",
        _ if what.starts_with("AUTH") && manner.signed_in => {
            "one signs in at a listener that has `auth`, as `profile: Submission` does"
        }
        _ => return None,
    })
}

fn refused(stage: &str, reply: &Reply, manner: &Manner) -> Option<&'static str> {
    let enhanced = reply.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
    Some(match (stage, reply.code) {
        (_, 421) => "it is busy, or goes away: send it again",
        ("EHLO", 500..) if manner.lmtp => "it does not speak LMTP: leave --lmtp out",
        ("EHLO", 500..) => "a listener of `profile: LMTP` wants --lmtp",
        (_, 530) if manner.tls == TlsMode::None => {
            "it wants TLS, and maybe that one signs in: --tls starttls, --user"
        }
        (_, 530) => "sign in: --user and --password-file",
        (_, 535) => "look for the user and its password in the Secret that the listener's `auth` names",
        (_, 552) => "send less by --size, or allow more by `maxMessageBytes`",
        ("RCPT", 500..) => {
            "`mailchute explain --rcpt` says who would take this recipient, and why nobody does"
        }
        (_, 550) if enhanced == "5.7.1" => {
            "look into the policies: `mailchute explain` names those that hold here"
        }
        (_, 451) if enhanced == "4.3.5" => {
            "`mailchute check`, or `kubectl get mailchute -A`, says what is wrong"
        }
        ("the message", _) => "the front-end's log says which backend it was, and what came of it",
        (_, 400..500) => "the front-end's log says what it waits for; then send it again",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_reply(stage: &'static str, line: &str, manner: &Manner) -> Option<&'static str> {
        let (code, text) = line.split_once(' ').unwrap();
        let reply = Reply { code: code.parse().unwrap(), lines: vec![text.to_owned()] };
        advice(Hindrance::Obstacle(&Obstacle::Refused { stage, reply }), manner)
    }

    #[test]
    fn a_refusal_is_answered_by_what_would_help() {
        let (plain, tls) = (Manner::default(), Manner { tls: TlsMode::Starttls, ..Manner::default() });
        let lmtp = Manner { lmtp: true, ..plain };
        for (stage, line, manner, expected) in [
            ("EHLO", "502 5.5.1 no", plain, "wants --lmtp"),
            ("EHLO", "502 5.5.1 no", lmtp, "leave --lmtp out"),
            ("MAIL", "530 5.7.0 STARTTLS", plain, "--tls starttls"),
            ("MAIL", "530 5.7.0 AUTH", tls, "sign in: --user"),
            ("MAIL", "552 5.3.4 large", plain, "--size"),
            ("RCPT", "550 5.1.1 nobody", plain, "mailchute explain --rcpt"),
            ("RCPT", "451 4.3.5 config", plain, "mailchute check"),
            ("the message", "421 4.3.2 bye", plain, "again"),
            ("the message", "451 4.3.0 failed", plain, "log"),
        ] {
            let found = of_reply(stage, line, &manner);
            assert!(found.is_some_and(|advice| advice.contains(expected)), "{stage} {line}: {found:?}");
        }
        assert_eq!(of_reply("STARTTLS", "554 5.7.0 no", &plain), None);
    }

    #[test]
    fn a_fault_is_answered_by_what_would_help() {
        let plain = Manner::default();
        let implicit = Manner { tls: TlsMode::Implicit, ..plain };
        let tls = |why: &str| Fault::Tls(why.to_owned());
        for (fault, manner, expected) in [
            (Fault::Connect("refused".to_owned()), plain, Some("kubectl get service")),
            (Fault::Late("the greeting"), plain, Some("--tls implicit")),
            (Fault::Late("the greeting"), implicit, Some("--timeout")),
            (tls("invalid peer certificate: UnknownIssuer"), implicit, Some("--ca")),
            (
                tls("invalid peer certificate: certificate not valid for name \"a\""),
                plain,
                Some("--server-name"),
            ),
            (tls("received corrupt message of type InvalidContentType"), implicit, Some("--tls starttls")),
            (tls("no answer in time"), plain, None),
            (Fault::NotSmtp("HTTP".to_owned()), plain, Some("port of a mail server")),
        ] {
            let found = advice(Hindrance::Fault(&fault), &manner);
            assert_eq!(found.is_some(), expected.is_some(), "{fault}: {found:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{fault}: {found:?}");
        }
    }
}

//! One command line (`smtp::command`).

use bytes::Bytes;

use super::dialogue::is_well_formed;
use super::input::Input;
use crate::mail::address::MAX_PATH;
use crate::mail::{ForwardPath, ReversePath};
use crate::smtp::command::{self, Command, Context};
use crate::smtp::{Hello, Mechanism, Mechanisms, Reply, Verb, reply};

/// The first octet says in which context; the rest is the line.
pub fn command(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.octet();
    let announced = Hello {
        starttls: flags & 4 > 0,
        tls_required: false,
        auth: if flags & 8 > 0 { Mechanism::ALL.into_iter().collect() } else { Mechanisms::NONE },
        prdr: flags & 16 > 0,
        dsn: flags & 32 > 0,
        xclient: flags & 64 > 0,
    };
    let context = Context { smtputf8: flags & 1 > 0, lmtp: flags & 2 > 0, announced };
    let line = Bytes::copy_from_slice(input.rest());
    let verb = command::verb(&line);
    match command::parse(&line, context) {
        Ok(command) => understood(&line, verb, context, command),
        Err(reply) => refused(verb, &reply),
    }
}

fn refused(verb: Verb, reply: &Reply) {
    assert!(is_well_formed(reply));
    assert!(reply::CATALOGUE.iter().any(|(_, known)| known == reply), "{reply}");
    assert!(matches!(reply.code(), 500..=504 | 553 | 555), "{reply}");
    if *reply == reply::UNKNOWN_COMMAND {
        assert!(matches!(verb, Verb::Other | Verb::Helo | Verb::Ehlo | Verb::Lhlo), "{verb:?}");
    }
}

fn understood(line: &[u8], verb: Verb, context: Context, command: Command) {
    match command {
        Command::Mail(sender) => {
            assert!(sender.smtputf8 || sender.reverse_path.is_ascii());
            if let ReversePath::Mailbox(mailbox) = &sender.reverse_path {
                assert!(stands_in(line, &mailbox.to_string()) && mailbox.len() <= MAX_PATH);
            }
            let again = Bytes::from(format!("MAIL FROM:<{}>", sender.reverse_path));
            let utf8 = Bytes::from(format!("MAIL FROM:<{}> SMTPUTF8", sender.reverse_path));
            let again = command::parse(if sender.smtputf8 { &utf8 } else { &again }, context);
            let again = again.expect("a path that was read is a path");
            assert!(matches!(again, Command::Mail(again) if again.reverse_path == sender.reverse_path));
        }
        Command::Rcpt(recipient) => {
            let path = recipient.forward_path;
            assert!(context.smtputf8 || path.is_ascii());
            if let ForwardPath::Mailbox(mailbox) = &path {
                assert!(stands_in(line, &mailbox.to_string()) && mailbox.len() <= MAX_PATH);
            }
            let again = command::parse(&Bytes::from(format!("RCPT TO:<{path}>")), context);
            let again = again.expect("a path that was read is a path");
            assert!(matches!(again, Command::Rcpt(again) if again.forward_path == path));
        }
        Command::Bdat { size, .. } => assert_eq!(command::chunk_size(line), Some(size)),
        Command::Hello(..) => assert_eq!(context.lmtp, verb == Verb::Lhlo),
        _ => assert!(!matches!(verb, Verb::Other | Verb::Mail | Verb::Rcpt | Verb::Bdat)),
    }
}

fn stands_in(line: &[u8], text: &str) -> bool {
    line.windows(text.len()).any(|window| window == text.as_bytes())
}

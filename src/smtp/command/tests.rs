//! Tables of command lines.

use super::*;
use crate::mail::{BodyType, RecipientDsn, Returned, SenderDsn};
use crate::smtp::mechanism::Mechanism;

fn parse_line(line: &str) -> Result<Command, Reply> {
    parse(&Bytes::copy_from_slice(line.as_bytes()), Context::default())
}

fn sender(line: &str) -> Sender {
    match parse_line(line) {
        Ok(Command::Mail(sender)) => sender,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn mail_with_its_parameters() {
    let plain = sender("mail from:<>");
    assert_eq!(plain.reverse_path, ReversePath::Null);
    let full = sender("MAIL FROM: <a@b.example>  SIZE=100 body=8bitmime SMTPUTF8");
    assert_eq!(full.reverse_path.to_string(), "a@b.example");
    assert_eq!((full.size, full.body_type, full.smtputf8), (Some(100), BodyType::EightBitMime, true));
    assert_eq!(
        sender("MAIL FROM:<@x.example,@y.example:a@b> SIZE=99999999999999999999").size,
        Some(u64::MAX)
    );
    assert_eq!(sender(r#"MAIL FROM:<"a>\"b"@c>"#).reverse_path.to_string(), r#""a>\"b"@c"#);
    assert!(!sender("MAIL FROM:<bücher@b.example> SMTPUTF8").reverse_path.is_ascii());
}

#[test]
fn what_mail_refuses() {
    for (line, reply) in [
        ("MAIL", reply::BAD_SENDER),
        ("MAIL FROM", reply::BAD_SENDER),
        ("MAIL FROM:", reply::BAD_SENDER),
        ("MAIL FROM:a@b", reply::BAD_SENDER),
        ("MAIL FROM:  <a@b>", reply::BAD_SENDER),
        ("MAIL FROM:<a@b", reply::BAD_SENDER),
        ("MAIL FROM:<a@b>SIZE=1", reply::BAD_SENDER),
        ("MAIL FROM:<a>", reply::BAD_SENDER),
        ("MAIL FROM:<@x:>", reply::BAD_SENDER),
        ("MAIL FROM:<@x,y:a@b>", reply::BAD_SENDER),
        ("MAIL TO:<a@b>", reply::BAD_SENDER),
        ("MAIL FROM:<a@b> SIZE", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> SIZE=", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> SIZE=1k", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=1", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> BODY=9BIT", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> SMTPUTF8=1", reply::BAD_ARGUMENT),
        ("MAIL FROM:<a@b> RET=HDRS", reply::BAD_PARAMETER),
        ("MAIL FROM:<a@b> X", reply::BAD_PARAMETER),
        ("MAIL FROM:<bücher@b>", reply::NEEDS_SMTPUTF8),
    ] {
        assert_eq!(parse_line(line), Err(reply), "{line}");
    }
}

#[test]
fn rcpt_with_and_without_utf8() {
    let postmaster = Recipient { forward_path: ForwardPath::Postmaster, dsn: RecipientDsn::default() };
    assert_eq!(parse_line("RCPT TO:<PostMaster>"), Ok(Command::Rcpt(postmaster)));
    assert_eq!(parse_line("RCPT TO:<>"), Err(reply::BAD_RECIPIENT));
    assert_eq!(parse_line("RCPT TO:<a@b> NOTIFY=NEVER"), Err(reply::BAD_PARAMETER));
    let line = Bytes::from_static("RCPT TO:<bücher@b>".as_bytes());
    assert_eq!(parse(&line, Context::default()), Err(reply::NEEDS_SMTPUTF8));
    assert!(parse(&line, Context { smtputf8: true, ..Context::default() }).is_ok());
    let stray = Bytes::from_static(b"RCPT TO:<b\xfccher@b>");
    assert_eq!(parse(&stray, Context { smtputf8: true, ..Context::default() }), Err(reply::BAD_LINE));
}

#[test]
fn the_other_commands() {
    let lmtp = Context { lmtp: true, ..Context::default() };
    let host = GreetingName::Host(Host::Domain("c.example".into()));
    for (line, command) in [
        ("ehlo c.example", Ok(Command::Hello(Protocol::Esmtp, host.clone()))),
        ("HELO c.example", Ok(Command::Hello(Protocol::Smtp, host.clone()))),
        ("EHLO a b", Ok(Command::Hello(Protocol::Esmtp, GreetingName::Other(b"a b"[..].into())))),
        ("EHLO", Err(reply::NEEDS_NAME)),
        ("EHLO bücher", Err(reply::BAD_LINE)),
        ("LHLO c.example", Err(reply::UNKNOWN_COMMAND)),
        ("BDAT 12", Ok(Command::Bdat { size: 12, last: false })),
        ("BDAT 0 last", Ok(Command::Bdat { size: 0, last: true })),
        ("BDAT", Err(reply::BAD_ARGUMENT)),
        ("BDAT -1", Err(reply::BAD_ARGUMENT)),
        ("BDAT 1 FIRST", Err(reply::BAD_ARGUMENT)),
        ("BDAT 1 LAST x", Err(reply::BAD_ARGUMENT)),
        ("DATA x", Err(reply::BAD_ARGUMENT)),
        ("QUIT x", Err(reply::BAD_ARGUMENT)),
        ("noop whatever", Ok(Command::Noop)),
        ("VRFY", Err(reply::BAD_ARGUMENT)),
        ("VRFY a", Ok(Command::Vrfy)),
        ("", Err(reply::UNKNOWN_COMMAND)),
        (" NOOP", Err(reply::UNKNOWN_COMMAND)),
        ("NOOP\tx", Err(reply::UNKNOWN_COMMAND)),
    ] {
        assert_eq!(parse_line(line), command, "{line}");
    }
    let line = Bytes::from_static(b"LHLO c.example");
    assert_eq!(parse(&line, lmtp), Ok(Command::Hello(Protocol::Lmtp, host)));
    assert_eq!(parse(&Bytes::from_static(b"EHLO c.example"), lmtp), Err(reply::UNKNOWN_COMMAND));
}

/// All that a listener may announce.
fn announced() -> Context {
    let announced = Hello {
        auth: [Mechanism::Plain, Mechanism::Login].into_iter().collect(),
        prdr: true,
        dsn: true,
        xclient: true,
        ..Hello::default()
    };
    Context { announced, ..Context::default() }
}

#[test]
fn parameters_that_were_announced() {
    let parse_line = |line: &str| parse(&Bytes::copy_from_slice(line.as_bytes()), announced());
    let line = "MAIL FROM:<> prdr AUTH=a+40b RET=hdrs ENVID=QQ+20314159 BODY=7BIT SIZE=1";
    let Ok(Command::Mail(sender)) = parse_line(line) else { panic!("{line}") };
    assert!(sender.prdr);
    let dsn = SenderDsn { returned: Some(Returned::Headers), envelope_id: Some("QQ 314159".into()) };
    assert_eq!(sender.dsn, dsn);
    let line = "RCPT TO:<a@b> NOTIFY=FAILURE ORCPT=rfc822;c+40d";
    let Ok(Command::Rcpt(recipient)) = parse_line(line) else { panic!("{line}") };
    assert_eq!(recipient.dsn.notify.map(|notify| notify.to_string()).as_deref(), Some("FAILURE"));
    assert_eq!(recipient.dsn.original.map(|original| original.address).as_deref(), Some("c@d"));
    for parameters in [
        "PRDR=1",
        "PRDR PRDR",
        "AUTH",
        "AUTH=",
        "AUTH=a=b",
        "AUTH=<> AUTH=<>",
        "RET",
        "RET=NONE",
        "RET=FULL RET=FULL",
        "ENVID",
        "ENVID=",
        "ENVID=a+0Ab",
        "ENVID=+FC",
        "ENVID=1 ENVID=1",
    ] {
        assert_eq!(
            parse_line(&format!("MAIL FROM:<> {parameters}")),
            Err(reply::BAD_ARGUMENT),
            "{parameters}"
        );
    }
    for parameters in
        ["NOTIFY", "NOTIFY=", "NOTIFY=DELAY NOTIFY=DELAY", "ORCPT", "ORCPT=a", "ORCPT=a;b ORCPT=a;b"]
    {
        assert_eq!(
            parse_line(&format!("RCPT TO:<a@b> {parameters}")),
            Err(reply::BAD_ARGUMENT),
            "{parameters}"
        );
    }
    assert_eq!(parse_line("RCPT TO:<a@b> NOTIFIED=DELAY"), Err(reply::BAD_PARAMETER));
}

#[test]
fn auth_of_what_was_announced() {
    let parse_line = |line: &str| parse(&Bytes::copy_from_slice(line.as_bytes()), announced());
    let begin = |mechanism, initial: Option<&'static [u8]>| {
        Ok(Command::Auth(AuthStep::Begin(mechanism, initial.map(Bytes::from_static))))
    };
    for (line, command) in [
        ("AUTH PLAIN", begin(Mechanism::Plain, None)),
        ("auth plain AGEAYg==", begin(Mechanism::Plain, Some(b"\0a\0b"))),
        ("AUTH LOGIN =", begin(Mechanism::Login, Some(b""))),
        ("AUTH", Err(reply::BAD_ARGUMENT)),
        ("AUTH PLAIN AGEAYg== x", Err(reply::BAD_ARGUMENT)),
        ("AUTH SCRAM-SHA-256", Err(reply::UNKNOWN_MECHANISM)),
        ("AUTH CRAM-MD5 ?", Err(reply::UNKNOWN_MECHANISM)),
        ("AUTH PLAIN AGEAYg=", Err(reply::BAD_BASE64)),
        ("AUTH PLAIN AGEAYg", Err(reply::BAD_BASE64)),
        ("AUTH PLAIN AGEAYh==", Err(reply::BAD_BASE64)),
        ("AUTH PLAIN AGE_Yg==", Err(reply::BAD_BASE64)),
        ("AUTH PLAIN *", Err(reply::BAD_BASE64)),
        ("AUTH PLAIN ==", Err(reply::BAD_BASE64)),
    ] {
        assert_eq!(parse_line(line), command, "{line}");
    }
    assert_eq!(auth::response(b"*"), Ok(AuthStep::Cancel));
    assert_eq!(auth::response(b""), Ok(AuthStep::Response(Bytes::new())));
    assert_eq!(auth::response(b"="), Err(reply::BAD_BASE64));
    let secret = AuthStep::Response(Bytes::from_static(b"hunter2"));
    assert_eq!(format!("{secret:?} {:?}", begin(Mechanism::Plain, Some(b"hunter2"))).find("hunter2"), None);
}

//! What becomes of recipients, and what the client hears of it.

use super::*;
use std::time::SystemTime;

fn id() -> TransactionId {
    TransactionId::new(SystemTime::UNIX_EPOCH, [0; 10])
}

fn failure(cause: Cause, reply: Option<Reply>) -> Outcome {
    Err(Failure { cause, reply, detail: String::new() })
}

#[test]
fn every_cause_without_a_word_of_the_backend_is_temporary() {
    for (cause, code) in [
        (Cause::Busy, "4.3.2"),
        (Cause::CircuitOpen, "4.3.2"),
        (Cause::InFlightCap, "4.3.2"),
        (Cause::Failed, "4.3.0"),
        (Cause::Verdict, "4.3.0"),
        (Cause::Misconfigured, "4.3.5"),
        (Cause::Unreachable, "4.4.1"),
        (Cause::Reset, "4.4.2"),
        (Cause::Timeout, "4.4.2"),
    ] {
        let reply = reply_for_one(&failure(cause, None), id());
        assert_eq!((reply.code(), reply.enhanced().as_deref()), (451, Some(code)), "{cause:?}");
    }
}

#[test]
fn a_failure_is_never_250_whatever_reply_it_carries() {
    let reply = reply_for_one(&failure(Cause::Verdict, Some(reply::DELIVERED)), id());
    assert_eq!(reply, reply::BACKEND_FAILED);
}

fn one_reply(outcomes: &[Outcome]) -> (Reply, MessageOutcome, usize) {
    let told = tell((outcomes, &Settled::default()), outcomes.len(), Telling::Once, id());
    let reply = match told.answer {
        Answer::Delivered(reply) if told.confirmed == outcomes.len() => reply,
        Answer::Refuse(reply) if told.confirmed == 0 => reply,
        other => panic!("{other:?}"),
    };
    assert_eq!(reply.code(), told.code);
    (reply, told.outcome, told.confirmed)
}

#[test]
fn recipients_answered_alike_share_a_reply_and_a_mix_is_temporary() {
    let yes = Ok(Receipt::default());
    let no = failure(Cause::Verdict, Some(reply::NO_SUCH_USER));
    let later = failure(Cause::Timeout, None);
    let (reply, outcome, confirmed) = one_reply(&[yes.clone(), yes.clone()]);
    assert_eq!((reply.code(), outcome, confirmed), (250, MessageOutcome::Delivered, 2));
    let refused = (reply::NO_SUCH_USER, MessageOutcome::Refused, 0);
    assert_eq!(one_reply(&[no.clone(), no.clone()]), refused);
    let mixed = (reply::MIXED, MessageOutcome::Deferred, 0);
    assert_eq!(one_reply(&[yes.clone(), no.clone()]), mixed);
    assert_eq!(one_reply(&[no, later.clone()]), mixed);
    assert_eq!(one_reply(&[yes, later]), mixed);
}

fn each_reply(outcomes: &[Outcome]) -> (Vec<u16>, MessageOutcome, usize) {
    let told = tell((outcomes, &Settled::default()), outcomes.len(), Telling::Each, id());
    let Answer::Each(replies) = told.answer else { panic!("{told:?}") };
    let codes: Vec<u16> = replies.iter().map(Reply::code).collect();
    assert_eq!(codes.iter().max(), Some(&told.code));
    (codes, told.outcome, told.confirmed)
}

#[test]
fn each_recipient_has_its_own_reply_where_the_protocol_can_tell() {
    let yes = || Ok(Receipt::default());
    let named = Ok(Receipt { queue_id: None, text: Some("Mine".to_owned()), notifies: false });
    let no = || failure(Cause::Verdict, Some(reply::NO_SUCH_USER));
    let later = || failure(Cause::Timeout, None);
    let end = || failure(Cause::Verdict, Reply::from_parts(421, None, "Bye"));
    use MessageOutcome::{Deferred, Delivered, Partial, Refused};
    assert_eq!(each_reply(&[yes(), no(), later()]), (vec![250, 550, 451], Partial, 1));
    assert_eq!(each_reply(&[yes(), named]), (vec![250, 250], Delivered, 2));
    assert_eq!(each_reply(&[no(), later()]), (vec![550, 451], Deferred, 0));
    let moved = failure(Cause::Verdict, Reply::from_parts(551, None, "Moved"));
    assert_eq!(each_reply(&[no(), moved]), (vec![550, 551], Refused, 0));
    assert_eq!(each_reply(&[end(), yes()]), (vec![451, 250], Partial, 1));
    let all = tell((&[end(), end()], &Settled::default()), 2, Telling::Each, id());
    assert!(matches!(all.answer, Answer::Refuse(reply) if reply.code() == 421));
    let alike = tell((&[yes(), yes()], &Settled::default()), 2, Telling::Each, id());
    assert!(matches!(alike.answer, Answer::Delivered(_)) && alike.confirmed == 2);
}

#[test]
fn of_whom_nothing_became_known_is_not_confirmed() {
    let yes = Ok(Receipt::default());
    for telling in [Telling::Once, Telling::Each] {
        for recipients in [0, 1, 2] {
            let told = tell((&[], &Settled::default()), recipients, telling, id());
            assert_eq!(told.answer, Answer::Refuse(reply::BACKEND_FAILED));
        }
        let told = tell((std::slice::from_ref(&yes), &Settled::default()), 2, telling, id());
        let confirmed = if telling == Telling::Each { 1 } else { 0 };
        assert_eq!((told.confirmed, told.code), (confirmed, 451));
    }
}

#[test]
fn whom_a_notification_tells_needs_no_reply() {
    let yes = || Ok(Receipt::default());
    let no = || failure(Cause::Verdict, Some(reply::NO_SUCH_USER));
    let later = || failure(Cause::Timeout, None);
    let told = |outcomes: &[Outcome], settled: &[usize]| {
        let settled = Settled::these(settled.iter().copied());
        let told = tell((outcomes, &settled), outcomes.len(), Telling::Once, id());
        (told.code, told.outcome, told.confirmed)
    };
    use MessageOutcome::{Deferred, Delivered, Partial};
    assert_eq!(told(&[yes(), no(), yes()], &[1]), (250, Partial, 2));
    assert_eq!(told(&[yes(), no()], &[]), (451, Deferred, 0));
    assert_eq!(told(&[yes(), no(), no()], &[1]), (451, Deferred, 0));
    assert_eq!(told(&[yes(), no(), later()], &[1]), (451, Deferred, 0));
    assert_eq!(told(&[no(), no()], &[0, 1]), (451, Deferred, 0), "somebody has to have the message");
    assert_eq!(told(&[yes(), yes()], &[]), (250, Delivered, 2));
}

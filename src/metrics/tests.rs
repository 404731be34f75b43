//! The catalogue: what is counted, and how it is rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::backend::Cause;
use crate::smtp::{Mechanism, Verb, Violation};

/// Series of the text, by name and labels as written.
fn series(metrics: &Metrics) -> BTreeMap<String, f64> {
    let text = metrics.render();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value behind a space");
            (series.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

fn used() -> Metrics {
    let metrics = Metrics::new();
    let listener = metrics.listener("mx");
    listener.session().end(SessionOutcome::Quit);
    listener.command(Verb::Mail, 250, Duration::from_micros(70));
    listener.violation(Violation::BareNewline);
    listener.check(Check::MessageRate, CheckOutcome::Refuse, Duration::from_nanos(500));
    listener.health_check();
    listener.auth(Mechanism::ScramSha256, AuthOutcome::Accepted);
    listener.recipient(RecipientOutcome::Refused, RecipientReason::NoSuchRecipient);
    listener.message("shop/orders", MessageOutcome::Delivered);
    listener.message_bytes(2_000);
    let delivery = metrics.delivery("shop/inbound", "http");
    delivery.attempt(Ok(()), Duration::from_millis(3));
    delivery.circuit(CircuitState::Open);
    metrics.message_memory().set(7);
    metrics.message_memory_limit().set(9);
    metrics.config_accepted("sha256-1", UNIX_EPOCH + Duration::from_secs(5));
    metrics.compiled(Duration::from_millis(3));
    metrics.compile_failed();
    metrics.snapshot_published("mail/public", 40, Some(30));
    metrics.snapshot_answered(304);
    metrics.snapshot_refused("mail/public");
    metrics.clients(3, 1);
    metrics.token_reviewed(ReviewOutcome::Accepted);
    metrics
}

#[test]
fn what_is_counted_shows_in_the_text() {
    let series = series(&used());
    let expected = [
        (r#"mailchute_smtp_sessions_active{listener="mx"}"#, 0.0),
        (r#"mailchute_smtp_sessions_total{listener="mx",outcome="quit"}"#, 1.0),
        (r#"mailchute_smtp_commands_total{code="250",command="MAIL",listener="mx"}"#, 1.0),
        (r#"mailchute_smtp_command_duration_seconds_bucket{command="MAIL",listener="mx",le="0.00005"}"#, 0.0),
        (r#"mailchute_smtp_command_duration_seconds_bucket{command="MAIL",listener="mx",le="0.0001"}"#, 1.0),
        (r#"mailchute_smtp_protocol_violations_total{kind="bare_newline",listener="mx"}"#, 1.0),
        (r#"mailchute_smtp_sessions_total{listener="mx",outcome="health_check"}"#, 1.0),
        (r#"mailchute_policy_checks_total{check="message_rate",outcome="refuse"}"#, 1.0),
        (r#"mailchute_policy_check_duration_seconds_bucket{check="message_rate",le="0.000001"}"#, 1.0),
        (r#"mailchute_smtp_auth_total{listener="mx",mechanism="SCRAM-SHA-256",outcome="accepted"}"#, 1.0),
        (r#"mailchute_recipients_total{listener="mx",outcome="refused",reason="no_such_recipient"}"#, 1.0),
        (r#"mailchute_messages_total{listener="mx",outcome="delivered",route="shop/orders"}"#, 1.0),
        (r#"mailchute_message_bytes_bucket{listener="mx",le="1024"}"#, 0.0),
        (r#"mailchute_message_bytes_bucket{listener="mx",le="4096"}"#, 1.0),
        (r#"mailchute_delivery_attempts_total{backend="shop/inbound",kind="http",outcome="delivered"}"#, 1.0),
        (r#"mailchute_delivery_duration_seconds_count{kind="http"}"#, 1.0),
        (r#"mailchute_delivery_seconds_total{backend="shop/inbound"}"#, 0.003),
        (r#"mailchute_delivery_in_flight{backend="shop/inbound"}"#, 0.0),
        (r#"mailchute_circuit_state{backend="shop/inbound"}"#, 2.0),
        ("mailchute_message_memory_bytes", 7.0),
        ("mailchute_message_memory_limit_bytes", 9.0),
        ("mailchute_config_last_success_timestamp_seconds", 5.0),
        (r#"mailchute_config_snapshot_info{version="sha256-1"}"#, 1.0),
        ("mailchute_config_rejects_total", 0.0),
        (r#"mailchute_compile_seconds_bucket{le="0.0025"}"#, 0.0),
        (r#"mailchute_compile_seconds_bucket{le="0.005"}"#, 1.0),
        ("mailchute_compile_errors_total", 1.0),
        (r#"mailchute_snapshot_routes{gateway="mail/public"}"#, 40.0),
        (r#"mailchute_snapshot_held{gateway="mail/public"}"#, 30.0),
        (r#"mailchute_snapshot_requests_total{code="304"}"#, 1.0),
        (r#"mailchute_snapshot_refusals_total{gateway="mail/public"}"#, 1.0),
        (r#"mailchute_clients{version_current="true"}"#, 3.0),
        (r#"mailchute_clients{version_current="false"}"#, 1.0),
        (r#"mailchute_token_reviews_total{outcome="accepted"}"#, 1.0),
    ];
    for (name, value) in expected {
        assert_eq!(series.get(name), Some(&value), "{name} in {series:#?}");
    }
}

#[test]
fn every_family_has_help_and_type_in_the_text() {
    let text = used().render();
    let heads = |word: &str| -> BTreeSet<String> {
        let heads = text.lines().filter_map(|line| line.strip_prefix(word)?.split(' ').next());
        heads.map(str::to_owned).collect()
    };
    assert_eq!(heads("# HELP ").len(), 29);
    assert_eq!(heads("# HELP "), heads("# TYPE "));
}

#[test]
fn nothing_shows_before_its_first_use() {
    let series = series(&Metrics::new());
    assert_eq!(series.into_iter().collect::<Vec<_>>(), [("mailchute_config_rejects_total".to_owned(), 0.0)]);
}

#[test]
fn handles_of_one_listener_count_into_one_series() {
    let metrics = Metrics::new();
    for listener in [metrics.listener("mx"), metrics.listener("mx"), metrics.clone().listener("mx")] {
        listener.command(Verb::Rcpt, 250, Duration::ZERO);
        listener.command(Verb::Rcpt, 550, Duration::ZERO);
        listener.command(Verb::Rcpt, 250, Duration::ZERO);
    }
    let series = series(&metrics);
    assert_eq!(series[r#"mailchute_smtp_commands_total{code="250",command="RCPT",listener="mx"}"#], 6.0);
    assert_eq!(series[r#"mailchute_smtp_commands_total{code="550",command="RCPT",listener="mx"}"#], 3.0);
    assert_eq!(series[r#"mailchute_smtp_command_duration_seconds_count{command="RCPT",listener="mx"}"#], 9.0);
}

#[test]
fn more_codes_than_the_cache_holds_are_counted_too() {
    let metrics = Metrics::new();
    let listener = metrics.listener("mx");
    for _ in 0..2 {
        (500..540).for_each(|code| listener.command(Verb::Message, code, Duration::ZERO));
    }
    let series = series(&metrics);
    for code in 500..540 {
        let name =
            format!(r#"mailchute_smtp_commands_total{{code="{code}",command="MESSAGE",listener="mx"}}"#);
        assert_eq!(series[&name], 2.0, "{name}");
    }
}

#[test]
fn label_values_are_told_apart_wherever_they_part() {
    let metrics = Metrics::new();
    metrics.listener("mx").message("a/b", MessageOutcome::Delivered);
    metrics.listener("m").message("xa/b", MessageOutcome::Delivered);
    let messages = series(&metrics).into_iter().filter(|(name, _)| name.contains("messages_total"));
    assert_eq!(messages.map(|(_, count)| count).collect::<Vec<_>>(), [1.0, 1.0]);
}

#[test]
fn a_session_dropped_without_a_word_counts_as_failed() {
    let metrics = Metrics::new();
    let session = metrics.listener("mx").session();
    assert_eq!(series(&metrics)[r#"mailchute_smtp_sessions_active{listener="mx"}"#], 1.0);
    drop(session);
    let series = series(&metrics);
    assert_eq!(series[r#"mailchute_smtp_sessions_active{listener="mx"}"#], 0.0);
    assert_eq!(series[r#"mailchute_smtp_sessions_total{listener="mx",outcome="failed"}"#], 1.0);
}

#[test]
fn a_failed_attempt_is_named_by_its_cause() {
    let metrics = Metrics::new();
    let delivery = metrics.delivery("shop/inbound", "http");
    let flight = delivery.in_flight();
    assert_eq!(series(&metrics)[r#"mailchute_delivery_in_flight{backend="shop/inbound"}"#], 1.0);
    delivery.attempt(Err(Cause::Timeout), Duration::from_secs(25));
    drop(flight);
    let series = series(&metrics);
    assert_eq!(series[r#"mailchute_delivery_in_flight{backend="shop/inbound"}"#], 0.0);
    let failed = r#"mailchute_delivery_attempts_total{backend="shop/inbound",kind="http",outcome="timeout"}"#;
    assert_eq!(series[failed], 1.0);
}

#[test]
fn series_go_with_their_object_and_leave_others_alone() {
    let metrics = used();
    metrics.listener("other").message("shop/orders", MessageOutcome::Deferred);
    metrics.delivery("shop/other", "http").attempt(Err(Cause::Busy), Duration::ZERO);

    metrics.remove_listener("mx");
    metrics.remove_backend("shop/inbound");
    let text = metrics.render();
    assert!(!text.contains(r#""mx""#) && !text.contains(r#""shop/inbound""#), "{text}");
    assert!(text.contains(r#"listener="other""#) && text.contains(r#"backend="shop/other""#), "{text}");

    metrics.remove_route("shop/orders");
    assert!(!metrics.render().contains("shop/orders"));
}

#[test]
fn only_the_version_in_use_shows() {
    let metrics = used();
    metrics.config_accepted("sha256-2", UNIX_EPOCH + Duration::from_secs(6));
    metrics.config_rejected();
    let series = series(&metrics);
    let infos: Vec<_> = series.keys().filter(|name| name.contains("snapshot_info")).collect();
    assert_eq!(infos, [r#"mailchute_config_snapshot_info{version="sha256-2"}"#]);
    assert_eq!(series["mailchute_config_rejects_total"], 1.0);
}

#[test]
fn label_words_are_distinct_and_fit_a_label() {
    let words = [
        SessionOutcome::ALL.map(SessionOutcome::as_str).to_vec(),
        RecipientOutcome::ALL.map(RecipientOutcome::as_str).to_vec(),
        RecipientReason::ALL.map(RecipientReason::as_str).to_vec(),
        MessageOutcome::ALL.map(MessageOutcome::as_str).to_vec(),
        AuthOutcome::ALL.map(AuthOutcome::as_str).to_vec(),
        BounceOutcome::ALL.map(BounceOutcome::as_str).to_vec(),
        WatchEvent::ALL.map(WatchEvent::as_str).to_vec(),
    ];
    for words in words {
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "{words:?}");
        let fits = |word: &str| word.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
        assert!(words.iter().all(|word| fits(word)), "{words:?}");
    }
}

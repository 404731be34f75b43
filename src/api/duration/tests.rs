//! Which texts are durations, and how a duration is written back.

use super::{Duration, DurationError};

#[test]
fn parses_and_writes_the_canonical_form() {
    let table = [
        ("0s", 0, "0s"),
        ("0h0m0s0ms", 0, "0s"),
        ("1ms", 1, "1ms"),
        ("200ms", 200, "200ms"),
        ("25s", 25_000, "25s"),
        ("90s", 90_000, "1m30s"),
        ("60m", 3_600_000, "1h"),
        ("36h", 129_600_000, "36h"),
        ("1h30m", 5_400_000, "1h30m"),
        ("30m1h", 5_400_000, "1h30m"),
        ("1s1s", 2_000, "2s"),
        ("1h2m3s4ms", 3_723_004, "1h2m3s4ms"),
        ("00005s", 5_000, "5s"),
        ("99999h59m59s999ms", 359_999_999_999, "99999h59m59s999ms"),
    ];
    for (text, millis, canonical) in table {
        let parsed: Duration = text.parse().unwrap();
        assert_eq!(parsed, Duration::from_millis(millis), "{text}");
        assert_eq!(parsed.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse::<Duration>().unwrap(), parsed, "{canonical}");
    }
}

#[test]
fn refuses_what_gep_2257_does_not_know() {
    let table = [
        "",
        " ",
        "5",
        "s",
        "ms",
        "-1s",
        "+1s",
        "1.5h",
        "1 s",
        "1s ",
        " 1s",
        "1d",
        "1us",
        "1S",
        "1H",
        "100000s",
        "1s2s3s4s5s",
        "1h30",
        "PT5S",
        "٣s",
        "1s\n",
        "1m s",
    ];
    for text in table {
        assert!(matches!(text.parse::<Duration>(), Err(DurationError::Malformed(_))), "{text:?}");
    }
    for text in ["99999h99999h", "99999h60m"] {
        assert!(matches!(text.parse::<Duration>(), Err(DurationError::TooLong(_))), "{text:?}");
    }
}

#[test]
fn the_error_says_what_to_write_and_stays_short() {
    let error = "5 minutes".parse::<Duration>().unwrap_err().to_string();
    assert!(error.contains("`5 minutes`") && error.contains("1h30m"), "{error}");
    let error = "x".repeat(100_000).parse::<Duration>().unwrap_err().to_string();
    assert!(error.len() < 300, "{}", error.len());
}

#[test]
fn travels_as_a_string_and_nothing_else() {
    let parsed: Duration = serde_json::from_str("\"1m30s\"").unwrap();
    assert_eq!(parsed, Duration::from_secs(90));
    assert_eq!(serde_json::to_string(&parsed).unwrap(), "\"1m30s\"");
    assert_eq!(serde_json::from_str::<Duration>("\"\\u0031s\"").unwrap(), Duration::from_secs(1));
    assert!(serde_json::from_str::<Duration>("30").is_err());
    assert!(serde_json::from_str::<Duration>("\"30\"").is_err());
    assert!(serde_saphyr::from_str::<Duration>("30").is_err());
    assert_eq!(serde_saphyr::from_str::<Duration>("30s").unwrap(), Duration::from_secs(30));
}

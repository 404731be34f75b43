//! Which texts and numbers are sizes, and how a size is written back.

use super::{Size, SizeError};

#[test]
fn parses_and_writes_the_canonical_form() {
    let table = [
        ("1", 1, "1"),
        ("1023", 1023, "1023"),
        ("1024", 1024, "1Ki"),
        ("0001k", 1000, "1000"),
        ("512Ki", 524_288, "512Ki"),
        ("25Mi", 26_214_400, "25Mi"),
        ("25M", 25_000_000, "25000000"),
        ("10485760", 10_485_760, "10Mi"),
        ("1536Mi", 1_610_612_736, "1536Mi"),
        ("2048Mi", 2_147_483_648, "2Gi"),
        ("1G", 1_000_000_000, "1000000000"),
        ("3T", 3_000_000_000_000, "2929687500Ki"),
        ("8192Ti", 1 << 53, "8192Ti"),
    ];
    for (text, bytes, canonical) in table {
        let parsed: Size = text.parse().unwrap();
        assert_eq!(parsed.bytes(), bytes, "{text}");
        assert_eq!(parsed.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse::<Size>().unwrap(), parsed, "{canonical}");
    }
}

#[test]
fn refuses_what_is_not_a_whole_number_of_bytes() {
    let malformed = [
        "", "Mi", "-1", "+1", "1.5Gi", "1e6", "25 Mi", " 25Mi", "25Mi ", "25MB", "25mi", "25K", "25m", "1Pi",
        "0x10", "٣Mi", "1\n",
    ];
    for text in malformed {
        assert!(matches!(text.parse::<Size>(), Err(SizeError::Malformed(_))), "{text:?}");
    }
    for text in ["0", "0Mi", "9007199254740993", "8193Ti", "99999999999999999999"] {
        assert!(matches!(text.parse::<Size>(), Err(SizeError::OutOfRange(_))), "{text:?}");
    }
}

#[test]
fn travels_as_an_integer_or_a_string() {
    for (json, bytes) in [("10485760", 10_485_760), ("\"10485760\"", 10_485_760), ("\"25Mi\"", 26_214_400)] {
        assert_eq!(serde_json::from_str::<Size>(json).unwrap().bytes(), bytes, "{json}");
        assert_eq!(serde_saphyr::from_str::<Size>(json).unwrap().bytes(), bytes, "{json}");
    }
    assert_eq!(serde_saphyr::from_str::<Size>("25Mi").unwrap(), Size::from_mib(25));
    assert_eq!(serde_json::to_string(&Size::from_kib(512)).unwrap(), "\"512Ki\"");
    for json in ["0", "-1", "1.5", "true", "null", "\"25MB\"", "9007199254740993"] {
        assert!(serde_json::from_str::<Size>(json).is_err(), "{json}");
    }
    let error = serde_json::from_str::<Size>("\"25MB\"").unwrap_err().to_string();
    assert!(error.contains("`25MB` is not a size") && error.contains("25Mi"), "{error}");
    let error = serde_json::from_str::<Size>("true").unwrap_err().to_string();
    assert!(error.contains("a size in bytes, like 25Mi"), "{error}");
}

//! Text and numbers as they stand in HTML.

use std::fmt::{self, Write};
use std::time::Duration;

/// Text that is text, in an element or a quoted attribute. Control characters that HTML has no place for
/// show as U+FFFD.
pub(in crate::inbox) struct Escaped<'a>(pub(in crate::inbox) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\r' | '\t' => f.write_char(character)?,
                character if character.is_control() => f.write_char('\u{fffd}')?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Octets, for people.
pub(super) struct Size(pub(super) usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            octets @ ..1024 => write!(f, "{octets} B"),
            octets @ ..1_048_576 => write!(f, "{:.1} KiB", octets as f64 / 1024.0),
            octets => write!(f, "{:.1} MiB", octets as f64 / 1_048_576.0),
        }
    }
}

/// How long something took, for people.
pub(super) struct Took(pub(super) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 { write!(f, "{:.1} ms", seconds * 1e3) } else { write!(f, "{seconds:.2} s") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let hostile = "<script>alert(1)</script> & \" ' \u{0} \u{1b} \u{9f} ü\n";
        let shown = Escaped(hostile).to_string();
        assert_eq!(
            shown,
            "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot; &#39; \u{fffd} \u{fffd} \u{fffd} ü\n"
        );
    }

    #[test]
    fn numbers_are_for_people() {
        let sizes = [0, 1023, 1024, 1_572_864].map(|octets| Size(octets).to_string());
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
        let times =
            [1_234, 999_900, 61_000_000].map(|micros| Took(Duration::from_micros(micros)).to_string());
        assert_eq!(times, ["1.2 ms", "999.9 ms", "61.00 s"]);
    }
}

//! Every reply stands in one catalogue, and the `250` after data is said at one place.

use super::source::{line_of, words};
use super::{Fault, Source};

/// The catalogue.
const CATALOGUE: &str = "src/smtp/reply.rs";
/// Where receipts become replies.
pub(super) const OUTCOME: &str = "src/pipeline/outcome.rs";

/// Replies whose code is written elsewhere than in the catalogue: as a number, or as text.
pub(super) fn literals(source: &Source) -> Vec<Fault> {
    if source.path == CATALOGUE {
        return Vec::new();
    }
    let code = &source.production;
    let mut lines: Vec<usize> = Vec::new();
    for call in ["Reply::fixed(", "Reply::plain(", "Reply::from_parts("] {
        let numbers = code
            .match_indices(call)
            .filter(|(at, _)| code[at + call.len()..].trim_start().starts_with(|c: char| c.is_ascii_digit()));
        lines.extend(numbers.map(|(at, _)| line_of(code, at)));
    }
    lines.extend(source.production_strings().filter(|(_, text)| is_reply(text)).map(|(line, _)| *line));
    lines.into_iter().map(|line| format!("{}:{line}: a reply outside {CATALOGUE}", source.path)).collect()
}

/// `DELIVERED` elsewhere than where receipts become replies.
pub(super) fn delivered(source: &Source) -> Vec<Fault> {
    let at_home = [CATALOGUE, OUTCOME].contains(&source.path.as_str());
    let used = words(&source.production, "DELIVERED").filter(|at| {
        // A constant of that name that is something else has its own declaration in the file.
        !at_home && !source.production.contains("const DELIVERED: &str") && *at > 0
    });
    used.map(|at| format!("{}:{}: DELIVERED outside {OUTCOME}", source.path, line_of(&source.production, at)))
        .collect()
}

/// The answers that confirm a message, made elsewhere than where receipts become replies; the engine
/// says them, and fuzz targets play the outside.
pub(super) fn confirmed(source: &Source) -> Vec<Fault> {
    if source.path == OUTCOME || ["src/smtp/", "src/fuzz/"].iter().any(|room| source.path.starts_with(room)) {
        return Vec::new();
    }
    let code = &source.production;
    let made = ["Answer::Delivered(", "Answer::Each("].into_iter().flat_map(|call| code.match_indices(call));
    made.map(|(at, call)| format!("{}:{}: {call}…) outside {OUTCOME}", source.path, line_of(code, at)))
        .collect()
}

/// `250 2.0.0 …`, `451-4.3.0`, or a code with a line end.
fn is_reply(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &text[digits..];
    let class = text.starts_with(['2', '3', '4', '5']);
    let enhanced = rest.get(1..4).is_some_and(|code| {
        let code = code.as_bytes();
        code[0].is_ascii_digit() && code[1] == b'.' && code[2].is_ascii_digit()
    });
    digits == 3 && class && rest.starts_with([' ', '-']) && (enhanced || text.ends_with("\\r\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_outside_the_catalogue_is_found() {
        let faults = |path: &str, text: &str| literals(&Source::new(path, text)).len();
        assert_eq!(faults("src/server/a.rs", "Reply::fixed(\n    421, 3, 0, \"x\")"), 1);
        assert_eq!(faults("src/server/a.rs", "write(b\"421 4.3.0 Bye\")"), 1);
        assert_eq!(faults("src/server/a.rs", "write(\"220 hello\\r\\n\")"), 1);
        assert_eq!(faults("src/server/a.rs", "Reply::from_parts(code, None, text)"), 0);
        assert_eq!(
            faults("src/server/a.rs", "#[cfg(test)]\nmod tests { const A: &str = \"421 4.3.0 Bye\"; }"),
            0
        );
        assert_eq!(faults("src/smtp/reply.rs", "Reply::fixed(421, 3, 0, \"x\")"), 0);
    }

    #[test]
    fn delivered_elsewhere_is_found() {
        let faults = |path: &str, text: &str| delivered(&Source::new(path, text)).len();
        assert_eq!(faults("src/server/a.rs", "say(reply::DELIVERED)"), 1);
        assert_eq!(faults("src/pipeline/outcome.rs", "say(reply::DELIVERED)"), 0);
        let faults_of = |path: &str, text: &str| confirmed(&Source::new(path, text)).len();
        assert_eq!(faults_of("src/server/a.rs", "Answer::Each(vec![reply])"), 1);
        assert_eq!(faults_of("src/server/a.rs", "Answer::Delivered(reply)"), 1);
        assert_eq!(faults_of("src/pipeline/outcome.rs", "Answer::Each(replies)"), 0);
        assert_eq!(faults("src/metrics/a.rs", "const DELIVERED: &str = \"delivered\"; label(DELIVERED)"), 0);
    }
}

//! A Rust file, taken apart as far as the rules need it: code, comments, string literals.
//!
//! Not a parser: it knows where comments and literals begin and end, and matches braces.

/// One file. `code` and `production` are as long as the text; what is left out of them is blank.
pub(super) struct Source {
    /// From the project's folder, with slashes.
    pub(super) path: String,
    /// As written.
    pub(super) text: String,
    /// Without comments and without what literals hold.
    pub(super) code: String,
    /// The code that ships: `code` without what is compiled for tests alone.
    pub(super) production: String,
    /// Comments: their line, counted from 1, and their text with its marks.
    pub(super) comments: Vec<(usize, String)>,
    /// String literals: their line, and their text as written between the quotes.
    pub(super) strings: Vec<(usize, String)>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut reader = Reader { text, at: 0, code: String::with_capacity(text.len()) };
        let (mut comments, mut strings) = (Vec::new(), Vec::new());
        while let Some(piece) = reader.next() {
            let (list, start, end) = match piece {
                Piece::Comment(start, end) => (&mut comments, start, end),
                Piece::Literal(start, end) => (&mut strings, start, end),
            };
            list.push((line_of(text, start), text[start..end].to_owned()));
        }
        let code = reader.code;
        let of_tests = !path.starts_with("src/") || path.ends_with("tests.rs") || path.contains("/tests/");
        let production = if of_tests { blank(&code) } else { without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, production, comments, strings }
    }

    /// The lines before the tests that stand in the same file.
    pub(super) fn lines_before_tests(&self) -> usize {
        let tests = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        self.text[..tests].trim_end().lines().count()
    }

    /// The strings of code that ships.
    pub(super) fn production_strings(&self) -> impl Iterator<Item = &(usize, String)> {
        // A literal leaves its quotes behind in the code.
        let lines: Vec<&str> = self.production.lines().collect();
        self.strings
            .iter()
            .filter(move |(line, _)| lines.get(line - 1).is_some_and(|code| code.contains('"')))
    }
}

/// The line, counted from 1, of an octet.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where each whole word `word` begins.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !code[..*at].ends_with(of_a_word) && !code[at + word.len()..].starts_with(of_a_word)
    })
}

/// Where the brace that opens at `open` is closed; the end where it is not.
pub(super) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, octet) in code.bytes().enumerate().skip(open) {
        match octet {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// As many octets, of which only the line ends are left.
fn blank(code: &str) -> String {
    code.bytes().map(|octet| if octet == b'\n' { '\n' } else { ' ' }).collect()
}

/// Blanks each item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code.to_owned();
    while let Some(start) = code.find(MARK) {
        let rest = &code[start..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|semicolon| open < semicolon) => {
                (closing(&code, start + open) + 1).min(code.len())
            }
            (_, Some(semicolon)) => start + semicolon + 1,
            (_, None) => code.len(),
        };
        code.replace_range(start..end, &blank(&code[start..end]));
    }
    code
}

/// What is not code, from where to where.
enum Piece {
    Comment(usize, usize),
    Literal(usize, usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    code: String,
}

impl Reader<'_> {
    /// The next comment or string; the code before it, and a blank for it, are appended to `code`.
    fn next(&mut self) -> Option<Piece> {
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            if rest.starts_with("//") {
                let end = rest.find('\n').unwrap_or(rest.len());
                return Some(self.comment(end));
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                return Some(self.comment(end));
            } else if let Some((open, close)) = string_marks(rest).filter(|_| !self.in_word()) {
                return Some(self.literal(open, &close));
            } else if let Some(length) = char_length(rest) {
                self.blank(length);
            } else {
                self.code.push(first);
                self.at += first.len_utf8();
            }
        }
    }

    fn in_word(&self) -> bool {
        // A quote itself is no part of a word; `r` and `b` before one may be.
        !self.text[self.at..].starts_with('"')
            && self.code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    fn comment(&mut self, length: usize) -> Piece {
        let start = self.at;
        self.blank(length);
        Piece::Comment(start, self.at)
    }

    fn literal(&mut self, open: usize, close: &str) -> Piece {
        let start = self.at + open;
        self.code.push_str(&self.text[self.at..start]);
        self.at = start;
        let length =
            if close == "\"" { plain_length(&self.text[start..]) } else { self.text[start..].find(close) };
        self.blank(length.unwrap_or(self.text.len() - start));
        let end = self.at;
        let closed = self.text[end..].len().min(close.len());
        self.code.push_str(&self.text[end..end + closed]);
        self.at += closed;
        Piece::Literal(start, end)
    }

    fn blank(&mut self, length: usize) {
        self.code.push_str(&blank(&self.text[self.at..self.at + length]));
        self.at += length;
    }
}

/// The octets of the opening mark of a string literal, and its closing mark.
fn string_marks(rest: &str) -> Option<(usize, String)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('"') || (prefix.ends_with('r') && rest.starts_with('#')))
    })?;
    let rest = &rest[prefix.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    // A raw identifier has one hash and no quote.
    rest[hashes..].starts_with('"').then(|| {
        let raw = if prefix.ends_with('r') && hashes == 0 {
            "\"".to_owned()
        } else {
            format!("\"{}", "#".repeat(hashes))
        };
        (prefix.len() + hashes + 1, raw)
    })
}

/// The octets of a string literal up to its quote.
fn plain_length(rest: &str) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// The octets of a character literal, which a lifetime is not.
fn char_length(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let behind = chars.next()?;
        let from = behind.0 + behind.1.len_utf8();
        return Some(1 + from + inner[from..].find('\'')? + 1);
    }
    inner[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "//! Head.\nfn a<'x>(s: &'x str) -> char {\n    let _ = (r#\"{ \" }\"#, \"// \\\" {\", b\"}\"); // not {\n    '}'\n}\n#[cfg(test)]\nmod tests {\n    use tokio::net;\n}\n";

    #[test]
    fn comments_and_literals_are_no_code() {
        let source = Source::new("src/a.rs", TEXT);
        assert_eq!(source.code.lines().count(), TEXT.lines().count());
        assert_eq!(closing(&source.code, source.code.find('{').unwrap()), source.code.find("}\n#").unwrap());
        let comments: Vec<&str> = source.comments.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(comments, ["//! Head.", "// not {"]);
        let strings: Vec<&str> = source.strings.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(strings, ["{ \" }", "// \\\" {", "}"]);
        assert_eq!(source.strings[0].0, 3);
    }

    #[test]
    fn tests_do_not_ship() {
        let source = Source::new("src/a.rs", TEXT);
        assert!(source.code.contains("tokio") && !source.production.contains("tokio"));
        assert!(source.production.contains("fn a"));
        assert_eq!(source.lines_before_tests(), 5);
        assert!(!Source::new("src/a/tests.rs", TEXT).production.contains("fn a"));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("rand brand rand_core x::rand", "rand").collect::<Vec<_>>(), [0, 24]);
    }
}

//! A file is one noun, a function one thought.

use super::source::{closing, line_of, words};
use super::{Fault, Source};

/// Lines of a file before its tests.
const FILE_LINES: usize = 400;
/// Lines of a function's body that hold code.
const FUNCTION_LINES: usize = 60;
/// Lines of tests that may stand in the file they test; more go to `foo/tests.rs`.
const TEST_LINES: usize = 100;

/// Flat tables, which nobody reads from top to bottom.
const TABLES: &[&str] = &[];

/// What is too long.
pub(super) fn check(source: &Source) -> Vec<Fault> {
    let mut faults = functions(source);
    let lines = source.lines_before_tests();
    let free = source.path.ends_with("tests.rs") || TABLES.contains(&source.path.as_str());
    if lines > FILE_LINES && !free {
        faults.push(format!("{}: {lines} lines, more than {FILE_LINES}", source.path));
    }
    let tests = source.text.lines().count() - lines;
    if tests > TEST_LINES && source.path.starts_with("src/") {
        faults.push(format!("{}: {tests} lines of tests, which want a file of their own", source.path));
    }
    faults
}

fn functions(source: &Source) -> Vec<Fault> {
    let code = &source.code;
    let mut faults = Vec::new();
    for at in words(code, "fn") {
        let signature = &code[at..];
        let Some(open) = body(signature) else { continue };
        let body = &code[at + open + 1..closing(code, at + open)];
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FUNCTION_LINES {
            let name = signature.split_whitespace().nth(1).unwrap_or_default();
            let line = line_of(code, at);
            faults.push(format!("{}:{line}: {name}: {lines} lines, more than {FUNCTION_LINES}", source.path));
        }
    }
    faults
}

/// Where the body of a function opens; one that is only declared, or a type, has none.
fn body(signature: &str) -> Option<usize> {
    let mut depth = 0;
    let ends = signature.bytes().enumerate().find(|(_, octet)| {
        match octet {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        depth < 0 || (depth == 0 && matches!(octet, b'{' | b';' | b'}' | b','))
    });
    ends.filter(|(_, octet)| *octet == b'{').map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    fn function(lines: usize) -> String {
        format!("fn a() -> [u8; 2] {{\n{}}}\n", "    b();\n".repeat(lines))
    }

    #[test]
    fn a_long_function_is_found() {
        assert_eq!(faults("src/a.rs", &function(61)), 1);
        assert_eq!(faults("tests/a.rs", &function(61)), 1);
        assert_eq!(faults("src/a.rs", "fn a();\ntype B = fn(u8) -> u8;\n"), 0);
        assert_eq!(faults("src/a.rs", &function(60).replace("    b();\n", "    b();\n\n    // c\n")), 0);
    }

    #[test]
    fn a_long_file_is_found() {
        let long = "const A: u8 = 0;\n".repeat(401);
        assert_eq!(faults("src/a.rs", &long), 1);
        assert_eq!(faults("src/a/tests.rs", &long), 0);
        let tests = |lines| {
            format!("const A: u8 = 0;\n\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    use a;\n".repeat(lines))
        };
        assert_eq!(faults("src/a.rs", &tests(90)), 0);
        assert_eq!(faults("src/a.rs", &tests(101)), 1);
    }
}

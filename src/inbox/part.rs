//! One part of a message as a file: its octets as they were before they were encoded, and a name that is safe.

use http::HeaderValue;

use super::query::encoded;
use super::structure::{Kind, Structure};

/// Octets of a file's name; that is what Linux has room for (NAME_MAX), and what else is behind it.
const MAX_NAME: usize = 200;

/// A part that was asked for.
#[derive(Debug)]
pub(super) struct File {
    /// Its octets.
    pub(super) octets: Vec<u8>,
    /// `Content-Disposition`.
    pub(super) disposition: HeaderValue,
}

impl File {
    /// The part of this number.
    pub(super) fn of(raw: &[u8], number: usize) -> Option<Self> {
        let structure = Structure::of(raw);
        let part = structure.parts.get(number).filter(|part| part.kind != Kind::Multipart)?;
        let name = file_name(part.name(), number, &part.content_type());
        Some(Self { octets: part.octets(raw).into_owned(), disposition: disposition(&name)? })
    }
}

/// The last piece of a path, and nothing that hides what it is or where it goes.
pub(super) fn file_name(named: Option<&str>, number: usize, content_type: &str) -> String {
    let last = named.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless = last.chars().map(|character| if is_harmless(character) { character } else { '_' });
    let name: String = harmless.collect();
    let name = name.trim().trim_start_matches('.').trim();
    match name {
        "" => format!("part-{number}.{}", extension(content_type)),
        name => name[..name.floor_char_boundary(MAX_NAME)].to_owned(),
    }
}

/// Not one that is shown as nothing, or turns the direction of what is around it.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !"\"<>:|?*".contains(character)
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn extension(content_type: &str) -> &'static str {
    match content_type {
        "message/rfc822" => "eml",
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        _ => "bin",
    }
}

/// RFC 6266 §4.3 and appendix D: for those who know no `filename*`, a name in ASCII.
pub(super) fn disposition(name: &str) -> Option<HeaderValue> {
    let plain =
        |character: char| character.is_ascii() && !character.is_control() && !"\"\\%".contains(character);
    let ascii: String =
        name.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    let value = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", encoded(name));
    HeaderValue::from_str(&value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_in_a_folder() {
        for (named, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\autoexec.bat", "autoexec.bat"),
            (".bashrc", "bashrc"),
            ("a\r\nb\"c", "a__b_c"),
            ("exe.\u{202e}fdp", "exe._fdp"),
            ("Grüße 日本.txt", "Grüße 日本.txt"),
            ("..", "part-3.bin"),
            (" ", "part-3.bin"),
        ] {
            assert_eq!(file_name(Some(named), 3, "x/y"), name, "{named}");
        }
        assert_eq!(file_name(None, 1, "message/rfc822"), "part-1.eml");
        assert_eq!(file_name(Some(&"ü".repeat(200)), 1, "").len(), 200);
    }

    #[test]
    fn a_disposition_says_the_name_twice() {
        let value = disposition("Grüße \"50%\".txt").unwrap();
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"Gr__e _50__.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%2250%25%22.txt"
        );
    }
}

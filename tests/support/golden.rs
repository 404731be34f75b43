//! Texts that stand in the tree as they are to be: compared, or with `MAILCHUTE_BLESS=1` written anew.

use std::fs;
use std::path::Path;

/// Compares a text with the golden one, or makes it the golden one.
pub(crate) fn golden(file: &Path, text: &str) {
    if std::env::var_os("MAILCHUTE_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(text, expected, "{}: MAILCHUTE_BLESS=1 rewrites it", file.display());
}

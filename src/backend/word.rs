//! What others say in words of their own, made fit for a reply of ours. Pure.

use crate::smtp::reply::Enhanced;

/// The codes that others may use in our replies.
pub(crate) const CODES: [u16; 10] = [250, 421, 450, 451, 452, 550, 551, 552, 553, 554];

/// Makes foreign text fit for a reply line.
pub(crate) struct Clean {
    /// Whether the client asked for SMTPUTF8.
    pub(crate) utf8: bool,
}

impl Clean {
    /// Control characters go; without SMTPUTF8 what is not ASCII becomes `?`; the rest is cut.
    pub(crate) fn cut(&self, text: &str, octets: usize) -> String {
        let visible = text.chars().filter(|c| !c.is_control());
        let mut clean: String = visible.map(|c| if self.utf8 || c.is_ascii() { c } else { '?' }).collect();
        clean.truncate(clean.floor_char_boundary(octets.min(clean.len())));
        clean
    }
}

/// `class.subject.detail` of RFC 3463 §2: subject and detail have at most three digits.
pub(crate) fn enhanced(text: &str) -> Option<(u16, Enhanced)> {
    let mut parts = text.split('.').map(|part| {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| part.parse::<u16>().ok()).flatten()
    });
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && matches!(class, 2 | 4 | 5)).then_some((class, Enhanced { subject, detail }))
}

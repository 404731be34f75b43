//! Fields that only we may write: taken out of what came, by slicing.
//!
//! Those are `Return-Path` where we stamp it, and `Authentication-Results` with our authserv-id
//! (RFC 8601 §5). A forger may try to show us a field-less message and a parser behind us the
//! field, since parsers differ on line ends: some take only CRLF (*strict*), many a bare LF too
//! (*common*), some a bare CR too (*loose*: Python's `email`, Ruby's `mail`). Some stop at a line that is
//! no field, some skip it. So the header is read with all three pairs of eyes at once, non-fields
//! skipped, each until its own first empty line, and a field is taken out if any of them sees it:
//!
//! - The starts of lines that a stricter reader sees are among those of a looser one, and it comes
//!   to its empty line no sooner. So at each place the loosest reader still in the header decides.
//! - A removed field leaves the stronger one of the line ends before and behind it (they are nearly
//!   always both CRLF), so that removal joins no CR to an LF and takes no reader's empty line away.
//!
//! - Some trim more around a name than spaces and tabs, or unfold before they look for the colon
//!   (JavaScript's `mailparser` does both): so a name may be *disguised* by what is not printable, CR and
//!   LF aside, which end lines.
//!
//! What no reader takes for header is never touched, and of the header only such fields.

use std::ops::Range;

use bytes::Bytes;

use crate::mail::address::fold_domain;
use crate::mail::body::Message;
use crate::mail::header::{Cfws, Line, LineEnd, LineKind, Lines, skip_cfws, slices};

#[cfg(test)]
mod tests;

/// So much of `Authentication-Results` is searched for its authserv-id. Who hides it behind more
/// comments than that claims ours.
const ID_WITHIN: usize = 4096;
/// So much of a line is searched for a disguised name and its colon.
const NAME_WITHIN: usize = 256;
/// With more cuts than this the header is copied into one piece instead of sliced.
const MOST_SLICES: usize = 64;

/// What is taken out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forged<'a> {
    /// Each `Return-Path`.
    pub(super) return_path: bool,
    /// Each `Authentication-Results` with this id.
    pub(super) authserv_id: &'a str,
}

/// The message without them.
pub(super) fn remove(message: &Message, forged: Forged<'_>) -> Message {
    let cuts = cuts(message, forged);
    if cuts.is_empty() { message.clone() } else { without(message, &cuts) }
}

/// A field that is being taken out, or several in a row.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// What ends the line before it, and where that begins.
    before: (LineEnd, usize),
    /// Its first octet.
    start: usize,
    /// Its last line so far.
    last: Line,
}

impl Cut {
    /// Of the two line ends around it the stronger one stays, of equals the first.
    fn range(&self) -> Range<usize> {
        let (ending, begin) = self.before;
        let at_end_of_message = self.last.ending == LineEnd::None;
        if at_end_of_message || ending >= self.last.ending {
            self.start..self.last.end
        } else {
            begin..self.last.text_end
        }
    }
}

/// The ranges to cut, in order, none overlapping.
fn cuts(message: &Message, forged: Forged<'_>) -> Vec<Range<usize>> {
    let mut lines = Lines::new(message);
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let mut cut: Option<Cut> = None;
    // The weakest line end that the loosest reader still in the header takes for one.
    let mut loosest = Some(LineEnd::Cr);
    let mut before = (LineEnd::Crlf, 0);
    while let (Some(weakest), Some(line)) = (loosest, lines.next()) {
        let kind = if before.0 >= weakest { Some(lines.kind(&line)) } else { None };
        match kind {
            None | Some(LineKind::Folded) => {
                if let Some(cut) = &mut cut {
                    cut.last = line;
                }
            }
            Some(kind) if is_forged(&mut lines, &line, (kind, weakest), forged) => {
                let begun = cut.get_or_insert(Cut { before, start: line.start, last: line });
                begun.last = line;
            }
            Some(kind) => {
                cuts.extend(cut.take().map(|cut| cut.range()));
                if kind == LineKind::Empty {
                    loosest = beyond(before.0.min(line.ending)).map(|weakest_left| weakest_left.max(weakest));
                }
            }
        }
        before = (line.ending, line.text_end);
    }
    cuts.extend(cut.map(|cut| cut.range()));
    cuts
}

/// The readers that do not see an empty line between these two line ends, of which `weaker` is the
/// weaker: the loosest of them, if any.
fn beyond(weaker: LineEnd) -> Option<LineEnd> {
    match weaker {
        LineEnd::Cr => Some(LineEnd::Lf),
        LineEnd::Lf => Some(LineEnd::Crlf),
        LineEnd::Crlf | LineEnd::None => None,
    }
}

fn is_forged(
    lines: &mut Lines<'_>,
    line: &Line,
    (kind, weakest): (LineKind, LineEnd),
    forged: Forged<'_>,
) -> bool {
    let (name, content) = match kind {
        LineKind::Field { name, content } => (lines.octets(line.start..line.start + name), content),
        LineKind::Empty | LineKind::Folded => return false,
        LineKind::Text => {
            let head = lines.octets(line.start..line.start + NAME_WITHIN);
            let Some((name, content)) = disguised(&head, weakest) else { return false };
            (name.into(), content)
        }
    };
    if name.eq_ignore_ascii_case(b"Return-Path") {
        return forged.return_path;
    }
    let content = line.start + content;
    name.eq_ignore_ascii_case(b"Authentication-Results")
        && claims(&lines.octets(content..content + ID_WITHIN), forged.authserv_id)
}

/// The name before the first colon, unfolded and less all around it that is not printable, and where
/// its content begins; `None` where the line ends before.
fn disguised(head: &[u8], weakest: LineEnd) -> Option<(Vec<u8>, usize)> {
    let colon = memchr::memchr(b':', head)?;
    let mut name = Vec::new();
    let mut rest = &head[..colon];
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        let (ending, octets) = match (rest[end], rest.get(end + 1)) {
            (b'\r', Some(b'\n')) => (LineEnd::Crlf, 2),
            (b'\r', _) => (LineEnd::Cr, 1),
            _ => (LineEnd::Lf, 1),
        };
        let folds = matches!(rest.get(end + octets), Some(b' ' | b'\t'));
        if !folds || ending < weakest {
            return None;
        }
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + octets..];
    }
    name.extend_from_slice(rest);
    let graphic = |octet: &u8| octet.is_ascii_graphic();
    let (first, last) = (name.iter().position(graphic)?, name.iter().rposition(graphic)?);
    Some((name[first..=last].to_vec(), colon + 1))
}

/// Whether the content of `Authentication-Results` begins with this id (RFC 8601 §2.2):
/// `[CFWS] authserv-id [CFWS authres-version] …`, where the id is a token or a quoted string. `head`
/// may go on behind the field.
fn claims(head: &[u8], authserv_id: &str) -> bool {
    let content = &head[..end_of_field(head)];
    let is_cut = content.len() == ID_WITHIN;
    let id = match skip_cfws(content) {
        Cfws::Unclosed => return true,
        Cfws::Text([]) => return is_cut,
        Cfws::Text([b'"', quoted @ ..]) => unquote(quoted),
        Cfws::Text(text) => text.iter().copied().take_while(|octet| is_token(*octet)).collect(),
    };
    let Ok(id) = String::from_utf8(id) else { return false };
    let plain = |name: &str| {
        let name = name.trim().trim_end_matches('.');
        fold_domain(name).unwrap_or_else(|| name.to_lowercase())
    };
    plain(&id) == plain(authserv_id)
}

/// Behind the first CRLF that no space or tab follows: the end of the field for the strictest.
fn end_of_field(head: &[u8]) -> usize {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&head[from..], b"\r\n") {
        from += found + 2;
        if !matches!(head.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    head.len()
}

/// The meaning of a quoted string, from behind its first quote.
fn unquote(quoted: &[u8]) -> Vec<u8> {
    let mut meaning = Vec::new();
    let mut octets = quoted.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => break,
            b'\\' => meaning.extend(octets.next()),
            _ => meaning.push(*octet),
        }
    }
    meaning.retain(|octet| !matches!(octet, b'\r' | b'\n'));
    meaning
}

/// RFC 2045 §5.1 `token`, and the octets of UTF-8 (RFC 8601 §2.2 by way of RFC 6531).
fn is_token(octet: u8) -> bool {
    octet > b' ' && octet != 0x7f && !b"()<>@,;:\\\"/[]?=".contains(&octet)
}

fn without(message: &Message, cuts: &[Range<usize>]) -> Message {
    let starts = cuts.iter().map(|cut| cut.end);
    let ends = cuts.iter().skip(1).map(|cut| cut.start).chain([message.len()]);
    let first = cuts.first().map_or(0, |cut| cut.start);
    let last = cuts.last().map_or(0, |cut| cut.end);
    if cuts.len() > MOST_SLICES {
        return slices(message, 0..first)
            .chain([copied(message, cuts)])
            .chain(slices(message, last..message.len()))
            .collect();
    }
    let kept = starts.zip(ends).flat_map(|(start, end)| slices(message, start..end));
    slices(message, 0..first).chain(kept).collect()
}

/// What stays between the first and the last cut, in one piece.
fn copied(message: &Message, cuts: &[Range<usize>]) -> Bytes {
    let mut lines = Lines::new(message);
    let mut kept = Vec::new();
    for pair in cuts.windows(2) {
        kept.extend_from_slice(&lines.octets(pair[0].end..pair[1].start));
    }
    kept.into()
}

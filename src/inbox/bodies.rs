//! Which parts are the text and the HTML of a message, and which are files: as mail-parser chooses, and readers of mail.
//!
//! - Of `multipart/alternative` the text is the text, and the HTML the HTML. Where one of them is missing, the other
//!   stands for it.
//! - Elsewhere text, HTML, images and the like that are no attachments are both, one behind the other.
//! - Of `multipart/related` only the first part is; the rest belongs to it.

use super::structure::Kind;

/// What has been chosen, while the parts come.
#[derive(Debug)]
pub(super) struct Bodies {
    /// Parts that are the text, by number.
    pub(super) text: Vec<usize>,
    /// Parts that are the HTML, by number.
    pub(super) html: Vec<usize>,
    /// The message, and the multiparts that are open in it.
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Alternative,
    Related,
    Other,
}

#[derive(Debug)]
struct Level {
    of: Of,
    in_alternative: bool,
    parts: usize,
    /// How many there were when it began.
    text: usize,
    html: usize,
    needs_text: bool,
    needs_html: bool,
}

impl Bodies {
    pub(super) fn new() -> Self {
        let message = Level {
            of: Of::Other,
            in_alternative: false,
            parts: 0,
            text: 0,
            html: 0,
            needs_text: true,
            needs_html: true,
        };
        Self { text: Vec::new(), html: Vec::new(), levels: vec![message] }
    }

    /// A multipart begins.
    pub(super) fn enter(&mut self, subtype: Option<&str>) {
        let Some(parent) = self.levels.last_mut() else { return };
        parent.parts += 1;
        let of = match subtype {
            Some("alternative") => Of::Alternative,
            Some("related") => Of::Related,
            _ => Of::Other,
        };
        let level = Level {
            of,
            in_alternative: parent.in_alternative || of == Of::Alternative,
            parts: 0,
            text: self.text.len(),
            html: self.html.len(),
            needs_text: parent.needs_text,
            needs_html: parent.needs_html,
        };
        self.levels.push(level);
    }

    /// A multipart ends.
    pub(super) fn leave(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if level.of != Of::Alternative || !level.needs_text || !level.needs_html {
            return;
        }
        match (self.text.len() > level.text, self.html.len() > level.html) {
            (false, true) => self.text.extend_from_slice(&self.html[level.html..]),
            (true, false) => self.html.extend_from_slice(&self.text[level.text..]),
            _ => {}
        }
    }

    /// Takes in a part that is no multipart, and says whether it is a file.
    pub(super) fn add(&mut self, number: usize, kind: Kind, is_attachment: bool, is_named: bool) -> bool {
        let Some(level) = self.levels.last_mut() else { return true };
        level.parts += 1;
        let is_shown = matches!(kind, Kind::Plain | Kind::Html | Kind::Media);
        let belongs = level.parts == 1 || level.of != Of::Related && (kind == Kind::Media || !is_named);
        let (html, text) = match level.of {
            Of::Alternative => (kind == Kind::Html, kind == Kind::Plain),
            _ if is_shown && !is_attachment && belongs => level.takes(kind),
            _ => (false, false),
        };
        if html {
            self.html.push(number);
        }
        if text {
            self.text.push(number);
        }
        match kind {
            Kind::Plain => !text,
            Kind::Html => !html,
            Kind::Media | Kind::Message | Kind::Other | Kind::Multipart => true,
        }
    }
}

impl Level {
    /// Whether a part is of the HTML, and whether of the text.
    fn takes(&mut self, kind: Kind) -> (bool, bool) {
        if self.in_alternative && (self.needs_text || self.needs_html) {
            match kind {
                Kind::Html => self.needs_text = false,
                Kind::Plain => self.needs_html = false,
                _ => {}
            }
        }
        (self.needs_html, self.needs_text)
    }
}

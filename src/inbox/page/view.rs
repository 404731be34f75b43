//! The views that a message has, each a page of its own.

use crate::inbox::content::Content;
use crate::inbox::entry::Entry;

/// What of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inbox) enum View {
    Text,
    Html,
    Headers,
    Attachments,
    Delivery,
    Transcript,
    Source,
}

impl View {
    /// In the order of their tabs.
    pub(super) const ALL: [Self; 7] = [
        Self::Text,
        Self::Html,
        Self::Headers,
        Self::Attachments,
        Self::Delivery,
        Self::Transcript,
        Self::Source,
    ];

    /// The one that a query asks for.
    pub(in crate::inbox) fn asked(query: &str) -> Option<Self> {
        let name = query.split('&').find_map(|pair| pair.strip_prefix("view="))?;
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// The one to begin with.
    pub(super) fn first(entry: &Entry, content: &Content) -> Self {
        match (entry.raw.is_some(), content.has_html && !content.has_plain) {
            (false, _) => Self::Delivery,
            (true, true) => Self::Html,
            (true, false) => Self::Text,
        }
    }

    /// In a query.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Html => "html",
            Self::Headers => "headers",
            Self::Attachments => "attachments",
            Self::Delivery => "delivery",
            Self::Transcript => "transcript",
            Self::Source => "source",
        }
    }

    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Html => "HTML",
            Self::Headers => "Headers",
            Self::Attachments => "Attachments",
            Self::Delivery => "Delivery",
            Self::Transcript => "Transcript",
            Self::Source => "Source",
        }
    }

    /// How many things there are to be seen, where that is worth saying.
    pub(super) fn count(self, entry: &Entry, content: &Content) -> Option<usize> {
        match self {
            Self::Attachments => Some(content.attachments.len()),
            Self::Headers => Some(content.fields.len()),
            Self::Transcript => entry.account().map(|account| account.transcript.len()),
            Self::Text | Self::Html | Self::Delivery | Self::Source => None,
        }
    }

    /// Whether there is nothing to be seen.
    pub(super) fn is_empty(self, entry: &Entry, content: &Content) -> bool {
        match self {
            Self::Text | Self::Source => entry.raw.is_none(),
            Self::Html => !content.has_html,
            Self::Headers => content.fields.is_empty(),
            Self::Attachments => content.attachments.is_empty(),
            Self::Transcript => entry.account().is_none_or(|account| account.transcript.is_empty()),
            Self::Delivery => false,
        }
    }
}

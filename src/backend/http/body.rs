//! The body of a request: the message as it is, none of it copied, or a document that holds it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::structured::Document;
use crate::backend::delivery::Delivery;
use crate::mail::body::Message;
use crate::plan::Format;

/// What is sent, one frame for each piece. Its length is known, so hyper frames it with
/// Content-Length.
pub(super) struct Segments {
    content: Content,
    /// Octets not handed out yet.
    left: usize,
}

enum Content {
    Raw(Pieces),
    Document(Box<Document>),
}

impl Segments {
    pub(super) fn new(format: Format, delivery: &Delivery) -> Self {
        match format {
            Format::CloudEvent => {
                let pieces = Pieces::new(delivery.prefix.clone(), delivery.message.clone());
                Self { content: Content::Raw(pieces), left: delivery.len() }
            }
            Format::CloudEventStructured => {
                let document = Document::new(delivery);
                let left = document.len;
                Self { content: Content::Document(Box::new(document)), left }
            }
        }
    }
}

impl Iterator for Segments {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let piece = match &mut self.content {
            Content::Raw(pieces) => pieces.next(),
            Content::Document(document) => document.next(),
        }?;
        self.left -= piece.len();
        Some(piece)
    }
}

/// Our prefix and the segments of the message; none is empty.
pub(super) struct Pieces {
    prefix: Option<Bytes>,
    message: Message,
    /// The next segment.
    next: usize,
}

impl Pieces {
    pub(super) fn new(prefix: Bytes, message: Message) -> Self {
        Self { prefix: Some(prefix), message, next: 0 }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = self.prefix.take().or_else(|| {
                let segment = self.message.segments().get(self.next).cloned();
                self.next += 1;
                segment
            })?;
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    }
}

impl Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

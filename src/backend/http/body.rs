//! The body of a request: our prefix and the segments of the message, none of them copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::mail::body::Message;

/// Prefix and message, one frame for each piece. Its length is known, so hyper frames it with
/// Content-Length.
pub(super) struct Segments {
    prefix: Option<Bytes>,
    message: Message,
    /// The next segment.
    next: usize,
    /// Octets not handed out yet.
    left: usize,
}

impl Segments {
    pub(super) fn new(prefix: Bytes, message: Message) -> Self {
        let left = prefix.len() + message.len();
        Self { prefix: Some(prefix), message, next: 0, left }
    }

    fn piece(&mut self) -> Option<Bytes> {
        self.prefix.take().or_else(|| {
            let segment = self.message.segments().get(self.next).cloned();
            self.next += 1;
            segment
        })
    }
}

impl Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(piece) = self.piece() {
            if !piece.is_empty() {
                self.left -= piece.len();
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

//! The message as it was sent, dot-unstuffed: octets in segments.
//!
//! Counts what it has allocated, so that a budget over all messages is honest. It neither reads
//! nor changes the octets.

use bytes::{Bytes, BytesMut};

/// Octets of the largest segment, and of the largest read a chunk is a slice of.
pub const LARGEST_SEGMENT: usize = 64 * 1024;
/// Chunks from this size on are kept as they came, and counted as a whole read, since that is what
/// they keep alive; smaller ones are gathered into segments.
const KEEP: usize = LARGEST_SEGMENT / 2;
/// Octets of the smallest gathering segment; each further one doubles.
const SMALLEST_SEGMENT: usize = 2048;

/// A rope of octets that only grows.
#[derive(Debug, Default)]
pub struct Body {
    segments: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
    allocated: usize,
}

impl Body {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Octets of the message.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets of memory held for the message: what the byte budget counts.
    pub fn allocated(&self) -> usize {
        self.allocated
    }

    /// Adds what came next.
    pub fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if chunk.len() >= KEEP {
            self.seal();
            self.allocated += LARGEST_SEGMENT.max(chunk.len());
            self.segments.push(chunk);
            return;
        }
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            if self.tail.capacity() == self.tail.len() {
                self.grow(rest.len());
            }
            let fits = rest.len().min(self.tail.capacity() - self.tail.len());
            self.tail.extend_from_slice(&rest[..fits]);
            rest = &rest[fits..];
        }
    }

    /// The message as segments, in order.
    pub fn finish(mut self) -> Message {
        self.seal();
        Message { segments: self.segments, len: self.len }
    }

    fn grow(&mut self, at_least: usize) {
        self.seal();
        let size = self.allocated.max(at_least).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        self.tail = BytesMut::with_capacity(size);
        self.allocated += self.tail.capacity();
    }

    /// Ends the gathering segment; one that is mostly empty is cut to what it holds.
    fn seal(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        if tail.is_empty() {
            return;
        }
        if tail.len() < tail.capacity() / 2 {
            self.allocated -= tail.capacity() - tail.len();
            self.segments.push(Bytes::copy_from_slice(&tail));
        } else {
            self.segments.push(tail.freeze());
        }
    }
}

/// A complete message: cheap to clone, never changed.
#[derive(Debug, Clone, Default)]
pub struct Message {
    segments: Vec<Bytes>,
    len: usize,
}

impl Message {
    /// The octets in order.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// Octets of the message.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the message has no octets.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All octets in one piece, for tests and small messages.
    pub fn to_vec(&self) -> Vec<u8> {
        self.segments.concat()
    }
}

impl FromIterator<Bytes> for Message {
    fn from_iter<I: IntoIterator<Item = Bytes>>(iter: I) -> Self {
        let segments: Vec<Bytes> = iter.into_iter().filter(|segment| !segment.is_empty()).collect();
        let len = segments.iter().map(Bytes::len).sum();
        Self { segments, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_out_in_order_and_memory_is_counted() {
        let mut body = Body::new();
        let mut sent = Vec::new();
        for size in [1, 10, 4095, 4096, 3, 50_000, 33_000, 1] {
            let chunk: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            sent.extend_from_slice(&chunk);
            body.push(Bytes::from(chunk));
            assert_eq!(body.len(), sent.len());
            assert!(body.allocated() >= body.len());
        }
        assert!(body.allocated() <= sent.len() + 2 * LARGEST_SEGMENT);
        assert_eq!(body.finish().to_vec(), sent);
    }

    #[test]
    fn single_octets_are_gathered() {
        let mut body = Body::new();
        for _ in 0..100_000 {
            body.push(Bytes::from_static(b"x"));
        }
        assert!(body.allocated() < 200_000, "{}", body.allocated());
        assert!(body.finish().segments().len() < 10);
    }
}

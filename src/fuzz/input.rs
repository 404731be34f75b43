//! The octets that a fuzzer chooses, read as choices.

/// What is left of them. At the end every choice is 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// One octet.
    pub(super) fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two octets, the less significant first.
    pub(super) fn number(&mut self) -> usize {
        usize::from(self.octet()) | usize::from(self.octet()) << 8
    }

    /// So many octets behind an octet that says how many.
    pub(super) fn short(&mut self) -> &'a [u8] {
        let length = usize::from(self.octet()).min(self.0.len());
        let (short, rest) = self.0.split_at(length);
        self.0 = rest;
        short
    }

    /// What stands before the next of these octets, which goes too; all where there is none.
    pub(super) fn until(&mut self, octet: u8) -> &'a [u8] {
        let end = self.0.iter().position(|each| *each == octet).unwrap_or(self.0.len());
        let (before, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        before
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}

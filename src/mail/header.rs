//! The header section of a message (RFC 5322 §2.1): where its fields begin and end.
//!
//! Nothing is decoded or unfolded.

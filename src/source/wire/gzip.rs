//! gzip (RFC 1952), within bounds.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::WireError;

/// Fast rather than small: snapshots are alike throughout, so the lowest level takes most of them away.
const LEVEL: Compression = Compression::new(1);

/// Compresses.
pub(in crate::source) fn deflate(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(octets.len() / 8), LEVEL);
    let written = encoder.write_all(octets).and_then(|()| encoder.finish());
    written.expect("a vector takes whatever is written to it")
}

/// The octets that were compressed, at most `limit`: more are never held.
///
/// # Errors
///
/// There are more, or it is not gzip, or it is damaged: its check sum tells.
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    let mut octets = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(compressed).take(bound).read_to_end(&mut octets);
    match read {
        Ok(_) if octets.len() > limit => Err(WireError::TooLarge { limit }),
        Ok(_) => Ok(octets),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(WireError::Gzip("it ends too early".to_owned()))
        }
        Err(error) => Err(WireError::Gzip(error.to_string())),
    }
}

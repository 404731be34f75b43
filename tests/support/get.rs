//! An HTTP GET, as far as the tests need one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::until::PATIENCE;

/// Status and body; nothing where nobody answers in full.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // An answer of HTTP/1.0 comes in no chunks, and is whole when the connection ends.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    Some((head.split(' ').nth(1)?.parse().ok()?, answer[end + 4..].to_vec()))
}

/// Whether the program's admin port says that it may be sent traffic.
pub(crate) fn is_ready(admin: SocketAddr) -> bool {
    get(admin, "/readyz").is_some_and(|(status, _)| status == 200)
}

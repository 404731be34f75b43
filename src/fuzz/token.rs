//! A bounce token (`stamp::token`), by whomever it was made.

use std::time::{Duration, SystemTime};

use super::input::Input;
use crate::stamp::token::{MIN_KEY_OCTETS, Refused, Seal, Token, content, octets};

const GATEWAY: &str = "ns/mx";

/// An octet that says what the rest is: a token as text, or the content of one.
pub fn token(input: &[u8]) {
    let mut input = Input::new(input);
    let Ok(seal) = Seal::new(&[1; MIN_KEY_OCTETS], [&[2; MIN_KEY_OCTETS][..]]) else { return };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    if input.octet() & 1 == 0 {
        // Nobody guesses what only a key can make.
        let text = String::from_utf8_lossy(input.rest());
        let refused = Token::open(&text, &seal, GATEWAY, now).expect_err("it was not sealed");
        assert!(matches!(refused, Refused::Malformed | Refused::Foreign));
        return;
    }
    let Some(token) = content::read(input.rest()) else { return };
    let mut written = Vec::new();
    content::write(&token, &mut written);
    assert_eq!(content::read(&written).as_ref(), Some(&token));
    let text = token.seal(&seal, GATEWAY, [3; 16]);
    let envelope_id = token.envelope_id.as_deref();
    let most = octets(&token.reverse_path, envelope_id, token.recipients.iter()) + 2 * token.header.len();
    assert!(text.len() <= most, "{} of {most}", text.len());
    match Token::open(&text, &seal, GATEWAY, now) {
        Ok(opened) => assert_eq!(opened, token),
        Err(refused) => assert!(refused == Refused::Expired || text.len() > 64 * 1024),
    }
}

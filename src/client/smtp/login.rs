//! The client's side of AUTH (RFC 4954). Pure: a nonce comes in as an argument.
//!
//! Of the mechanisms on offer the one is taken that tells a server the least: SCRAM-SHA-256, which proves
//! that the server knows the password too, then PLAIN, then LOGIN. It is for connections inside TLS.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::announced::Mechanisms;
use super::line::Line;
use super::scram::{self, Scram};
use crate::plan::Secret;

/// Octets of randomness in a nonce.
pub(crate) const NONCE_OCTETS: usize = 18;

/// Who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The name.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: Secret,
}

/// An exchange that waits for the server.
#[derive(Debug)]
pub(super) enum Exchange {
    /// All was said: PLAIN, or the password of LOGIN.
    Told,
    /// LOGIN asks for the name.
    Name(Login),
    /// LOGIN asks for the password.
    Password(Login),
    /// SCRAM is under way.
    Scram(Box<Scram>),
    /// The server has proved that it knows the password: nothing is left to say.
    Proved,
}

impl Exchange {
    /// Begins with the best mechanism on offer; `None` where there is none that is known.
    pub(super) fn begin(
        login: Login,
        offered: Mechanisms,
        nonce: Option<[u8; NONCE_OCTETS]>,
    ) -> Option<(Line, Self)> {
        let user = login.user.clone();
        if let Some(nonce) = nonce.filter(|_| offered.scram) {
            let (first, scram) = Scram::begin(login, &STANDARD.encode(nonce));
            let line = said(format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(first)));
            let shown = format!("AUTH SCRAM-SHA-256 (user {user})");
            return Some((Line { shown, ..line }, Self::Scram(Box::new(scram))));
        }
        if offered.plain {
            // RFC 4616 §2: message = [authzid] NUL authcid NUL passwd.
            let mut octets = format!("\0{user}\0").into_bytes();
            octets.extend_from_slice(login.password.reveal());
            let line = said(format!("AUTH PLAIN {}", STANDARD.encode(octets)));
            let shown = format!("AUTH PLAIN (user {user}, and the password)");
            return Some((Line { shown, ..line }, Self::Told));
        }
        offered.login.then(|| (said("AUTH LOGIN".to_owned()), Self::Name(login)))
    }

    /// Answers a challenge, the text of a `334`; `None` where nothing more is to be said, or the
    /// server does not know the password that it should.
    pub(super) fn respond(self, challenge: &str) -> Option<(Line, Self)> {
        let response = |octets: &[u8], shown: &str, next| {
            Some((Line { shown: shown.to_owned(), ..said(STANDARD.encode(octets)) }, next))
        };
        match self {
            Self::Name(login) => {
                let name = login.user.clone();
                response(name.as_bytes(), "(the user)", Self::Password(login))
            }
            Self::Password(login) => response(login.password.reveal(), "(the password)", Self::Told),
            Self::Scram(scram) => {
                let challenge = STANDARD.decode(challenge.trim()).ok()?;
                match scram.respond(&challenge)? {
                    scram::Next::Proof(proof, scram) => {
                        response(proof.as_bytes(), "(the proof)", Self::Scram(Box::new(scram)))
                    }
                    scram::Next::Proved => response(b"", "", Self::Proved),
                }
            }
            Self::Told | Self::Proved => None,
        }
    }

    /// Whether a `235` may come now: with SCRAM only once the server has proved itself (RFC 5802 §5).
    pub(super) fn may_succeed(&self) -> bool {
        matches!(self, Self::Told | Self::Proved)
    }
}

fn said(text: String) -> Line {
    Line::of(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login { user: "ann".to_owned(), password: Secret::new(b"pencil") }
    }

    fn text(line: &Line) -> &str {
        std::str::from_utf8(&line.octets).unwrap().trim_end()
    }

    #[test]
    fn the_best_mechanism_on_offer_is_taken() {
        let all = Mechanisms { plain: true, login: true, scram: true };
        for (offered, begins) in [
            (all, Some("AUTH SCRAM-SHA-256 ")),
            (Mechanisms { scram: false, ..all }, Some("AUTH PLAIN AGFubgBwZW5jaWw=")),
            (Mechanisms { login: true, ..Mechanisms::default() }, Some("AUTH LOGIN")),
            (Mechanisms::default(), None),
        ] {
            let begun = Exchange::begin(login(), offered, Some([1; NONCE_OCTETS]));
            assert_eq!(begun.is_some(), begins.is_some());
            if let (Some((line, exchange)), Some(begins)) = (begun, begins) {
                assert!(text(&line).starts_with(begins), "{line:?}");
                assert!(!line.shown.contains("cGVuY2ls") && !format!("{exchange:?}").contains("pencil"));
            }
        }
    }

    #[test]
    fn login_tells_name_and_password_when_asked() {
        let offered = Mechanisms { login: true, ..Mechanisms::default() };
        let (_, exchange) = Exchange::begin(login(), offered, Some([1; NONCE_OCTETS])).unwrap();
        assert!(!exchange.may_succeed());
        let (line, exchange) = exchange.respond("VXNlcm5hbWU6").unwrap();
        assert_eq!(text(&line), "YW5u");
        let (line, exchange) = exchange.respond("UGFzc3dvcmQ6").unwrap();
        assert_eq!((text(&line), line.shown.as_str()), ("cGVuY2ls", "(the password)"));
        assert!(exchange.may_succeed() && exchange.respond("").is_none());
    }
}

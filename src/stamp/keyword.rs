//! The `with` keyword of `Received`: the registry of RFC 3848 §2 and RFC 6531 §4.3.

use crate::mail::Protocol;

/// The keyword of a session. HELO offers neither extension nor AUTH, so it is always `SMTP`, also
/// inside implicit TLS: the registry has no other word, and the comment tells of the TLS.
pub fn keyword(protocol: Protocol, smtputf8: bool, tls: bool, authenticated: bool) -> &'static str {
    let words: [&'static str; 4] = match (protocol, smtputf8) {
        (Protocol::Smtp, _) => ["SMTP"; 4],
        (Protocol::Esmtp, false) => ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"],
        (Protocol::Esmtp, true) => ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"],
        (Protocol::Lmtp, false) => ["LMTP", "LMTPA", "LMTPS", "LMTPSA"],
        (Protocol::Lmtp, true) => ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"],
    };
    words[usize::from(tls) * 2 + usize::from(authenticated)]
}

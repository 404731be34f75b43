//! How a gateway sends notifications: its relay, and the keys that seal tokens.
//!
//! Where part of it can't be used, mail is taken as if there were no `spec.bounces`: DSN is not announced,
//! and a backend that says `onPartial: Bounce` gets one recipient per transaction.

use super::Origin;
use super::endpoint::Reader;
use super::fault::Faults;
use super::findings::Findings;
use super::reference::{Unresolved, secret_key};
use super::snapshot::Snapshot;
use crate::api::gateway::{BounceSenders, Bounces as Written};
use crate::api::{ApiKind, MailGateway};
use crate::mail::Mailbox;
use crate::plan::{Bounces, Gateway, ObjectName, Reason, Relay};
use crate::policy::bounce::{Senders, Suppression};
use crate::stamp::token::{MIN_KEY_OCTETS, Seal};

/// The key of the Secret that seals.
pub(super) const PRIMARY: &str = "primary";
/// The key of the Secret that only opens, for rotation. It may be absent.
pub(super) const SECONDARY: &str = "secondary";

/// What was read of `spec.bounces`.
pub(super) struct Usable {
    relay: Relay,
    seal: Seal,
    senders: Senders,
}

/// Reads `spec.bounces`; `None` where there is none that can be used.
pub(super) fn read(
    (snapshot, origin): (&Snapshot, Origin),
    (name, gateway): (&ObjectName, &MailGateway),
    (faults, hello): (&Faults<'_>, &str),
    findings: &mut Findings,
) -> Option<Usable> {
    let written = gateway.spec.bounces.as_ref()?;
    let reader = Reader::new(snapshot, origin, (ApiKind::Gateway, name, "spec.bounces.relay"), findings);
    let relay = reader.smtp(&written.relay, hello);
    let seal = seal(snapshot, &name.namespace, &written.seal_secret_ref.name);
    let seal = seal.map_err(|Unresolved { reason, message }| {
        let message = format!("{message}; until then this gateway sends no notifications");
        findings.report((ApiKind::Gateway, name), reason, "spec.bounces.sealSecretRef", message);
    });
    let sound = !faults.of(ApiKind::Gateway, name).iter().any(|fault| fault.is_under("spec.bounces"));
    let (relay, seal) = (relay?, seal.ok()?);
    sound.then_some(Usable { relay, seal, senders: senders(written) })
}

fn senders(written: &Written) -> Senders {
    match written.senders {
        BounceSenders::Vouched => Senders::Vouched,
        BounceSenders::All => Senders::All,
    }
}

fn seal(snapshot: &Snapshot, namespace: &str, name: &str) -> Result<Seal, Unresolved> {
    let seals = key(snapshot, namespace, name, PRIMARY)?;
    let data = snapshot.secret(namespace, name).and_then(|secret| secret.data.as_ref());
    let opens = match data.is_some_and(|data| data.contains_key(SECONDARY)) {
        true => Some(key(snapshot, namespace, name, SECONDARY)?),
        false => None,
    };
    Seal::new(seals, opens).map_err(|error| Unresolved::new(Reason::InvalidSecretKey, error.to_string()))
}

/// A key as it is written: whatever its octets are, but for the line end that editors and `openssl` leave. Where
/// without it they are too few, it is part of the key.
fn key<'a>(snapshot: &'a Snapshot, namespace: &str, name: &str, key: &str) -> Result<&'a [u8], Unresolved> {
    let octets = without_line_end(secret_key(snapshot, namespace, name, key)?);
    if octets.len() >= MIN_KEY_OCTETS {
        return Ok(octets);
    }
    let message = format!(
        "key {key} of Secret {namespace}/{name} has fewer than {MIN_KEY_OCTETS} octets: make one by openssl rand \
         -base64 32"
    );
    Err(Unresolved::new(Reason::InvalidSecretKey, message))
}

fn without_line_end(written: &[u8]) -> &[u8] {
    let line = written.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    line.filter(|line| line.len() >= MIN_KEY_OCTETS).unwrap_or(written)
}

impl Usable {
    /// Whether a sender can be vouched for on a listener, or need not be.
    pub(super) fn reaches(&self, vouched: bool) -> bool {
        vouched || self.senders == Senders::All
    }

    /// As the data path needs it, of this gateway.
    pub(super) fn plan(&self, gateway: &Gateway) -> Bounces {
        Bounces {
            gateway: gateway.name.to_string(),
            hostname: gateway.hostname.clone(),
            relay: self.relay.clone(),
            seal: self.seal.clone(),
            suppression: Suppression {
                senders: self.senders,
                hostname: gateway.hostname.clone(),
                domains: gateway.domains.iter().map(|delegation| delegation.domain.clone()).collect(),
                postmaster: gateway.postmaster.as_ref().and_then(Mailbox::key),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_end_is_no_part_of_a_key() {
        let whole = [b'k'; MIN_KEY_OCTETS];
        let with = |end: &[u8]| [&whole[..], end].concat();
        for (end, left) in
            [(&b""[..], &b""[..]), (b"\n", b""), (b"\r\n", b""), (b" ", b" "), (b"\n\n", b"\n")]
        {
            assert_eq!(without_line_end(&with(end)), with(left), "{}", end.escape_ascii());
        }
        // Random octets may end in anything.
        for end in [&b"\n"[..], b"\r\n", b"\t", b" "] {
            let key = [&whole[end.len()..], end].concat();
            assert_eq!(without_line_end(&key), key, "{}", end.escape_ascii());
        }
    }
}

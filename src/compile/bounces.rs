//! How a gateway sends notifications: its relay, and the keys that seal tokens.
//!
//! Where part of it can't be used, mail is taken as if there were no `spec.bounces`: DSN is not announced,
//! and a backend that says `onPartial: Bounce` gets one recipient per transaction.

use super::Origin;
use super::fault::Faults;
use super::findings::Findings;
use super::http::Reader;
use super::reference::{Unresolved, secret_key};
use super::snapshot::Snapshot;
use crate::api::gateway::{BounceSenders, Bounces as Written};
use crate::api::{ApiKind, MailGateway};
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

/// A key as it is written: whatever its octets are, but for the line end that editors and `openssl` leave.
fn key<'a>(snapshot: &'a Snapshot, namespace: &str, name: &str, key: &str) -> Result<&'a [u8], Unresolved> {
    let octets = secret_key(snapshot, namespace, name, key)?.trim_ascii_end();
    if octets.len() >= MIN_KEY_OCTETS {
        return Ok(octets);
    }
    let message = format!(
        "key {key} of Secret {namespace}/{name} has fewer than {MIN_KEY_OCTETS} octets: make one by openssl rand \
         -base64 32"
    );
    Err(Unresolved::new(Reason::InvalidSecretKey, message))
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
                postmaster: gateway.postmaster.as_ref().and_then(|mailbox| mailbox.key()),
            },
        }
    }
}

//! MailBackends, with what they refer to at hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Origin;
use super::endpoint::Reader;
use super::fault::Faults;
use super::findings::Findings;
use super::http::Written;
use super::reference::{Unresolved, secret_key};
use super::snapshot::Snapshot;
use crate::api::backend::{HttpBackend, HttpFormat, OnPartial as WrittenOnPartial};
use crate::api::{ApiKind, MailBackend};
use crate::plan::{Backend, Circuit, Format, Http, ObjectName, OnPartial, Reason, Secret, Target};
use crate::smtp::Reply;
use crate::smtp::reply::Enhanced;

/// Standard Webhooks: a symmetric key has 24 to 64 octets.
const SIGNING_KEY_OCTETS: std::ops::RangeInclusive<usize> = 24..=64;

/// Reads every backend; `None` for one that can't be used. `hello` is who relays are told that we are.
pub(super) fn read_all<'a>(
    snapshot: &'a Snapshot,
    (origin, hello): (Origin, &str),
    faults: &Faults<'_>,
    findings: &mut Findings,
) -> HashMap<&'a ObjectName, Option<Arc<Backend>>> {
    let mut read = HashMap::new();
    for (name, backend) in snapshot.backends() {
        let target = target(snapshot, (origin, hello), (name, backend), findings);
        let sound = faults.of(ApiKind::Backend, name).is_empty();
        read.insert(name, target.filter(|_| sound).map(|target| Arc::new(plan(name, backend, target))));
    }
    read
}

fn plan(name: &ObjectName, backend: &MailBackend, target: Target) -> Backend {
    let spec = &backend.spec;
    Backend {
        name: name.clone(),
        label: name.to_string().into(),
        target,
        max_in_flight: spec.limits.max_in_flight,
        max_message_bytes: spec.limits.max_message_bytes.bytes(),
        circuit: Circuit {
            consecutive_failures: spec.circuit.consecutive_failures,
            open_for: spec.circuit.open_for.as_std(),
        },
        responses: responses(&spec.responses),
        // RFC 2033 §4.2: over LMTP each recipient has its reply.
        per_recipient_verdicts: spec.per_recipient_verdicts || spec.lmtp.is_some(),
        on_partial: match spec.on_partial {
            // Bounce is told as unsupported, so it comes no further.
            WrittenOnPartial::Single | WrittenOnPartial::Bounce => OnPartial::Single,
            WrittenOnPartial::Defer => OnPartial::Defer,
        },
    }
}

/// Replies whose shape the bounds have checked.
fn responses(written: &BTreeMap<String, String>) -> BTreeMap<u16, Reply> {
    written.iter().filter_map(|(status, text)| Some((status.parse().ok()?, reply(text)?))).collect()
}

/// `550 5.7.1 Not wanted here`.
fn reply(text: &str) -> Option<Reply> {
    let mut words = text.splitn(3, ' ');
    let code = words.next()?.parse().ok()?;
    let mut enhanced = words.next()?.split('.').skip(1).map(|number| number.parse().ok());
    let enhanced = Enhanced { subject: enhanced.next()??, detail: enhanced.next()?? };
    Reply::from_parts(code, Some(enhanced), words.next()?)
}

/// The destination; `None` where part of it can't be used.
fn target(
    snapshot: &Snapshot,
    (origin, hello): (Origin, &str),
    (name, backend): (&ObjectName, &MailBackend),
    findings: &mut Findings,
) -> Option<Target> {
    let spec = &backend.spec;
    let at = |field| (ApiKind::Backend, name, field);
    if let Some(nats) = &spec.nats {
        return Reader::new(snapshot, origin, at("spec.nats"), findings).nats(nats).map(Target::Nats);
    }
    if let Some(relay) = &spec.smtp {
        return Reader::new(snapshot, origin, at("spec.smtp"), findings).smtp(relay, hello).map(Target::Smtp);
    }
    if let Some(store) = &spec.lmtp {
        return Reader::new(snapshot, origin, at("spec.lmtp"), findings).lmtp(store, hello).map(Target::Lmtp);
    }
    http(Reader::new(snapshot, origin, at("spec.http"), findings), spec.http.as_ref()?).map(Target::Http)
}

fn http(mut reader: Reader<'_, '_>, written: &HttpBackend) -> Option<Http> {
    let signing = signing(&mut reader, written);
    let HttpBackend { service, url, path, auth, tls, .. } = written;
    let http = reader.read(&Written { service, url, path, auth, tls })?;
    let format = match written.format {
        HttpFormat::CloudEventStructured => Format::CloudEventStructured,
        // The others are told as unsupported, so they come no further.
        _ => Format::CloudEvent,
    };
    Some(Http { format, signing, ..http })
}

fn signing(reader: &mut Reader<'_, '_>, http: &HttpBackend) -> Vec<Secret> {
    let mut keys = Vec::new();
    let refs = http.signing.iter().flat_map(|signing| &signing.secret_refs);
    for (index, secret) in refs.enumerate() {
        let namespace = reader.namespace();
        let found = secret_key(reader.snapshot, namespace, &secret.name, &secret.key);
        let found = found.and_then(|octets| {
            signing_key(octets).ok_or_else(|| {
                let message = format!(
                    "key {} of Secret {namespace}/{} is not a signing key of Standard Webhooks: \
                     whsec_ and 24 to 64 octets in base64",
                    secret.key, secret.name
                );
                Unresolved::new(Reason::InvalidSecretKey, message)
            })
        });
        keys.extend(reader.resolve(&format!("signing.secretRefs[{index}]"), found));
    }
    keys
}

/// `whsec_` and the octets in base64; the prefix may be missing, as the libraries have it.
fn signing_key(octets: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(octets).ok()?.trim();
    let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
    SIGNING_KEY_OCTETS.contains(&key.len()).then(|| Secret::new(&key))
}

//! The authorities that there are, and how they stand in the Secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::AuthorityError;
use super::ca::{Authority, LIFE, whole};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const SINCE: &str = "since";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const PUBLISHED: &str = "published";
const PREVIOUS: &str = "previous.crt";

/// What the Secret holds.
pub(super) type Data = BTreeMap<String, ByteString>;

/// The authority that signs, and those before and behind it.
#[derive(Debug, Clone)]
pub(super) struct Holdings {
    /// Signs.
    pub(super) signing: Arc<Authority>,
    /// When it began to.
    pub(super) since: SystemTime,
    /// Will sign.
    pub(super) next: Option<Next>,
    /// No longer signs, but is still believed.
    pub(super) previous: Option<CertificateDer<'static>>,
}

/// An authority that will sign.
#[derive(Debug, Clone)]
pub(super) struct Next {
    pub(super) authority: Arc<Authority>,
    /// When every bundle held it.
    pub(super) published: Option<SystemTime>,
}

impl Holdings {
    /// One that signs from now on, and no other.
    pub(super) fn found(signing: Authority, now: SystemTime) -> Self {
        Self { signing: Arc::new(signing), since: whole(now), next: None, previous: None }
    }

    /// With one that will sign.
    pub(super) fn prepared(self, next: Authority) -> Self {
        Self { next: Some(Next { authority: Arc::new(next), published: None }), ..self }
    }

    /// Every bundle holds the next one.
    pub(super) fn published(self, now: SystemTime) -> Self {
        Self { next: self.next.map(|next| Next { published: Some(whole(now)), ..next }), ..self }
    }

    /// The next one signs.
    pub(super) fn promoted(self, now: SystemTime) -> Self {
        match self.next {
            Some(next) => Self {
                previous: Some(self.signing.certificate().clone()),
                signing: next.authority,
                since: whole(now),
                next: None,
            },
            None => self,
        }
    }

    /// Nobody presents what the previous one signed.
    pub(super) fn forgotten(self) -> Self {
        Self { previous: None, ..self }
    }

    /// What front-ends are to believe, in PEM.
    pub(super) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.authority.certificate());
        let all = [Some(self.signing.certificate()), next, self.previous.as_ref()];
        all.into_iter().flatten().map(|certificate| pem(certificate)).collect()
    }

    /// As it stands in the Secret.
    pub(super) fn to_data(&self) -> Data {
        let mut data = Data::new();
        let mut put = |key: &str, text: String| data.insert(key.to_owned(), ByteString(text.into_bytes()));
        put(CERTIFICATE, pem(self.signing.certificate()));
        put(KEY, self.signing.key_pem());
        put(SINCE, written(self.since));
        if let Some(next) = &self.next {
            put(NEXT_CERTIFICATE, pem(next.authority.certificate()));
            put(NEXT_KEY, next.authority.key_pem());
            if let Some(published) = next.published {
                put(PUBLISHED, written(published));
            }
        }
        if let Some(previous) = &self.previous {
            put(PREVIOUS, pem(previous));
        }
        data
    }

    /// Reads the Secret. Without an authority that signs it is of no use; what else is damaged is left
    /// out, and told in the list.
    pub(super) fn read(data: &Data) -> Result<(Self, Vec<String>), AuthorityError> {
        let damaged =
            |keys: &str, error: &AuthorityError| AuthorityError::Damaged(format!("{keys}: {error}"));
        let signing = authority(data, CERTIFICATE, KEY)
            .map_err(|error| damaged(&format!("{CERTIFICATE}, {KEY}"), &error))?;
        let mut problems = Vec::new();
        // Without it: when it was made, at the earliest.
        let since = time(data, SINCE, &mut problems).unwrap_or(signing.not_after - LIFE);
        let published = time(data, PUBLISHED, &mut problems);
        let next = match data.contains_key(NEXT_CERTIFICATE) || data.contains_key(NEXT_KEY) {
            true => authority(data, NEXT_CERTIFICATE, NEXT_KEY)
                .map_err(|error| problems.push(format!("{NEXT_CERTIFICATE}, {NEXT_KEY}: {error}")))
                .ok(),
            false => None,
        };
        let previous = data.get(PREVIOUS).and_then(|octets| {
            CertificateDer::from_pem_slice(&octets.0)
                .map_err(|_| problems.push(format!("{PREVIOUS}: the certificate is not PEM")))
                .ok()
        });
        let next = next.map(|authority| Next { authority: Arc::new(authority), published });
        Ok((Self { signing: Arc::new(signing), since, next, previous }, problems))
    }
}

fn authority(data: &Data, certificate: &str, key: &str) -> Result<Authority, AuthorityError> {
    let octets = |key: &str| data.get(key).map_or(&[][..], |octets| &octets.0);
    Authority::read(octets(certificate), octets(key))
}

fn time(data: &Data, key: &str, problems: &mut Vec<String>) -> Option<SystemTime> {
    let text = std::str::from_utf8(&data.get(key)?.0).ok().map(str::trim);
    let time = text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let time = time.and_then(|time| SystemTime::try_from(time).ok());
    if time.is_none() {
        problems.push(format!("{key}: not a time as RFC 3339 has it"));
    }
    time
}

fn written(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().to_string()
}

/// A certificate in PEM (RFC 7468).
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn authority() -> Authority {
        Authority::generate(SystemTime::now()).unwrap()
    }

    fn now() -> SystemTime {
        whole(SystemTime::now())
    }

    fn shown(held: &Holdings) -> (String, SystemTime, Option<Option<SystemTime>>) {
        (held.bundle(), held.since, held.next.as_ref().map(|next| next.published))
    }

    #[test]
    fn every_state_is_read_as_it_was_written() {
        let found = Holdings::found(authority(), now());
        let prepared = found.clone().prepared(authority());
        let published = prepared.clone().published(now() + Duration::from_secs(5));
        let promoted = published.clone().promoted(now() + Duration::from_secs(605));
        let again = promoted.clone().prepared(authority());
        let bundles = [1, 2, 2, 2, 3];
        for (held, certificates) in [found, prepared, published, promoted, again].iter().zip(bundles) {
            let (read, problems) = Holdings::read(&held.to_data()).unwrap();
            assert_eq!(shown(&read), shown(held));
            assert_eq!(problems, Vec::<String>::new());
            assert_eq!(held.bundle().matches("BEGIN CERTIFICATE").count(), certificates);
            assert!(!held.bundle().contains("PRIVATE"));
        }
    }

    #[test]
    fn without_an_authority_that_signs_it_is_of_no_use() {
        let mut data = Holdings::found(authority(), now()).to_data();
        data.remove(KEY);
        let error = Holdings::read(&data).unwrap_err().to_string();
        assert!(error.starts_with("tls.crt, tls.key: "), "{error}");
    }

    #[test]
    fn other_damage_is_told_and_left_out() {
        let held = Holdings::found(authority(), now()).prepared(authority()).published(now());
        let mut data = held.to_data();
        for key in [NEXT_KEY, PUBLISHED, SINCE, PREVIOUS] {
            data.insert(key.to_owned(), ByteString(b"hunter2".to_vec()));
        }
        let (read, problems) = Holdings::read(&data).unwrap();
        assert!(read.next.is_none() && read.previous.is_none());
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    }
}

//! Mail servers that messages are passed on to, with their secrets at hand.

use super::endpoint::{Reader, permitted};
use super::reference::{Unresolved, secret_line};
use crate::api::backend::{LmtpRelay, RelayTls as WrittenTls, SmtpRelay};
use crate::api::reference::{CaSecretRef, LocalRef};
use crate::plan::{Reason, Relay, RelayLogin, RelayTls, Secret};

/// What every relay says, whatever kind of object says it.
struct Written<'w> {
    host: &'w str,
    port: u16,
    tls: WrittenTls,
    ca: Option<&'w CaSecretRef>,
    auth: Option<&'w LocalRef>,
}

impl Reader<'_, '_> {
    /// A relay that speaks SMTP; `hello` is who we say we are. `None` where part of it can't be used.
    pub(super) fn smtp(self, relay: &SmtpRelay, hello: &str) -> Option<Relay> {
        let SmtpRelay { host, port, tls, ca_secret_ref, auth_secret_ref } = relay;
        let (ca, auth) = (ca_secret_ref.as_ref(), auth_secret_ref.as_ref());
        self.relay(&Written { host, port: *port, tls: *tls, ca, auth }, hello)
    }

    /// The same of a store that speaks LMTP.
    pub(super) fn lmtp(self, store: &LmtpRelay, hello: &str) -> Option<Relay> {
        let LmtpRelay { host, port, tls, ca_secret_ref } = store;
        self.relay(&Written { host, port: *port, tls: *tls, ca: ca_secret_ref.as_ref(), auth: None }, hello)
    }

    fn relay(mut self, written: &Written<'_>, hello: &str) -> Option<Relay> {
        let ca = self.authorities("caSecretRef", written.ca);
        let login = written.auth.and_then(|auth| self.login(auth));
        let host = permitted(written.host, self.origin);
        self.resolve("host", host.map_err(|message| Unresolved::new(Reason::Invalid, message)));
        let allow_loopback = self.allows_loopback();
        self.finish(Relay {
            host: written.host.to_owned(),
            port: written.port,
            tls: match written.tls {
                WrittenTls::Disabled => RelayTls::Disabled,
                WrittenTls::Opportunistic => RelayTls::Opportunistic,
                WrittenTls::Required => RelayTls::StartTls,
                WrittenTls::Implicit => RelayTls::Implicit,
            },
            ca,
            login,
            hello: hello.to_owned(),
            allow_loopback,
        })
    }

    /// A Secret of type `kubernetes.io/basic-auth`.
    fn login(&mut self, auth: &LocalRef) -> Option<RelayLogin> {
        let (namespace, field) = (self.namespace(), "authSecretRef");
        let username = secret_line(self.snapshot, namespace, &auth.name, "username");
        let username = self.resolve(field, username)?.to_owned();
        let password = secret_line(self.snapshot, namespace, &auth.name, "password");
        let password = self.resolve(field, password)?;
        Some(RelayLogin { username, password: Secret::new(password.as_bytes()) })
    }
}

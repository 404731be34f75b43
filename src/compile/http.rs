//! HTTP endpoints of backends and of callouts: where they are, and the secrets that go with them.

use http::Uri;

use super::endpoint::{Reader, Trust, permitted};
use super::reference::{Unresolved, secret_line, service_host};
use crate::api::backend::HttpAuth;
use crate::api::reference::{ClientTls, Scheme, ServiceRef};
use crate::plan::{Auth, Format, Http, Reason, Secret};

/// What every HTTP endpoint says, whatever kind of object says it.
pub(super) struct Written<'w> {
    pub(super) service: &'w Option<ServiceRef>,
    pub(super) url: &'w Option<String>,
    pub(super) path: &'w Option<String>,
    pub(super) auth: &'w Option<HttpAuth>,
    pub(super) tls: &'w Option<ClientTls>,
}

impl<'a> Reader<'a, '_> {
    /// The endpoint; `None` where anything that was read of it, now or before, can't be used.
    pub(super) fn read(mut self, written: &Written<'_>) -> Option<Http> {
        let auth = written.auth.as_ref().and_then(|auth| self.auth(auth));
        let Trust { ca, server_name, identity } = self.trust(written.tls.as_ref());
        let Address { https, host, port, path } = self.address(written)?;
        let allow_loopback = self.allows_loopback();
        self.finish(Http {
            https,
            host,
            port,
            path,
            format: Format::default(),
            auth,
            signing: Vec::new(),
            ca,
            server_name,
            identity,
            allow_loopback,
        })
    }

    fn auth(&mut self, auth: &HttpAuth) -> Option<Auth> {
        let namespace = self.namespace();
        if let Some(bearer) = &auth.bearer {
            let secret = &bearer.secret_ref;
            let token = secret_line(self.snapshot, namespace, &secret.name, &secret.key);
            let token = self.resolve("auth.bearer.secretRef", token)?;
            return Some(Auth::Bearer(Secret::new(token.as_bytes())));
        }
        let secret = &auth.basic.as_ref()?.secret_ref.name;
        let field = "auth.basic.secretRef";
        let username = secret_line(self.snapshot, namespace, secret, "username");
        let username = self.resolve(field, username)?.to_owned();
        if username.contains(':') {
            let message =
                format!("the username in Secret {namespace}/{secret} has a colon (RFC 7617 section 2)");
            self.report(field, Unresolved::new(Reason::InvalidSecretKey, message));
        }
        let password = secret_line(self.snapshot, namespace, secret, "password");
        let password = self.resolve(field, password)?;
        Some(Auth::Basic { username, password: Secret::new(password.as_bytes()) })
    }

    fn address(&mut self, written: &Written<'_>) -> Option<Address> {
        if let Some(service) = written.service {
            let host = service_host(self.snapshot, self.namespace(), service);
            let host = self.resolve("service", host)?;
            let path = written.path.clone().unwrap_or_else(|| "/".to_owned());
            return Some(Address { https: service.scheme == Scheme::Https, host, port: service.port, path });
        }
        let url = written.url.as_ref()?;
        let address = Address::parse(url);
        let address = address.and_then(|address| permitted(&address.host, self.origin).map(|()| address));
        self.resolve("url", address.map_err(|message| Unresolved::new(Reason::Invalid, message)))
    }
}

/// Where an HTTP endpoint is.
struct Address {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    fn parse(url: &str) -> Result<Self, &'static str> {
        let authority =
            url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
        if authority.contains('@') {
            return Err("a user or password never stands in a URL: put it into a Secret and use auth");
        }
        let parsed: Uri = url.parse().map_err(|_| "is not an http or https URL")?;
        let https = match parsed.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("is not an http or https URL"),
        };
        let host = parsed.host().filter(|host| !host.is_empty()).ok_or("is a URL without a host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port_u16().unwrap_or(if https { 443 } else { 80 });
        let path = parsed.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { https, host, port, path })
    }
}

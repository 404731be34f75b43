//! Streams of NATS: where the server is, how we sign in, what is published on.

use http::Uri;

use super::endpoint::{Reader, Trust, permitted};
use super::reference::{Unresolved, secret_key, secret_line};
use crate::api::broker::NatsBackend;
use crate::api::reference::LocalRef;
use crate::plan::{Nats, NatsAuth, Reason, Secret, Template};

mod nkey;

/// The port of NATS where a URL names none.
const PORT: u16 = 4222;

/// The keys of a Secret that tell how to sign in, each of which says all; and the two that belong together.
pub(super) const KEYS: [&str; 3] = ["creds", "nkey", "token"];
pub(super) const PAIR: [&str; 2] = ["username", "password"];

impl Reader<'_, '_> {
    /// The stream; `None` where anything of it can't be used.
    pub(super) fn nats(mut self, written: &NatsBackend) -> Option<Nats> {
        let auth = written.credentials_secret_ref.as_ref().map(|secret| {
            let found = sign_in(&self, secret);
            self.resolve("credentialsSecretRef", found)
        });
        let Trust { ca, server_name, identity } = self.trust(written.tls.as_ref());
        let invalid = |message: String| Unresolved::new(Reason::Invalid, message);
        let subject = self.resolve("subject", subject(&written.subject).map_err(invalid));
        let address = address(&written.url);
        let address = address.and_then(|address| permitted(&address.host, self.origin).map(|()| address));
        let address = self.resolve("url", address.map_err(|message| invalid(message.to_owned())));
        let (Address { tls, host, port }, subject) = (address?, subject?);
        let allow_loopback = self.allows_loopback();
        self.finish(Nats {
            host,
            port,
            tls_required: tls || written.tls.is_some(),
            ca,
            server_name,
            identity,
            allow_loopback,
            auth: auth.flatten(),
            stream: written.stream.clone(),
            subject,
        })
    }
}

/// Where a server is.
pub(super) struct Address {
    tls: bool,
    /// Without brackets.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
}

/// Reads a URL; fails in words.
pub(super) fn address(url: &str) -> Result<Address, &'static str> {
    if url.contains('@') {
        return Err(
            "a user or password never stands in a URL: put it into a Secret and use credentialsSecretRef",
        );
    }
    const NONE: &str = "is not a nats or tls URL";
    let parsed: Uri = url.parse().map_err(|_| NONE)?;
    let tls = match parsed.scheme_str() {
        Some("nats") => false,
        Some("tls") => true,
        _ => return Err(NONE),
    };
    let host = parsed.host().filter(|host| !host.is_empty()).ok_or("is a URL without a host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Address { tls, host, port: parsed.port_u16().unwrap_or(PORT) })
}

/// The host of a URL as it is written, where it is one that can be read.
pub(super) fn host(url: &str) -> Option<&str> {
    address(url).ok()?;
    let authority = url.split_once("://")?.1.trim_end_matches('/');
    Some(
        authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'))
            .map_or(authority, |(host, _)| host),
    )
}

/// Reads a subject. Its values are one token each, so what is fixed has to make tokens of them.
fn subject(text: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    // Any word will do: what is looked at is what stands between the values.
    let shape = text.replace(['{', '}'], "").replace("rcpt.", "").replace("mailfrom.", "");
    if shape.split('.').any(str::is_empty) {
        return Err("has an empty token: no dot at its ends, and no two of them in a row".to_owned());
    }
    if shape.contains(|c: char| c.is_control() || c.is_whitespace() || c == '*' || c == '>') {
        return Err("has a letter that no subject may have: a space, *, >".to_owned());
    }
    if text.starts_with('$') {
        return Err("begins with $, which is for subjects of the server itself".to_owned());
    }
    Ok(template)
}

/// How to sign in, by the keys of a Secret: it has to tell exactly one way.
fn sign_in(reader: &Reader<'_, '_>, secret: &LocalRef) -> Result<NatsAuth, Unresolved> {
    let (snapshot, namespace, name) = (reader.snapshot, reader.namespace(), secret.name.as_str());
    let wrong =
        |what: &str| Unresolved::new(Reason::InvalidSecretKey, format!("Secret {namespace}/{name} {what}"));
    let Some(object) = snapshot.secret(namespace, name) else {
        // Says that there is none.
        secret_key(snapshot, namespace, name, KEYS[0])?;
        return Err(wrong("can't be read"));
    };
    let has = |key: &str| object.data.as_ref().is_some_and(|data| data.contains_key(key));
    let line = |key: &str| secret_line(snapshot, namespace, name, key);
    let ways: Vec<&str> = KEYS.into_iter().chain(["username"]).filter(|key| has(key)).collect();
    match ways[..] {
        ["creds"] => {
            let text = std::str::from_utf8(secret_key(snapshot, namespace, name, "creds")?);
            let read = text.ok().and_then(nkey::credentials);
            let (jwt, seed) =
                read.ok_or_else(|| wrong("has a key creds that is not a credentials file of NATS"))?;
            Ok(NatsAuth::Credentials { jwt: Secret::new(jwt.as_bytes()), seed: Secret::new(&seed) })
        }
        ["nkey"] => {
            let pair = nkey::seed(line("nkey")?).and_then(|seed| Some((nkey::public(&seed)?, seed)));
            let (public, seed) =
                pair.ok_or_else(|| wrong("has a key nkey that is not the seed of a user (SU…)"))?;
            Ok(NatsAuth::Nkey { public, seed: Secret::new(&seed) })
        }
        ["token"] => Ok(NatsAuth::Token(Secret::new(line("token")?.as_bytes()))),
        ["username"] => {
            let (username, password) = (line(PAIR[0])?.to_owned(), line(PAIR[1])?);
            Ok(NatsAuth::User { username, password: Secret::new(password.as_bytes()) })
        }
        _ => Err(wrong("has to have exactly one of: the key creds, nkey or token, or username and password")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_that_nats_would_not_take_are_refused() {
        for good in ["mail", "mail.{rcpt.domain}", "{route}.{rcpt.local}", "m-{gateway}-x.{mailfrom.domain}"]
        {
            subject(good).unwrap();
        }
        for bad in
            ["", ".a", "a.", "a..b", "a b", "a.*", "a.>", "$JS.API.x", "a.{b}", "{route}..x", "a\u{7f}"]
        {
            subject(bad).unwrap_err();
        }
    }

    #[test]
    fn addresses_have_the_port_of_nats_unless_they_name_one() {
        let read = |url| address(url).map(|Address { tls, host, port }| (tls, host, port));
        assert_eq!(read("nats://nats.mail.svc"), Ok((false, "nats.mail.svc".to_owned(), 4222)));
        assert_eq!(read("tls://[2001:db8::1]:4333/"), Ok((true, "2001:db8::1".to_owned(), 4333)));
        for bad in ["http://a", "nats://u:p@a", "nats:///", "a:4222", ""] {
            read(bad).unwrap_err();
        }
    }
}

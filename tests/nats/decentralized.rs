//! Decentralized authentication: an operator, its accounts, and a user of one of them in a credentials file,
//! as `nsc` makes them (ADR-14).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::keys::{Holder, Pair};

/// An operator with an account that may use JetStream, and one for the system.
pub(crate) struct Operator {
    operator: Pair,
    account: Pair,
    system: Pair,
}

impl Operator {
    /// A new one, which nobody else knows.
    pub(crate) fn new() -> Self {
        Self {
            operator: Pair::new(Holder::Operator),
            account: Pair::new(Holder::Account),
            system: Pair::new(Holder::Account),
        }
    }

    /// What a server has to be told.
    pub(crate) fn configuration(&self) -> String {
        let operator = jwt(&self.operator, &self.operator, &json!({"type": "operator", "version": 2}));
        let unlimited = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
            "consumer": -1});
        let plain = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1});
        let account = |key: &Pair, limits: &Value| {
            jwt(&self.operator, key, &json!({"type": "account", "version": 2, "limits": limits}))
        };
        format!(
            "operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{\n  \
             {system}: {}\n  {}: {}\n}}",
            account(&self.system, &plain),
            self.account.public(),
            account(&self.account, &unlimited),
            system = self.system.public(),
        )
    }

    /// A new user of the account.
    pub(crate) fn user(&self) -> User {
        self.user_until(0)
    }

    /// The same, whose time is over then: seconds since 1970, or never.
    pub(crate) fn user_until(&self, end: u64) -> User {
        let pair = Pair::new(Holder::User);
        let claims = json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1,
            "payload": -1});
        let jwt = jwt_until(&self.account, &pair, &claims, end);
        User { pair, jwt }
    }
}

/// A user of an account.
pub(crate) struct User {
    pair: Pair,
    jwt: String,
}

impl User {
    /// What it says to a server, given what is to be signed.
    pub(crate) fn says(&self, nonce: &str) -> Value {
        json!({"jwt": self.jwt, "sig": URL_SAFE_NO_PAD.encode(self.pair.sign(nonce.as_bytes()))})
    }

    /// Its credentials file.
    pub(crate) fn credentials(&self) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            self.jwt,
            self.pair.seed()
        )
    }
}

/// What `issuer` says of `subject`.
fn jwt(issuer: &Pair, subject: &Pair, nats: &Value) -> String {
    jwt_until(issuer, subject, nats, 0)
}

fn jwt_until(issuer: &Pair, subject: &Pair, nats: &Value, end: u64) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = encode(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let mut claims = json!({"jti": subject.public(), "iat": 1_700_000_000, "iss": issuer.public(),
        "name": "mail", "sub": subject.public(), "nats": nats});
    if end > 0 {
        claims["exp"] = end.into();
    }
    let claims = encode(&claims);
    let signed = format!("{head}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

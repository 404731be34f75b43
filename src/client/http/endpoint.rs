//! What every request to an endpoint has: path, `Host`, `Authorization`.

use ::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use ::http::uri::PathAndQuery;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::plan;

/// An endpoint, ready to stand in requests.
pub(crate) struct Endpoint {
    /// Path and query.
    pub(crate) path: PathAndQuery,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
}

impl Endpoint {
    /// Fails, in words, where the configuration can't stand in a request.
    pub(crate) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let path = http.path.parse().map_err(|_| "the path can't stand in a request")?;
        if !http.path.starts_with('/') {
            return Err("the path is not a path");
        }
        let host = HeaderValue::try_from(host(http)).map_err(|_| "the host can't stand in a request")?;
        let authorization = http.auth.as_ref().map(authorization).transpose()?;
        Ok(Self { path, host, authorization })
    }

    /// Adds what says where a request goes and who sends it.
    pub(crate) fn insert_into(&self, headers: &mut HeaderMap) {
        headers.insert(HOST, self.host.clone());
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }
}

/// RFC 9110 §7.2: the port is left out where it is the scheme's own.
pub(super) fn host(http: &plan::Http) -> String {
    let own = if http.https { 443 } else { 80 };
    let name = if http.host.contains(':') { format!("[{}]", http.host) } else { http.host.clone() };
    if http.port == own { name } else { format!("{name}:{}", http.port) }
}

/// The line end that ends a token in a file is not part of it.
fn authorization(auth: &plan::Auth) -> Result<HeaderValue, &'static str> {
    let value = match auth {
        plan::Auth::Bearer(token) => [b"Bearer ", token.reveal().trim_ascii_end()].concat(),
        plan::Auth::Basic { username, password } => {
            let pair = [username.as_bytes(), b":", password.reveal()].concat();
            format!("Basic {}", STANDARD.encode(pair)).into_bytes()
        }
    };
    let value = HeaderValue::from_maybe_shared(Bytes::from(value));
    let mut value = value.map_err(|_| "the credentials can't stand in a request")?;
    value.set_sensitive(true);
    Ok(value)
}

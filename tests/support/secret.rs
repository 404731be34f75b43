//! Secrets among the manifests: text by key, certificates, who may sign in.

use super::certificates::Certificate;
use super::manifests::Manifests;

impl Manifests {
    /// A Secret of any type with these keys and texts.
    #[must_use]
    pub(crate) fn secret(self, name: &str, kind: &str, texts: &[(&str, &str)]) -> Self {
        let texts: serde_json::Map<String, serde_json::Value> =
            texts.iter().map(|(key, text)| ((*key).to_owned(), (*text).into())).collect();
        // JSON is YAML; its strings hold any text.
        let secret = serde_json::json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": texts,
        });
        self.document(&secret.to_string())
    }

    /// A certificate, as cert-manager leaves it.
    #[must_use]
    pub(crate) fn certificate(self, name: &str, certificate: &Certificate) -> Self {
        let texts = [("tls.crt", certificate.chain.as_str()), ("tls.key", &certificate.key)];
        self.secret(name, "kubernetes.io/tls", &texts)
    }

    /// The users of the gateway, each with the hash of a password.
    #[must_use]
    pub(crate) fn users(self, users: &[(&str, &str)]) -> Self {
        self.gateway("auth: {credentialsSecretRef: {name: users}}").secret("users", "Opaque", users)
    }
}

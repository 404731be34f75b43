//! Who is who in a cluster: certificates, the key that signs tokens, and kubeconfigs.

use std::path::{Path, PathBuf};

use rcgen::KeyPair;

use super::keeper::Folder;
use crate::support::certificates::Authority;

/// Writes the certificates of a control plane whose apiserver has these names, and the key that signs tokens,
/// which it gives in DER.
pub(super) fn certify(folder: &Folder, authority: &Authority, names: &[&str]) -> Vec<u8> {
    folder.write("ca.crt", &authority.pem());
    authority.server(names).write(folder.path(), "apiserver");
    authority.member("admin", "system:masters").write(folder.path(), "admin");
    let key = KeyPair::generate().unwrap();
    folder.write("sa.key", &key.serialize_pem());
    folder.write("sa.pub", &key.public_key_pem());
    key.serialize_der()
}

/// The user of a kubeconfig who has a certificate of [`certify`].
pub(super) fn by_certificate(folder: &Path, name: &str) -> String {
    let file = folder.join(name);
    format!("client-certificate: {0}.crt, client-key: {0}.key", file.display())
}

/// Writes a kubeconfig for a user, and gives where.
pub(super) fn kubeconfig(folder: &Folder, name: &str, server: &str, user: &str) -> PathBuf {
    let ca = folder.path().join("ca.crt");
    let yaml = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: \"{server}\", certificate-authority: {}}}}}]\n\
         users: [{{name: user, user: {{{user}}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: user}}}}]\n",
        ca.display()
    );
    folder.write(name, &yaml)
}

//! Certificates as an operator has them: of an authority of one's own, in PEM.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Certificate {
    /// The certificate.
    pub(crate) chain: String,
    /// Its private key, PKCS #8.
    pub(crate) key: String,
}

impl Authority {
    /// A new one, which nobody knows.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of the tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// Its own certificate, for those that are to believe it.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// For a server; `names` are DNS names or addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Certificate {
        self.sign("a server", names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client: a common name, and DNS names it may have beside.
    pub(crate) fn client(&self, common_name: &str, names: &[&str]) -> Certificate {
        self.sign(common_name, names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a client that is told by its organization too, as Kubernetes does.
    pub(crate) fn member(&self, common_name: &str, organization: &str) -> Certificate {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::OrganizationName, organization);
        self.finish(params, common_name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a server, until a year begins.
    pub(crate) fn server_until(&self, names: &[&str], year: i32) -> Certificate {
        let mut params = params(names);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        self.finish(params, "a server", ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(&self, common_name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> Certificate {
        self.finish(params(names), common_name, usage)
    }

    fn finish(
        &self,
        mut params: CertificateParams,
        common_name: &str,
        usage: ExtendedKeyUsagePurpose,
    ) -> Certificate {
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certificate { chain, key: key.serialize_pem() }
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

impl Certificate {
    /// One of `mx.example.org` with an RSA key, of nobody but itself. It is a file: ring makes no such
    /// keys.
    pub(crate) fn rsa() -> Self {
        let (chain, key) = (include_str!("rsa.crt"), include_str!("rsa.key"));
        Self { chain: chain.to_owned(), key: key.to_owned() }
    }

    /// Writes `<name>.crt` and `<name>.key` for a program that reads files.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.crt")), &self.chain).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), &self.key).unwrap();
    }
}

//! etcd and kube-apiserver on loopback, nothing more: objects, watches, validation, RBAC, tokens and audit
//! are real; nobody runs pods, and namespaces have no service accounts but those that a test makes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use super::audit::{self, Asked};
use super::credentials::{by_certificate, certify, kubeconfig};
use super::keeper::{self, Folder};
use super::kubectl::Kubectl;
use super::{token, tools};
use crate::support::certificates::Authority;
use crate::support::manifests::free_port;
use crate::support::program::{Running, program};

/// Who issues tokens.
const ISSUER: &str = "https://kubernetes.default.svc";

/// It runs. What the tests share is ended with their process, any other with its handle.
pub(crate) struct ControlPlane {
    apiserver: Mutex<Option<Running>>,
    _etcd: Running,
    arguments: Vec<String>,
    server: String,
    signing_key: Vec<u8>,
    admin: Kubectl,
    folder: Folder,
}

impl ControlPlane {
    /// The one that all tests share: each keeps to namespaces of its own, see [`Self::namespace`].
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of a test's own, that it may disturb.
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let (etcd, apiserver) = arguments(&folder);
        let etcd = keeper::start(folder.path(), "etcd", &etcd);
        let port = free_port();
        let server = format!("https://127.0.0.1:{port}");
        let signing_key = certify(&folder, &Authority::new(), &["127.0.0.1"]);
        let kubeconfig = kubeconfig(&folder, "kubeconfig", &server, &by_certificate(folder.path(), "admin"));
        let admin = Kubectl::new(kubeconfig, None);
        let here = format!("--secure-port={port} --bind-address=127.0.0.1 --endpoint-reconciler-type=none");
        let arguments = [apiserver, words(&here)].concat();
        let plane =
            Self { apiserver: Mutex::default(), _etcd: etcd, arguments, server, signing_key, admin, folder };
        plane.start_apiserver();
        plane
    }

    /// Starts kube-apiserver after [`Self::stop_apiserver`], and waits until it is ready.
    pub(crate) fn start_apiserver(&self) {
        let mut apiserver = keeper::start(self.folder.path(), "kube-apiserver", &self.arguments);
        apiserver.wait_until(|| self.admin.succeeds(&["get", "--raw=/readyz"]));
        *self.apiserver.lock().unwrap() = Some(apiserver);
    }

    /// Kills kube-apiserver; its objects stay.
    pub(crate) fn stop_apiserver(&self) {
        self.apiserver.lock().unwrap().take();
    }

    /// Its URL.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// kubectl as cluster administrator.
    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.admin
    }

    /// A client as cluster administrator, which lives as long as the runtime that asks for it.
    pub(crate) async fn client(&self) -> kube::Client {
        client(self.admin.kubeconfig()).await
    }

    /// Makes a namespace whose name begins so, and gives its name.
    pub(crate) fn namespace(&self, name: &str) -> String {
        let yaml = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{generateName: {name}-}}\n");
        let (succeeded, text) =
            self.admin.with_input(&["create", "--filename=-", "--output=jsonpath={.metadata.name}"], &yaml);
        assert!(succeeded, "{text}");
        text
    }

    /// Installs our CRDs, as `mailchute crd` prints them; the first time only.
    pub(crate) fn install_crds(&self) {
        let installed = self.folder.path().join("crds.yaml");
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _installing = INSTALLING.lock().unwrap();
        if installed.exists() {
            return;
        }
        let crds = tools::output(program().arg("crd"));
        let (succeeded, text) = self.admin.with_input(&["apply", "--server-side", "--filename=-"], &crds);
        assert!(succeeded, "{text}");
        self.admin.run(&["wait", "--for=condition=Established", "--all", "crd"]);
        std::fs::write(installed, crds).unwrap();
    }

    /// Makes a service account.
    pub(crate) fn service_account(&self, namespace: &str, name: &str) {
        self.admin.run(&["create", "serviceaccount", name, "--namespace", namespace]);
    }

    /// A token of a service account, for an audience.
    pub(crate) fn token(&self, namespace: &str, name: &str, audience: &str) -> String {
        self.token_with(namespace, name, audience, &[])
    }

    /// The same, that is good only as long as a pod is there.
    pub(crate) fn token_of_pod(&self, namespace: &str, name: &str, audience: &str, pod: &str) -> String {
        self.token_with(namespace, name, audience, &["--bound-object-kind=Pod", "--bound-object-name", pod])
    }

    fn token_with(&self, namespace: &str, name: &str, audience: &str, more: &[&str]) -> String {
        let arguments = ["create", "token", name, "--namespace", namespace, "--audience", audience];
        self.admin.run(&[&arguments, more].concat()).trim_end().to_owned()
    }

    /// A token of which nothing is wrong but that it has expired.
    pub(crate) fn expired_token(&self, namespace: &str, name: &str, audience: &str) -> String {
        let mut claims = token::claims(&self.token(namespace, name, audience));
        let now = claims["iat"].as_u64().unwrap();
        for (claim, age) in [("iat", 7200), ("nbf", 7200), ("exp", 3600)] {
            claims[claim] = Value::from(now - age);
        }
        token::sign(&self.signing_key, &claims)
    }

    /// A kubeconfig of someone with a token.
    pub(crate) fn kubeconfig_of(&self, name: &str, token: &str) -> PathBuf {
        kubeconfig(&self.folder, &format!("{name}.kubeconfig"), &self.server, &format!("token: {token}"))
    }

    /// kubectl as a service account; its token is for the apiserver.
    pub(crate) fn kubectl_as(&self, namespace: &str, name: &str) -> Kubectl {
        let token = self.token(namespace, name, ISSUER);
        Kubectl::new(self.kubeconfig_of(&format!("{namespace}.{name}"), &token), None)
    }

    /// What a user has asked for so far, as `system:serviceaccount:<namespace>:<name>`.
    pub(crate) fn asked_by(&self, user: &str) -> Vec<Asked> {
        let all = audit::read(&self.folder.path().join("audit.log"));
        all.into_iter().filter(|asked| asked.user == user).collect()
    }
}

/// A client as a kubeconfig says.
pub(crate) async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    kube::Client::try_from(config).unwrap()
}

/// Arguments of etcd and of kube-apiserver, wherever these run.
pub(super) fn arguments(folder: &Folder) -> (Vec<String>, Vec<String>) {
    let (clients, peers) = (free_port(), free_port());
    let (clients, peers) = (format!("http://127.0.0.1:{clients}"), format!("http://127.0.0.1:{peers}"));
    let etcd = words(&format!(
        "--data-dir=etcd --unsafe-no-fsync --log-level=warn --name=default \
         --listen-client-urls={clients} --advertise-client-urls={clients} --listen-peer-urls={peers} \
         --initial-advertise-peer-urls={peers} --initial-cluster=default={peers}"
    ));
    folder.write(
        "audit.yaml",
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
    );
    let apiserver = words(&format!(
        "--etcd-servers={clients} --tls-cert-file=apiserver.crt --tls-private-key-file=apiserver.key \
         --client-ca-file=ca.crt --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key \
         --service-account-issuer={ISSUER} --service-cluster-ip-range=10.96.0.0/24 \
         --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
         --audit-policy-file=audit.yaml --audit-log-path=audit.log"
    ));
    (etcd, apiserver)
}

/// Arguments, as a shell would part them.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

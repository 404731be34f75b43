//! A whole cluster of one node, in namespaces of its own: kubelet, containerd, kube-proxy, CoreDNS and the
//! controllers, beside a control plane. What the script `init` says of it stands there.
//!
//! There is no registry: what pods run is built here ([`Node::load`]), and pulled never. There is nobody who
//! gives addresses to Services of type LoadBalancer ([`Node::balance`]), nobody who enforces a NetworkPolicy,
//! and no metrics.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::credentials::{by_certificate, certify, kubeconfig};
use super::image::{self, Store};
use super::keeper::{self, Folder};
use super::kubectl::Kubectl;
use super::network::Network;
use super::{control_plane, tools};
use crate::support::certificates::Authority;
use crate::support::program::Running;
use crate::support::until::{until, until_true};

/// The node.
const ADDRESS: &str = "10.245.0.1";
/// The first Service, which is the apiserver's.
const APISERVER: &str = "10.96.0.1";
const INIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/harness/init");
const PAUSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/harness/pause.c");

/// It runs. What the tests share is ended with their process, any other with its handle.
pub(crate) struct Node {
    _init: Running,
    inside: Network,
    clients: Network,
    admin: Kubectl,
    folder: Folder,
}

impl Node {
    /// The one that all tests share: each keeps to namespaces of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Node> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts one, and waits until pods can run on it.
    fn start() -> Self {
        let folder = Folder::new();
        prepare(&folder);
        let unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
        let command = [INIT.to_owned(), tools::folder().display().to_string()];
        let mut init = keeper::start_as(folder.path(), "init", &unshare, &command);
        let process = until("the node's first process is there", || child(init.id()));
        let inside = Network::at(process.join("ns/net"));
        let clients = Network::at(process.join("root/run/netns/clients"));
        let admin = Kubectl::new(folder.path().join("kubeconfig"), Some(inside.path().to_owned()));
        init.wait_until(|| admin.succeeds(&["get", "--raw=/readyz"]));
        init.wait_until(|| clients.path().exists());
        let node = Self { _init: init, inside, clients, admin, folder };
        node.load_pause();
        let is_ready = ["wait", "--for=condition=Ready", "node/node1", "--timeout=1s"];
        until_true("the node is ready", || node.admin.succeeds(&is_ready));
        until_true("namespaces have service accounts", || {
            node.admin.succeeds(&["get", "serviceaccount", "default"])
        });
        until_true("names are resolved", || node.inside.enter(resolves));
        node
    }

    /// kubectl as cluster administrator.
    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.admin
    }

    /// The node's own network: pods and Services are reached from there, and the apiserver.
    pub(crate) fn inside(&self) -> &Network {
        &self.inside
    }

    /// The network of clients from outside. They reach the addresses of [`Self::balance`].
    pub(crate) fn clients(&self) -> &Network {
        &self.clients
    }

    /// The node's own address, which pods reach.
    pub(crate) fn address(&self) -> Ipv4Addr {
        ADDRESS.parse().unwrap()
    }

    /// Writes a file that goes with the node, and gives where.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        self.folder.write(name, text)
    }

    /// A client as cluster administrator; only [`Self::inside`].
    pub(crate) async fn client(&self) -> kube::Client {
        control_plane::client(self.admin.kubeconfig()).await
    }

    /// Builds an image and loads it; `options` are of `buildah build`. Gives its size, packed.
    pub(crate) fn load(&self, image: &str, context: &Path, options: &[&str]) -> u64 {
        self.store().build(image, context, options);
        let archive = self.store().pack(image);
        self.ctr(&["images", "import", archive.to_str().unwrap()]);
        let size = std::fs::metadata(&archive).unwrap().len();
        std::fs::remove_file(archive).unwrap();
        size
    }

    /// Builds and loads an image of programs that need nothing beside them, in its `/bin`. The first is what it runs.
    pub(crate) fn load_programs(&self, image: &str, programs: &[PathBuf]) {
        let names = programs.iter().map(|program| program.file_name().unwrap().to_str().unwrap());
        let names: Vec<&str> = names.collect();
        let folder = self.folder.path().join(format!("image-of-{}", names[0]));
        std::fs::create_dir(&folder).unwrap();
        for (program, name) in programs.iter().zip(&names) {
            std::fs::copy(program, folder.join(name)).unwrap();
        }
        let (words, first) = (names.join(" "), names[0]);
        let dockerfile = format!("FROM scratch\nCOPY {words} /bin/\nENTRYPOINT [\"/bin/{first}\"]\n");
        std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
        self.load(image, &folder, &[]);
    }

    /// Loads the program's image, the first time, and gives its name.
    pub(crate) fn image(&self) -> &'static str {
        static LOADED: OnceLock<()> = OnceLock::new();
        LOADED.get_or_init(|| {
            let (context, options) = image::prepare(&self.store(), self.folder.path());
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let size = self.load(image::NAME, &context, &options);
            println!("image: {:.1} MB, packed", size as f64 / 1e6);
        });
        image::NAME
    }

    /// Where images are built.
    pub(crate) fn store(&self) -> Store {
        Store::at(self.folder.path())
    }

    /// Speaks to containerd about what the kubelet runs, and gives what it says.
    pub(crate) fn ctr(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(tools::path("ctr"));
        command.arg("--address").arg(self.folder.path().join("containerd.sock"));
        tools::output(command.args(["--namespace", "k8s.io"]).args(arguments))
    }

    /// Gives a Service of type LoadBalancer an address, as a cloud would, with its own last number.
    pub(crate) fn balance(&self, namespace: &str, service: &str, number: u8) -> Ipv4Addr {
        let address = Ipv4Addr::new(10, 247, 0, number);
        let status =
            format!("{{\"status\": {{\"loadBalancer\": {{\"ingress\": [{{\"ip\": \"{address}\"}}]}}}}}}");
        let patch = ["--subresource=status", "--type=merge", "--patch", &status];
        self.admin.run(&[&["patch", "service", service, "--namespace", namespace][..], &patch].concat());
        address
    }

    /// What holds the namespaces of every pod.
    fn load_pause(&self) {
        self.load_programs("mailchute.test/pause:1", &[self.compile("pause", PAUSE)]);
    }

    /// Compiles a program of one file of C that needs nothing beside it, and gives where it is.
    pub(super) fn compile(&self, name: &str, source: &str) -> PathBuf {
        let program = self.folder.path().join(name);
        tools::output(Command::new("gcc").args(["-static", "-Os", "-s", "-o"]).arg(&program).arg(source));
        program
    }
}

/// Writes what `init` needs.
fn prepare(folder: &Folder) {
    let authority = Authority::new();
    let server = format!("https://{ADDRESS}:6443");
    certify(folder, &authority, &["127.0.0.1", ADDRESS, APISERVER, "kubernetes.default.svc"]);
    authority.member("system:node:node1", "system:nodes").write(folder.path(), "node");
    authority.server(&[ADDRESS]).write(folder.path(), "kubelet");
    kubeconfig(folder, "kubeconfig", &server, &by_certificate(folder.path(), "admin"));
    kubeconfig(folder, "node.kubeconfig", &server, &by_certificate(folder.path(), "node"));
    let (etcd, apiserver) = control_plane::arguments(folder);
    folder.write("etcd.arguments", &etcd.join(" "));
    let here = format!(
        " --secure-port=6443 --advertise-address={ADDRESS} --kubelet-client-certificate=admin.crt \
         --kubelet-client-key=admin.key --kubelet-preferred-address-types=InternalIP"
    );
    folder.write("kube-apiserver.arguments", &(apiserver.join(" ") + &here));
}

/// The folder in `/proc` of a process's only child.
fn child(process: u32) -> Option<PathBuf> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    Some(Path::new("/proc").join(children.split_whitespace().next()?))
}

/// Whether the cluster's DNS knows the apiserver.
fn resolves() -> bool {
    // RFC 1035 §4.1: a question for an address.
    let mut question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in ["kubernetes", "default", "svc", "cluster", "local", ""] {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(b"\0\x01\0\x01");
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let server: SocketAddr = format!("{ADDRESS}:53").parse().unwrap();
    let mut answer = [0; 512];
    let Ok(read) = socket.send_to(&question, server).and_then(|_| socket.recv(&mut answer)) else {
        return false;
    };
    answer[..read].ends_with(&APISERVER.parse::<Ipv4Addr>().unwrap().octets())
}

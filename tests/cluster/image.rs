//! The image that the Dockerfile makes: what is in it, and that it runs as the strictest cluster wants it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{Node, tools};
use crate::support::client::Client;
use crate::support::manifests::Manifests;
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn nothing_can_be_run_but_the_program() {
    let node = Node::shared();
    let image = node.image();
    let store = node.store();
    let container = tools::output(store.buildah().args(["from", "--pull=never", image]));
    let root = tools::output(store.buildah().args(["mount", container.trim()]));
    let root = Path::new(root.trim());
    let mut all = Vec::new();
    files(root, &mut all);
    let is_library = |path: &Path| path.file_name().unwrap().to_str().unwrap().contains(".so");
    let is_program = |path: &&PathBuf| {
        let metadata = path.symlink_metadata().unwrap();
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 && !is_library(path)
    };
    let programs: Vec<&PathBuf> = all.iter().filter(is_program).collect();
    assert_eq!(programs, [&root.join("usr/bin/mailchute")]);
    assert!(all.contains(&root.join("etc/ssl/certs/ca-certificates.crt")), "{all:?}");
    let octets: u64 = all.iter().map(|path| path.symlink_metadata().unwrap().len()).sum();
    println!("image: {:.1} MB in {} files", octets as f64 / 1e6, all.len());
    let config = tools::output(store.buildah().args([
        "inspect",
        "--type=image",
        "--format={{.OCIv1.Config.User}}",
        image,
    ]));
    assert_eq!(config.trim(), "65532:65532");
}

/// Runs the program from files, in a namespace that admits what is restricted alone.
const PODS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: image, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Pod
metadata: {name: front-end, namespace: image, labels: {app: front-end}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  volumes: [{name: manifests, configMap: {name: manifests}}]
  containers:
  - name: front-end
    image: IMAGE
    imagePullPolicy: Never
    args: [serve, --manifests, /manifests, --drain-delay, 0s]
    ports: [{name: admin, containerPort: 9464}]
    readinessProbe: {httpGet: {path: /readyz, port: admin}, periodSeconds: 1}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: manifests, mountPath: /manifests}]
---
apiVersion: v1
kind: Service
metadata: {name: front-end, namespace: image}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {app: front-end}
  ports: [{port: 25, targetPort: 2525}]
"#;

#[test]
fn it_runs_restricted_and_takes_mail() {
    let node = Node::shared();
    let backend = node.inside().enter(|| Recorder::on(node.address()));
    let yaml = Manifests::listening(2525).all_to(backend.address).yaml();
    node.kubectl().apply(&PODS.replace("IMAGE", node.image()));
    let file = node.write("all.yaml", &yaml);
    let from_file = format!("--from-file={}", file.display());
    node.kubectl().run(&["create", "configmap", "manifests", "--namespace=image", &from_file]);
    let is_ready = ["wait", "--for=condition=Ready", "pod/front-end", "--namespace=image", "--timeout=60s"];
    node.kubectl().run(&is_ready);
    let address = SocketAddr::from((node.balance("image", "front-end", 1), 25));
    let text = "Subject: from outside\r\n\r\nOne.\r\n";
    node.clients().enter(|| {
        until_true("the Service leads to the pod", || Client::connect(address).is_ok());
        let mut client = Client::greeted(address);
        client.expect("EHLO client.example", 250);
        client.expect("MAIL FROM:<a@client.example>", 250);
        client.expect("RCPT TO:<b@example.org>", 250);
        client.expect("DATA", 354);
        client.write(format!("{text}.\r\n").as_bytes()).unwrap();
        assert_eq!(client.reply().code, 250);
        client.expect("QUIT", 221);
    });
    let [received] = &backend.wait_for(1)[..] else { panic!("it came twice") };
    received.assert_carries(text.as_bytes());
    let body = String::from_utf8_lossy(&received.body);
    assert!(body.contains("[10.246.0.2]"), "the client's address is lost on the way: {body}");
}

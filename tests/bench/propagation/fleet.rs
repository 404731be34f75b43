//! The controller and the front-ends, as processes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mailchute::source::wire::{MAX_BODY, inflate};
use tempfile::TempDir;

use super::ask::Asker;
use super::harness::controller::AUDIENCE;
use super::harness::{ControlPlane, Controller};
use super::process::{peak_kib, resident_kib};
use super::support::certificates::Authority;
use super::support::get::is_ready;
use super::support::manifests::free_port;
use super::support::program::{Running, program};

/// The service account of the front-ends.
const ACCOUNT: &str = "front";

/// A front-end.
struct FrontEnd {
    smtp: SocketAddr,
    running: Running,
    folder: TempDir,
}

impl FrontEnd {
    fn start(smtp: SocketAddr, folder: TempDir, arguments: &[String]) -> Self {
        let admin = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        let mut command = program();
        command.arg("serve").args([format!("--address={}", smtp.ip()), format!("--admin={admin}")]);
        command.args(arguments);
        let mut running = Running::start(&mut command, &folder.path().join("log"));
        running.wait_until(|| is_ready(admin));
        Self { smtp, running, folder }
    }
}

/// All that runs of mailchute.
pub(crate) struct Fleet {
    controller: Controller,
    front_ends: Vec<FrontEnd>,
}

impl Fleet {
    /// Starts all, and waits until it is ready. Each front-end has a gateway's listener at a port of its own.
    pub(crate) fn start(plane: &ControlPlane, namespace: &str, front_ends: usize) -> Self {
        plane.service_account(namespace, ACCOUNT);
        let port = free_port();
        plane.kubectl().apply(&gateway(namespace, port));
        let authority = Authority::new();
        let controller = Controller::start(plane, &authority, &[]);
        let token = plane.token(namespace, ACCOUNT, AUDIENCE);
        let front_ends = (0..front_ends).map(|index| {
            // The port is the gateway's, so each has an address of its own.
            let address = Ipv4Addr::new(127, 0, 0, u8::try_from(index + 1).unwrap()).into();
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str| folder.path().join(name).display().to_string();
            std::fs::write(file("ca.crt"), authority.pem()).unwrap();
            std::fs::write(file("token"), &token).unwrap();
            let arguments = [
                format!("--controller=https://{}", controller.address),
                format!("--gateway={namespace}/public"),
                format!("--controller-ca={}", file("ca.crt")),
                format!("--controller-token={}", file("token")),
                format!("--snapshot-copy={}", file("copy")),
            ];
            FrontEnd::start(SocketAddr::new(address, port), folder, &arguments)
        });
        let front_ends = front_ends.collect();
        Self { controller, front_ends }
    }

    /// A session with each front-end.
    pub(crate) fn askers(&self, steady: &str) -> Vec<Asker> {
        self.front_ends.iter().map(|front_end| Asker::new(front_end.smtp, steady)).collect()
    }

    pub(crate) fn print_snapshot(&self) {
        let gzip = std::fs::read(self.front_ends[0].folder.path().join("copy")).unwrap();
        let body = inflate(&gzip, MAX_BODY).unwrap();
        println!("snapshot: {} bytes, {} compressed", body.len(), gzip.len());
    }

    pub(crate) fn print_compiles(&self) {
        let (sum, count) = ("mailchute_compile_seconds_sum", "mailchute_compile_seconds_count");
        let (sum, count) = (self.controller.metric(&[sum]), self.controller.metric(&[count]));
        println!("controller: {count} compiles and encodings, {:.1} ms each", sum / count * 1e3);
    }

    pub(crate) fn print_memory(&self, when: &str) {
        let mebibytes = |kib: u64| kib / 1024;
        let mut all = vec![("controller", self.controller.id())];
        all.extend(self.front_ends.iter().map(|front_end| ("front-end", front_end.running.id())));
        for (what, id) in all {
            let (now, peak) = (resident_kib(id).unwrap(), peak_kib(id).unwrap());
            println!("{what}: {} MiB resident {when}, {} MiB at most", mebibytes(now), mebibytes(peak));
        }
    }
}

fn gateway(namespace: &str, port: u16) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {{name: public, namespace: {namespace}}}\n\
         spec:\n  hostname: mx.bench.example\n  frontEnds: {{serviceAccountName: {ACCOUNT}}}\n  listeners:\n  - name: \
         mx\n    port: {port}\n    allowedRoutes: {{namespaces: {{from: All}}}}\n  domains:\n  - name: \
         \"*.bench.example\"\n    allowedRoutes: {{namespaces: {{from: All}}}}\n"
    )
}

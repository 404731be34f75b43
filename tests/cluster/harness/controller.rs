//! The real controller under `mailchute control`, as a process beside a control plane.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;

use tempfile::TempDir;

use super::ControlPlane;
use crate::support::certificates::Authority;
use crate::support::get::{get, is_ready};
use crate::support::manifests::free_port;
use crate::support::program::{Running, program};
use crate::support::until::until_true;

/// The name that its certificate is for.
pub(crate) const NAME: &str = "mailchute-controller.mail.svc";
/// The audience that it takes tokens for.
pub(crate) const AUDIENCE: &str = "mailchute.dev/snapshot";

/// A controller. It is killed when this is dropped.
pub(crate) struct Controller {
    /// Where front-ends ask.
    pub(crate) address: SocketAddr,
    /// Where the admin port is.
    pub(crate) admin: SocketAddr,
    arguments: Vec<String>,
    running: Running,
    folder: TempDir,
}

impl Controller {
    /// Starts one as cluster administrator, whose certificate is of an authority of the tests, and waits
    /// until it is ready.
    pub(crate) fn start(plane: &ControlPlane, authority: &Authority, arguments: &[&str]) -> Self {
        let certificate = authority.server(&[NAME, "127.0.0.1"]);
        Self::start_as(plane.kubectl().kubeconfig(), "mail", arguments, |folder, command| {
            certificate.write(folder, "tls");
            std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
            command.push(format!("--serving-certificate={}", folder.display()));
        })
    }

    /// Starts one with a kubeconfig, in a namespace, that makes its own authority, and waits until it is
    /// ready.
    pub(crate) fn start_in(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Self {
        Self::start_as(kubeconfig, namespace, arguments, |_, _| {})
    }

    fn start_as(
        kubeconfig: &Path,
        namespace: &str,
        arguments: &[&str],
        prepare: impl FnOnce(&Path, &mut Vec<String>),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (address, admin) = (local(), local());
        let mut all = vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--listen={address}"),
            format!("--admin={admin}"),
            format!("--namespace={namespace}"),
            format!("--pod={}", identity(address)),
        ];
        prepare(folder.path(), &mut all);
        all.extend(arguments.iter().map(ToString::to_string));
        let running = run(&folder, admin, &all);
        Self { address, admin, arguments: all, running, folder }
    }

    /// Starts anew what has ended or was killed, at the same place, and waits until it is ready.
    pub(crate) fn restart(&mut self) {
        self.running = run(&self.folder, self.admin, &self.arguments);
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Lets it say nothing from now on, as a node that nobody reaches: its connections stay open.
    pub(crate) fn freeze(&self) {
        self.running.freeze();
    }

    /// Lets it go on where it was.
    pub(crate) fn thaw(&self) {
        self.running.thaw();
    }

    /// Who it is among those that stand for election.
    pub(crate) fn identity(&self) -> String {
        identity(self.address)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Its folder: log, and certificate where it was given one.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The text of its admin port's path, whatever the status.
    pub(crate) fn admin(&self, path: &str) -> String {
        let (_, text) = get(self.admin, path).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Whether it says that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        is_ready(self.admin)
    }

    /// The sum of all series whose name and labels hold each of these words.
    pub(crate) fn metric(&self, words: &[&str]) -> f64 {
        let text = self.admin("/metrics");
        let series = text.lines().filter_map(|line| line.rsplit_once(' '));
        let fits = |name: &str| !name.starts_with('#') && words.iter().all(|word| name.contains(word));
        series.filter(|(name, _)| fits(name)).map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Waits until [`Self::metric`] is `value`.
    pub(crate) fn wait_for_metric(&self, words: &[&str], value: f64) {
        let same = |found: f64| (found - value).abs() < 0.5;
        until_true(&format!("{words:?} is {value}"), || same(self.metric(words)));
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.running.terminate();
        self.running.wait()
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

/// The name of the pod that it would be.
fn identity(address: SocketAddr) -> String {
    format!("controller-{}", address.port())
}

fn run(folder: &TempDir, admin: SocketAddr, arguments: &[String]) -> Running {
    let mut command = program();
    command.arg("control").args(arguments);
    let mut running = Running::start(&mut command, &folder.path().join("log"));
    running.wait_until(|| is_ready(admin));
    running
}

//! The real program under `serve`, in a folder of its own: started, watched, edited, ended.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::get::{get, is_ready};
use super::manifests::{Manifests, free_port};
use super::program::{Running, program};
use super::until::until_true;

/// A front-end. It is killed when this is dropped.
pub(crate) struct FrontEnd {
    /// Where the listener `mx` is.
    pub(crate) smtp: SocketAddr,
    /// Where the admin port is.
    pub(crate) admin: SocketAddr,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    running: Running,
    folder: TempDir,
}

impl FrontEnd {
    /// All recipients of `example.org` go to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        Self::to_with(target, &[])
    }

    /// The same, with more arguments of `serve`.
    pub(crate) fn to_with(target: SocketAddr, arguments: &[&str]) -> Self {
        let port = free_port();
        Self::start(port, &Manifests::listening(port).all_to(target), arguments)
    }

    /// Starts, and waits until it is ready. `port` is where `mx` listens.
    pub(crate) fn start(port: u16, manifests: &Manifests, arguments: &[&str]) -> Self {
        Self::start_with(port, &manifests.yaml(), arguments)
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_under(port: u16, manifests: &Manifests, variables: &[(&str, &str)]) -> Self {
        Self::start_all(port, &manifests.yaml(), &[], variables)
    }

    /// The same as [`Self::start`], with any text as manifests.
    pub(crate) fn start_with(port: u16, yaml: &str, arguments: &[&str]) -> Self {
        Self::start_all(port, yaml, arguments, &[])
    }

    /// The same, with arguments and with variables.
    pub(crate) fn start_all(port: u16, yaml: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifests = folder.path().join("manifests");
        std::fs::create_dir(&manifests).unwrap();
        std::fs::write(manifests.join("all.yaml"), yaml).unwrap();
        let mut all = vec!["--manifests".to_owned(), manifests.to_str().unwrap().to_owned()];
        all.extend(arguments.iter().map(ToString::to_string));
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut front_end = Self::spawn_all(smtp, folder, all, variables.collect());
        front_end.wait_until_ready();
        front_end
    }

    /// Starts with these arguments of `serve`, and does not wait. What they name is in `folder`.
    pub(crate) fn spawn(port: u16, folder: TempDir, arguments: Vec<String>) -> Self {
        Self::spawn_on(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), folder, arguments)
    }

    /// The same on any address of this machine, so that several may have the same port.
    pub(crate) fn spawn_on(smtp: SocketAddr, folder: TempDir, arguments: Vec<String>) -> Self {
        Self::spawn_all(smtp, folder, arguments, Vec::new())
    }

    fn spawn_all(
        smtp: SocketAddr,
        folder: TempDir,
        arguments: Vec<String>,
        variables: Vec<(String, String)>,
    ) -> Self {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let running = run(&folder, (smtp, admin), &arguments, &variables);
        Self { smtp, admin, arguments, variables, running, folder }
    }

    /// Waits until it is ready; that it ends instead is a failure.
    pub(crate) fn wait_until_ready(&mut self) {
        let admin = self.admin;
        self.running.wait_until(|| is_ready(admin));
    }

    /// Starts anew what has ended or was killed, and waits until it is ready.
    pub(crate) fn restart(&mut self) {
        self.respawn();
        self.wait_until_ready();
    }

    /// Starts anew what has ended or was killed, and does not wait.
    pub(crate) fn respawn(&mut self) {
        self.running = run(&self.folder, (self.smtp, self.admin), &self.arguments, &self.variables);
    }

    /// What is in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What its admin port answers; nothing while it is not open.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.admin, path).map(|(status, body)| (status, String::from_utf8(body).unwrap()))
    }

    /// Puts other manifests in place of those it has, at once, as an editor does.
    pub(crate) fn edit(&self, manifests: &Manifests) {
        self.write(&manifests.yaml());
    }

    /// The same, with any text.
    pub(crate) fn write(&self, yaml: &str) {
        let new = self.folder.path().join("all.yaml.new");
        std::fs::write(&new, yaml).unwrap();
        std::fs::rename(new, self.folder.path().join("manifests/all.yaml")).unwrap();
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        self.running.terminate();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.running.wait()
    }

    /// Whether it says that it may be sent traffic.
    pub(crate) fn is_ready(&self) -> bool {
        is_ready(self.admin)
    }

    /// The sum of all series whose name and labels hold each of these words.
    pub(crate) fn metric(&self, words: &[&str]) -> f64 {
        let (_, text) = get(self.admin, "/metrics").unwrap();
        let text = String::from_utf8(text).unwrap();
        let series = text.lines().filter_map(|line| line.rsplit_once(' '));
        let fits = |name: &str| !name.starts_with('#') && words.iter().all(|word| name.contains(word));
        series.filter(|(name, _)| fits(name)).map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }

    /// Waits until [`Self::metric`] is `value`.
    pub(crate) fn wait_for_metric(&self, words: &[&str], value: f64) {
        let same = |found: f64| (found - value).abs() < 0.5;
        until_true(&format!("{words:?} is {value}"), || same(self.metric(words)));
    }

    /// For how long it has not heard of its controller that nothing is newer, or what is.
    pub(crate) fn silence(&self) -> Duration {
        let last = self.metric(&["mailchute_config_last_success_timestamp_seconds"]);
        let last = UNIX_EPOCH + Duration::from_secs_f64(last);
        SystemTime::now().duration_since(last).unwrap_or_default()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Waits until a line of its log has all of these words: it writes beside its work.
    pub(crate) fn wait_for_log(&self, words: &[&str]) {
        until_true(&format!("a line of the log has {words:?}"), || {
            self.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
        });
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

fn run(
    folder: &TempDir,
    (smtp, admin): (SocketAddr, SocketAddr),
    arguments: &[String],
    variables: &[(String, String)],
) -> Running {
    let mut command = program();
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let (address, admin) = (smtp.ip().to_string(), admin.to_string());
    command.args(["serve", "--address", &address, "--admin", &admin]).args(arguments);
    Running::start(&mut command, &folder.path().join("log"))
}

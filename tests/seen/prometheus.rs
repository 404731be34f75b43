//! A real Prometheus in a folder of its own: what it scrapes is said when it is started.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::rule;
use crate::support::get::get;
use crate::support::manifests::free_port;
use crate::support::program::Running;
use crate::support::until::until_true;

/// What is scraped, and what the operator of Prometheus would add to its series.
pub(crate) struct Target {
    pub(crate) admin: SocketAddr,
    pub(crate) pod: &'static str,
    /// A front-end's gateway.
    pub(crate) gateway: Option<&'static str>,
}

/// It runs. It is killed when this is dropped.
pub(crate) struct Prometheus {
    address: SocketAddr,
    began: SystemTime,
    _running: Running,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes and evaluates every second, and waits until it is ready.
    pub(crate) fn start(targets: &[Target], rules: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        rule::write(&folder.path().join("rules.yaml"), rules);
        let configuration = folder.path().join("prometheus.yaml");
        std::fs::write(&configuration, configured(targets).to_string()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        // It ends with us, however we end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "prometheus", "--log.level=warn"]).stdin(Stdio::null());
        command.arg(format!("--config.file={}", configuration.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut running = Running::start(&mut command, &folder.path().join("log"));
        running.wait_until(|| get(address, "/-/ready").is_some_and(|(status, _)| status == 200));
        Self { address, began: SystemTime::now(), _running: running, _folder: folder }
    }

    /// The series that an expression has now.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        self.result(&format!("/api/v1/query?query={}", encoded(expression)))
    }

    /// The series that it has had between two moments, at every second.
    pub(crate) fn query_range(&self, expression: &str, from: u64, to: u64) -> Result<Vec<Value>, String> {
        let expression = encoded(expression);
        self.result(&format!("/api/v1/query_range?query={expression}&start={from}&end={to}&step=1"))
    }

    fn result(&self, path: &str) -> Result<Vec<Value>, String> {
        let answer = self.ask(path);
        match answer["data"]["result"].as_array() {
            Some(series) if answer["status"] == "success" => Ok(series.clone()),
            _ => Err(answer.to_string()),
        }
    }

    /// From when on, and until when, there is something to ask for: seconds since 1970.
    pub(crate) fn watched(&self) -> (u64, u64) {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        (seconds(self.began), seconds(SystemTime::now()))
    }

    /// Whether an expression has a number now.
    pub(crate) fn has(&self, expression: &str) -> Result<bool, String> {
        let number = |series: &Value| {
            series["value"][1].as_str().and_then(|value| value.parse().ok()).is_some_and(f64::is_finite)
        };
        Ok(self.query(expression)?.iter().any(number))
    }

    /// Waits until a pod is scraped once more: what is done between two scrapes shows.
    pub(crate) fn wait_for_scrape(&self, pod: &str) {
        let scrapes = format!(r#"count_over_time(up{{pod="{pod}"}}[1h])"#);
        let count = || self.query(&scrapes).unwrap().first().map(|series| series["value"][1].clone());
        let before = count();
        until_true("it is scraped once more", || count() != before);
    }

    /// The names of the alerts that fire.
    pub(crate) fn firing(&self) -> Vec<String> {
        let alerts = self.query(r#"ALERTS{alertstate="firing"}"#).unwrap();
        alerts.iter().map(|alert| alert["metric"]["alertname"].as_str().unwrap().to_owned()).collect()
    }

    fn ask(&self, path: &str) -> Value {
        let (_, body) = get(self.address, path).unwrap_or_else(|| panic!("no answer to {path}"));
        serde_json::from_slice(&body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
    }
}

fn configured(targets: &[Target]) -> Value {
    let targets = targets.iter().map(|Target { admin, pod, gateway }| {
        let component = if gateway.is_some() { "front-end" } else { "controller" };
        let mut labels =
            json!({"namespace": "mail-system", "pod": pod, "app_kubernetes_io_component": component});
        if let Some(gateway) = gateway {
            labels["mailchute_dev_gateway"] = json!(gateway);
        }
        json!({"targets": [admin.to_string()], "labels": labels})
    });
    json!({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "mailchute", "static_configs": targets.collect::<Vec<_>>()}],
    })
}

/// RFC 3986 §2.1: "A percent-encoding mechanism is used to represent a data octet in a component".
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, octet| {
        if octet.is_ascii_alphanumeric() {
            encoded.push(char::from(octet));
        } else {
            write!(encoded, "%{octet:02X}").unwrap();
        }
        encoded
    })
}

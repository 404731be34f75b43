//! The operator of Prometheus takes the chart's PodMonitor, ServiceMonitor and PrometheusRule: every pod is scraped by
//! either monitor, with the labels that dashboards ask for, and every rule is evaluated.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{GATEWAY, remove, route, send};
use crate::harness::Node;
use crate::harness::backend::Backend;
use crate::harness::operator::{Operator, Prometheus};
use crate::harness::release::{Pod, Release};
use crate::support::until::until_true;

/// With the label that the operator's own chart has people write. Both monitors, of which people have one.
const MONITORED: &str = "
podMonitor: {enabled: true, labels: {release: prometheus}}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
networkPolicy:
  monitoringFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
";
/// How the operator calls what it makes of each.
const OF_PODS: &str = "mail-scraped/mailchute";
const OF_SERVICE: &str = "mailchute-metrics";
const NAMESPACE: &str = "mail-scraped";
const APPLICATION: &str = "application-scraped";
const MONITORING: &str = "monitoring";

#[test]
fn prometheus_reads_what_the_chart_installs() {
    let node = Node::shared();
    let release = Release::new(node, "helm4", NAMESPACE);
    let operator = Operator::start(node, MONITORING, NAMESPACE);
    node.kubectl().run(&["create", "namespace", APPLICATION]);
    let backend = Backend::start(node, APPLICATION);
    release.install(38, &[GATEWAY, MONITORED].concat());
    route(&release, &backend);
    let prometheus = operator.prometheus();

    let (front_ends, controllers) = (release.pods("front-end"), release.pods("controller"));
    for job in [OF_PODS, OF_SERVICE] {
        every_pod_is_up(&prometheus, job, &front_ends, &controllers);
    }
    messages_are_counted(node, &prometheus, &front_ends);
    one_leads(&prometheus, &controllers);
    every_rule_is_evaluated(node, &prometheus);

    remove(node, &release, &[APPLICATION, MONITORING]);
}

/// The pods are scraped, and nothing else, and their labels are those that the dashboards and alerts know.
fn every_pod_is_up(prometheus: &Prometheus<'_>, job: &str, front_ends: &[Pod], controllers: &[Pod]) {
    let labels = |pod: &Pod, component: &str, gateway: Option<&str>| {
        let mut labels = json!({
            "__name__": "up", "namespace": NAMESPACE, "pod": pod.name, "container": "mailchute", "endpoint": "admin",
            "instance": format!("{}:9464", pod.address), "job": job, "app_kubernetes_io_component": component,
        });
        if let Some(gateway) = gateway {
            labels["mailchute_dev_gateway"] = json!(gateway);
        }
        if job == OF_SERVICE {
            labels["service"] = json!(job);
        }
        (pod.name.clone(), (labels, 1.0))
    };
    let front_ends = front_ends.iter().map(|pod| labels(pod, "front-end", Some("public")));
    let controllers = controllers.iter().map(|pod| labels(pod, "controller", None));
    let expected: BTreeMap<String, (Value, f64)> = front_ends.chain(controllers).collect();
    assert_eq!(expected.len(), 4);
    let mut seen = BTreeMap::new();
    until_true("every pod is up", || {
        let series = series(prometheus, "up", job);
        seen = series.into_iter().map(|(labels, up)| (text(&labels, "pod"), (labels, up))).collect();
        seen.len() == expected.len() && seen.values().all(|(_, up)| *up == 1.0)
    });
    assert_eq!(seen, expected);
}

/// The series of this name by one of the monitors.
fn series(prometheus: &Prometheus<'_>, name: &str, job: &str) -> Vec<(Value, f64)> {
    let mut series = prometheus.series(name);
    series.retain(|(labels, _)| labels["job"] == job);
    series
}

/// Each front-end takes a message, and its counter shows one; the recorded series carries gateway and route.
fn messages_are_counted(node: &Node, prometheus: &Prometheus<'_>, front_ends: &[Pod]) {
    let taken = || {
        let commands = series(prometheus, "mailchute_smtp_commands_total", OF_PODS);
        let messages = commands.into_iter().filter(|(labels, _)| labels["command"] == "MESSAGE");
        messages
            .map(|(labels, count)| (text(&labels, "pod"), text(&labels, "code"), count))
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(), []);
    for pod in front_ends {
        node.inside().enter(|| send(SocketAddr::from((pod.address, 2525))));
    }
    let mut expected: Vec<_> =
        front_ends.iter().map(|pod| (pod.name.clone(), "250".to_owned(), 1.0)).collect();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    until_true("each front-end has counted its message", || {
        let mut taken = taken();
        taken.sort_by(|one, other| one.0.cmp(&other.0));
        taken == expected
    });
    let recorded = "namespace_gateway_route_outcome:mailchute_messages:rate5m";
    let labels = json!({
        "__name__": recorded, "namespace": NAMESPACE, "mailchute_dev_gateway": "public", "outcome": "delivered",
        "route": format!("{APPLICATION}/support"),
    });
    until_true("the rate of the route is recorded", || {
        prometheus.series(recorded).iter().any(|(recorded, _)| *recorded == labels)
    });
}

fn one_leads(prometheus: &Prometheus<'_>, controllers: &[Pod]) {
    until_true("one controller leads, and the other says that it does not", || {
        let leaders = series(prometheus, "mailchute_leader", OF_PODS);
        leaders.len() == controllers.len() && leaders.iter().map(|(_, leads)| leads).sum::<f64>() == 1.0
    });
}

/// Prometheus has every rule of the chart, has evaluated each of them, and none was in error.
fn every_rule_is_evaluated(node: &Node, prometheus: &Prometheus<'_>) {
    let installed = node.kubectl().get(&["prometheusrule", "mailchute", "--namespace", NAMESPACE]);
    let installed = names(&installed["spec"]["groups"], |rule| {
        rule["alert"].as_str().or(rule["record"].as_str()).unwrap().to_owned()
    });
    assert!(installed.len() > 10, "{installed:?}");
    let mut groups = Value::Null;
    until_true("every rule was evaluated", || {
        groups = prometheus.ask("/api/v1/rules")["groups"].take();
        names(&groups, |rule| text(rule, "health")).iter().all(|health| health != "unknown")
    });
    assert_eq!(names(&groups, |rule| text(rule, "name")), installed);
    for rule in groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        assert_eq!((&rule["health"], &rule["lastError"]), (&json!("ok"), &Value::Null), "{rule}");
    }
}

/// Something of each rule of these groups.
fn names(groups: &Value, of: impl Fn(&Value) -> String) -> Vec<String> {
    let rules = groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(of).collect()
}

fn text(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

//! An OpenTelemetry collector in a pod, before which there is a Service. What it was told it has printed.

use std::sync::OnceLock;

use super::{Node, tools};

const IMAGE: &str = "mailchute.test/otelcol:1";

/// One pod, and the Service `collector`, port 4318.
pub(crate) struct Collector<'node> {
    node: &'node Node,
    namespace: String,
}

/// A span, a log record or a data point: one line each.
#[derive(Debug)]
pub(crate) struct Told {
    /// Of whom it tells: attributes as `key=value`.
    pub(crate) resource: String,
    /// Of a span its name, trace, id and attributes; of a record its text and attributes; of a data point its name,
    /// labels and value.
    pub(crate) line: String,
}

impl Told {
    /// Whether the resource has an attribute with this value.
    pub(crate) fn is_of(&self, key: &str, value: &str) -> bool {
        let attribute = format!("{key}={value}");
        self.resource.split(' ').any(|own| own == attribute)
    }
}

impl<'node> Collector<'node> {
    /// Starts it in a namespace that is there, and waits until it is ready.
    pub(crate) fn start(node: &'node Node, namespace: &str) -> Self {
        static LOADED: OnceLock<()> = OnceLock::new();
        LOADED.get_or_init(|| node.load_programs(IMAGE, &[tools::path("otelcol")]));
        node.kubectl()
            .apply(&include_str!("collector.yaml").replace("NAMESPACE", namespace).replace("IMAGE", IMAGE));
        let available = ["--for=condition=Available", "deployment/collector", "--timeout=60s"];
        node.kubectl().run(&[&["wait", "--namespace", namespace], &available[..]].concat());
        Self { node, namespace: namespace.to_owned() }
    }

    /// All that it was told of traces.
    pub(crate) fn spans(&self) -> Vec<Told> {
        self.told("ResourceTraces")
    }

    /// All that it was told of metrics, again and again.
    pub(crate) fn points(&self) -> Vec<Told> {
        self.told("ResourceMetrics")
    }

    /// All that it was told of logs.
    pub(crate) fn records(&self) -> Vec<Told> {
        self.told("ResourceLog")
    }

    fn told(&self, signal: &str) -> Vec<Told> {
        let printed =
            self.node.kubectl().run(&["logs", "deployment/collector", "--namespace", &self.namespace]);
        let (mut told, mut resource) = (Vec::new(), None);
        for line in printed.lines() {
            match line.split_once(" #") {
                Some((of, attributes)) if of.starts_with("Resource") => {
                    resource = (of == signal).then(|| attributes.to_owned());
                }
                Some((of, _)) if of.starts_with("Scope") => {}
                _ => told.extend(
                    resource
                        .iter()
                        .map(|resource| Told { resource: resource.clone(), line: line.to_owned() }),
                ),
            }
        }
        told
    }
}

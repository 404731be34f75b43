//! A collector that the chart is told of gets the trace that the backend was told of, and the metrics and logs of all
//! pods; each says whose it is.

use std::net::SocketAddr;

use super::{GATEWAY, remove, route, send, tailed};
use crate::harness::Node;
use crate::harness::backend::Backend;
use crate::harness::collector::{Collector, Told};
use crate::harness::release::{Pod, Release};
use crate::support::until::{until, until_true};

/// The waits are shorter than the standard's, which are for the field.
const TOLD: &str = "
openTelemetry:
  endpoint: http://collector.application-collected.svc:4318
  resourceAttributes: {deployment.environment.name: 'one,two'}
  extraEnv:
  - {name: OTEL_BSP_SCHEDULE_DELAY, value: '100'}
  - {name: OTEL_BLRP_SCHEDULE_DELAY, value: '100'}
  - {name: OTEL_METRIC_EXPORT_INTERVAL, value: '2000'}
";
const NAMESPACE: &str = "mail-collected";
const APPLICATION: &str = "application-collected";

#[test]
fn a_message_is_followed_to_a_collector_and_by_tail() {
    let node = Node::shared();
    let release = Release::new(node, "helm4", NAMESPACE);
    node.kubectl().run(&["create", "namespace", APPLICATION]);
    let (collector, backend) = (Collector::start(node, APPLICATION), Backend::start(node, APPLICATION));
    let (address, _) = release.install(39, &[GATEWAY, TOLD].concat());
    route(&release, &backend);
    let (front_ends, controllers) = (release.pods("front-end"), release.pods("controller"));

    node.clients().enter(|| send(SocketAddr::from((address, 25))));
    let (trace, delivery) = context(&backend);
    let front_end = the_trace_is_there(&collector, &trace, &delivery, &front_ends);
    its_log_line_is_there(&collector, &trace, front_end);
    all_tell_their_figures(&collector, &front_ends, &controllers);
    tailed::shows_a_message(node, &release, &front_ends[0]);

    remove(node, &release, &[APPLICATION]);
}

/// The trace that the backend was told of, and the span: W3C Trace Context §3.2.
fn context(backend: &Backend<'_>) -> (String, String) {
    let header = until("the backend has the message", || {
        let requests = backend.printed();
        let header = requests.lines().find_map(|line| line.strip_prefix("traceparent: "))?;
        Some(header.trim_end().to_owned())
    });
    let [version, trace, span, flags] = header.split('-').collect::<Vec<_>>()[..] else { panic!("{header}") };
    assert_eq!((version, trace.len(), span.len(), flags), ("00", 32, 16, "01"), "{header}");
    (trace.to_owned(), span.to_owned())
}

/// Session, transaction, commands and the delivery that the backend knows, all of one pod, which is given.
fn the_trace_is_there<'pods>(
    collector: &Collector<'_>,
    trace: &str,
    delivery: &str,
    front_ends: &'pods [Pod],
) -> &'pods Pod {
    let spans = || collector.spans().into_iter().filter(|span| span.line.contains(trace)).collect::<Vec<_>>();
    let named = |spans: &[Told], name: &str| {
        spans.iter().filter(|span| span.line.starts_with(&format!("{name} {trace} "))).count()
    };
    until_true("the session's span comes, which ends last", || named(&spans(), "smtp.session") == 1);
    let spans = spans();
    assert_eq!(named(&spans, "smtp.transaction"), 1, "{spans:#?}");
    // CONNECT, EHLO, MAIL, RCPT, DATA, MESSAGE, QUIT.
    assert_eq!(named(&spans, "smtp.command"), 7, "{spans:#?}");
    let delivers = |span: &&Told| span.line.starts_with(&format!("delivery http {trace} {delivery}"));
    assert_eq!(spans.iter().filter(delivers).count(), 1, "{delivery}: {spans:#?}");
    let of = front_ends.iter().find(|pod| spans[0].is_of("k8s.pod.name", &pod.name));
    let pod = of.unwrap_or_else(|| panic!("{spans:#?} are of none of {front_ends:#?}"));
    for span in &spans {
        for (key, value) in [
            ("service.name", "mailchute-front-end"),
            ("service.instance.id", &pod.uid),
            ("k8s.namespace.name", NAMESPACE),
            ("k8s.pod.name", &pod.name),
            ("k8s.pod.uid", &pod.uid),
            ("k8s.container.name", "mailchute"),
            ("k8s.node.name", "node1"),
            ("mailchute.gateway", &format!("{NAMESPACE}/public")),
            ("deployment.environment.name", "one,two"),
        ] {
            assert!(span.is_of(key, value), "{key} {value}: {span:#?}");
        }
    }
    pod
}

fn its_log_line_is_there(collector: &Collector<'_>, trace: &str, front_end: &Pod) {
    let attribute = format!("trace_id={trace}");
    until_true("the log line of the message comes", || {
        let records = collector.records();
        let mut of_it = records.iter().filter(|record| record.line.contains(&attribute));
        of_it.any(|record| record.is_of("k8s.pod.name", &front_end.name))
    });
}

/// Each pod's metrics come, and say whose they are.
fn all_tell_their_figures(collector: &Collector<'_>, front_ends: &[Pod], controllers: &[Pod]) {
    let of = |service: &'static str, name: &'static str, pods: &[Pod]| {
        pods.iter().map(|pod| (service, name, pod.name.clone())).collect::<Vec<_>>()
    };
    let front_ends = of("mailchute-front-end", "mailchute_smtp_sessions_active{", front_ends);
    let controllers = of("mailchute-controller", "mailchute_leader{", controllers);
    until_true("each pod's metrics come", || {
        let points = collector.points();
        front_ends.iter().chain(&controllers).all(|(service, name, pod)| {
            let tells =
                |point: &Told| point.is_of("service.name", service) && point.is_of("k8s.pod.name", pod);
            points.iter().any(|point| point.line.starts_with(name) && tells(point))
        })
    });
}

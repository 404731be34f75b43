//! The variables, one behaviour each.

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(&|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn traces(variables: &[(&str, &str)]) -> Target {
    read(variables).unwrap().traces.unwrap().0
}

const SHARED: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

#[test]
fn nothing_is_exported_unasked() {
    for variables in
        [&[][..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], &[SHARED, ("OTEL_SDK_DISABLED", "True")]]
    {
        assert!(read(variables).unwrap().is_empty(), "{variables:?}");
    }
}

#[test]
fn one_endpoint_serves_all_signals_each_on_its_path() {
    let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/in/")]).unwrap();
    let (traces, logs, metrics) =
        (settings.traces.unwrap(), settings.logs.unwrap(), settings.metrics.unwrap());
    assert_eq!((&*traces.0.path, &*logs.0.path), ("/in/v1/traces", "/in/v1/logs"));
    assert_eq!(metrics.0.path, "/in/v1/metrics");
    assert_eq!((traces.0.https, &*traces.0.host, traces.0.port), (false, "collector", 4318));
    assert_eq!(traces.0.protocol, Protocol::Http);
    assert_eq!(traces.1, Batching { queue: 2_048, batch: 512, delay: Duration::from_secs(5) });
    assert_eq!((logs.1.delay, metrics.1), (Duration::from_secs(1), Duration::from_secs(60)));
}

#[test]
fn an_endpoint_of_a_signal_is_taken_as_it_is() {
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://[::1]/here?key=1");
    let settings = read(&[own]).unwrap();
    assert!(settings.logs.is_none() && settings.metrics.is_none());
    let target = settings.traces.unwrap().0;
    assert_eq!((target.https, &*target.host, target.port, &*target.path), (true, "::1", 443, "/here?key=1"));
    assert_eq!(traces(&[SHARED, own]).path, "/here?key=1");
}

#[test]
fn to_a_shared_endpoint_with_a_query_no_path_can_be_added() {
    let query = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/in?key=1");
    let told = read(&[query]).unwrap_err().to_string();
    assert!(told.starts_with(query.0) && told.contains("query") && !told.contains("key=1"), "{told}");
}

#[test]
fn over_grpc_the_path_is_the_method_and_the_scheme_may_be_missing() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    let target = traces(&[grpc, bare]);
    assert_eq!(target.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert!(target.https && target.port == 4317);
    assert!(!traces(&[grpc, bare, ("OTEL_EXPORTER_OTLP_INSECURE", "true")]).https);
    assert!(read(&[bare]).is_err());
}

#[test]
fn a_signal_can_be_left_out() {
    let settings = read(&[SHARED, ("OTEL_LOGS_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "otlp")]).unwrap();
    assert!(settings.logs.is_none() && settings.traces.is_some() && settings.metrics.is_some());
}

#[test]
fn a_signal_goes_where_otlp_is_one_of_its_exporters() {
    let exporter = |value| read(&[SHARED, ("OTEL_METRICS_EXPORTER", value)]).unwrap().metrics.is_some();
    assert!(exporter("otlp") && exporter("otlp,console") && exporter("prometheus, otlp") && exporter(" "));
    assert!(!exporter("prometheus") && !exporter("console") && !exporter("none"));
}

#[test]
fn without_an_endpoint_nobody_asks() {
    for variable in [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_METRIC_EXPORT_INTERVAL", "soon")] {
        assert!(read(&[variable]).unwrap().is_empty(), "{variable:?}");
    }
}

#[test]
fn a_sampler_that_the_sdk_would_pass_over_is_told() {
    let sampler = |name: &str, argument: &str| {
        read(&[SHARED, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)])
            .map(|_| ())
            .map_err(|error| error.variable)
    };
    for name in ["always_on", "always_off", "parentbased_always_on", "parentbased_always_off"] {
        assert_eq!(sampler(name, "unread"), Ok(()), "{name}");
    }
    for name in ["traceidratio", "parentbased_traceidratio"] {
        for argument in ["", "0", "0.25", "1"] {
            assert_eq!(sampler(name, argument), Ok(()), "{name} {argument}");
        }
        for argument in ["1.1", "-0.1", "10%", "NaN", " 0.1"] {
            assert_eq!(sampler(name, argument), Err(SAMPLER_ARGUMENT.to_owned()), "{name} {argument}");
        }
    }
    for name in ["parentbased_", "xray", "jaeger_remote", "Always_On", " always_on", "parentbased_xray"] {
        assert_eq!(sampler(name, ""), Err(SAMPLER.to_owned()), "{name}");
    }
    let traced_not = [SHARED, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_TRACES_SAMPLER", "xray")];
    assert!(read(&traced_not).is_ok());
}

#[test]
fn headers_are_decoded_and_sensitive() {
    let target =
        traces(&[SHARED, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a%3Db, x-tenant = 7 ,")]);
    assert_eq!(target.headers["authorization"], "Bearer a=b");
    assert!(target.headers["authorization"].is_sensitive());
    assert_eq!(target.headers["x-tenant"], "7");
    assert!(!format!("{target:?}").contains("Bearer"));
    let own = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-own=1");
    let target = traces(&[SHARED, own, ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=7")]);
    assert!(target.headers.contains_key("x-own") && !target.headers.contains_key("x-tenant"));
}

#[test]
fn what_can_not_be_understood_is_told_by_its_name() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-value"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_LOGS_EXPORTER", "otlp,zipkin"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:word@collector"),
    ] {
        let told = read(&[SHARED, (name, value)]).unwrap_err().to_string();
        assert!(told.starts_with(name) && !told.contains("word@"), "{told}");
    }
}

#[test]
fn a_batch_is_never_larger_than_the_queue() {
    let settings = read(&[SHARED, ("OTEL_BSP_MAX_QUEUE_SIZE", "10")]).unwrap();
    assert_eq!(settings.traces.unwrap().1.batch, 10);
}

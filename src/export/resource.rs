//! Who the telemetry is of.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};

/// Our name and version, unless `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say otherwise; the latter
/// counts for more.
pub(super) fn ours(environment: &dyn Fn(&str) -> Option<String>) -> Resource {
    let own = [
        KeyValue::new("service.name", "mailchute"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::now_v7().to_string()),
    ];
    let resource = Resource::builder_empty()
        .with_attributes(own)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match environment("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

//! Who the telemetry is of.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use percent_encoding::percent_decode_str;

use super::settings::{self, SettingsError};

/// Our name and version, unless `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say otherwise; the latter
/// counts for more.
pub(super) fn ours(environment: &dyn Fn(&str) -> Option<String>) -> Result<Resource, SettingsError> {
    const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let own = [
        KeyValue::new("service.name", "mailchute"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::now_v7().to_string()),
    ];
    let said = attributes(&environment(ATTRIBUTES).unwrap_or_default());
    let resource = Resource::builder_empty()
        .with_attributes(own)
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(said.map_err(|problem| settings::error(ATTRIBUTES, problem))?);
    Ok(match environment("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    })
}

/// `key=value,key=value`, both percent-encoded. The SDK's own detector does not decode them, which the OpenTelemetry
/// specification asks for (Resource SDK, "Specifying resource information via an environment variable").
fn attributes(list: &str) -> Result<Vec<KeyValue>, &'static str> {
    const BAD: &str = "write KEY=VALUE, several with commas between them, percent-encoded";
    let members = list.split(',').map(str::trim).filter(|member| !member.is_empty());
    let attribute = |member: &str| {
        let (key, value) = member.split_once('=').ok_or(BAD)?;
        let [key, value] = [key, value].map(|text| percent_decode_str(text.trim()).decode_utf8());
        Ok(KeyValue::new(key.map_err(|_| BAD)?.into_owned(), value.map_err(|_| BAD)?.into_owned()))
    };
    members.map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_decoded() {
        let expected =
            [("a,b", "one,two"), ("b", "ü=100%"), ("c", "")].map(|(key, value)| KeyValue::new(key, value));
        assert_eq!(attributes("a%2Cb=one%2Ctwo, b = %C3%BC=100% ,c=,").unwrap(), expected);
        for list in ["a", "a=%FF", "%FF=a"] {
            assert!(attributes(list).is_err(), "{list}");
        }
    }

    fn named(variables: &[(&str, &str)]) -> String {
        let environment = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        ours(&environment).unwrap().get(&"service.name".into()).unwrap().to_string()
    }

    #[test]
    fn a_name_of_the_service_counts_for_more() {
        let attribute = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=one");
        assert_eq!(named(&[]), "mailchute");
        assert_eq!(named(&[attribute]), "one");
        assert_eq!(named(&[attribute, ("OTEL_SERVICE_NAME", "two")]), "two");
    }
}

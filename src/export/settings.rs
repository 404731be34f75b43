//! What the standard environment variables ask for: which signals go where, how, and how often.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> and
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>. Limits of spans are the SDK's own
//! matter, and so is the sampler, which is only checked here: the SDK passes over what it can't understand, and samples
//! all. `OTEL_RESOURCE_ATTRIBUTES` is read by [`super::resource`].
//!
//! Deviations: a signal is exported only where an endpoint is set, and where there is one, what can't be understood
//! stops the process before a port is open instead of being passed over or, as bad resource attributes should be,
//! discarded.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::metrics::Signal;

/// How a request is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    /// Protobuf in a POST.
    Http,
}

/// Where one signal goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) protocol: Protocol,
    pub(crate) https: bool,
    /// IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    /// Values are sensitive: they may be credentials.
    pub(crate) headers: HeaderMap,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    /// PEM of the authorities to trust instead of the system's.
    pub(crate) certificate: Option<PathBuf>,
    /// PEM of a certificate and its key, to show to the collector.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// How records are gathered before they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// Records that may wait; beyond them they are dropped and counted.
    pub(crate) queue: usize,
    /// Records in a request, at most.
    pub(crate) batch: usize,
    /// How long a record waits for others.
    pub(crate) delay: Duration,
}

/// All that is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Settings {
    pub(crate) traces: Option<(Target, Batching)>,
    pub(crate) logs: Option<(Target, Batching)>,
    /// And how often.
    pub(crate) metrics: Option<(Target, Duration)>,
}

/// A variable that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct SettingsError {
    variable: String,
    problem: &'static str,
}

/// How variables call a signal.
fn variable(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "TRACES",
        Signal::Metrics => "METRICS",
        Signal::Logs => "LOGS",
    }
}

/// Where a signal goes over gRPC.
fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// What a variable says: nothing where it is not set.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Reads the variables.
    pub(crate) fn read(environment: Environment<'_>) -> Result<Self, SettingsError> {
        // "An empty value of an environment variable MUST be treated the same way as when the variable is unset."
        let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let variables = Variables(&set);
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Self::default());
        }
        let traces = variables.target(Signal::Traces)?;
        if traces.is_some() {
            variables.check_sampler()?;
        }
        let logs = variables.target(Signal::Logs)?;
        let metrics = variables.target(Signal::Metrics)?;
        Ok(Self {
            traces: traces.map(|target| Ok((target, variables.batching("OTEL_BSP", 5_000)?))).transpose()?,
            logs: logs.map(|target| Ok((target, variables.batching("OTEL_BLRP", 1_000)?))).transpose()?,
            metrics: metrics.map(|target| Ok((target, variables.interval()?))).transpose()?,
        })
    }

    /// Whether nothing is exported.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Those that are set.
struct Variables<'a>(Environment<'a>);

impl Variables<'_> {
    /// The signal's own variable, or else the one for all; and what it is called.
    fn of(&self, signal: Signal, option: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{option}", variable(signal));
        let shared = format!("OTEL_EXPORTER_OTLP_{option}");
        [own, shared].into_iter().find_map(|name| self.0(&name).map(|value| (name, value)))
    }

    fn target(&self, signal: Signal) -> Result<Option<Target>, SettingsError> {
        let Some((name, endpoint)) = self.of(signal, "ENDPOINT") else { return Ok(None) };
        if !self.is_by_otlp(signal)? {
            return Ok(None);
        }
        let protocol = self.word(signal, "PROTOCOL", "grpc or http/protobuf", |word| match word {
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::Http),
            _ => None,
        })?;
        // "The default protocol SHOULD be http/protobuf".
        let protocol = protocol.unwrap_or(Protocol::Http);
        let insecure = self.word(signal, "INSECURE", "true or false", truth)?.unwrap_or(false);
        let gzip = self.word(signal, "COMPRESSION", "gzip or none", |word| match word {
            "gzip" => Some(true),
            "none" => Some(false),
            _ => None,
        })?;
        let place = Place::read(&endpoint, protocol, insecure).map_err(|problem| error(&name, problem))?;
        let path = match protocol {
            Protocol::Grpc => method(signal).to_owned(),
            // "the per-signal endpoint MUST be used as-is"; to the shared one the signal's own path is added.
            Protocol::Http if name.contains(variable(signal)) => place.path,
            Protocol::Http if place.path.contains('?') => {
                return Err(error(
                    &name,
                    "no path can be added to a query: give each signal its own endpoint",
                ));
            }
            Protocol::Http => format!("{}/v1/{}", place.path.trim_end_matches('/'), signal.as_str()),
        };
        let headers = self.of(signal, "HEADERS");
        let headers =
            headers.map(|(name, value)| headers_of(&value).map_err(|problem| error(&name, problem)));
        let timeout = self.of(signal, "TIMEOUT");
        let timeout = timeout.map_or(Ok(10_000), |(name, value)| whole(&name, &value))?;
        Ok(Some(Target {
            protocol,
            https: place.https,
            host: place.host,
            port: place.port,
            path,
            headers: headers.transpose()?.unwrap_or_default(),
            timeout: Duration::from_millis(timeout),
            gzip: gzip.unwrap_or(false),
            certificate: self.of(signal, "CERTIFICATE").map(|(_, path)| path.into()),
            client: self.client(signal)?,
        }))
    }

    /// Unless it is said, it is.
    fn is_by_otlp(&self, signal: Signal) -> Result<bool, SettingsError> {
        let name = format!("OTEL_{}_EXPORTER", variable(signal));
        let Some(value) = self.0(&name) else { return Ok(true) };
        let exporters: Vec<&str> = value.split(',').map(str::trim).collect();
        if !exporters.iter().all(|exporter| EXPORTERS.contains(exporter)) {
            return Err(error(&name, "otlp, prometheus, console or none"));
        }
        Ok(exporters.contains(&"otlp"))
    }

    /// What the SDK will understand of its variables for spans. It trims nothing.
    fn check_sampler(&self) -> Result<(), SettingsError> {
        let Some(sampler) = self.0(SAMPLER) else { return Ok(()) };
        let root = sampler.strip_prefix("parentbased_").unwrap_or(&sampler);
        if !["always_on", "always_off", "traceidratio"].contains(&root) {
            return Err(error(
                SAMPLER,
                "always_on, always_off or traceidratio, also with parentbased_ before it",
            ));
        }
        let argument = self.0(SAMPLER_ARGUMENT).filter(|_| root == "traceidratio");
        let is_ratio = |argument: String| argument.parse().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio));
        if argument.is_none_or(is_ratio) { Ok(()) } else { Err(error(SAMPLER_ARGUMENT, "0 to 1")) }
    }

    fn client(&self, signal: Signal) -> Result<Option<(PathBuf, PathBuf)>, SettingsError> {
        match (self.of(signal, "CLIENT_CERTIFICATE"), self.of(signal, "CLIENT_KEY")) {
            (None, None) => Ok(None),
            (Some((_, certificate)), Some((_, key))) => Ok(Some((certificate.into(), key.into()))),
            (Some((name, _)), None) | (None, Some((name, _))) => {
                Err(error(&name, "a certificate and its key go together"))
            }
        }
    }

    fn word<T>(
        &self,
        signal: Signal,
        option: &str,
        choice: &'static str,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((name, value)) = self.of(signal, option) else { return Ok(None) };
        meaning(value.trim()).map(Some).ok_or_else(|| error(&name, choice))
    }

    fn batching(&self, prefix: &str, delay: u64) -> Result<Batching, SettingsError> {
        let count = |option: &str, default: u64| {
            let name = format!("{prefix}_{option}");
            let count = self.0(&name).map_or(Ok(default), |value| whole(&name, &value))?;
            let count = usize::try_from(count).ok().filter(|count| (1..=MOST_WAITING).contains(count));
            count.ok_or_else(|| error(&name, "1 to 1048576"))
        };
        let queue = count("MAX_QUEUE_SIZE", 2_048)?;
        // "must be less than or equal to OTEL_BSP_MAX_QUEUE_SIZE".
        let batch = count("MAX_EXPORT_BATCH_SIZE", 512)?.min(queue);
        let delay = self.milliseconds(&format!("{prefix}_SCHEDULE_DELAY"), delay)?;
        Ok(Batching { queue, batch, delay })
    }

    fn interval(&self) -> Result<Duration, SettingsError> {
        self.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000)
    }

    fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, SettingsError> {
        let milliseconds = self.0(name).map_or(Ok(default), |value| whole(name, &value))?;
        Ok(Duration::from_millis(milliseconds))
    }
}

/// What may stand in `OTEL_TRACES_EXPORTER` and its like. Figures are there for Prometheus in any case, and the log on
/// the console.
const EXPORTERS: &[&str] = &["otlp", "prometheus", "console", "none"];
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Records that a queue may be asked to hold.
const MOST_WAITING: usize = 1 << 20;
/// A day: no time here may be longer, in milliseconds.
const LONGEST: u64 = 86_400_000;

/// What an endpoint says.
struct Place {
    https: bool,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    fn read(endpoint: &str, protocol: Protocol, insecure: bool) -> Result<Self, &'static str> {
        const BAD: &str = "write http://HOST:PORT or https://HOST:PORT";
        let endpoint = endpoint.trim();
        let endpoint = match (endpoint.contains("://"), protocol, insecure) {
            (true, ..) => endpoint.to_owned(),
            (false, Protocol::Grpc, true) => format!("http://{endpoint}"),
            (false, Protocol::Grpc, false) => format!("https://{endpoint}"),
            (false, Protocol::Http, _) => return Err(BAD),
        };
        let uri = Uri::from_str(&endpoint).map_err(|_| BAD)?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(BAD),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(BAD)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(BAD);
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { https, host, port, path })
    }
}

/// `key=value,key=value`, values percent-encoded as in W3C Baggage.
fn headers_of(list: &str) -> Result<HeaderMap, &'static str> {
    const BAD: &str = "write NAME=VALUE, several with commas between them";
    let mut headers = HeaderMap::new();
    for member in list.split(',').map(str::trim).filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=').ok_or(BAD)?;
        let name = HeaderName::from_str(name.trim()).map_err(|_| BAD)?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let mut value = HeaderValue::from_bytes(&value).map_err(|_| BAD)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn truth(word: &str) -> Option<bool> {
    let known = [("true", true), ("false", false)];
    known.into_iter().find_map(|(name, truth)| word.eq_ignore_ascii_case(name).then_some(truth))
}

fn whole(name: &str, value: &str) -> Result<u64, SettingsError> {
    let number = value.trim().parse().ok().filter(|number| (1..=LONGEST).contains(number));
    number.ok_or_else(|| error(name, "a whole number, at least 1"))
}

pub(super) fn error(variable: &str, problem: &'static str) -> SettingsError {
    SettingsError { variable: variable.to_owned(), problem }
}

#[cfg(test)]
mod tests;

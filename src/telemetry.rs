//! Logs and traces: the `tracing` subscriber, the spans and the names of their fields, new ids.
//!
//! Fields never hold content or credentials. What goes to a collector is the matter of `export`.

use std::io::{self, IsTerminal};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

mod span;
mod writer;

pub use span::{
    check_failed, command_span, delivery_failed, delivery_span, new_trace, policy_span, relay_span,
    session_span, trace, transaction_span,
};
pub use writer::Flush;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line, for collectors.
    Json,
}

impl LogFormat {
    /// Human where a person reads along, else JSON.
    pub fn for_stderr() -> Self {
        if io::stderr().is_terminal() { Self::Human } else { Self::Json }
    }
}

/// Who else is told of spans and events, each with a filter of its own.
pub type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// Sends log lines to standard error, for as long as what it gives back is held; `others` are told too.
///
/// `filter` is a list of directives as `RUST_LOG` takes them, such as `info,mailchute=debug`.
///
/// # Errors
///
/// Where `filter` is not such a list, or logging was set up before.
pub fn init(format: LogFormat, filter: &str, others: Layers) -> Result<Flush, TelemetryError> {
    let filter = filter_of(filter)?;
    let colours = io::stderr().is_terminal();
    let (lines, flush) = writer::start(io::stderr()).map_err(TelemetryError::Thread)?;
    dispatch(format, filter, colours, lines, others).try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(flush)
}

/// Where the client of an API server logs answers that it can't read, which may hold a Secret, and where it
/// says for each attempt what `source::cluster` says once.
const KEPT_OUT: [&str; 2] = ["kube_client::client=off", "kube_runtime::watcher=off"];

/// What `directives` let through, less what is never logged.
pub(crate) fn filter_of(directives: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = |error: &dyn std::error::Error| TelemetryError::Filter(error.to_string());
    let mut filter = EnvFilter::builder().parse(directives).map_err(|error| wrong(&error))?;
    for directive in KEPT_OUT {
        filter = filter.add_directive(directive.parse().map_err(|error| wrong(&error))?);
    }
    Ok(filter)
}

fn dispatch<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
    mut others: Layers,
) -> tracing::Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Human => lines.with_ansi(colours).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // A filter for all costs less than one for each, where there is but one.
    if others.is_empty() {
        return Registry::default().with(lines).with(filter).into();
    }
    others.push(lines.with_filter(filter).boxed());
    Registry::default().with(others).into()
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of directives.
    #[error("log filter: {0}")]
    Filter(String),
    /// The thread that writes the log can't be started.
    #[error("can't start the log: {0}")]
    Thread(io::Error),
    /// There is a subscriber already.
    #[error("logging is set up already")]
    Twice,
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = filter_of(filter).unwrap();
        tracing::dispatcher::with_default(
            &dispatch(format, filter, false, move || writer.clone(), Layers::new()),
            || {
                let _session = tracing::info_span!("smtp.session", listener = "mx").entered();
                tracing::info!(outcome = "delivered", "message \u{1b}[31m");
                tracing::debug!("detail");
                tracing::warn!(target: "kube_client::client", "an answer that can't be read: hunter2");
            },
        );
        let lines = lines.0.lock().unwrap().clone();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn json_is_one_object_per_line_with_its_spans() {
        let lines = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(lines.trim_end()).unwrap();
        assert_eq!(line["outcome"], "delivered");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["spans"][0]["listener"], "mx");
    }

    #[test]
    fn people_get_text_without_raw_escapes() {
        let lines = logged(LogFormat::Human, "info,mailchute=debug");
        assert!(
            lines.contains("smtp.session{listener=\"mx\"}") && lines.contains("outcome=\"delivered\""),
            "{lines}"
        );
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(!lines.contains('\u{1b}'), "{lines:?}");
    }

    #[test]
    fn answers_of_an_api_server_are_never_logged() {
        for filter in ["trace", "info,kube_client=trace,kube_client::client=trace"] {
            let lines = logged(LogFormat::Json, filter);
            assert!(lines.contains("delivered") && !lines.contains("hunter2"), "{lines}");
        }
    }

    #[test]
    fn a_bad_filter_is_told() {
        assert!(matches!(
            init(LogFormat::Json, "mailchute=loud", Layers::new()),
            Err(TelemetryError::Filter(_))
        ));
    }
}

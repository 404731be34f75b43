//! Traces, metrics and logs on their way to an OpenTelemetry collector.
//!
//! | file | what |
//! | --- | --- |
//! | `families` | metric families as OTLP has them, from the registry that Prometheus is served from |
//! | `settings` | what the standard environment variables ask for |

pub(crate) mod families;
pub(crate) mod settings;

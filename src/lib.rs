//! Mailchute: the front door for mail in a Kubernetes cluster.

pub mod admin;
pub mod api;
pub mod backend;
pub mod commands;
pub mod compile;
pub mod inbox;
pub mod mail;
pub mod metrics;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod route;
pub mod server;
pub mod smtp;
pub mod source;
pub mod stamp;
pub mod telemetry;

//! `mailchute check FILE…`: the findings that the cluster would show as conditions, before they are
//! applied.
//!
//! A Secret that is absent is a warning here, since it rarely stands beside the rest; under `serve` it
//! is an error. Without a gateway in the files the objects are checked each for itself.

use std::io::{self, Write};
use std::path::PathBuf;

use super::Exit;
use crate::compile::{self, Origin};
use crate::plan::{Finding, ObjectName, Severity};
use crate::source::{self, Loaded};

/// What to check.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Exit codes: 0 no errors; 65 errors, or with --strict also warnings; 64 wrong command line."
)]
pub struct CheckArgs {
    /// Files and folders of Kubernetes objects, as YAML or JSON.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Fail on warnings too.
    #[arg(long)]
    pub strict: bool,
}

/// Prints what there is to say about files: a line for each finding, and a summary.
///
/// # Errors
///
/// `out` can't be written to.
pub fn run(args: &CheckArgs, out: &mut dyn Write) -> io::Result<Exit> {
    if args.files.is_empty() {
        writeln!(out, "error: name at least one file or folder")?;
        return Ok(Exit::Usage);
    }
    let loaded = match source::read(&args.files) {
        Ok(loaded) => loaded,
        Err(unreadable) => {
            for error in &unreadable.0 {
                writeln!(out, "error: {error}")?;
            }
            writeln!(out, "{}", plural(unreadable.0.len(), "error"))?;
            return Ok(Exit::Data);
        }
    };
    let findings = findings(&loaded);
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if loaded.snapshot.gateways().next().is_none() {
        writeln!(
            out,
            "note: no MailGateway in these files, so routes and policies were not checked against one"
        )?;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let objects = plural(loaded.snapshot.objects().count(), "object");
    writeln!(out, "{objects}: {}, {}", plural(errors, "error"), plural(warnings, "warning"))?;
    let failed = errors > 0 || (args.strict && warnings > 0);
    Ok(if failed { Exit::Data } else { Exit::Ok })
}

/// The findings of all gateways, errors first; each once.
fn findings(loaded: &Loaded) -> Vec<Finding> {
    let snapshot = &loaded.snapshot;
    let gateways: Vec<&ObjectName> = snapshot.gateways().collect();
    let mut findings = loaded.findings.clone();
    if gateways.is_empty() {
        findings.extend(compile::inspect(snapshot, Origin::Files));
    }
    for gateway in gateways {
        findings.extend(compile::compile(snapshot, gateway, Origin::Files).findings);
    }
    for finding in &mut findings {
        if finding.is_absent_secret() {
            finding.severity = Severity::Warning;
        }
    }
    // The findings of each gateway are in order already, and this sort keeps it.
    findings.sort_by_key(|finding| (finding.severity, finding.object.clone()));
    let mut seen = std::collections::HashSet::new();
    findings.retain(|finding| seen.insert(finding.to_string()));
    findings
}

fn plural(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

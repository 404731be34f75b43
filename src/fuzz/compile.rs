//! Manifests (`source`, `compile`): YAML → objects → plan and findings, and what the plan decides.

use crate::compile::{Compiled, Origin, Snapshot, compile as compile_gateway, inspect};
use crate::mail::{ForwardPath, Mailbox, ReversePath};
use crate::pipeline::recipient::{Asking, decide};
use crate::plan::{Finding, Plan, Require, RuleState, Severity};
use crate::route::DomainPattern;
use crate::source;

/// Whom every plan is asked about, beside the domains it names.
const ASKED: [&str; 4] =
    ["a@example.org", "support+x@example.org", "postmaster@shop.example.org", "x@[192.0.2.1]"];

/// The input is the text of a file.
pub fn compile(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let loaded = match source::parse("manifest.yaml", text) {
        Ok(loaded) => loaded,
        Err(unreadable) => {
            assert!(!unreadable.0.is_empty());
            for error in &unreadable.0 {
                assert!(
                    !error.problem.is_empty() && !error.to_string().contains(char::is_control),
                    "{error:?}"
                );
            }
            return;
        }
    };
    for finding in &loaded.findings {
        assert!(!finding.to_string().contains(char::is_control), "{finding:?}");
    }
    let snapshot = &loaded.snapshot;
    for origin in [Origin::Files, Origin::Cluster] {
        about_objects(snapshot, &inspect(snapshot, origin));
        for gateway in snapshot.gateways() {
            let compiled = compile_gateway(snapshot, gateway, origin);
            about_objects(snapshot, &compiled.findings);
            let again = compile_gateway(snapshot, gateway, origin);
            assert_eq!(again.findings, compiled.findings, "the same every time");
            told(&compiled);
            if let Some(plan) = &compiled.plan {
                holds_together(plan);
                ask(plan);
            }
        }
    }
}

/// Every finding names an object that is there, and says something.
fn about_objects(snapshot: &Snapshot, findings: &[Finding]) {
    for finding in findings {
        let named = snapshot.objects().any(|(name, object)| finding.object.is(object.kind().name(), name));
        assert!(named, "{finding} is about nothing");
        assert!(!finding.to_string().contains(char::is_control), "{finding:?}");
        assert!(!finding.message.is_empty() && finding.severity == finding.reason.severity(), "{finding:?}");
    }
}

/// Without a plan there is an error that says why.
fn told(compiled: &Compiled) {
    let errors = compiled.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert!(compiled.plan.is_some() || errors, "no plan, and nothing says why");
}

/// What the plan refers to is there.
fn holds_together(plan: &Plan) {
    for rule in &plan.rules {
        if let RuleState::Usable(deliver) = &rule.state {
            assert!(!deliver.backends.is_empty(), "{} goes nowhere", rule.name);
            for backend in &deliver.backends {
                assert!((backend.backend.0 as usize) < plan.backends.len());
            }
        }
    }
}

fn ask(plan: &Plan) {
    let mut paths = vec![ForwardPath::Postmaster];
    let mailboxes = ASKED.iter().map(|address| (*address).to_owned());
    let domains = plan.gateway.domains.iter().take(8);
    let theirs = domains.map(|delegation| match &delegation.domain {
        DomainPattern::Exact(domain) => format!("info@{domain}"),
        DomainPattern::Suffix(suffix) => format!("info@x.{suffix}"),
        DomainPattern::Any => "info@any.invalid".to_owned(),
    });
    let mailboxes = mailboxes.chain(theirs).filter_map(|text| Mailbox::parse(text.as_bytes(), true).ok());
    paths.extend(mailboxes.map(ForwardPath::Mailbox));
    for listener in &plan.listeners {
        for path in &paths {
            decide(plan, listener, path, Asking { sender: &ReversePath::Null, done: Require::default() });
        }
    }
}

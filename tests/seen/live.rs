//! One run that is healthy and then breaks, part by part, under the eyes of a real Prometheus.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::board::questions;
use super::picture;
use super::prometheus::{Prometheus, Target};
use super::rule;
use super::stage::Stage;
use crate::harness::installed::Installed;
use crate::support::until::{until_true, within};

/// The one that has a controller.
const CONTROLLED: &str = "other-1";
/// How long an alert waits in this run. In the chart it is minutes.
const FOR: &str = "3s";
/// Long enough for several evaluations of everything, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Those that need days, a full memory, two versions or a fault of ours have their case in `alerts.test.yaml`.
const NOT_BROKEN_HERE: [&str; 8] = [
    "MailchuteCertificateExpires",
    "MailchuteCompileFails",
    "MailchuteCrdOutdated",
    "MailchuteMailSlow",
    "MailchuteMemoryShort",
    "MailchuteNoFrontEnd",
    "MailchuteVersionSkew",
    "MailchuteWatchBroken",
];

fn hurried() -> Vec<Value> {
    let mut rules = rule::rules();
    for rule in rules.iter_mut().filter(|rule| rule.get("for").is_some()) {
        rule["for"] = json!(FOR);
    }
    rules
}

/// Waits until each of these has fired, doing something between two looks.
fn fire(prometheus: &Prometheus, alerts: &[&str], meanwhile: impl Fn()) {
    let mut silent = alerts.to_vec();
    let deadline = Instant::now() + PATIENCE;
    while !silent.is_empty() {
        assert!(Instant::now() < deadline, "these do not fire: {silent:?}");
        prometheus.wait_for_scrape(CONTROLLED);
        meanwhile();
        let firing = prometheus.firing();
        silent.retain(|alert| !firing.iter().any(|name| name == alert));
    }
}

/// Does something again and again, until there is a number for every question.
fn answer_all(prometheus: &Prometheus, meanwhile: impl Fn()) {
    let mut open = questions();
    assert!(open.len() > 80);
    let deadline = Instant::now() + PATIENCE;
    while !open.is_empty() {
        let who: Vec<&str> = open.iter().map(|question| question.of.as_str()).collect();
        assert!(Instant::now() < deadline, "no data: {who:#?}");
        prometheus.wait_for_scrape(CONTROLLED);
        meanwhile();
        open.retain(|question| {
            let asked = prometheus.has(&question.expression);
            !asked.unwrap_or_else(|error| panic!("{question:?}: {error}"))
        });
    }
}

/// A route of the controller's that is another one each time, so that there is something to compile.
fn changed(round: u32) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: changed, namespace: mail-system}}\n\
         spec:\n  parentRefs: [{{name: public}}]\n  rules: [{{name: only, matches: [{{recipient: {{domain: example.org, \
         localPart: {{type: Exact, value: round-{round}}}}}}}], delivery: {{backendRefs: [{{name: absent}}]}}}}]"
    )
}

#[test]
fn panels_show_and_alerts_tell() {
    let mut stage = Stage::start();
    let mut installed = Installed::start(&[]);
    let mut second = installed.front_end();
    installed.controller.wait_for_metric(&["mailchute_leader"], 1.0);
    let targets = [
        Target { admin: stage.front_end.admin, pod: "public-1", gateway: Some("public") },
        Target { admin: second.admin, pod: CONTROLLED, gateway: Some("other") },
        Target { admin: installed.controller.admin, pod: "controller-1", gateway: None },
    ];
    let prometheus = Prometheus::start(&targets, &hurried());

    assert_eq!(stage.send_to_breaking(), 250);
    within(PATIENCE, "all is evaluated several times", || {
        prometheus.wait_for_scrape(CONTROLLED);
        stage.traffic();
        let recorded = "count_over_time(namespace_gateway_route_outcome:mailchute_messages:rate5m[5m]) > 10";
        prometheus.has(recorded).unwrap().then_some(())
    });
    assert_eq!(prometheus.firing(), Vec::<String>::new(), "in a healthy run");

    stage.break_backend();
    let backend = [
        "MailchuteBackendFailing",
        "MailchuteCircuitOpen",
        "MailchuteMailDeferred",
        "MailchuteRecipientsDeferred",
    ];
    let round = Cell::new(0);
    let broken = |stage: &Stage| {
        round.set(round.get() + 1);
        installed.plane.kubectl().apply(&changed(round.get()));
        stage.traffic();
        for _ in 0..5 {
            assert_eq!(stage.send_to_breaking() / 100, 4);
        }
    };
    fire(&prometheus, &backend, || broken(&stage));
    answer_all(&prometheus, || broken(&stage));
    assert_eq!(picture::draw(&prometheus, "working"), Vec::<String>::new());
    stage.told_alike();

    stage.kill_collector();
    fire(&prometheus, &["MailchuteTelemetryLost"], || broken(&stage));
    stage.front_end.write("kind: {");
    fire(&prometheus, &["MailchuteConfigRefused"], || {});
    stage.kill_broker();
    fire(&prometheus, &["MailchuteBrokerDisconnected"], || {});
    installed.stop_controller();
    fire(&prometheus, &["MailchuteConfigStale", "MailchuteNoLeader"], || {});

    let mut fired = prometheus.firing();
    fired.extend(NOT_BROKEN_HERE.map(str::to_owned));
    fired.sort();
    fired.dedup();
    let mut all: Vec<String> = hurried().iter().filter_map(rule::name).map(str::to_owned).collect();
    all.sort();
    assert_eq!(fired, all);
    // What is gone has no data any more.
    picture::draw(&prometheus, "broken");

    stage.front_end.kill();
    second.kill();
    until_true("it is told that no front-end is there", || {
        prometheus.firing().contains(&"MailchuteNoFrontEnd".to_owned())
    });
}

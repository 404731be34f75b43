//! Bounds held against objects that break them, one after the other.

use super::read_spec;
use crate::api::{ApiKind, bounds};

fn violations(kind: ApiKind, spec: &str) -> Vec<String> {
    bounds::check(&read_spec(kind, spec)).iter().map(ToString::to_string).collect()
}

#[test]
fn each_kind_of_bound_is_held() {
    let gateway = |listeners: &str, more: &str| {
        violations(ApiKind::Gateway, &format!("hostname: mx.example\nlisteners: {listeners}\n{more}"))
    };
    let one = "[{name: a, port: 1}]";
    let table = [
        (one, "", vec![]),
        ("[]", "", vec!["spec.listeners: needs at least 1 entry"]),
        ("[{name: a, port: 0}]", "", vec!["spec.listeners[0].port: must be at least 1"]),
        (
            "[{name: A, port: 1}]",
            "",
            vec!["spec.listeners[0].name: must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"],
        ),
        ("[{name: '', port: 1}]", "", vec!["spec.listeners[0].name: must not be empty"]),
        ("[{name: a, port: 1}, {name: a, port: 2}]", "", vec!["spec.listeners[1]: is there twice"]),
        (
            "[{name: a, port: 1, limits: {recipients: 99, sessions: 1000001}}]",
            "",
            vec![
                "spec.listeners[0].limits.recipients: must be at least 100",
                "spec.listeners[0].limits.sessions: must be at most 1000000",
            ],
        ),
        (one, "postmaster: a", vec!["spec.postmaster: must have at least 3 characters"]),
        (one, "backends: {allow: [URL, URL]}", vec!["spec.backends.allow[1]: is there twice"]),
        (one, "domains: [{name: a.example}, {name: a.example}]", vec!["spec.domains[1]: is there twice"]),
        (
            one,
            "subaddressing: {separators: '+-=+-=+-='}",
            vec!["spec.subaddressing.separators: must have at most 8 characters"],
        ),
    ];
    for (listeners, more, expected) in table {
        assert_eq!(gateway(listeners, more), expected, "{listeners} {more}");
    }
}

#[test]
fn lengths_count_characters_as_the_api_server_does() {
    let spec = |name: String| {
        format!("hostname: mx.example\nlisteners: [{{name: a, port: 1}}]\ndomains: [{{name: {name}}}]")
    };
    assert!(violations(ApiKind::Gateway, &spec("ü".repeat(255))).is_empty());
    assert_eq!(
        violations(ApiKind::Gateway, &spec("ü".repeat(256))),
        ["spec.domains[0].name: must have at most 255 characters"]
    );
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let table = [
        ("http: {url: 'https://u:secret@hooks.example/in'}", "spec.http.url"),
        ("nats: {url: 'nats://u:secret@nats:4222', stream: A, subject: a}", "spec.nats.url"),
        ("amqp: {url: 'amqp://u:secret@rabbit/', exchange: a, routingKey: b}", "spec.amqp.url"),
        ("redis: {url: 'redis://:secret@redis', stream: a}", "spec.redis.url"),
        (
            "http: {url: 'http://a'}\nlargeMessages: {objectStore: {url: 's3://u:secret@mail/in'}}",
            "spec.largeMessages.objectStore.url",
        ),
    ];
    for (spec, field) in table {
        let found = violations(ApiKind::Backend, spec);
        assert!(
            matches!(found.as_slice(), [one] if one.starts_with(&format!("{field}: must match")) && !one.contains("secret")),
            "{found:?}"
        );
    }
}

#[test]
fn good_and_bad_texts_for_each_pattern() {
    let backend = |spec: &str| violations(ApiKind::Backend, spec).is_empty();
    for url in
        ["http://a", "https://a.example:8443/x?y=z", "HTTPS://a", "http://[::1]:80/", "http://10.0.0.1/a@b"]
    {
        assert!(backend(&format!("http: {{url: '{url}'}}")), "{url}");
    }
    for url in [
        "ftp://a",
        "http:a",
        "http://",
        "a.example",
        "http://a b",
        "http://a#f",
        "http://a/#f",
        "http://a\\@b",
    ] {
        assert!(!backend(&format!("http: {{url: '{url}'}}")), "{url}");
    }
    for reply in ["550 5.7.1 Not wanted here", "451 4.3.0 Later", "421 4.7.0 Go", "552 5.3.4 Big"] {
        assert!(backend(&format!("http: {{url: 'http://a'}}\nresponses: {{'406': '{reply}'}}")), "{reply}");
    }
    for reply in
        ["250 2.0.0 Ok", "550 4.7.1 x", "451 5.3.0 x", "550 No", "550 5.7.1", "555 5.5.4 x", "550 5.7.1 ü"]
    {
        assert!(!backend(&format!("http: {{url: 'http://a'}}\nresponses: {{'406': '{reply}'}}")), "{reply}");
    }
    let domain = |name: &str| {
        let spec =
            format!("hostname: mx.example\nlisteners: [{{name: a, port: 1}}]\ndomains: [{{name: '{name}'}}]");
        violations(ApiKind::Gateway, &spec).is_empty()
    };
    for name in ["example.net", "*.example.net", "*", "bücher.example", "localhost", "A.Example"] {
        assert!(domain(name), "{name}");
    }
    for name in ["a@b", "*example.net", "a.*.example", "a..b", ".a", "a.", "[1.2.3.4]", "a b", "**"] {
        assert!(!domain(name), "{name}");
    }
}

#[test]
fn kinds_of_kubernetes_have_no_bounds_of_ours() {
    let (object, _) = super::read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {list: ''}");
    assert_eq!(bounds::check(&object), []);
}

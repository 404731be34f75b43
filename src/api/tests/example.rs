//! The example of the documentation, all other kinds of backend, and the defaults.

use super::{read, read_spec};
use crate::api::{
    ApiKind, MailBackend, MailGateway, MailRoute, Object, RecipientPolicy, Size, bounds, crds,
    listener::{AuthMode, Profile},
};

const EXAMPLE: &str = include_str!("example.yaml");

const OTHER_BACKENDS: [&str; 7] = [
    r#"http: {url: "https://hooks.example/in"}"#,
    r#"nats: {url: "nats://nats:4222", stream: MAIL, subject: "mail.{rcpt.domain}", credentialsSecretRef: {name: nats}, tls: {}}"#,
    r#"kafka: {brokers: ["kafka:9092"], topic: mail, partitionKey: "{rcpt.domain}", sasl: {mechanism: SCRAM-SHA-512, secretRef: {name: kafka}}, tls: {}}"#,
    r#"amqp: {url: "amqps://rabbit:5671/vhost", exchange: mail, routingKey: "{rcpt.domain}", authSecretRef: {name: rabbit}}"#,
    r#"redis: {url: "rediss://redis:6379", stream: mail, dedupe: {window: 1h}, wait: {replicas: 1, timeout: 2s}, authSecretRef: {name: redis}}"#,
    "smtp: {host: relay.example, port: 587, tls: Required, authSecretRef: {name: relay}}",
    "lmtp: {host: store.example, port: 24, tls: Required}",
];

#[test]
fn every_field_of_the_example_is_known_within_bounds_and_survives_a_round_trip() {
    let documents: Vec<&str> = EXAMPLE.split("\n---\n").collect();
    assert_eq!(documents.len(), 4);
    for document in documents {
        let (object, ignored) = read(document);
        assert_eq!(ignored, Vec::<String>::new(), "{object:?}");
        assert_eq!(bounds::check(&object), [], "{object:?}");
        round_trip(&object);
    }
}

#[test]
fn every_other_kind_of_backend_is_known_within_bounds_and_survives_a_round_trip() {
    for spec in OTHER_BACKENDS {
        let object = read_spec(ApiKind::Backend, spec);
        assert_eq!(bounds::check(&object), [], "{spec}");
        round_trip(&object);
    }
}

fn round_trip(object: &Object) {
    let yaml = serde_saphyr::to_string(object).unwrap();
    let (again, ignored) = read(&yaml);
    assert!(again == *object, "{yaml}");
    assert_eq!(ignored, Vec::<String>::new());
}

#[test]
fn a_field_that_is_not_known_is_found() {
    let (_, ignored) =
        read(&EXAMPLE.split("\n---\n").next().unwrap().replace("postmaster:", "postmistress:"));
    assert_eq!(ignored, ["spec.postmistress"]);
}

fn gateway(spec: &str) -> MailGateway {
    let Object::Gateway(gateway) = read_spec(ApiKind::Gateway, spec) else { panic!("not a gateway") };
    *gateway
}

#[test]
fn the_smallest_gateway_has_the_defaults_of_the_documentation() {
    let spec = gateway("hostname: mx.example\nlisteners: [{name: mx, port: 2525}]").spec;
    let shown = gateway(
        r#"
hostname: mx.example
listeners:
- name: mx
  port: 2525
  profile: MX
  proxyProtocol: {mode: Disabled}
  xclient: {trustedCIDRs: []}
  limits: {sessions: 10000, messagesPerSession: 0, recipients: 1000, errors: 10}
  allowedRoutes: {namespaces: {from: Same}}
  connection: {allowCIDRs: [], denyCIDRs: [], perClient: {sessions: 50}, greetingDelay: 0s, bareNewlines: Reject}
domains: []
subaddressing: {separators: "+"}
stamp: {returnPath: true, messageId: IfMissing, date: IfMissing}
mixedDelivery: Split
backends: {allow: [Service, URL]}"#,
    )
    .spec;
    assert_eq!(spec, shown);
    let listener = &spec.listeners[0];
    assert!(listener.auth.is_none() && listener.tls.is_none() && listener.connection.dnsbl.is_empty());
    assert!(
        spec.postmaster.is_none()
            && spec.auth.is_none()
            && spec.bounces.is_none()
            && spec.front_ends.is_none()
    );
}

#[test]
fn whether_auth_mode_was_given_can_be_told() {
    let spec = gateway(
        "hostname: mx.example\nlisteners:\n- {name: a, port: 1, profile: Submission, auth: {}}\n\
         - {name: b, port: 2, profile: LMTP, auth: {mode: Offer, allowPlaintext: true}}",
    )
    .spec;
    let [a, b] = spec.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!((a.profile, a.auth.as_ref().unwrap().mode), (Profile::Submission, None));
    assert_eq!((b.profile, b.auth.as_ref().unwrap().mode), (Profile::Lmtp, Some(AuthMode::Offer)));
}

#[test]
fn the_smallest_route_has_the_defaults_of_the_documentation() {
    let small = "parentRefs: [{name: g}]\nrules: [{name: a, matches: [{recipient: {domain: a.example, localPart: \
                 {value: x}}}], delivery: {backendRefs: [{name: b}]}}]";
    let shown = "parentRefs: [{name: g}]\nrules: [{name: a, matches: [{recipient: {domain: a.example, localPart: \
                 {type: Exact, value: x}, subaddress: Ignore}}], filters: [], delivery: {strategy: Weighted, \
                 backendRefs: [{kind: MailBackend, name: b, weight: 1}], timeouts: {total: 25s, connect: 5s}, retry: \
                 {attempts: 2, backoff: {base: 200ms, max: 2s}}}}]";
    assert!(read_spec(ApiKind::Route, small) == read_spec(ApiKind::Route, shown));
}

#[test]
fn the_smallest_backends_have_the_defaults_of_the_documentation() {
    let pairs = [
        (
            "http: {service: {name: a, port: 80}}\nlargeMessages: {objectStore: {url: s3://a}}",
            "allowedRoutes: {namespaces: {from: Same}}\nhttp: {service: {name: a, port: 80, scheme: http}, format: \
             CloudEvent}\nlimits: {maxInFlight: 256, maxMessageBytes: 25Mi}\ncircuit: {consecutiveFailures: 20, \
             openFor: 10s}\nresponses: {}\nperRecipientVerdicts: false\nonPartial: Single\nlargeMessages: {over: \
             512Ki, objectStore: {url: s3://a}}",
        ),
        (
            "redis: {url: 'redis://a', stream: b, dedupe: {}, wait: {}}",
            "redis: {url: 'redis://a', stream: b, dedupe: {window: 1h}, wait: {replicas: 1, timeout: 2s}}",
        ),
        ("smtp: {host: a}", "smtp: {host: a, port: 587, tls: Required}"),
    ];
    for (small, shown) in pairs {
        assert!(read_spec(ApiKind::Backend, small) == read_spec(ApiKind::Backend, shown), "{small}");
    }
    let Object::Backend(backend) =
        read_spec(ApiKind::Backend, "http: {url: 'http://a'}\nlimits: {maxMessageBytes: 1000}")
    else {
        panic!("not a backend")
    };
    assert_eq!(Some(backend.spec.limits.max_message_bytes), Size::from_bytes(1000));
    assert!(backend.spec.large_messages.is_none() && backend.spec.responses.is_empty());
}

#[test]
fn the_blocks_of_a_policy_are_absent_unless_given_and_have_the_defaults_of_the_documentation() {
    let Object::Policy(policy) = read_spec(ApiKind::Policy, "targetRefs: [{kind: MailGateway, name: a}]")
    else {
        panic!("not a policy")
    };
    let spec = &policy.spec;
    assert!(spec.recipients.is_none() && spec.verification.is_none() && spec.limits.is_none());
    assert!(spec.require.is_none() && spec.sender_authentication.is_none() && spec.greylisting.is_none());
    let small = "targetRefs: [{kind: MailGateway, name: a}]\nrecipients: {}\nverification: {http: {url: 'http://a'}}\n\
                 limits: {}\nrequire: {}\nsenderAuthentication: {}\ngreylisting: {}";
    let shown = "targetRefs: [{kind: MailGateway, name: a}]\nrecipients: {mode: AllowList}\nverification: {http: \
                 {url: 'http://a'}, timeout: 2s, cache: {positive: 10m, negative: 1m}, onError: Defer}\nlimits: \
                 {maxMessageBytes: 10Mi, maxRecipients: 100}\nrequire: {tls: false, auth: false}\n\
                 senderAuthentication: {spf: Mark, dkim: Mark, dmarc: Enforce, onDnsError: Defer}\ngreylisting: \
                 {delay: 60s, ttl: 36h}";
    assert!(read_spec(ApiKind::Policy, small) == read_spec(ApiKind::Policy, shown));
}

#[test]
fn kinds_are_found_by_api_version_and_kind() {
    for kind in ApiKind::ALL {
        assert_eq!(ApiKind::find(&kind.api_version(), kind.name()), Some(kind));
    }
    for (version, kind) in [("v1", "MailRoute"), ("mailchute.dev/v1", "MailRoute"), ("v1", "Pod"), ("", "")] {
        assert_eq!(ApiKind::find(version, kind), None, "{version} {kind}");
    }
    let declared: Vec<String> = crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    let ours: Vec<&str> = ApiKind::ALL.into_iter().filter(|kind| kind.is_ours()).map(ApiKind::name).collect();
    assert_eq!(declared, ours);
    for (crd, kind) in crds().iter().zip(ApiKind::ALL) {
        assert_eq!(format!("{}/{}", crd.spec.group, crd.spec.versions[0].name), kind.api_version());
    }
}

#[test]
fn string_data_of_a_secret_overrides_data_and_no_secret_is_printed() {
    let (object, ignored) = read(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: Opaque\ndata: {a: b2xk, b: aGk=}\nstringData: {a: \
         new, c: other}",
    );
    assert_eq!(ignored, Vec::<String>::new());
    let Object::Secret(secret) = &object else { panic!("not a secret") };
    let data: Vec<(&str, &[u8])> =
        secret.data.as_ref().unwrap().iter().map(|(key, value)| (key.as_str(), value.0.as_slice())).collect();
    assert_eq!(data, [("a", b"new".as_slice()), ("b", b"hi"), ("c", b"other")]);
    assert_eq!(format!("{object:?}"), "Secret default/s");
    round_trip(&object);
}

#[test]
fn an_enum_value_that_is_not_known_is_refused_with_what_is_known() {
    let error = serde_saphyr::from_str::<MailRoute>(
        "metadata: {}\nspec: {parentRefs: [], rules: [{name: a, matches: [], delivery: {strategy: Random, backendRefs: []}}]}",
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("Random") && error.contains("Weighted"), "{error}");
    assert!(
        serde_saphyr::from_str::<MailBackend>("metadata: {}\nspec: {smtp: {host: a, tls: required}}")
            .is_err()
    );
    assert!(
        serde_saphyr::from_str::<RecipientPolicy>("metadata: {}\nspec: {targetRefs: [{kind: Pod, name: a}]}")
            .is_err()
    );
}

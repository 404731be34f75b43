//! The CEL rules of the CRDs, on one page: what one object can tell about itself and no bound can say.
//!
//! Files meet no API server, so each rule has its twin in `compile`, found by [`Rule::name`] through [`ALL`]; the twin
//! takes [`Rule::message`] from here, so that kubectl and `mailchute check` say the same. Bounds (lengths, ranges,
//! patterns, unique keys) need no twin of their own: see [`super::bounds`].
//!
//! Rules stand only under lists of at most 64 entries, so that the API server's cost estimate stays within its budget.
//! Defaults are filled in before rules run. In CEL a field that is a reserved word is written `__namespace__`.

/// One CEL rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule's twin in `compile` is called; unique.
    pub name: &'static str,
    /// The expression that holds; `self` is the object that the rule stands on.
    pub cel: &'static str,
    /// What is wrong where it doesn't hold.
    pub message: &'static str,
}

/// All rules: where they stand (the kind and the path of the object that is `self`), and the rules.
pub const ALL: &[(&str, &[Rule])] = &[
    ("MailGateway spec", GATEWAY),
    ("MailGateway spec.listeners[]", LISTENER),
    ("MailGateway spec.listeners[].tls", LISTENER_TLS),
    ("MailGateway spec.listeners[].proxyProtocol", PROXY_PROTOCOL),
    ("MailGateway spec.listeners[].allowedRoutes, MailBackend spec.allowedRoutes", ALLOWED_ROUTES),
    ("MailGateway spec.bounces.relay, MailBackend spec.smtp", RELAY),
    ("MailRoute spec.rules[].matches[].sender", SENDER_MATCH),
    ("MailRoute spec.rules[].filters[]", FILTER),
    ("MailRoute spec.rules[].filters[].rewriteRecipient", REWRITE_RECIPIENT),
    ("MailRoute spec.rules[].delivery", DELIVERY),
    ("MailRoute spec.rules[].delivery.timeouts", TIMEOUTS),
    ("MailRoute spec.rules[].delivery.retry.backoff", BACKOFF),
    ("MailBackend spec", BACKEND),
    ("MailBackend spec.circuit", CIRCUIT),
    ("MailBackend spec.http, RecipientPolicy spec.verification.http", HTTP_TARGET),
    ("MailBackend spec.http.auth, RecipientPolicy spec.verification.http.auth", HTTP_AUTH),
    ("MailBackend spec.amqp", AMQP),
    ("MailBackend spec.redis", REDIS),
    ("RecipientPolicy spec", POLICY),
    ("RecipientPolicy spec.recipients", RECIPIENTS),
    ("RecipientPolicy spec.verification", VERIFICATION),
    ("RecipientPolicy spec.greylisting", GREYLISTING),
];

pub(super) const GATEWAY: &[Rule] = &[
    Rule {
        name: "ListenerPortsUnique",
        cel: "self.listeners.all(a, self.listeners.exists_one(b, b.port == a.port))",
        message: "two listeners have the same port",
    },
    Rule {
        name: "AuthNeedsCredentials",
        cel: "has(self.auth) || self.listeners.all(l, \
              (has(l.auth) && has(l.auth.mode) ? l.auth.mode : (l.profile == 'Submission' ? 'Require' : 'Disabled')) \
              == 'Disabled')",
        message: "a listener takes AUTH (profile Submission does unless told otherwise), so the gateway needs \
                  spec.auth.credentialsSecretRef",
    },
];

pub(super) const LISTENER: &[Rule] = &[
    Rule {
        name: "SubmissionNeedsTls",
        cel: "self.profile != 'Submission' || (has(self.tls) && self.tls.mode != 'Disabled')",
        message: "a listener of profile Submission needs tls with mode StartTLS or Implicit",
    },
    Rule {
        name: "AuthNeedsTls",
        cel: "!has(self.auth) || !has(self.auth.mode) || self.auth.mode == 'Disabled' || self.auth.allowPlaintext \
              || (has(self.tls) && self.tls.mode != 'Disabled')",
        message: "AUTH is only offered inside TLS: give the listener tls, or set auth.allowPlaintext",
    },
    Rule {
        name: "LmtpNotOnPort25",
        cel: "self.profile != 'LMTP' || self.port != 25",
        message: "LMTP must not be used on port 25 (RFC 2033 section 5)",
    },
];

pub(super) const LISTENER_TLS: &[Rule] = &[Rule {
    name: "TlsNeedsCertificate",
    cel: "self.mode == 'Disabled' || (has(self.certificateRefs) && size(self.certificateRefs) > 0)",
    message: "certificateRefs must name at least one certificate unless mode is Disabled",
}];

pub(super) const PROXY_PROTOCOL: &[Rule] = &[Rule {
    name: "ProxyProtocolNeedsTrustedCidrs",
    cel: "self.mode == 'Disabled' || (has(self.trustedCIDRs) && size(self.trustedCIDRs) > 0)",
    message: "trustedCIDRs must say which proxies may speak the PROXY protocol",
}];

pub(super) const ALLOWED_ROUTES: &[Rule] = &[Rule {
    name: "SelectorIffFromSelector",
    cel: "(self.namespaces.from == 'Selector') == has(self.namespaces.selector)",
    message: "namespaces.selector must be set if and only if namespaces.from is Selector",
}];

pub(super) const RELAY: &[Rule] = &[Rule {
    name: "RelayAuthNeedsTls",
    cel: "!has(self.authSecretRef) || self.tls in ['Required', 'Implicit']",
    message: "with authSecretRef, tls must be Required or Implicit: a password is never sent in the clear",
}];

pub(super) const SENDER_MATCH: &[Rule] = &[Rule {
    name: "SenderExactlyOne",
    cel: "has(self.domain) != has(self.nullReversePath)",
    message: "sender takes exactly one of domain and nullReversePath",
}];

pub(super) const FILTER: &[Rule] = &[Rule {
    name: "FilterMatchesType",
    cel: "(self.type == 'AddHeader') == has(self.addHeader) \
          && (self.type == 'RewriteRecipient') == has(self.rewriteRecipient)",
    message: "a filter holds exactly the field that its type names",
}];

pub(super) const REWRITE_RECIPIENT: &[Rule] = &[Rule {
    name: "RewriteSomething",
    cel: "has(self.localPart) || has(self.domain)",
    message: "rewriteRecipient needs localPart, domain or both",
}];

pub(super) const DELIVERY: &[Rule] = &[Rule {
    name: "SomeWeight",
    cel: "self.strategy != 'Weighted' || self.backendRefs.exists(b, b.weight > 0)",
    message: "at least one of backendRefs needs a weight above 0",
}];

pub(super) const TIMEOUTS: &[Rule] = &[
    Rule {
        name: "TotalWithinBounds",
        cel: "duration(self.total) >= duration('1s') && duration(self.total) <= duration('10m')",
        message: "timeouts.total must be between 1s and 10m (RFC 5321 section 4.5.3.2.6)",
    },
    Rule {
        name: "SomeTimeToConnect",
        cel: "duration(self.connect) > duration('0s')",
        message: "timeouts.connect must be above 0s (what is above timeouts.total counts as that)",
    },
];

pub(super) const BACKOFF: &[Rule] = &[Rule {
    name: "BaseWithinMax",
    cel: "duration(self.base) > duration('0s') && duration(self.base) <= duration(self.max)",
    message: "backoff.base must be above 0s and at most backoff.max",
}];

pub(super) const BACKEND: &[Rule] = &[
    Rule {
        name: "BackendExactlyOne",
        cel: "[has(self.http), has(self.nats), has(self.kafka), has(self.amqp), has(self.redis), has(self.smtp), \
              has(self.lmtp)].exists_one(given, given)",
        message: "a backend is exactly one of http, nats, kafka, amqp, redis, smtp, lmtp",
    },
    Rule {
        name: "ResponsesOnlyHttp",
        cel: "!has(self.responses) || size(self.responses) == 0 || has(self.http)",
        message: "responses belongs to http backends only",
    },
    Rule {
        name: "ResponsesKeysAreStatusCodes",
        cel: "!has(self.responses) || self.responses.all(code, code.matches('^[3-5][0-9][0-9]$'))",
        message: "the keys of responses are HTTP status codes from 300 to 599",
    },
    Rule {
        name: "VerdictsOnlyHttpOrLmtp",
        cel: "!self.perRecipientVerdicts || has(self.http) || has(self.lmtp)",
        message: "perRecipientVerdicts belongs to http and lmtp backends only",
    },
    Rule {
        name: "LargeMessagesNotRelay",
        cel: "!has(self.largeMessages) || !(has(self.smtp) || has(self.lmtp))",
        message: "largeMessages does not belong to smtp and lmtp backends: a relay takes the message itself",
    },
];

pub(super) const CIRCUIT: &[Rule] = &[Rule {
    name: "OpenForWithinBounds",
    cel: "duration(self.openFor) >= duration('1s') && duration(self.openFor) <= duration('5m')",
    message: "circuit.openFor must be between 1s and 5m",
}];

pub(super) const HTTP_TARGET: &[Rule] = &[
    Rule {
        name: "ServiceOrUrl",
        cel: "has(self.service) != has(self.url)",
        message: "exactly one of service and url must be set",
    },
    Rule {
        name: "PathOnlyWithService",
        cel: "!has(self.path) || has(self.service)",
        message: "path belongs to service; with url the path is part of it",
    },
    Rule {
        name: "HttpTlsNeedsHttps",
        cel: "!has(self.tls) || (has(self.service) ? self.service.scheme == 'https' : \
              (has(self.url) && self.url.matches('^[hH][tT][tT][pP][sS]:')))",
        message: "tls needs https: set service.scheme to https, or use an https URL",
    },
];

pub(super) const HTTP_AUTH: &[Rule] = &[Rule {
    name: "BearerOrBasic",
    cel: "has(self.bearer) != has(self.basic)",
    message: "auth takes exactly one of bearer and basic",
}];

pub(super) const AMQP: &[Rule] = &[Rule {
    name: "AmqpTlsNeedsAmqps",
    cel: "!has(self.tls) || self.url.startsWith('amqps:')",
    message: "tls needs an amqps URL",
}];

pub(super) const REDIS: &[Rule] = &[Rule {
    name: "RedisTlsNeedsRediss",
    cel: "!has(self.tls) || self.url.startsWith('rediss:')",
    message: "tls needs a rediss URL",
}];

pub(super) const POLICY: &[Rule] = &[Rule {
    name: "PolicySaysSomething",
    cel: "has(self.recipients) || has(self.verification) || has(self.limits) || has(self.require) \
          || has(self.senderAuthentication) || has(self.greylisting)",
    message: "a policy needs at least one of recipients, verification, limits, require, senderAuthentication, \
              greylisting",
}];

pub(super) const RECIPIENTS: &[Rule] = &[Rule {
    name: "RecipientsSomewhere",
    cel: "(has(self.addresses) && size(self.addresses) > 0) || (has(self.patterns) && size(self.patterns) > 0) \
          || (has(self.from) && size(self.from) > 0)",
    message: "recipients needs addresses, patterns or from: an empty list would refuse or pass everyone",
}];

pub(super) const VERIFICATION: &[Rule] = &[Rule {
    name: "VerificationTimeoutWithinBounds",
    cel: "duration(self.timeout) >= duration('100ms') && duration(self.timeout) <= duration('30s')",
    message: "verification.timeout must be between 100ms and 30s",
}];

pub(super) const GREYLISTING: &[Rule] = &[Rule {
    name: "DelayBeforeTtl",
    cel: "duration(self.delay) > duration('0s') && duration(self.delay) < duration(self.ttl)",
    message: "greylisting.delay must be above 0s and shorter than greylisting.ttl",
}];

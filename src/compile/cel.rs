//! The twins of the CEL rules: files meet no API server.
//!
//! One function for each object of [`rules::ALL`]; what is said comes from
//! there, so that kubectl and `check` say the same.

use super::defaults;
use super::fault::Fault;
use crate::api::backend::{HttpAuth, SmtpRelay};
use crate::api::gateway::MailGatewaySpec;
use crate::api::listener::{AuthMode, Listener, Profile, ProxyMode, TlsMode};
use crate::api::policy::{RecipientPolicySpec, VerificationHttp};
use crate::api::reference::{AllowedRoutes, ClientTls, FromNamespaces, Scheme, ServiceRef};
use crate::api::route::{Delivery, Filter, FilterKind, MailRouteSpec, RouteRule, Strategy};
use crate::api::{Duration, MailBackendSpec, Object, rules};
use crate::plan::Reason;

/// Every CEL rule that an object breaks.
pub(super) fn check(object: &Object) -> Vec<Fault> {
    let mut broken = Broken::default();
    match object {
        Object::Gateway(gateway) => broken.gateway(&gateway.spec),
        Object::Route(route) => broken.route(&route.spec),
        Object::Backend(backend) => broken.backend(&backend.spec),
        Object::Policy(policy) => broken.policy(&policy.spec),
        _ => {}
    }
    broken.faults
}

#[derive(Default)]
struct Broken {
    faults: Vec<Fault>,
}

impl Broken {
    fn unless(&mut self, holds: bool, rule: &str, field: impl Into<String>) {
        if !holds {
            self.faults.push(Fault::new(Reason::Invalid, field, message(rule)));
        }
    }

    fn gateway(&mut self, spec: &MailGatewaySpec) {
        for (index, listener) in spec.listeners.iter().enumerate() {
            let at = format!("spec.listeners[{index}]");
            if spec.listeners[..index].iter().any(|earlier| earlier.port == listener.port) {
                let message = message("ListenerPortsUnique");
                self.faults.push(Fault::new(Reason::PortConflict, format!("{at}.port"), message));
            }
            let credentials = spec.auth.is_some() || defaults::auth_mode(listener) == AuthMode::Disabled;
            self.unless(credentials, "AuthNeedsCredentials", format!("{at}.auth"));
            self.listener(listener, &at);
        }
        for (index, domain) in spec.domains.iter().enumerate() {
            self.allowed_routes(&domain.allowed_routes, &format!("spec.domains[{index}]"));
        }
        if let Some(bounces) = &spec.bounces {
            self.relay(&bounces.relay, "spec.bounces.relay");
        }
    }

    fn listener(&mut self, listener: &Listener, at: &str) {
        let tls = listener.tls.as_ref().is_some_and(|tls| tls.mode != TlsMode::Disabled);
        let submission = listener.profile == Profile::Submission;
        self.unless(!submission || tls, "SubmissionNeedsTls", format!("{at}.tls"));
        let in_the_clear = listener.auth.as_ref().is_some_and(|auth| {
            auth.mode.is_some_and(|mode| mode != AuthMode::Disabled) && !auth.allow_plaintext
        });
        self.unless(tls || !in_the_clear, "AuthNeedsTls", format!("{at}.auth"));
        let lmtp = listener.profile == Profile::Lmtp;
        self.unless(!lmtp || listener.port != 25, "LmtpNotOnPort25", format!("{at}.port"));
        let certificate = listener.tls.as_ref().is_none_or(|tls| !tls.certificate_refs.is_empty());
        self.unless(!tls || certificate, "TlsNeedsCertificate", format!("{at}.tls.certificateRefs"));
        let proxy = &listener.proxy_protocol;
        let trusted = proxy.mode == ProxyMode::Disabled || !proxy.trusted_cidrs.is_empty();
        self.unless(trusted, "ProxyProtocolNeedsTrustedCidrs", format!("{at}.proxyProtocol.trustedCIDRs"));
        self.allowed_routes(&listener.allowed_routes, at);
    }

    fn allowed_routes(&mut self, allowed: &AllowedRoutes, at: &str) {
        let namespaces = &allowed.namespaces;
        let holds = (namespaces.from == FromNamespaces::Selector) == namespaces.selector.is_some();
        self.unless(holds, "SelectorIffFromSelector", format!("{at}.allowedRoutes.namespaces"));
    }

    fn relay(&mut self, relay: &SmtpRelay, at: &str) {
        use crate::api::backend::RelayTls::{Implicit, Required};
        let holds = relay.auth_secret_ref.is_none() || matches!(relay.tls, Required | Implicit);
        self.unless(holds, "RelayAuthNeedsTls", format!("{at}.tls"));
    }

    fn route(&mut self, spec: &MailRouteSpec) {
        for (index, rule) in spec.rules.iter().enumerate() {
            self.route_rule(rule, &format!("spec.rules[{index}]"));
        }
    }

    fn route_rule(&mut self, rule: &RouteRule, at: &str) {
        for (index, each) in rule.matches.iter().enumerate() {
            let holds = each
                .sender
                .as_ref()
                .is_none_or(|sender| sender.domain.is_some() != sender.null_reverse_path.is_some());
            self.unless(holds, "SenderExactlyOne", format!("{at}.matches[{index}].sender"));
        }
        for (index, filter) in rule.filters.iter().enumerate() {
            self.filter(filter, &format!("{at}.filters[{index}]"));
        }
        self.delivery(&rule.delivery, &format!("{at}.delivery"));
    }

    fn filter(&mut self, filter: &Filter, at: &str) {
        let holds = (filter.kind == FilterKind::AddHeader) == filter.add_header.is_some()
            && (filter.kind == FilterKind::RewriteRecipient) == filter.rewrite_recipient.is_some();
        self.unless(holds, "FilterMatchesType", at);
        if let Some(rewrite) = &filter.rewrite_recipient {
            let something = rewrite.local_part.is_some() || rewrite.domain.is_some();
            self.unless(something, "RewriteSomething", format!("{at}.rewriteRecipient"));
        }
    }

    fn delivery(&mut self, delivery: &Delivery, at: &str) {
        let weight = delivery.backend_refs.iter().any(|backend| backend.weight > 0);
        self.unless(
            weight || delivery.strategy != Strategy::Weighted,
            "SomeWeight",
            format!("{at}.backendRefs"),
        );
        let (total, connect) = (delivery.timeouts.total, delivery.timeouts.connect);
        let bounds = within(total, Duration::from_secs(1), Duration::from_secs(600));
        self.unless(bounds, "TotalWithinBounds", format!("{at}.timeouts.total"));
        self.unless(!connect.is_zero(), "SomeTimeToConnect", format!("{at}.timeouts.connect"));
        let (base, max) = (delivery.retry.backoff.base, delivery.retry.backoff.max);
        self.unless(!base.is_zero() && base <= max, "BaseWithinMax", format!("{at}.retry.backoff.base"));
    }

    fn backend(&mut self, spec: &MailBackendSpec) {
        let given = [
            spec.http.is_some(),
            spec.nats.is_some(),
            spec.kafka.is_some(),
            spec.amqp.is_some(),
            spec.redis.is_some(),
            spec.smtp.is_some(),
            spec.lmtp.is_some(),
        ];
        let kinds = given.into_iter().filter(|given| *given).count();
        self.unless(kinds == 1, "BackendExactlyOne", "spec");
        self.unless(spec.responses.is_empty() || spec.http.is_some(), "ResponsesOnlyHttp", "spec.responses");
        let status = |code: &String| {
            code.len() == 3 && code.starts_with(['3', '4', '5']) && code.bytes().all(|c| c.is_ascii_digit())
        };
        let codes = spec.responses.keys().all(status);
        self.unless(codes, "ResponsesKeysAreStatusCodes", "spec.responses");
        let verdicts = !spec.per_recipient_verdicts || spec.http.is_some() || spec.lmtp.is_some();
        self.unless(verdicts, "VerdictsOnlyHttpOrLmtp", "spec.perRecipientVerdicts");
        let relay = spec.smtp.is_some() || spec.lmtp.is_some();
        self.unless(spec.large_messages.is_none() || !relay, "LargeMessagesNotRelay", "spec.largeMessages");
        let open_for = within(spec.circuit.open_for, Duration::from_secs(1), Duration::from_secs(300));
        self.unless(open_for, "OpenForWithinBounds", "spec.circuit.openFor");
        self.allowed_routes(&spec.allowed_routes, "spec");
        if let Some(http) = &spec.http {
            let target = Target { service: &http.service, url: &http.url, path: &http.path, tls: &http.tls };
            self.http(&target, &http.auth, "spec.http");
        }
        if let Some(relay) = &spec.smtp {
            self.relay(relay, "spec.smtp");
        }
        if let Some(amqp) = &spec.amqp {
            let holds = amqp.tls.is_none() || amqp.url.starts_with("amqps:");
            self.unless(holds, "AmqpTlsNeedsAmqps", "spec.amqp.tls");
        }
        if let Some(redis) = &spec.redis {
            let holds = redis.tls.is_none() || redis.url.starts_with("rediss:");
            self.unless(holds, "RedisTlsNeedsRediss", "spec.redis.tls");
        }
    }

    fn http(&mut self, target: &Target<'_>, auth: &Option<HttpAuth>, at: &str) {
        self.unless(target.service.is_some() != target.url.is_some(), "ServiceOrUrl", at);
        let path = target.path.is_none() || target.service.is_some();
        self.unless(path, "PathOnlyWithService", format!("{at}.path"));
        let https = match (target.service, target.url) {
            (Some(service), _) => service.scheme == Scheme::Https,
            (None, Some(url)) => url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")),
            (None, None) => false,
        };
        self.unless(target.tls.is_none() || https, "HttpTlsNeedsHttps", format!("{at}.tls"));
        let one = auth.as_ref().is_none_or(|auth| auth.bearer.is_some() != auth.basic.is_some());
        self.unless(one, "BearerOrBasic", format!("{at}.auth"));
    }

    fn policy(&mut self, spec: &RecipientPolicySpec) {
        let something = spec.recipients.is_some()
            || spec.verification.is_some()
            || spec.limits.is_some()
            || spec.require.is_some()
            || spec.sender_authentication.is_some()
            || spec.greylisting.is_some();
        self.unless(something, "PolicySaysSomething", "spec");
        if let Some(recipients) = &spec.recipients {
            let somewhere = !(recipients.addresses.is_empty()
                && recipients.patterns.is_empty()
                && recipients.from.is_empty());
            self.unless(somewhere, "RecipientsSomewhere", "spec.recipients");
        }
        if let Some(verification) = &spec.verification {
            let bounds = within(verification.timeout, Duration::from_millis(100), Duration::from_secs(30));
            self.unless(bounds, "VerificationTimeoutWithinBounds", "spec.verification.timeout");
            let VerificationHttp { service, url, path, auth, tls } = &verification.http;
            self.http(&Target { service, url, path, tls }, auth, "spec.verification.http");
        }
        if let Some(greylisting) = &spec.greylisting {
            let holds = !greylisting.delay.is_zero() && greylisting.delay < greylisting.ttl;
            self.unless(holds, "DelayBeforeTtl", "spec.greylisting.delay");
        }
    }
}

/// What the two HTTP targets of the API have in common.
struct Target<'a> {
    service: &'a Option<ServiceRef>,
    url: &'a Option<String>,
    path: &'a Option<String>,
    tls: &'a Option<ClientTls>,
}

fn within(duration: Duration, least: Duration, most: Duration) -> bool {
    least <= duration && duration <= most
}

/// What the rule of this name says.
fn message(name: &str) -> &'static str {
    let all = rules::ALL.iter().flat_map(|(_, rules)| rules.iter());
    all.into_iter().find(|rule| rule.name == name).map_or("", |rule| rule.message)
}

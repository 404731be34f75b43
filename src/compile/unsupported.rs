//! Fields whose feature is not built yet: each is told, none is ignored.
//!
//! Off, empty and default values are fine. A listener with such a field is not opened; recipients
//! under such a policy, rule or backend get `451 4.3.5`.

use super::fault::Fault;
use crate::api::backend::{HttpFormat, OnPartial};
use crate::api::gateway::{MailGatewaySpec, MixedDelivery};
use crate::api::listener::Listener;
use crate::api::policy::CheckMode;
use crate::api::route::{MailRouteSpec, Strategy};
use crate::api::{MailBackendSpec, Object, RecipientPolicySpec};
use crate::plan::Reason;

/// Every field of an object that asks for what is not built yet.
pub(super) fn check(object: &Object) -> Vec<Fault> {
    let mut asked = Asked::default();
    match object {
        Object::Gateway(gateway) => asked.gateway(&gateway.spec),
        Object::Route(route) => asked.route(&route.spec),
        Object::Backend(backend) => asked.backend(&backend.spec),
        Object::Policy(policy) => asked.policy(&policy.spec),
        _ => {}
    }
    asked.faults
}

#[derive(Default)]
struct Asked {
    faults: Vec<Fault>,
}

impl Asked {
    fn when(&mut self, asked: bool, field: impl Into<String>, what_to_do: &str) {
        if asked {
            let message = format!("not supported yet: {what_to_do}");
            self.faults.push(Fault::new(Reason::UnsupportedValue, field, message));
        }
    }

    fn gateway(&mut self, spec: &MailGatewaySpec) {
        for (index, listener) in spec.listeners.iter().enumerate() {
            self.listener(listener, &format!("spec.listeners[{index}]"));
        }
        let closed = "leave it out; until then no listener of this gateway is opened";
        self.when(spec.bounces.is_some(), "spec.bounces", closed);
        let fan_out = spec.mixed_delivery == MixedDelivery::FanOut;
        self.when(
            fan_out,
            "spec.mixedDelivery",
            "use Split; until then no listener of this gateway is opened",
        );
    }

    fn listener(&mut self, listener: &Listener, at: &str) {
        let dnsbl = !listener.connection.dnsbl.is_empty();
        let closed = "leave it empty; until then the listener is not opened";
        self.when(dnsbl, format!("{at}.connection.dnsbl"), closed);
    }

    fn route(&mut self, spec: &MailRouteSpec) {
        for (index, rule) in spec.rules.iter().enumerate() {
            let at = format!("spec.rules[{index}]");
            let until = "until then recipients of this rule get 451 4.3.5";
            self.when(!rule.filters.is_empty(), format!("{at}.filters"), &format!("leave them out; {until}"));
            let fan_out = rule.delivery.strategy == Strategy::FanOut;
            self.when(fan_out, format!("{at}.delivery.strategy"), &format!("use Weighted; {until}"));
        }
    }

    fn backend(&mut self, spec: &MailBackendSpec) {
        let until = "until then recipients of rules with this backend get 451 4.3.5";
        let kinds = [
            (spec.kafka.is_some(), "spec.kafka"),
            (spec.amqp.is_some(), "spec.amqp"),
            (spec.redis.is_some(), "spec.redis"),
        ];
        for (asked, field) in kinds {
            self.when(asked, field, &format!("use an http, nats, smtp or lmtp backend; {until}"));
        }
        if let Some(http) = &spec.http {
            let format = !matches!(http.format, HttpFormat::CloudEvent | HttpFormat::CloudEventStructured);
            let instead = format!("use CloudEvent or CloudEventStructured; {until}");
            self.when(format, "spec.http.format", &instead);
        }
        self.when(spec.large_messages.is_some(), "spec.largeMessages", &format!("leave it out; {until}"));
        let bounce = spec.on_partial == OnPartial::Bounce;
        self.when(bounce, "spec.onPartial", &format!("use Single or Defer; {until}"));
    }

    fn policy(&mut self, spec: &RecipientPolicySpec) {
        let until = "until then recipients under this policy get 451 4.3.5";
        let leave_out = format!("leave it out; {until}");
        self.when(spec.greylisting.is_some(), "spec.greylisting", &leave_out);
        if let Some(checks) = &spec.sender_authentication {
            let on = [checks.spf, checks.dkim, checks.dmarc].iter().any(|mode| *mode != CheckMode::Disabled);
            let instead = format!("leave it out, or set spf, dkim and dmarc to Disabled; {until}");
            self.when(on, "spec.senderAuthentication", &instead);
        }
    }
}

//! A plan and its findings as YAML that people can read, stable from run to run.

use std::fmt::Write;
use std::sync::Arc;

use mailchute::compile::Compiled;
use mailchute::mail::{ForwardPath, Mailbox, ReversePath};
use mailchute::pipeline::recipient::{Asking, Decision, decide};
use mailchute::plan::{
    Access, Auth, Backend, ClientRates, Format, Http, Identity, Listener, Nats, NatsAuth, Plan, Relay,
    Require, Rule, RuleState, Target, Tls, Verification,
};
use mailchute::route::DomainPattern;

/// The plan, the answers to what is asked, and the findings.
pub(super) fn render(compiled: &Compiled, asks: &[&str]) -> String {
    let mut out = String::new();
    match &compiled.plan {
        None => out.push_str("plan: none\n"),
        Some(plan) => {
            gateway(&mut out, plan);
            list(&mut out, "listeners", plan.listeners.iter().map(|each| listener(each)));
            list(&mut out, "rules", plan.rules.iter().map(|each| rule(plan, each)));
            list(&mut out, "backends", plan.backends.iter().map(|each| backend(each)));
            if !plan.verifications.is_empty() {
                list(&mut out, "verifications", plan.verifications.iter().map(|each| verification(each)));
            }
            list(&mut out, "answers", asks.iter().map(|ask| format!("{:?}", answer(plan, ask))));
        }
    }
    list(&mut out, "findings", compiled.findings.iter().map(|finding| format!("{:?}", finding.to_string())));
    out
}

fn list(out: &mut String, name: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return writeln!(out, "{name}: []").unwrap();
    }
    writeln!(out, "{name}:").unwrap();
    for item in items {
        writeln!(out, "- {}", item.trim_end().replace('\n', "\n  ")).unwrap();
    }
}

fn gateway(out: &mut String, plan: &Plan) {
    let gateway = &plan.gateway;
    writeln!(out, "gateway: {}", gateway.name).unwrap();
    writeln!(out, "hostname: {}", gateway.hostname).unwrap();
    writeln!(out, "separators: {:?}", gateway.separators).unwrap();
    let postmaster = gateway.postmaster.as_ref().map(ToString::to_string);
    writeln!(out, "postmaster: {}", postmaster.as_deref().unwrap_or("none")).unwrap();
    let stamp = gateway.stamp;
    let (path, id, date) = (stamp.return_path, stamp.message_id, stamp.date);
    writeln!(out, "stamp: {{returnPath: {path}, messageId: {id}, date: {date}}}").unwrap();
    let domains = gateway.domains.iter().map(|delegation| {
        let name = match &delegation.domain {
            DomainPattern::Exact(domain) => domain.clone(),
            DomainPattern::Suffix(suffix) => format!("\"*.{suffix}\""),
            DomainPattern::Any => "\"*\"".to_owned(),
        };
        let namespaces: Vec<&str> = delegation.namespaces.iter().map(|namespace| &**namespace).collect();
        format!("{{name: {name}, namespaces: [{}], routed: {}}}", namespaces.join(", "), delegation.routed)
    });
    list(out, "domains", domains);
}

fn listener(listener: &Listener) -> String {
    let limits = &listener.limits;
    let mut out = format!(
        "name: {}\nport: {}\nprofile: {:?}\nsessions: {} in all, {} of one client\n\
         limits: {{messageBytes: {}, recipients: {}, messages: {}, errors: {}}}\nbareNewlines: {:?}",
        listener.name,
        listener.port,
        listener.profile,
        listener.max_sessions,
        listener.max_sessions_per_client,
        limits.message_bytes,
        limits.recipients,
        limits.messages,
        limits.errors,
        listener.bare_newlines,
    );
    out.push_str(if listener.prdr { "\nprdr: offered" } else { "" });
    if let Some(each) = &listener.tls {
        out.push_str(&format!("\ntls: {}", tls(each)));
    }
    out + &auth(listener) + &connection(listener)
}

/// Who may connect, as far as the listener says anything.
fn connection(listener: &Listener) -> String {
    let mut out = String::new();
    if let Some(proxy) = &listener.proxy {
        write!(out, "\nproxy: {{required: {}, trusted: {:?}}}", proxy.required, proxy.trusted).unwrap();
    }
    let (access, rates) = (&listener.access, &listener.rates);
    if *access != Access::default() {
        write!(out, "\naccess: {access:?}").unwrap();
    }
    if *rates != ClientRates::default() {
        write!(out, "\nrates: {rates:?}").unwrap();
    }
    if !listener.xclient.is_empty() {
        write!(out, "\nxclient: {:?}", listener.xclient).unwrap();
    }
    if !listener.greeting_delay.is_zero() {
        write!(out, "\ngreetingDelay: {:?}", listener.greeting_delay).unwrap();
    }
    out
}

fn tls(tls: &Tls) -> String {
    let certificates = tls
        .certificates
        .iter()
        .map(|each| format!("{{names: [{}], notAfter: {}}}", each.names.join(", "), each.not_after));
    format!(
        "{{mode: {:?}, only13: {}, required: {}, clientAuthorities: {}, certificates: [{}]}}",
        tls.mode,
        tls.only_13,
        tls.required,
        tls.client_authorities.len(),
        certificates.collect::<Vec<_>>().join(", ")
    )
}

/// Who may sign in, where anybody may.
fn auth(listener: &Listener) -> String {
    let Some(auth) = &listener.auth else { return String::new() };
    let credentials = &auth.credentials;
    let (users, scram, whole) = (credentials.len(), credentials.has_scram(), credentials.is_whole());
    let (required, plaintext) = (auth.required, auth.allow_plaintext);
    format!(
        "\nauth: {{required: {required}, plaintext: {plaintext}, users: {users}, scram: {scram}, whole: {whole}}}"
    )
}

fn rule(plan: &Plan, rule: &Rule) -> String {
    let mut out = format!("group: {}\n", rule.group);
    let RuleState::Usable(deliver) = &rule.state else { return out + "state: unusable" };
    let backends = deliver.backends.iter().map(|weighted| {
        format!("{{name: {}, weight: {}}}", plan.backends[weighted.backend.0 as usize].name, weighted.weight)
    });
    list(&mut out, "backends", backends);
    let timeouts = &deliver.timeouts;
    writeln!(out, "timeouts: {:?} in all, {:?} to connect", timeouts.total, timeouts.connect).unwrap();
    let retry = &deliver.retry;
    writeln!(out, "retry: {} times, after {:?} to {:?}", retry.attempts, retry.base, retry.max).unwrap();
    let recipients = match (&deliver.recipients, deliver.recipients_unknown) {
        (None, _) => "any",
        (Some(_), false) => "a list",
        (Some(_), true) => "a list that is known in part",
    };
    writeln!(out, "recipients: {recipients}").unwrap();
    if let Some(id) = deliver.verification {
        writeln!(out, "verification: {}", plan.verifications[id.0 as usize].label).unwrap();
    }
    let most = match deliver.max_recipients {
        u32::MAX => "any number".to_owned(),
        most => most.to_string(),
    };
    writeln!(out, "limits: {{messageBytes: {}, recipients: {most}}}", deliver.max_message_bytes).unwrap();
    if deliver.require != Require::default() {
        writeln!(out, "requires: {{tls: {}, auth: {}}}", deliver.require.tls, deliver.require.auth).unwrap();
    }
    for rate in &deliver.sender_rates {
        writeln!(out, "perSender: {} a minute by {}", rate.messages_per_minute, rate.policy).unwrap();
    }
    out
}

fn backend(backend: &Backend) -> String {
    let mut out = format!("name: {}\n", backend.name);
    match &backend.target {
        Target::Http(target) => http(&mut out, target),
        Target::Nats(target) => nats(&mut out, target),
        Target::Smtp(target) => relay(&mut out, "smtp", target),
        Target::Lmtp(target) => relay(&mut out, "lmtp", target),
    }
    let (in_flight, bytes) = (backend.max_in_flight, backend.max_message_bytes);
    writeln!(out, "limits: {{inFlight: {in_flight}, messageBytes: {bytes}}}").unwrap();
    let circuit = backend.circuit;
    writeln!(out, "circuit: {} failures, {:?}", circuit.consecutive_failures, circuit.open_for).unwrap();
    list(&mut out, "responses", backend.responses.iter().map(|(status, reply)| format!("{status}: {reply}")));
    let verdicts = backend.per_recipient_verdicts;
    writeln!(out, "verdicts: {{perRecipient: {verdicts}, onPartial: {:?}}}", backend.on_partial).unwrap();
    out
}

fn verification(verification: &Verification) -> String {
    let Verification { label, http: target, timeout, positive, negative, accept_on_error } = verification;
    let mut out = format!("policy: {label}\n");
    http(&mut out, target);
    writeln!(out, "timeout: {timeout:?}").unwrap();
    writeln!(out, "cache: {{positive: {positive:?}, negative: {negative:?}}}").unwrap();
    writeln!(out, "onError: {}", if *accept_on_error { "Accept" } else { "Defer" }).unwrap();
    out
}

fn nats(out: &mut String, nats: &Nats) {
    let (host, port, stream) = (&nats.host, nats.port, &nats.stream);
    writeln!(out, "target: {{stream: {stream}, host: \"{host}\", port: {port}}}").unwrap();
    writeln!(out, "subject: \"{}\"", nats.subject).unwrap();
    let auth = match &nats.auth {
        None => "none".to_owned(),
        Some(NatsAuth::Token(token)) => format!("token of {} octets", token.reveal().len()),
        Some(NatsAuth::User { username, password }) => {
            format!("{username}, password of {} octets", password.reveal().len())
        }
        Some(NatsAuth::Nkey { public, seed }) => {
            format!("nkey {public}, seed of {} octets", seed.reveal().len())
        }
        Some(NatsAuth::Credentials { jwt, seed }) => {
            format!("JWT of {} octets, seed of {}", jwt.reveal().len(), seed.reveal().len())
        }
    };
    writeln!(out, "auth: {auth}").unwrap();
    let tls = trust(nats.ca.as_deref(), nats.server_name.as_deref(), nats.identity.as_deref());
    writeln!(out, "tls: {{required: {}, {tls}}}", nats.tls_required).unwrap();
    writeln!(out, "loopback: {}", nats.allow_loopback).unwrap();
}

fn trust(ca: Option<&str>, server_name: Option<&str>, identity: Option<&Identity>) -> String {
    let ca = ca.map_or("the system's".to_owned(), |ca| format!("own, {} octets", ca.len()));
    let chain = identity.map_or(0, |identity| identity.chain.len());
    let identity = if chain == 0 { String::new() } else { format!(", clientCertificates: {chain}") };
    format!("ca: {ca:?}, serverName: {}{identity}", server_name.unwrap_or("the host"))
}

fn http(out: &mut String, http: &Http) {
    let scheme = if http.https { "https" } else { "http" };
    writeln!(
        out,
        "target: {{scheme: {scheme}, host: \"{}\", port: {}, path: \"{}\"}}",
        http.host, http.port, http.path
    )
    .unwrap();
    let auth = match &http.auth {
        None => "none".to_owned(),
        Some(Auth::Bearer(secret)) => format!("bearer of {} octets", secret.reveal().len()),
        Some(Auth::Basic { username, password }) => {
            format!("basic of {username}, password of {} octets", password.reveal().len())
        }
    };
    if http.format != Format::default() {
        writeln!(out, "format: {:?}", http.format).unwrap();
    }
    writeln!(out, "auth: {auth}").unwrap();
    let keys: Vec<String> = http.signing.iter().map(|key| key.reveal().len().to_string()).collect();
    writeln!(out, "signingKeyOctets: [{}]", keys.join(", ")).unwrap();
    let tls = trust(http.ca.as_deref(), http.server_name.as_deref(), http.identity.as_deref());
    writeln!(out, "tls: {{{tls}}}").unwrap();
    writeln!(out, "loopback: {}", http.allow_loopback).unwrap();
}

fn relay(out: &mut String, scheme: &str, relay: &Relay) {
    let Relay { host, port, tls, ca, login, hello, allow_loopback } = relay;
    writeln!(out, "target: {{scheme: {scheme}, host: \"{host}\", port: {port}, hello: \"{hello}\"}}")
        .unwrap();
    let login = login.as_ref().map_or("none".to_owned(), |login| {
        format!("{}, password of {} octets", login.username, login.password.reveal().len())
    });
    writeln!(out, "auth: {login}").unwrap();
    let ca = ca.as_ref().map_or("the system's".to_owned(), |ca| format!("own, {} octets", ca.len()));
    writeln!(out, "tls: {{mode: {tls:?}, ca: {ca:?}}}").unwrap();
    writeln!(out, "loopback: {allow_loopback}").unwrap();
}

/// `recipient [from sender] [at listener] [by tls] [by auth]`, as the pipeline decides it.
fn answer(plan: &Plan, ask: &str) -> String {
    let words: Vec<&str> = ask.split_whitespace().collect();
    let word_after = |word: &str| {
        let at = words.iter().position(|each| *each == word)?;
        words.get(at + 1).copied()
    };
    let mailbox = |text: &str| Mailbox::parse(text.as_bytes(), true).unwrap();
    let recipient = match words[0] {
        "Postmaster" => ForwardPath::Postmaster,
        address => ForwardPath::Mailbox(mailbox(address)),
    };
    let sender = match word_after("from") {
        Some("<>") => ReversePath::Null,
        address => ReversePath::Mailbox(mailbox(address.unwrap_or("someone@sender.invalid"))),
    };
    let named = |listener: &&Arc<Listener>| word_after("at").is_none_or(|name| *listener.name == *name);
    let listener = plan.listeners.iter().find(named).unwrap();
    let by = |what: &str| words.windows(2).any(|pair| pair == ["by", what]);
    let asking = Asking { sender: &sender, done: Require { tls: by("tls"), auth: by("auth") } };
    let answer = match decide(plan, listener, &recipient, asking) {
        Decision::Route { rule, rewritten } => {
            let rule = &plan.rules[rule.0 as usize];
            format!("MailRoute {} rule {}, told {rewritten}", rule.route, rule.name)
        }
        Decision::Refuse(refusal) => refusal.reply.to_string(),
    };
    format!("{ask}: {answer}")
}

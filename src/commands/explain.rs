//! `mailchute explain`: which gateway, route, policy and backend would take a recipient, and why.
//!
//! What is decided comes from the very code that answers RCPT ([`recipient::decide`]); only the
//! telling is done here.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

mod ranking;

use super::Exit;
use crate::compile::trace::Line;
use crate::compile::{self, Compiled, Origin, Snapshot};
use crate::mail::{AddressKey, ForwardPath, Mailbox, ReversePath};
use crate::pipeline::recipient::{self, Asking, Decision};
use crate::plan::{Deliver, Holding, Listener, ObjectName, ObjectRef, Plan, Require, VerificationId};
use crate::route::RuleId;
use crate::smtp::reply;
use crate::source;
use ranking::{Contest, Place};

/// A sender whom no match with a sender is likely to mean.
const SOME_SENDER: &str = "someone@sender.invalid";

/// What to explain.
#[derive(Debug, Clone, clap::Args)]
pub struct ExplainArgs {
    /// Files and folders of Kubernetes objects, as YAML or JSON; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub manifests: Vec<PathBuf>,
    /// The gateway, as name or namespace/name; without it, all of them.
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<String>,
    /// The recipient, as in RCPT TO.
    #[arg(long, value_name = "ADDRESS")]
    pub rcpt: String,
    /// The sender, as in MAIL FROM; `<>` for the null reverse-path.
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// The client's address.
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
}

/// Prints what would become of a recipient at each gateway.
///
/// # Errors
///
/// `out` can't be written to.
pub fn run(args: &ExplainArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let asked = match Asked::parse(args) {
        Ok(asked) => asked,
        Err(problem) => {
            writeln!(out, "error: {problem}")?;
            return Ok(Exit::Usage);
        }
    };
    let snapshot = match source::read(&args.manifests) {
        Ok(loaded) => loaded.snapshot,
        Err(unreadable) => {
            for error in &unreadable.0 {
                writeln!(out, "error: {error}")?;
            }
            return Ok(Exit::Data);
        }
    };
    let meant = |name: &&ObjectName| {
        args.gateway.as_ref().is_none_or(|gateway| *gateway == name.name || *gateway == name.to_string())
    };
    let gateways: Vec<&ObjectName> = snapshot.gateways().filter(meant).collect();
    if gateways.is_empty() {
        return no_gateway(args, &snapshot, out);
    }
    for (index, gateway) in gateways.into_iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        explain(&snapshot, gateway, &asked, out)?;
    }
    Ok(Exit::Ok)
}

fn no_gateway(args: &ExplainArgs, snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<Exit> {
    let there: Vec<String> = snapshot.gateways().map(ToString::to_string).collect();
    let Some(gateway) = args.gateway.as_ref().filter(|_| !there.is_empty()) else {
        writeln!(out, "error: the manifests hold no MailGateway")?;
        return Ok(Exit::Data);
    };
    writeln!(
        out,
        "error: --gateway {gateway}: there is no such MailGateway; there are: {}",
        there.join(", ")
    )?;
    Ok(Exit::Usage)
}

/// Who is asked about.
struct Asked {
    recipient: ForwardPath,
    sender: ReversePath,
    sender_given: bool,
    client: Option<IpAddr>,
}

impl Asked {
    fn parse(args: &ExplainArgs) -> Result<Self, String> {
        let mailbox =
            |text: &str| Mailbox::parse(text.as_bytes(), true).map_err(|error| format!("{text}: {error}"));
        let inner = |text: &str| text.trim_start_matches('<').trim_end_matches('>').to_owned();
        let rcpt = inner(&args.rcpt);
        let recipient = if rcpt.eq_ignore_ascii_case("postmaster") {
            ForwardPath::Postmaster
        } else {
            ForwardPath::Mailbox(mailbox(&rcpt)?)
        };
        let sender = match args.sender.as_deref().map(inner) {
            None => ReversePath::Mailbox(mailbox(SOME_SENDER)?),
            Some(text) if text.is_empty() => ReversePath::Null,
            Some(text) => ReversePath::Mailbox(mailbox(&text)?),
        };
        Ok(Self { recipient, sender, sender_given: args.sender.is_some(), client: args.client })
    }
}

fn explain(snapshot: &Snapshot, gateway: &ObjectName, asked: &Asked, out: &mut dyn Write) -> io::Result<()> {
    let compiled = compile::compile(snapshot, gateway, Origin::Files);
    let Some(plan) = &compiled.plan else {
        writeln!(out, "gateway {gateway} can't be used:")?;
        return tell_findings(&compiled, &ObjectRef::new("MailGateway", gateway), out);
    };
    if plan.listeners.is_empty() {
        writeln!(out, "gateway {gateway} has no listener that can be opened:")?;
        return tell_findings(&compiled, &ObjectRef::new("MailGateway", gateway), out);
    }
    let mut told: Vec<&Arc<Listener>> = Vec::new();
    for listener in &plan.listeners {
        if told.iter().any(|earlier| Arc::ptr_eq(&earlier.table, &listener.table)) {
            continue;
        }
        let alike = plan.listeners.iter().filter(|other| Arc::ptr_eq(&other.table, &listener.table));
        let names: Vec<&str> = alike.map(|listener| &*listener.name).collect();
        writeln!(out, "gateway {gateway}, listener {}", names.join(", "))?;
        let written = snapshot.gateway(gateway).map(|gateway| &gateway.spec.listeners);
        let index = written.and_then(|all| all.iter().position(|each| *each.name == *listener.name));
        let told_of =
            Told { snapshot, compiled: &compiled, plan, listener, index: index.unwrap_or(0), asked };
        told_of.tell(out)?;
        told.push(listener);
    }
    Ok(())
}

/// One listener's answer, to be told.
struct Told<'a> {
    snapshot: &'a Snapshot,
    compiled: &'a Compiled,
    plan: &'a Plan,
    listener: &'a Listener,
    /// Of the listener, as written.
    index: usize,
    asked: &'a Asked,
}

impl Told<'_> {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let Asked { recipient, sender, sender_given, client } = self.asked;
        row(out, "recipient", recipient)?;
        let null = if *sender == ReversePath::Null { "<>" } else { "" };
        let other = if *sender_given { "" } else { " (none was given)" };
        row(out, "sender", format_args!("{sender}{null}{other}"))?;
        if let Some(client) = client {
            self.tell_client(*client, out)?;
        }
        // Of a client that has done all that may be required: what it is, is told.
        let asking = Asking { sender, done: Require { tls: true, auth: true } };
        let decision = recipient::decide(self.plan, self.listener, recipient, asking);
        let key = self.key(&decision);
        if let Some(key) = &key {
            self.tell_domain(key, out)?;
        }
        match &decision {
            Decision::Route { rule, rewritten, .. } => self.tell_route(*rule, rewritten, out)?,
            Decision::Refuse(refusal) => row(out, "RCPT", &refusal.reply)?,
        }
        match key {
            Some(key) => self.tell_contest(&key, &decision, out),
            None => Ok(()),
        }
    }

    /// Listeners that share their routes need not share who may connect.
    fn tell_client(&self, client: IpAddr, out: &mut dyn Write) -> io::Result<()> {
        let alike =
            self.plan.listeners.iter().filter(|other| Arc::ptr_eq(&other.table, &self.listener.table));
        let closed = alike.filter(|listener| !listener.access.admits(client));
        let closed: Vec<&str> = closed.map(|listener| &*listener.name).collect();
        if closed.is_empty() {
            return row(out, "client", format_args!("{client}, who may connect"));
        }
        let (closed, reply) = (closed.join(", "), reply::ACCESS_DENIED);
        row(out, "client", format_args!("{client}, whom {closed} turns away: {reply}"))
    }

    /// The address that was looked up in the end.
    fn key(&self, decision: &Decision) -> Option<AddressKey> {
        match (decision, &self.asked.recipient) {
            (Decision::Route { found, .. }, _) => found.key(),
            (Decision::Refuse(_), ForwardPath::Mailbox(mailbox)) => mailbox.key(),
            (Decision::Refuse(_), ForwardPath::Postmaster) => {
                let domain = self.plan.gateway.postmaster_domain()?.to_owned();
                Some(AddressKey { local_part: "postmaster".to_owned(), domain })
            }
        }
    }

    fn tell_domain(&self, key: &AddressKey, out: &mut dyn Write) -> io::Result<()> {
        let Some(delegation) = self.plan.gateway.delegation(&key.domain) else {
            return row(out, "domain", format_args!("{} is none of this gateway's", key.domain));
        };
        let namespaces: Vec<&str> = delegation.namespaces.iter().map(|namespace| &**namespace).collect();
        let namespaces = match namespaces.as_slice() {
            [] => "delegated to no namespace that has routes".to_owned(),
            namespaces => format!("delegated to {}", namespaces.join(", ")),
        };
        let routed = match (self.listener.routed.contains(&delegation.domain), delegation.routed) {
            (true, _) => "",
            (false, true) => "; no usable rule takes any of its recipients here",
            (false, false) => "; no usable rule takes any of its recipients",
        };
        row(out, "domain", format_args!("{}, {namespaces}{routed}", delegation.domain))
    }

    fn tell_route(&self, id: RuleId, rewritten: &Mailbox, out: &mut dyn Write) -> io::Result<()> {
        let Some((rule, deliver)) = recipient::usable(self.plan, id) else { return Ok(()) };
        row(out, "route", format_args!("MailRoute {}, rule {}", rule.route, rule.name))?;
        if self.asked.recipient != ForwardPath::Mailbox(rewritten.clone()) {
            row(out, "delivered", format_args!("as {rewritten}"))?;
        }
        for field in String::from_utf8_lossy(&deliver.filters.fields).lines() {
            row(out, "adds", field)?;
        }
        self.tell_policies(id, out)?;
        if let Some(id) = deliver.verification {
            self.tell_verification(id, out)?;
        }
        self.tell_backends(deliver, out)?;
        let most = match deliver.max_recipients {
            u32::MAX => self.listener.limits.recipients,
            most => most.min(self.listener.limits.recipients),
        };
        row(out, "limits", format_args!("{} bytes, {most} recipients", deliver.max_message_bytes))?;
        tell_require(deliver.require, out)?;
        row(out, "RCPT", &reply::RECIPIENT_OK)
    }

    fn holdings(&self, id: RuleId) -> &[Holding] {
        self.plan.rules.get(id.0 as usize).map_or(&[], |rule| &rule.policies)
    }

    fn tell_policies(&self, id: RuleId, out: &mut dyn Write) -> io::Result<()> {
        for Holding { block, policy, target } in self.holdings(id) {
            row(out, "policy", format_args!("{block} of RecipientPolicy {policy}, by {target}"))?;
        }
        Ok(())
    }

    fn tell_verification(&self, id: VerificationId, out: &mut dyn Write) -> io::Result<()> {
        let Some(verification) = self.plan.verifications.get(id.0 as usize) else { return Ok(()) };
        let (url, timeout) = (verification.http.url(), verification.timeout);
        if matches!(&self.asked.recipient, ForwardPath::Mailbox(mailbox) if !mailbox.is_postmaster()) {
            let otherwise = if verification.accept_on_error { "else it is taken" } else { "else 451 4.3.0" };
            row(out, "verified", format_args!("if GET {url} says so within {timeout:?}, {otherwise}"))
        } else {
            row(out, "verified", "never: postmaster is always taken")
        }
    }

    fn tell_backends(&self, deliver: &Deliver, out: &mut dyn Write) -> io::Result<()> {
        let all: u64 = deliver.backends.iter().map(|weighted| u64::from(weighted.weight)).sum();
        for weighted in &deliver.backends {
            let Some(backend) = self.plan.backends.get(weighted.backend.0 as usize) else { continue };
            let share = if deliver.backends.len() > 1 {
                format!(", {} of {all} messages", weighted.weight)
            } else {
                String::new()
            };
            row(out, "backend", format_args!("MailBackend {}, {}{share}", backend.name, backend.target))?;
        }
        Ok(())
    }

    fn tell_contest(&self, key: &AddressKey, decision: &Decision, out: &mut dyn Write) -> io::Result<()> {
        let contest =
            Contest::new(self.plan, (self.index, &self.compiled.trace.lines), key, &self.asked.sender);
        if contest.places.is_empty() {
            return row(out, "matches", "no match of any route means this recipient");
        }
        row(out, "matches", "the strongest first")?;
        let mut first: Option<&Line> = None;
        for (line, place) in &contest.places {
            let why = match (place, first) {
                (Place::Contender, None) => {
                    first = Some(line);
                    self.outcome(line, decision, key)
                }
                (Place::Contender, Some(winner)) => contest.difference(winner, line),
                (Place::Out(why), _) => (*why).to_owned(),
            };
            writeln!(out, "    MailRoute {} {} (rule {}): {why}", line.route, line.field, line.rule)?;
        }
        match (first, decision) {
            (Some(line), Decision::Refuse(_)) => self.tell_refusal(line, out),
            _ => Ok(()),
        }
    }

    /// What stands behind a match that would take the recipient and does not.
    fn tell_refusal(&self, line: &Line, out: &mut dyn Write) -> io::Result<()> {
        tell_findings(self.compiled, &ObjectRef::new("MailRoute", &line.route), out)?;
        let Some(id) = line.listing(self.index).map(|listing| listing.rule) else { return Ok(()) };
        self.tell_policies(id, out)?;
        let mut behind: BTreeSet<ObjectRef> = BTreeSet::new();
        let holders = self.holdings(id).iter();
        behind.extend(holders.map(|holding| ObjectRef::new("RecipientPolicy", &holding.policy)));
        let written = self.snapshot.route(&line.route).map(|route| &route.spec.rules);
        for rule in written.into_iter().flatten().filter(|rule| rule.name == line.rule) {
            behind.extend(rule.delivery.backend_refs.iter().map(|each| {
                let namespace = each.namespace.as_deref().unwrap_or(&line.route.namespace);
                ObjectRef::new("MailBackend", &ObjectName::new(namespace, &each.name))
            }));
        }
        behind.iter().try_for_each(|object| tell_findings(self.compiled, object, out))
    }

    /// What became of the recipient at the strongest match.
    fn outcome(&self, line: &Line, decision: &Decision, key: &AddressKey) -> String {
        let listing = line.listing(self.index);
        let usable = listing.and_then(|listing| recipient::usable(self.plan, listing.rule));
        let delegation = self.plan.gateway.delegation(&key.domain);
        let open_relay = delegation.zip(usable).is_some_and(|(delegation, (_, deliver))| {
            recipient::is_open_relay(delegation, deliver, self.listener)
        });
        match decision {
            Decision::Route { .. } => "takes it".to_owned(),
            Decision::Refuse(_) if ranking::is_unknown(line) => "might take it, but can't be read".to_owned(),
            Decision::Refuse(_) if open_relay => {
                "would take it, but relays to any domain only for listeners that require AUTH".to_owned()
            }
            Decision::Refuse(_) if usable.is_some() => {
                "would take it, but its recipients list does not".to_owned()
            }
            Decision::Refuse(_) => "would take it, but the rule can't be used".to_owned(),
        }
    }
}

fn tell_require(require: Require, out: &mut dyn Write) -> io::Result<()> {
    let what = match (require.tls, require.auth) {
        (false, false) => return Ok(()),
        (true, false) => "TLS",
        (false, true) => "a client that has signed in",
        (true, true) => "a client that has signed in, inside TLS",
    };
    row(out, "requires", format_args!("{what}; others get {}", reply::NEEDS_AUTH.code()))
}

fn row(out: &mut dyn Write, name: &str, value: impl fmt::Display) -> io::Result<()> {
    writeln!(out, "  {name:<10} {value}")
}

fn tell_findings(compiled: &Compiled, object: &ObjectRef, out: &mut dyn Write) -> io::Result<()> {
    for finding in compiled.findings.iter().filter(|finding| finding.object == *object) {
        writeln!(out, "  {finding}")?;
    }
    Ok(())
}

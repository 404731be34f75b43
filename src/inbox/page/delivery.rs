//! The views of how a message came and went: which way it took and why, what was said.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::escaped::{Escaped, Took};
use super::panel::facts;
use crate::inbox::entry::Entry;
use crate::mail::{Greeting, GreetingName, Protocol};
use crate::metrics::MessageOutcome;
use crate::pipeline::account::{Account, DeliveryAccount, RecipientAccount, Who};
use crate::pipeline::feed::{Event, Stage};

/// From here on a step of the conversation is one that was waited for.
const SLOW: Duration = Duration::from_millis(100);

pub(super) fn delivery(main: &mut String, entry: &Entry) -> fmt::Result {
    match (entry.event(), entry.account()) {
        (Some(event), Some(account)) => {
            answered(main, event, account)?;
            for recipient in &account.recipients {
                way(main, recipient)?;
            }
            if let Some(delivery) = &account.delivery {
                handed(main, event, delivery)?;
            }
            came(main, event, account)?;
        }
        _ => main.push_str(
            "<p class=\"quiet\">Of its way only that is known which was posted: it came by another front-end than the \
             one of this process, or too fast to be told.</p>\n",
        ),
    }
    let Some(mail) = &entry.mail else { return Ok(()) };
    facts(main, "Event", mail.event.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    facts(main, "Request", mail.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// What became of it, and what the client was told.
fn answered(main: &mut String, event: &Event, account: &Account) -> fmt::Result {
    let class = match event.outcome {
        MessageOutcome::Delivered => "good",
        MessageOutcome::Refused | MessageOutcome::Rejected => "grave",
        MessageOutcome::Partial | MessageOutcome::Deferred | MessageOutcome::Abandoned => "warning",
    };
    let stage = match event.stage {
        Stage::Sender => " at MAIL",
        Stage::Recipient => " at RCPT",
        Stage::Message => "",
    };
    write!(main, "<p class=\"outcome {class}\"><b>{}{stage}</b>", event.outcome.as_str())?;
    if let Some(took) = event.took {
        write!(main, " <span class=\"quiet\">{} after the final dot</span>", Took(took))?;
    }
    main.push_str("</p>\n");
    for reply in &account.replies {
        writeln!(main, "<pre class=\"reply\">{}</pre>", Escaped(reply))?;
    }
    if account.replies.is_empty() {
        main.push_str("<p class=\"quiet\">There was nobody left to tell.</p>\n");
    }
    Ok(())
}

/// Where it came in.
fn came(main: &mut String, event: &Event, account: &Account) -> fmt::Result {
    let client = SocketAddr::new(account.client.address.to_canonical(), account.client.port);
    let client = match &account.client_name {
        Some(name) => format!("{client} ({name})"),
        None => client.to_string(),
    };
    let tls = account.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher));
    let identity = account.tls.as_ref().and_then(|tls| tls.client_identity.as_deref());
    let greeting = account.greeting.as_ref().map(greeting);
    let known = [
        ("Gateway", Some(&*account.gateway)),
        ("Listener", Some(&*event.listener)),
        ("Client", Some(client.as_str())),
        ("Greeting", greeting.as_deref()),
        ("TLS", Some(tls.as_deref().unwrap_or("none"))),
        ("Client certificate", identity),
        ("Signed in as", event.login.as_deref()),
        ("Route", event.route.as_deref()),
        ("Backend", event.backend.as_deref()),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    facts(main, "How it came", known)
}

fn greeting(greeting: &Greeting) -> String {
    let verb = match greeting.protocol {
        Protocol::Smtp => "HELO",
        Protocol::Esmtp => "EHLO",
        Protocol::Lmtp => "LHLO",
    };
    match &greeting.name {
        GreetingName::Host(host) => format!("{verb} {}", host.as_str()),
        GreetingName::Other(octets) => format!("{verb} {}", String::from_utf8_lossy(octets)),
    }
}

/// Which way a recipient went.
fn way(main: &mut String, recipient: &RecipientAccount) -> fmt::Result {
    let original = recipient.original.to_string();
    write!(main, "<details open><summary><bdi>{}</bdi>", Escaped(&original))?;
    let rewritten = recipient.rewritten.as_ref().map(ToString::to_string);
    if let Some(rewritten) = rewritten.filter(|rewritten| *rewritten != original) {
        write!(main, " → <bdi>{}</bdi>", Escaped(&rewritten))?;
    }
    main.push_str("</summary><div class=\"way-of\">\n");
    match (&recipient.route, &recipient.rule) {
        (Some(route), Some(rule)) => {
            writeln!(main, "<p>Route <b>{}</b>, rule <b>{}</b></p>", Escaped(route), Escaped(rule))?;
        }
        (Some(route), None) => writeln!(main, "<p>Route <b>{}</b></p>", Escaped(route))?,
        (None, _) => main.push_str("<p>No route takes it.</p>\n"),
    }
    if !recipient.why.is_empty() {
        main.push_str("<ul class=\"why\">\n");
        for why in &recipient.why {
            writeln!(main, "<li>{}</li>", Escaped(why))?;
        }
        main.push_str("</ul>\n");
    }
    for policy in &recipient.policies {
        write!(
            main,
            "<p class=\"policy\">Policy <b>{}</b>: {}, ",
            Escaped(&policy.policy.to_string()),
            Escaped(policy.block)
        )?;
        writeln!(main, "through {}</p>", Escaped(&policy.target))?;
    }
    match &recipient.outcome {
        Some(Ok(receipt)) => writeln!(main, "<p class=\"good\">{}</p>", Escaped(receipt))?,
        Some(Err(failure)) => writeln!(main, "<p class=\"grave\">{}</p>", Escaped(failure))?,
        None => {}
    }
    main.push_str("</div></details>\n");
    Ok(())
}

/// What the backend said.
fn handed(main: &mut String, event: &Event, delivery: &DeliveryAccount) -> fmt::Result {
    write!(
        main,
        "<details open><summary>What the backend said</summary><table class=\"attempts\"><caption>"
    )?;
    if let Some(backend) = &event.backend {
        write!(main, "<b>{}</b>, ", Escaped(backend))?;
    }
    let (kind, target) = (Escaped(delivery.kind), Escaped(&delivery.target));
    write!(main, "{kind}: <bdi>{target}</bdi>, {} in all</caption><thead><tr>", Took(delivery.took))?;
    main.push_str("<th scope=\"col\">Attempt</th><th scope=\"col\">Took</th><th scope=\"col\">Answer</th></tr></thead><tbody>\n");
    for (index, attempt) in delivery.attempts.iter().enumerate() {
        write!(main, "<tr><td>{}</td><td class=\"took\">{}</td><td>", index + 1, Took(attempt.took))?;
        writeln!(main, "<bdi>{}</bdi></td></tr>", Escaped(&attempt.answer))?;
    }
    writeln!(main, "</tbody></table><p class=\"quiet\">Trace {}</p></details>", Escaped(&delivery.trace_id))
}

pub(super) fn transcript(main: &mut String, entry: &Entry) -> fmt::Result {
    let lines = entry.account().map(|account| account.transcript.as_slice()).unwrap_or_default();
    if lines.is_empty() {
        main.push_str("<p class=\"quiet\">Nothing of the conversation is known.</p>\n");
        return Ok(());
    }
    main.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table class=\"lines\"><thead><tr><th scope=\"col\">At</th>\
         <th scope=\"col\">After</th><th scope=\"col\">Who</th><th scope=\"col\">Line</th></tr></thead><tbody>\n",
    );
    let mut before = Duration::ZERO;
    for line in lines {
        let after = line.at.saturating_sub(before);
        before = line.at;
        let (class, who, name) = match line.who {
            Who::Client => ("client", "C", "client"),
            Who::Server => ("server", "S", "server"),
            Who::Note => ("note", "*", "note"),
        };
        let slow = if after >= SLOW { " slow" } else { "" };
        write!(main, "<tr class=\"{class}\"><td class=\"took\">{}</td>", Took(line.at))?;
        write!(
            main,
            "<td class=\"took{slow}\">+{}</td><td><abbr title=\"{name}\">{who}</abbr></td>",
            Took(after)
        )?;
        writeln!(main, "<td><code>{}</code></td></tr>", Escaped(&line.text))?;
    }
    main.push_str("</tbody></table></div>\n");
    Ok(())
}

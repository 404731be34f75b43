//! A whole conversation of `probe` or `send`, as it happens.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::conversation::{Conversation, Outcome, Script, Turn};
use super::link::{Fault, Link, Server, Written};
use super::opening::Upgrade;
use super::reply::Reply;
use super::trust::Trust;
use crate::client::dial::Reach;

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// There is none.
    None,
    /// By STARTTLS (RFC 3207).
    StartTls,
    /// At once (RFC 8314).
    Implicit,
}

/// Whom to talk to.
pub(crate) struct Target {
    server: Server,
    security: Security,
}

impl Target {
    /// `name` is what the certificate has to say; `host` where it is none.
    ///
    /// Fails, in words, where the authorities can't be read, or TLS needs a name and there is none.
    pub(crate) fn new(
        (host, port): (&str, u16),
        security: Security,
        trust: &Trust,
        name: Option<&str>,
    ) -> Result<Self, &'static str> {
        let needs_tls = security != Security::None;
        Ok(Self { server: Server::new((host, port, Reach::Any), needs_tls, trust, name)?, security })
    }
}

/// What is said and heard, as it happens.
pub(crate) enum Line<'a> {
    /// There is a connection.
    Connected(SocketAddr),
    /// It goes on inside TLS: of which version, with what, to whom.
    Secured(&'a str),
    /// The client's, without secrets, as it begins to be written.
    Said(&'a str),
    /// The whole message is on its way.
    Sent,
    /// The server's, and to what.
    Heard(&'static str, &'a Reply),
}

/// Holds a conversation, till `deadline`.
pub(crate) async fn converse(
    Target { server, security }: &Target,
    script: Script,
    deadline: Instant,
    transcript: &mut dyn FnMut(Line<'_>),
) -> Result<Outcome, Fault> {
    let mut link = Link::connect(server, deadline).await?;
    transcript(Line::Connected(link.peer));
    let upgrade = if *security == Security::StartTls { Upgrade::StartTls } else { Upgrade::Never };
    let mut conversation = Conversation::new(script, upgrade, link.literal());
    if *security == Security::Implicit {
        link = secured(link, server, deadline, transcript).await?;
    }
    let mut turn = Turn::Listen;
    loop {
        match turn {
            Turn::Handshake => {
                link = secured(link, server, deadline, transcript).await?;
                turn = conversation.secured();
                continue;
            }
            Turn::End => {
                link.shutdown(deadline).await;
                let stage = conversation.waits_for();
                return conversation.outcome().cloned().ok_or(Fault::Broken(stage));
            }
            Turn::Say(line) => {
                transcript(Line::Said(&line.shown));
                link.write(&line.octets, conversation.waits_for(), deadline).await?;
            }
            Turn::Send(line) => {
                transcript(Line::Said(&line.shown));
                match link.write_listening(&line.octets, conversation.waits_for(), deadline).await {
                    Ok(Written::All) => transcript(Line::Sent),
                    Ok(Written::Cut) => conversation.cut_short(),
                    Err(fault) => {
                        turn = conversation.lose(fault)?;
                        continue;
                    }
                }
            }
            Turn::Listen => {}
        }
        turn = match link.reply(conversation.waits_for(), deadline).await {
            Ok(reply) => {
                transcript(Line::Heard(conversation.waits_for(), &reply));
                conversation.hear(reply)
            }
            // A server may close without a word once there is nothing more to say.
            Err(_) if conversation.outcome().is_some() => Turn::End,
            Err(fault) => conversation.lose(fault)?,
        };
    }
}

async fn secured(
    link: Link,
    server: &Server,
    deadline: Instant,
    transcript: &mut dyn FnMut(Line<'_>),
) -> Result<Link, Fault> {
    let link = link.secure(server, deadline).await?;
    transcript(Line::Secured(link.security.as_deref().unwrap_or_default()));
    Ok(link)
}

//! The listener that `probe` and `send` talk to: where it is, how it is known, who signs in.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::Failure;
use super::transcript::Transcript;
use crate::cli::duration;
use crate::client::smtp::{
    Dialect, Envelope, Fault, Login, Outcome, Script, Security, Target, Trust, converse,
};
use crate::plan::Secret;

/// A listener, and how to come to where mail can be sent.
#[derive(Debug, Clone, clap::Args)]
pub struct ListenerArgs {
    /// The listener.
    #[arg(long, value_name = "HOST:PORT", value_parser = place)]
    pub to: Place,
    /// When TLS begins.
    #[arg(long, value_enum, default_value_t = TlsMode::None, value_name = "MODE")]
    pub tls: TlsMode,
    /// A file of certificates (PEM) that may have signed that of the server; else those that the system trusts.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// Don't look at the server's certificate.
    #[arg(long)]
    pub insecure: bool,
    /// The name that the certificate must have, sent as SNI; else the host that is called.
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// Speak LMTP.
    #[arg(long)]
    pub lmtp: bool,
    /// Sign in as this user, by AUTH PLAIN; only inside TLS.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub user: Option<String>,
    /// The file that holds the password; a line end behind it does not count.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// How long the whole conversation may take.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsMode {
    /// Never.
    None,
    /// By the command STARTTLS.
    Starttls,
    /// At once.
    Implicit,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    host: String,
    port: u16,
}

pub(super) fn place(text: &str) -> Result<Place, String> {
    let (host, port) = text.rsplit_once(':').ok_or("needs a port, as in mx.example.net:25")?;
    let port = port.parse().map_err(|_| format!("{port} is no port"))?;
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match literal.unwrap_or(host) {
        "" => Err("needs a host, as in mx.example.net:25".to_owned()),
        host if literal.is_none() && host.contains(':') => {
            Err("an IPv6 address stands in brackets, as in [2001:db8::1]:25".to_owned())
        }
        host => Ok(Place { host: host.to_owned(), port }),
    }
}

impl Place {
    /// As a socket is asked for it.
    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

/// As it is written on a command line, and in a request's Host.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl ListenerArgs {
    /// Holds a conversation; the transcript has it as it happens. What comes of it is no failure of the command.
    pub(super) async fn converse<W: Write>(
        &self,
        envelope: Option<Envelope>,
        transcript: &mut Transcript<W>,
    ) -> Result<Result<Outcome, Fault>, Failure> {
        let (target, login) = (self.target()?, self.login()?);
        let dialect = if self.lmtp { Dialect::Lmtp } else { Dialect::Smtp };
        let script = Script { dialect, login, envelope };
        let now = Instant::now();
        transcript.begin(now);
        let deadline = now + self.timeout;
        Ok(converse(&target, script, deadline, &mut |line| transcript.write(&line, Instant::now())).await)
    }

    fn target(&self) -> Result<Target, Failure> {
        let trust = match &self.ca {
            Some(file) => Trust::Authorities(text_of(file)?),
            None if self.insecure => Trust::Anybody,
            None => Trust::System,
        };
        let security = match self.tls {
            TlsMode::None => Security::None,
            TlsMode::Starttls => Security::StartTls,
            TlsMode::Implicit => Security::Implicit,
        };
        let Place { host, port } = &self.to;
        Target::new((host, *port), security, &trust, self.server_name.as_deref())
            .map_err(|problem| Failure::Config(problem.to_owned()))
    }

    fn login(&self) -> Result<Option<Login>, Failure> {
        let (Some(user), Some(file)) = (&self.user, &self.password_file) else { return Ok(None) };
        if self.tls == TlsMode::None {
            return Err(Failure::Usage(
                "--user needs --tls: a password is never sent in the clear".to_owned(),
            ));
        }
        let text = text_of(file)?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        Ok(Some(Login { user: user.clone(), password: Secret::new(password.as_bytes()) }))
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|source| Failure::System { what: format!("can't read {}", file.display()), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_host_and_a_port() {
        for (text, host) in
            [("mx.test:25", "mx.test"), ("[2001:db8::1]:25", "2001:db8::1"), ("1.2.3.4:25", "1.2.3.4")]
        {
            assert_eq!(place(text), Ok(Place { host: host.to_owned(), port: 25 }));
        }
        for text in ["mx.test", ":25", "mx.test:smtp", "2001:db8::1:25", "[]:25", "mx.test:65536"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}

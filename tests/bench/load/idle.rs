//! Memory of idle sessions: how much larger the server's process is with so many sessions open after EHLO.

use crate::client::{Connection, Fault};
use crate::process;
use crate::secure::{Connector, Layer};
use anyhow::{Result, bail};
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Sessions that are being opened at a time; below any backlog.
const OPENERS: u64 = 32;

/// How long the server may take until its memory stands still.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Serialize, Clone)]
pub(crate) struct Report {
    pub(crate) sessions: u64,
    pub(crate) resident_before_kib: u64,
    pub(crate) resident_after_kib: u64,
    /// Their difference, per session.
    pub(crate) bytes_per_session: f64,
}

/// Opens the sessions, holds them while the memory of the server is read, closes them.
pub(crate) fn run(to: SocketAddr, pid: u32, sessions: u64, layer: Layer) -> Result<Report> {
    process::allow_open_sessions(sessions)?;
    let connector = Connector::new(layer)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let before = process::resident_kib(pid)?;
        let mut openers = JoinSet::new();
        for opener in 0..OPENERS {
            let share = sessions / OPENERS + u64::from(opener < sessions % OPENERS);
            openers.spawn(open(to, connector.clone(), share));
        }
        let mut held = Vec::new();
        while let Some(opened) = openers.join_next().await {
            match opened? {
                Ok(connections) => held.extend(connections),
                Err(Fault::Reply(code)) => bail!("a session was refused with {code}"),
                Err(Fault::Io(error)) => bail!("a session could not be opened: {error}"),
            }
        }
        let after = settled(pid).await?;
        drop(held);
        Ok(Report {
            sessions,
            resident_before_kib: before,
            resident_after_kib: after,
            bytes_per_session: after.saturating_sub(before) as f64 * 1024.0 / sessions.max(1) as f64,
        })
    })
}

async fn open(to: SocketAddr, connector: Connector, count: u64) -> Result<Vec<Connection>, Fault> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(Connection::open(to, &connector).await?);
    }
    Ok(held)
}

/// The memory once two readings, 200 ms apart, agree.
async fn settled(pid: u32) -> Result<u64> {
    let started = Instant::now();
    let mut last = process::resident_kib(pid)?;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = process::resident_kib(pid)?;
        if now == last || started.elapsed() > SETTLE {
            return Ok(now);
        }
        last = now;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, resident_before_kib: before, resident_after_kib: after, bytes_per_session } =
            self;
        let kib = bytes_per_session / 1024.0;
        write!(
            f,
            "{sessions} idle sessions: {before} KiB before, {after} KiB with them, {kib:.2} KiB per session"
        )
    }
}

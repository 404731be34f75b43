//! What Linux knows of a process: the processor time it took, the memory it holds, the files it may open.

use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// proc(5): times in `stat` are in units of USER_HZ, which is 100 on every Linux that people run.
const TICK: Duration = Duration::from_millis(10);

/// File descriptors a process needs beside its sessions.
const SPARE_FILES: u64 = 256;

/// Processor time taken so far by the threads of a process, kernel and user together.
///
/// `schedstat` of the threads that live counts nanoseconds; `stat` of the process counts the threads that have ended
/// as well, but in ticks of 10 ms. Where the two are more than a few ticks apart, a thread has ended.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let coarse = ticks(pid)?;
    match fine(pid) {
        Some(fine) if fine.abs_diff(coarse) < TICK * 5 => Ok(fine),
        _ => Ok(coarse),
    }
}

fn ticks(pid: u32) -> Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("no process {pid}"))?;
    // The second field is the command in brackets and may hold anything; the third comes behind the last bracket.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| -> Option<u32> { fields.get(number - 3)?.parse().ok() };
    match (field(14), field(15)) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => bail!("unreadable stat of process {pid}"),
    }
}

fn fine(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let schedstat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += schedstat.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// Memory resident now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, name: &str) -> Result<u64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("no process {pid}"))?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next());
    value
        .and_then(|digits| digits.parse().ok())
        .with_context(|| format!("no {name} in the status of process {pid}"))
}

/// Makes sure that this process, and those it starts from now on, may hold so many sessions open.
pub(crate) fn allow_open_sessions(sessions: u64) -> Result<()> {
    let needed = sessions + SPARE_FILES;
    let (soft, hard) = open_files()?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        bail!(
            "{sessions} sessions need {needed} open files, the hard limit is {hard}: raise it (`ulimit -Hn`), or ask for fewer"
        );
    }
    let raised = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--nofile={needed}:{hard}")])
        .status();
    match raised {
        Ok(status) if status.success() => Ok(()),
        _ => bail!(
            "{sessions} sessions need {needed} open files, the limit is {soft}: run `ulimit -n {needed}` first"
        ),
    }
}

fn open_files() -> Result<(u64, u64)> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).context("no limit on files")?;
    let mut numbers = line.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX));
    numbers.next().zip(numbers.next()).context("unreadable limit on files")
}

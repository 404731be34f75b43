//! Memory of a process, as Linux counts it.

use std::fmt;

/// Octets, printed in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Octets(pub(crate) u64);

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

/// The most memory that was ever resident.
pub(crate) fn peak(process: u32) -> Octets {
    status(process, "VmHWM:")
}

/// Memory resident now.
pub(crate) fn resident(process: u32) -> Octets {
    status(process, "VmRSS:")
}

/// proc(5): sizes in `status` are in KiB.
fn status(process: u32, name: &str) -> Octets {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    Octets(line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024)
}

/// Lets this process, and those that it starts, hold so many sessions open.
pub(crate) fn allow_sessions(sessions: u64) {
    const SPARE: u64 = 512;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let soft = line.split_whitespace().next().unwrap();
    let needed = sessions + SPARE;
    if soft == "unlimited" || soft.parse::<u64>().unwrap() >= needed {
        return;
    }
    let id = std::process::id().to_string();
    let raised =
        std::process::Command::new("prlimit").args(["--pid", &id, &format!("--nofile={needed}:")]).status();
    assert!(raised.unwrap().success(), "{sessions} sessions need {needed} open files: raise the limit");
}

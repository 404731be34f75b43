//! Pure rooms get time and random seeds as arguments, and meet nothing else of the world.

use super::source::{line_of, words};
use super::{Fault, Source};

const ROOMS: &[&str] =
    &["mail", "smtp", "route", "sasl", "policy", "plan", "stamp", "api", "compile", "status"];

/// Sockets, clock, environment, files, processes, randomness, logs.
const WORLD: &[&str] = &[
    "tokio",
    "hyper",
    "kube",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "now_v7",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "rand",
    "tracing",
    "println",
    "eprintln",
];

/// `api` holds the kinds as kube derives them.
const EXCEPTIONS: &[(&str, &str)] = &[("api", "kube")];

/// What a pure room uses of the world.
pub(super) fn check(source: &Source) -> Vec<Fault> {
    let Some(room) = ROOMS.iter().find(|room| {
        source
            .path
            .strip_prefix("src/")
            .and_then(|path| path.strip_prefix(**room))
            .is_some_and(|rest| rest.starts_with(['/', '.']))
    }) else {
        return Vec::new();
    };
    let code = &source.production;
    let banned = WORLD.iter().filter(|word| !EXCEPTIONS.contains(&(room, word)));
    let found = banned.flat_map(|word| words(code, word).map(move |at| (line_of(code, at), word)));
    found.map(|(line, word)| format!("{}:{line}: {word} in the pure room {room}", source.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn the_world_is_found_in_a_pure_room() {
        assert_eq!(faults("src/smtp/data.rs", "let now = std::time::Instant::now();"), 1);
        assert_eq!(faults("src/stamp/mod.rs", "use rand::Rng; fn a() { tracing::info!(\"x\"); }"), 2);
        assert_eq!(faults("src/plan.rs", "use kube::Resource;"), 1);
    }

    #[test]
    fn elsewhere_and_in_words_it_is_none() {
        assert_eq!(faults("src/server/mod.rs", "use tokio::net::TcpStream;"), 0);
        assert_eq!(faults("src/api/mod.rs", "use kube::CustomResource;"), 0);
        assert_eq!(faults("src/mail/id.rs", "// tokio\nfn operand(now: std::time::SystemTime) {}"), 0);
        assert_eq!(faults("src/smtp/data.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), 0);
    }
}

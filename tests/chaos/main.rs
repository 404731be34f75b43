//! Nothing that was answered `250` is lost: not when processes are killed at random moments, not
//! when one is told to end, and not when the configuration changes again and again.
//!
//! A program of its own, without libtest: it prints its counts also when all is well, and it is its
//! own backend, so that the backend is a process that can be killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod backend;
mod drain;
mod kill;
mod relay;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod swap;

/// A scenario: its name, and the test.
type Scenario = (&'static str, fn());

const SCENARIOS: &[Scenario] = &[
    ("kill_of_front_end_and_backend_loses_nothing", kill::loses_nothing),
    ("kill_of_the_relay_loses_nothing", relay::loses_nothing),
    ("sigterm_under_load_answers_everyone_truly", drain::answers_everyone_truly),
    ("swaps_under_load_disturb_nobody", swap::disturbs_nobody),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, address, log] = &arguments[..]
        && command == backend::COMMAND
    {
        return backend::run(address, log);
    }
    // As libtest does: a word selects the scenarios whose names hold it; its options mean nothing here.
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, scenario) in SCENARIOS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            scenario();
            println!("test {name} ... ok");
        }
    }
}

//! The circuit in virtual time.

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(10);
const DOWN: Health = Health::Down { retry_after: None };

fn circuit() -> (Arc<Circuit>, Instant) {
    (Circuit::new(plan::Circuit { consecutive_failures: 3, open_for: OPEN_FOR }), Instant::now())
}

fn open(circuit: &Circuit, now: Instant) {
    for _ in 0..3 {
        circuit.record(now, DOWN);
    }
    assert_eq!(circuit.state(), CircuitState::Open);
}

fn granted(reservation: Reservation) -> Slot {
    match reservation {
        Reservation::Granted(slot) => slot,
        Reservation::Open => panic!("refused"),
    }
}

fn refused(reservation: &Reservation) -> bool {
    matches!(reservation, Reservation::Open)
}

#[test]
fn opens_after_the_run_and_not_before() {
    let (circuit, now) = circuit();
    circuit.record(now, DOWN);
    circuit.record(now, DOWN);
    drop(granted(circuit.reserve(now)));
    circuit.record(now, DOWN);
    assert!(refused(&circuit.reserve(now)));
    assert!(refused(&circuit.enter(now)));
}

#[test]
fn a_sign_of_life_ends_the_run_and_what_was_not_asked_does_not() {
    let (circuit, now) = circuit();
    for health in [DOWN, DOWN, Health::Alive] {
        circuit.record(now, health);
    }
    let later = now + QUIET;
    circuit.record(later, DOWN);
    circuit.record(later, DOWN);
    circuit.record(later, Health::Unknown);
    assert_eq!(circuit.state(), CircuitState::Closed);
    circuit.record(later, DOWN);
    assert_eq!(circuit.state(), CircuitState::Open);
}

#[test]
fn stays_closed_for_five_seconds_after_a_sign_of_life() {
    let (circuit, now) = circuit();
    circuit.record(now, Health::Alive);
    for _ in 0..100 {
        circuit.record(now + QUIET - Duration::from_millis(1), DOWN);
    }
    assert_eq!(circuit.state(), CircuitState::Closed);
    circuit.record(now + QUIET, DOWN);
    assert_eq!(circuit.state(), CircuitState::Open);
}

#[test]
fn half_open_takes_one_message() {
    let (circuit, now) = circuit();
    open(&circuit, now);
    assert!(refused(&circuit.reserve(now + OPEN_FOR - Duration::from_millis(1))));
    let trial = granted(circuit.reserve(now + OPEN_FOR));
    assert_eq!(circuit.state(), CircuitState::HalfOpen);
    assert!(refused(&circuit.reserve(now + OPEN_FOR)));
    drop(granted(circuit.enter(now + OPEN_FOR)));
    circuit.record(now + OPEN_FOR, Health::Alive);
    assert_eq!(circuit.state(), CircuitState::Closed);
    drop(trial);
    assert_eq!(circuit.state(), CircuitState::Closed);
}

#[test]
fn a_failed_trial_opens_it_again() {
    let (circuit, now) = circuit();
    open(&circuit, now);
    let trial = granted(circuit.reserve(now + OPEN_FOR));
    circuit.record(now + OPEN_FOR, DOWN);
    drop(trial);
    assert!(refused(&circuit.reserve(now + 2 * OPEN_FOR - Duration::from_millis(1))));
    drop(granted(circuit.reserve(now + 2 * OPEN_FOR)));
}

#[test]
fn a_dropped_trial_is_free_again_but_not_someone_elses() {
    let (circuit, now) = circuit();
    open(&circuit, now);
    let at = now + OPEN_FOR;
    let first = granted(circuit.reserve(at));
    drop(first);
    let second = granted(circuit.reserve(at));
    assert!(refused(&circuit.reserve(at)));
    circuit.record(at, DOWN);
    let third = granted(circuit.reserve(at + OPEN_FOR));
    drop(second);
    assert!(refused(&circuit.reserve(at + OPEN_FOR)), "an old slot freed the trial of another");
    drop(third);
    drop(granted(circuit.reserve(at + OPEN_FOR)));
}

#[test]
fn retry_after_says_only_for_how_long() {
    for (asked, held) in [(1, 10), (60, 60), (100_000, 300)] {
        let (circuit, now) = circuit();
        let down = Health::Down { retry_after: Some(Duration::from_secs(asked)) };
        circuit.record(now, down);
        circuit.record(now, down);
        assert_eq!(circuit.state(), CircuitState::Closed);
        circuit.record(now, down);
        let until = now + Duration::from_secs(held);
        assert!(refused(&circuit.reserve(until - Duration::from_millis(1))), "{asked}");
        drop(granted(circuit.reserve(until)));
    }
}

#[test]
fn one_that_comes_through_late_closes_it() {
    let (circuit, now) = circuit();
    open(&circuit, now);
    circuit.record(now, Health::Alive);
    assert_eq!(circuit.state(), CircuitState::Closed);
}

#[test]
fn a_trial_that_says_nothing_does_not_hold_up_the_rest_for_ever() {
    let (circuit, now) = circuit();
    open(&circuit, now);
    let later = now + OPEN_FOR;
    let silent = granted(circuit.reserve(later));
    assert!(refused(&circuit.reserve(later + TRIAL_PATIENCE - Duration::from_millis(1))));
    let next = granted(circuit.reserve(later + TRIAL_PATIENCE));
    // The first one's end does not free the place of the second.
    drop(silent);
    assert!(refused(&circuit.reserve(later + TRIAL_PATIENCE)));
    drop(next);
    granted(circuit.reserve(later + TRIAL_PATIENCE));
}

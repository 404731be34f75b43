//! `kill -9` of the front-end and of the backend, at random moments under load.

use rand::RngExt;

use crate::backend::Backend;
use crate::storm::Storm;
use crate::support::front_end::FrontEnd;
use crate::support::message::Taken;

/// Messages, unless `MAILCHUTE_CHAOS_MESSAGES` says how many.
const MESSAGES: usize = 1000;

pub(crate) fn loses_nothing() {
    let storm = Storm::of(MESSAGES);
    let folder = tempfile::tempdir().unwrap();
    let mut backend = Backend::start(folder.path());
    let mut front_end = FrontEnd::to(backend.address);
    let mut kills = (0, 0);
    storm.rage(front_end.smtp, |random| {
        if random.random() {
            front_end.kill();
            front_end.restart();
            kills.0 += 1;
        } else {
            backend.kill();
            if kills.1 == 0 || random.random() {
                // Down for so long that a sender hears of it; the first time always.
                storm.wait_until_deferred();
            }
            backend.restart();
            kills.1 += 1;
        }
    });
    judge(&storm, kills, &backend.taken());
}

fn judge(storm: &Storm, (front_end, backend): (usize, usize), taken: &[Taken]) {
    let counts = storm.ledger.counts();
    println!("chaos: {counts}");
    println!("chaos: {} arrived, {} of them again", taken.len(), storm.ledger.assert_kept(taken));
    println!("chaos: killed: front-end {front_end} times, backend {backend} times");
    assert_eq!(counts.acknowledged, storm.messages);
    let lost = counts.unreached + counts.lost + counts.unanswered;
    let disturbed = storm.deferred() > 0 && lost > 0;
    assert!(front_end > 0 && backend > 0 && disturbed, "nothing was disturbed");
}

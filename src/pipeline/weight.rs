//! Which of several backends a message goes to.

use crate::mail::{ForwardPath, ReversePath};
use crate::plan::{BackendId, Weighted};

/// One backend by weight: by a hash of MAIL FROM and first recipient, so that a retry meets the
/// same one.
pub(super) fn choose(backends: &[Weighted], sender: &ReversePath, first: &ForwardPath) -> Option<BackendId> {
    if let [only] = backends {
        return (only.weight > 0).then_some(only.backend);
    }
    let total: u64 = backends.iter().map(|backend| u64::from(backend.weight)).sum();
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{sender}\n{first}").as_bytes());
    let head: [u8; 8] = digest.as_ref()[..8].try_into().ok()?;
    let mut point = u64::from_be_bytes(head).checked_rem(total)?;
    backends.iter().find_map(|backend| match point.checked_sub(u64::from(backend.weight)) {
        Some(rest) => {
            point = rest;
            None
        }
        None => Some(backend.backend),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Mailbox;

    #[test]
    fn weights_are_kept_and_a_retry_meets_the_same_backend() {
        let backends =
            [(0, 90), (1, 10), (2, 0)].map(|(id, weight)| Weighted { backend: BackendId(id), weight });
        let mut counts = [0u32; 3];
        for n in 0..2000 {
            let first = Mailbox::parse(format!("r{n}@example.net").as_bytes(), false).unwrap();
            let first = ForwardPath::Mailbox(first);
            let chosen = choose(&backends, &ReversePath::Null, &first).unwrap();
            assert_eq!(choose(&backends, &ReversePath::Null, &first), Some(chosen));
            counts[chosen.0 as usize] += 1;
        }
        assert!((1700..1900).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
        assert_eq!(choose(&backends[2..], &ReversePath::Null, &ForwardPath::Postmaster), None);
    }
}

//! How many connections each client has: one of them is not to take the places of all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by the address that they come from. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that is counted for as long as this lives.
#[derive(Debug)]
pub(super) struct Counted {
    sources: Sources,
    address: IpAddr,
}

impl Sources {
    /// Counts one more of an address; `None` where it has as many as it may.
    pub(super) fn count(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let address = address.to_canonical();
        let mut connections = self.lock();
        let before = connections.get(&address).copied().unwrap_or_default();
        if before >= most {
            return None;
        }
        connections.insert(address, before + 1);
        Some(Counted { sources: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut connections = self.sources.lock();
        if let Some(count) = connections.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

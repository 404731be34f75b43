//! How many sessions there may be: in all, at one listener, from one client.
//!
//! A place is taken when a connection is accepted, before a word of it is read, so that connections
//! that never say who they are can't outnumber the sessions there may be. Which client it counts for is
//! known later: [`Place::claim`].
//!
//! Whoever is refused counts for none of these, so that a client that comes again and again takes no
//! place from others, nor from itself. So many at a time are told why.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::policy::Network;
use crate::smtp::Pressure;
use crate::smtp::reply::{self, Reply};

/// Clients that are told at a time why they are not served; any more are closed unread.
const TOLD_WHY: usize = 256;

/// Sessions of the whole front-end.
#[derive(Debug)]
pub(super) struct House {
    limit: usize,
    sessions: AtomicUsize,
    refused: AtomicUsize,
    pressure: watch::Sender<Pressure>,
}

impl House {
    pub(super) fn new(limit: usize) -> Self {
        let (sessions, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { limit, sessions, refused, pressure: watch::Sender::new(Pressure::None) }
    }

    /// High while over 80 % of all sessions are in use.
    pub(super) fn pressure(&self) -> watch::Receiver<Pressure> {
        self.pressure.subscribe()
    }

    /// One session more; gives how many there were.
    fn enter(&self) -> usize {
        let before = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.tell();
        before
    }

    fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
        self.tell();
    }

    /// Counts under the lock, so that the last to come tells how it is.
    fn tell(&self) {
        self.pressure.send_if_modified(|pressure| {
            let sessions = self.sessions.load(Ordering::Relaxed);
            let high = sessions.saturating_mul(5) > self.limit.saturating_mul(4);
            let now = if high { Pressure::High } else { Pressure::None };
            std::mem::replace(pressure, now) != now
        });
    }
}

/// Sessions of one listener.
#[derive(Debug)]
pub(super) struct Room {
    house: Arc<House>,
    sessions: AtomicUsize,
    clients: Mutex<HashMap<Network, usize>>,
}

/// What becomes of a connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// It is served.
    Welcome(Place),
    /// It is told why not.
    Refused(Reply, Place),
    /// It is closed without a word: even refusals have become too many.
    Dropped,
}

/// A place taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    house: Arc<House>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// One of the sessions that are served.
    Session { room: Arc<Room>, client: Option<Network> },
    /// One of those that are told why not.
    Refusal,
}

impl Room {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house, sessions: AtomicUsize::new(0), clients: Mutex::default() }
    }

    /// Takes a place for a connection that was just accepted, given the listener's limit.
    pub(super) fn enter(self: &Arc<Self>, limit: u32) -> Admission {
        let in_all = self.house.enter();
        let here = self.sessions.fetch_add(1, Ordering::Relaxed);
        let held = Held::Session { room: Arc::clone(self), client: None };
        let place = Place { house: Arc::clone(&self.house), held };
        if in_all >= self.house.limit || here >= limit as usize {
            return place.turn_away(reply::TOO_MANY_SESSIONS);
        }
        Admission::Welcome(place)
    }

    /// Sessions that the client had before.
    fn add(&self, client: Network) -> usize {
        let mut clients = self.lock();
        let sessions = clients.entry(client).or_insert(0);
        *sessions += 1;
        *sessions - 1
    }

    fn remove(&self, client: Network) {
        let mut clients = self.lock();
        if let Entry::Occupied(mut sessions) = clients.entry(client) {
            *sessions.get_mut() -= 1;
            if *sessions.get() == 0 {
                sessions.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Counts the session for its client, in place of whom it counted for before, given the limit per
    /// client (0: none).
    ///
    /// # Errors
    ///
    /// The reply that refuses it: it counts for nobody then.
    pub(super) fn claim(&mut self, client: IpAddr, per_client: u32) -> Result<(), Reply> {
        let Held::Session { room, client: held } = &mut self.held else { return Ok(()) };
        let client = Network::of(client);
        // First out, then in: who is the same client as before counts once.
        if let Some(former) = held.take() {
            room.remove(former);
        }
        let before = room.add(client);
        if per_client > 0 && before >= per_client as usize {
            room.remove(client);
            return Err(reply::TOO_MANY_SESSIONS_FROM_CLIENT);
        }
        *held = Some(client);
        Ok(())
    }

    /// Gives the place back for one of those that are told why.
    pub(super) fn turn_away(self, reply: Reply) -> Admission {
        let house = Arc::clone(&self.house);
        drop(self);
        let told = house.refused.fetch_add(1, Ordering::Relaxed);
        let place = Self { house, held: Held::Refusal };
        if told < TOLD_WHY { Admission::Refused(reply, place) } else { Admission::Dropped }
    }

    /// Whether the house is short of places.
    pub(super) fn pressure(&self) -> watch::Receiver<Pressure> {
        self.house.pressure()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match &self.held {
            Held::Session { room, client } => {
                self.house.leave();
                room.sessions.fetch_sub(1, Ordering::Relaxed);
                if let Some(client) = client {
                    room.remove(*client);
                }
            }
            Held::Refusal => {
                self.house.refused.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(room: &Arc<Room>, client: IpAddr, limit: u32, per_client: u32) -> Admission {
        match room.enter(limit) {
            Admission::Welcome(mut place) => match place.claim(client, per_client) {
                Ok(()) => Admission::Welcome(place),
                Err(reply) => place.turn_away(reply),
            },
            refused => refused,
        }
    }

    fn reply(admission: &Admission) -> Option<&Reply> {
        match admission {
            Admission::Refused(reply, _) => Some(reply),
            Admission::Welcome(_) | Admission::Dropped => None,
        }
    }

    #[test]
    fn each_limit_has_its_reply_and_places_are_given_back() {
        let house = Arc::new(House::new(3));
        let room = Arc::new(Room::new(Arc::clone(&house)));
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|text| text.parse().unwrap());
        let first = admit(&room, a, 10, 1);
        assert!(matches!(first, Admission::Welcome(_)));
        assert_eq!(reply(&admit(&room, a, 10, 1)), Some(&reply::TOO_MANY_SESSIONS_FROM_CLIENT));
        assert!(matches!(admit(&room, a, 10, 0), Admission::Welcome(_)));
        assert_eq!(reply(&admit(&room, b, 1, 0)), Some(&reply::TOO_MANY_SESSIONS));
        let more = [admit(&room, b, 10, 1), admit(&room, c, 10, 1)];
        assert_eq!(*house.pressure().borrow(), Pressure::High);
        assert_eq!(reply(&admit(&room, c, 10, 0)), Some(&reply::TOO_MANY_SESSIONS));
        drop((first, more));
        assert_eq!(*house.pressure().borrow(), Pressure::None);
        assert!(room.clients.lock().unwrap().is_empty());
    }

    #[test]
    fn whoever_has_not_said_who_he_is_takes_a_place_in_all() {
        let house = Arc::new(House::new(2));
        let room = Arc::new(Room::new(Arc::clone(&house)));
        let unknown = [room.enter(10), room.enter(10)];
        assert!(unknown.iter().all(|admission| matches!(admission, Admission::Welcome(_))));
        assert_eq!(reply(&room.enter(10)), Some(&reply::TOO_MANY_SESSIONS));
        drop(unknown);
        assert_eq!(house.sessions.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_session_counts_for_its_last_client() {
        let room = Arc::new(Room::new(Arc::new(House::new(10))));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let Admission::Welcome(mut moved) = admit(&room, a, 10, 1) else { panic!("there is room") };
        assert_eq!(moved.claim(b, 1), Ok(()));
        assert!(matches!(admit(&room, a, 10, 1), Admission::Welcome(_)));
        assert_eq!(reply(&admit(&room, b, 10, 1)), Some(&reply::TOO_MANY_SESSIONS_FROM_CLIENT));
        let Admission::Welcome(mut other) = admit(&room, a, 10, 2) else { panic!("there is room") };
        assert_eq!(moved.claim(b, 1), Ok(()), "it counts once, however often it says so");
        assert_eq!(other.claim(b, 1), Err(reply::TOO_MANY_SESSIONS_FROM_CLIENT));
        drop((moved, other));
        assert!(room.clients.lock().unwrap().is_empty());
    }

    #[test]
    fn whoever_is_refused_takes_no_place() {
        let house = Arc::new(House::new(10));
        let room = Arc::new(Room::new(Arc::clone(&house)));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let first = admit(&room, a, 10, 1);
        let refused: Vec<_> = std::iter::repeat_with(|| admit(&room, a, 10, 1)).take(TOLD_WHY).collect();
        assert!(refused.iter().all(|admission| reply(admission).is_some()));
        assert!(matches!(admit(&room, a, 10, 1), Admission::Dropped));
        assert_eq!(*house.pressure().borrow(), Pressure::None);
        assert!(matches!(admit(&room, b, 10, 1), Admission::Welcome(_)));
        drop(first);
        assert!(matches!(admit(&room, a, 10, 1), Admission::Welcome(_)));
        drop(refused);
        assert_eq!(house.refused.load(Ordering::Relaxed), 0);
    }
}

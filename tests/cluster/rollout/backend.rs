//! The backend: it is in this process, on the node's own address, knows which pod each message came from, and can
//! keep back its answers.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::harness::Node;
use crate::support::message::Taken;
use crate::support::recorder::{answer_each, serve};
use crate::support::until::until;

/// A message, and the address it came from.
type Delivery = (IpAddr, Taken);

/// It serves for as long as the process lives.
pub(super) struct Backend {
    /// Where pods reach it.
    pub(super) address: SocketAddr,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    answers: watch::Sender<bool>,
}

impl Backend {
    pub(super) fn start(node: &Node) -> Self {
        let (deliveries, answers) = (Arc::<Mutex<Vec<Delivery>>>::default(), watch::Sender::new(true));
        let listener = node.inside().enter(|| TcpListener::bind((node.address(), 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (shared, answering) = (Arc::clone(&deliveries), answers.subscribe());
        let converse = move |stream| converse(stream, Arc::clone(&shared), answering.clone());
        std::thread::spawn(move || serve(listener, converse));
        Self { address, deliveries, answers }
    }

    /// Takes messages without an answer from now on, waits until one has come, and gives the pod that it came from.
    pub(super) fn hold(&self) -> IpAddr {
        let before = {
            let deliveries = self.deliveries.lock().unwrap();
            self.answers.send_replace(false);
            deliveries.len()
        };
        until("a message waits for its answer", || {
            self.deliveries.lock().unwrap().get(before).map(|(from, _)| *from)
        })
    }

    /// Answers what waits, and what comes.
    pub(super) fn release(&self) {
        self.answers.send_replace(true);
    }

    /// Which pod a message came from at last.
    pub(super) fn source(&self, number: usize) -> IpAddr {
        let deliveries = self.deliveries.lock().unwrap();
        let delivery = deliveries.iter().rev().find(|(_, taken)| taken.number == number);
        delivery.unwrap_or_else(|| panic!("message {number} has not arrived")).0
    }

    /// All messages, in the order in which they came.
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.deliveries.lock().unwrap().iter().map(|(_, taken)| taken.clone()).collect()
    }
}

async fn converse(
    stream: TcpStream,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    answering: watch::Receiver<bool>,
) {
    let from = stream.peer_addr().unwrap().ip();
    answer_each(stream, |received| {
        deliveries.lock().unwrap().push((from, Taken::of(&received)));
        let mut answering = answering.clone();
        async move {
            answering.wait_for(|answering| *answering).await.unwrap();
            204
        }
    })
    .await;
}

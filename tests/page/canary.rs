//! A server that nobody should ask for anything: it notes who does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::support::until::{PATIENCE, until_true};

/// It listens until the test ends.
pub(crate) struct Canary {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    document: Arc<Mutex<String>>,
}

/// What came.
#[derive(Debug, Default, Clone)]
pub(crate) struct Heard {
    /// Connections, also those without a request.
    pub(crate) connections: usize,
    /// Paths that were asked for.
    pub(crate) paths: BTreeSet<String>,
}

impl Canary {
    /// Listens.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, document) = (Arc::<Mutex<Heard>>::default(), Arc::<Mutex<String>>::default());
        let shared = (Arc::clone(&heard), Arc::clone(&document));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, document) = shared.clone();
                heard.lock().unwrap().connections += 1;
                std::thread::spawn(move || answer(&stream, &heard, &document));
            }
        });
        Self { address, heard, document }
    }

    /// What `/document` is: a page without any protection.
    pub(crate) fn serve(&self, html: &str) -> String {
        html.clone_into(&mut self.document.lock().unwrap());
        format!("http://{}/document", self.address)
    }

    /// What came so far.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until all of these were asked for.
    pub(crate) fn wait_for(&self, paths: &[&str]) {
        let missing = || -> Vec<String> {
            let heard = self.heard();
            paths.iter().filter(|path| !heard.paths.contains(**path)).map(ToString::to_string).collect()
        };
        let started = std::time::Instant::now();
        until_true("all were asked for", || {
            let missing = missing();
            assert!(started.elapsed() < PATIENCE, "nobody asked for {missing:?}");
            missing.is_empty()
        });
    }
}

fn answer(mut stream: &TcpStream, heard: &Mutex<Heard>, document: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    if reader.read_line(&mut request).is_err() {
        return;
    }
    let Some(path) = request.split(' ').nth(1) else { return };
    let body = if path == "/document" { document.lock().unwrap().clone() } else { String::new() };
    heard.lock().unwrap().paths.insert(path.to_owned());
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    let length = body.len();
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\naccess-control-allow-origin: *";
    // Who has gone does not want it.
    let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
}

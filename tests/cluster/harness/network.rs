//! A network namespace, entered by threads; and where this machine is found.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace that others made.
pub(crate) struct Network {
    path: PathBuf,
}

impl Network {
    /// By the file that stands for it.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file that stands for it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does something on a thread inside: every socket that it opens is there, and so is every thread and
    /// process that it starts.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(&self.path).unwrap();
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        let done = std::thread::scope(|scope| scope.spawn(inside).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The same, with a runtime of its own.
    pub(crate) fn block_on<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        self.enter(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work())
        })
    }
}

/// An address of this machine that is not loopback, where no backend may be that a cluster names.
pub(crate) fn own_address() -> Ipv4Addr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent. RFC 5737 §3: nobody has this address, so it is where everybody else is.
    socket.connect("203.0.113.1:9").expect("this machine has a network");
    match socket.local_addr().unwrap().ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address} is of another family"),
    }
}

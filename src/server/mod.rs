//! In: ports, connections, and the end of both.
//!
//! One task per connection moves bytes between the socket and the engine and decides nothing.
//!
//! | file | what |
//! | --- | --- |
//! | `listen` | opens and closes ports as the plan says, accepts |
//! | `admission` | how many sessions, in all and per client |
//! | `arrival` | one connection before its dialogue: who comes, and may they |
//! | `introduction` | waits for the header of a proxy |
//! | `proxy` | the header of the PROXY protocol |
//! | `connection` | one connection: socket ↔ engine ↔ pipeline |
//! | `ending` | how it ends, and what its session is said to have come to |
//! | `socket` | plain or inside TLS; reads without a buffer of its own, writes with a deadline |
//! | `tls` | handshakes, certificates, records |
//! | `pace` | the minimum rate of data |
//! | `phase` | running, draining, cut |

mod admission;
mod arrival;
mod connection;
mod ending;
mod guard;
mod introduction;
mod listen;
mod pace;
mod phase;
pub mod proxy;
mod socket;
mod tls;

pub use listen::{Options, PortError, Server};
pub use phase::Phase;

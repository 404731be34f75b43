//! The bodies of the fuzz targets: any octets in, a panic where something is not as it must be.
//!
//! Each is a function of one slice, without clock or randomness, so that an input fails again as it
//! failed before. `tests/fuzz` drives them with libFuzzer, `tests/fuzz.rs` over the committed corpus
//! and over changes of it that a seed makes. Nothing that ships calls them.
//!
//! | target | what always holds |
//! | --- | --- |
//! | `address` | an address is taken as it is spelled, within its limits, and compared in one form |
//! | `command` | a line is a command or a reply of the catalogue that says why not |
//! | `session` | however the input is cut and whatever is answered, a client hears the same, in order |
//! | `data` | DATA ends where RFC 5321 §4.5.2 says, and gives what was meant |
//! | `bdat` | chunks are taken by their octets, and what stands behind them is in step |
//! | `proxy` | a header of the PROXY protocol is read the same in any pieces, and what is behind it is left |
//! | `stamp` | no greeting, address or message writes into our fields or passes off its own as ours |
//! | `dsn` | what strangers have said begins no line, field or part of a notification |
//! | `pattern` | a pattern takes what a plain reading of it takes |
//! | `compile` | manifests become a plan or findings, each about an object that is there |
//! | `parts` | the parts of a message lie within it and its bounds, and none holds a delimiter of what it is in |
//! | `token` | nothing opens that was not sealed, and what was comes out as it went in |
//! | `verdict` | nothing but a confirmation becomes `250` |
//! | `wire` | a snapshot is read or told apart, within its bound, and means the same once it is written again |

mod address;
mod bdat;
mod command;
mod compile;
mod data;
mod dialogue;
mod dsn;
mod input;
mod parts;
mod pattern;
mod proxy;
mod session;
mod stamp;
mod token;
mod verdict;
mod wire;

pub use address::address;
pub use bdat::bdat;
pub use command::command;
pub use compile::compile;
pub use data::data;
pub use dsn::dsn;
pub use parts::parts;
pub use pattern::pattern;
pub use proxy::proxy;
pub use session::session;
pub use stamp::stamp;
pub use token::token;
pub use verdict::verdict;
pub use wire::wire;

/// A target: its name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("address", address),
    ("bdat", bdat),
    ("command", command),
    ("compile", compile),
    ("data", data),
    ("dsn", dsn),
    ("parts", parts),
    ("pattern", pattern),
    ("proxy", proxy),
    ("session", session),
    ("stamp", stamp),
    ("token", token),
    ("verdict", verdict),
    ("wire", wire),
];

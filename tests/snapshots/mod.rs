//! A front-end that follows a controller, and every way in which that one can fail it.
//!
//! | file | what |
//! | --- | --- |
//! | `first_snapshot` | nothing is served before it, and what it says is served then |
//! | `controller_away` | mail goes on, and a process that starts anew serves its copy |
//! | `refusal` | a snapshot that makes no plan |
//! | `bad_answers` | answers that are no snapshot, whatever they are |
//! | `credentials` | certificates and tokens that are wrong, and that change |
//! | `reconnect` | connections that end, and servers that say nothing |
//! | `secrets` | what must not be seen is not seen |
//!
//! The real controller is in `tests/cluster`. [`controller`] is one that does what no real one does.

mod bad_answers;
mod controller;
mod controller_away;
mod credentials;
mod first_snapshot;
mod reconnect;
mod refusal;
mod scene;
mod secrets;

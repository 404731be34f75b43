//! Facts from outside that policies ask for. What is made of them is decided in `pipeline`.
//!
//! | file | what |
//! | --- | --- |
//! | `verification` | whether a recipient exists, by a service that knows |

pub mod verification;

pub use verification::{Verified, Verifier};

//! What became of one gateway: what compile had to say, and what front-ends are offered.

use crate::compile::Compiled;
use crate::plan::Finding;

/// What front-ends of a gateway are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// What the objects say now.
    Current {
        /// Its version.
        version: String,
    },
    /// What the objects said before, or nothing.
    Held {
        /// Its version; `None` where nothing is offered.
        version: Option<String>,
        /// Why, and what to do.
        why: String,
    },
}

/// What became of one gateway.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(super) findings: Vec<Finding>,
    pub(super) offer: Offer,
}

impl Outcome {
    /// From what compile made of the gateway's [selection](crate::compile::select()). The plan is not kept.
    pub fn new(compiled: Compiled, offer: Offer) -> Self {
        Self { findings: compiled.findings, offer }
    }
}

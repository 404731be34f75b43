//! `mailchute crd`: the CustomResourceDefinitions as YAML, one document each.
//!
//! An upgrade begins with `mailchute crd | kubectl apply --server-side -f -`, since Helm installs CRDs and never changes
//! them. `manifests/crds` and the chart hold the same text.

use std::io::{self, Write};

use super::Exit;
use crate::api;

/// Prints the CRDs.
///
/// # Errors
///
/// `out` can't be written to.
pub fn run(out: &mut dyn Write) -> io::Result<Exit> {
    for crd in api::crds() {
        let document = serde_saphyr::to_string(&crd).map_err(io::Error::other)?;
        write!(out, "---\n{document}")?;
    }
    Ok(Exit::Ok)
}

//! What should stand in the status of our objects, and what is worth an Event.
//!
//! Pure: from the objects, and from what became of each gateway that was compiled, to conditions. Who
//! writes them, and whether this replica may, is the controller's affair.
//!
//! | file | what |
//! | --- | --- |
//! | `outcome` | what became of a gateway |
//! | `wanted` | objects and outcomes → what should stand in each status |
//! | `gateway`, `route`, `backend`, `policy` | the conditions of each kind, and why |
//! | `claim` | one condition, and the words in it |
//! | `merge` | what should stand there, into what stands there: times, and what others have written |
//! | `notice` | what a person should see at once |

mod backend;
mod claim;
mod gateway;
mod merge;
mod notice;
mod outcome;
mod policy;
mod route;
mod wanted;

use std::collections::BTreeMap;

pub use merge::{Status, merge};
pub use notice::Notice;
pub use outcome::{Offer, Outcome};
pub use wanted::Wanted;

use crate::compile::Snapshot;
use crate::plan::ObjectName;

/// What should stand in the status of every object of ours that can be read, and what there is to see now:
/// conflicts, shadowed matches, bad secrets, catch-alls without verification. Of the latter those that were
/// there before are there again; who writes Events leaves them out.
///
/// `outcomes` has the gateways that were compiled; of the others nothing is known.
pub fn report(
    snapshot: &Snapshot,
    outcomes: &BTreeMap<ObjectName, Outcome>,
) -> (Vec<Wanted>, Vec<Notice>) {
    let inspected = outcome::inspect(snapshot, outcomes);
    let notices = notice::notices(outcomes, &inspected);
    (wanted::wanted(snapshot, outcomes, inspected), notices)
}

/// Who writes our entries of `parents` and `ancestors`, as their `controllerName`.
pub const CONTROLLER_NAME: &str = "mailchute.dev/controller";

//! Defaults that depend on more than the field itself: those of a listener's profile.

use crate::api::listener::{AuthMode, Listener, Profile};
use crate::api::policy::PolicyLimits;

/// Whether clients may or must sign in: on Submission they must, unless told otherwise.
pub(super) fn auth_mode(listener: &Listener) -> AuthMode {
    let by_profile = match listener.profile {
        Profile::Submission => AuthMode::Require,
        Profile::Mx | Profile::Lmtp => AuthMode::Disabled,
    };
    listener.auth.as_ref().and_then(|auth| auth.mode).unwrap_or(by_profile)
}

/// Octets of a message on a listener without a rule; there is nobody to send one to.
pub(super) fn message_bytes() -> u64 {
    PolicyLimits::default().max_message_bytes.bytes()
}
